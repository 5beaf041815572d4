//! What the relative URLs of a list are relative to.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind};
use crate::http_url::{HttpUrl, split_scheme};
use crate::redact::redacted;
use crate::request::{Request, not_a_url};
use crate::source::prefix::UrlParser;

/// What is percent-encoded in a path: all but the unreserved characters (RFC 3986 §2.3) and what
/// separates its components.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// An absolute URL that completes relative ones (RFC 3986 §5).
pub(super) struct Base {
    url: HttpUrl,
    credentials: Option<Credentials>,
}

impl Base {
    /// Parses a base URL, with its credentials.
    ///
    /// # Errors
    /// Of kind `input`, when the text is no absolute `http` or `https` URL.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let request = Request::new(text)?;
        Ok(Self {
            url: request.url,
            credentials: request.credentials,
        })
    }

    /// Returns its origin.
    pub(super) fn origin(&self) -> &str {
        self.url.origin()
    }

    /// Returns the request for the file at a path relative to this base. Every character of the
    /// path stands for itself: those with a meaning in a URL, except `/`, are percent-encoded.
    pub(super) fn file(&self, path: &str) -> Result<Request, Error> {
        let path = utf8_percent_encode(path, IN_PATH).to_string();
        self.completed(&path)
    }

    /// Returns the request for a relative URL. It carries the credentials of the base, unless it
    /// names a host itself.
    fn completed(&self, reference: &str) -> Result<Request, Error> {
        let joined = self.url.join(reference);
        let (url, own) = joined.map_err(|cause| not_a_url(reference, cause))?;
        let credentials = if reference.starts_with("//") {
            own
        } else {
            self.credentials.clone()
        };
        // Without its fragment, two rows with the same target would be one.
        let fragment = reference.find('#').map_or("", |at| &reference[at..]);
        let mut request = Request::new(&format!("{url}{fragment}"))?;
        request.credentials = credentials;
        Ok(request)
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&redacted(self.url.as_str()))
    }
}

/// Returns the request for a URL of a list: an absolute URL is used as it is, a relative one is
/// completed by the base. Fails if it is relative and there is no base, or if it is not a URL.
pub(super) fn request_for(
    text: &str,
    base: Option<&Base>,
    urls: &mut UrlParser,
) -> Result<Request, Error> {
    if has_scheme(text) {
        return Request::parsed_by(|text| urls.parse(text), text);
    }
    // An empty one would be the base itself, which nobody means.
    let is_relative = !text.is_empty() && split_scheme(text).is_none();
    match base {
        Some(base) if is_relative => base.completed(text),
        None if is_relative => Err(Error::new(
            ErrorKind::Input,
            format!(
                "{:?} is not a URL: it has no scheme; write http:// or https:// before it, or say with --base-url what \
                 it is relative to",
                redacted(text)
            ),
        )),
        _ => Request::new(text),
    }
}

/// Returns whether a text begins like an absolute URL with an authority (RFC 3986 §3.1), which no
/// base completes.
fn has_scheme(text: &str) -> bool {
    split_scheme(text).is_some_and(|(_, after)| after.starts_with("//"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(text: &str, base: Option<&Base>) -> Result<Request, Error> {
        request_for(text, base, &mut UrlParser::default())
    }

    fn url(text: &str, base: &str) -> String {
        let base = Base::parse(base).unwrap();
        completed(text, Some(&base)).unwrap().url().to_owned()
    }

    #[test]
    fn relative_urls_are_completed_and_absolute_ones_stay() {
        let base = "http://host.example/a/b?c#d";
        for (text, expected) in [
            ("x.gif", "http://host.example/a/x.gif"),
            ("../x", "http://host.example/x"),
            ("../../../x", "http://host.example/x"),
            ("/x", "http://host.example/x"),
            ("?q", "http://host.example/a/b?q"),
            (
                "x?u=http://other.example/",
                "http://host.example/a/x?u=http://other.example/",
            ),
            ("//other.example/x", "http://other.example/x"),
            ("http://HOST.example/x", "http://HOST.example/x"),
            ("https://other.example/%61", "https://other.example/%61"),
        ] {
            assert_eq!(url(text, base), expected, "{text}");
        }
        assert_eq!(
            url("x", "https://host.example/a/"),
            "https://host.example/a/x"
        );
    }

    #[test]
    fn a_password_of_the_base_goes_to_its_own_host_and_is_not_seen() {
        let base = Base::parse("http://u:secret@host.example/a/").unwrap();
        assert!(!format!("{base:?}").contains("secret"));
        let request = completed("x", Some(&base)).unwrap();
        assert_eq!(request.url(), "http://host.example/a/x");
        assert_eq!(request.credentials.unwrap().password, b"secret");
        for elsewhere in ["//other.example/x", "http://host.example/x"] {
            let request = completed(elsewhere, Some(&base)).unwrap();
            assert!(request.credentials.is_none(), "{elsewhere}");
        }
    }

    #[test]
    fn without_a_base_a_relative_url_says_what_it_needs() {
        for text in [
            "../x",
            "/x",
            "x.gif",
            "?q",
            "//u:secret@host/x",
            "example.org/x",
            "x?http://h/",
        ] {
            let error = completed(text, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input);
            let message = error.to_string();
            assert!(
                message.contains("no scheme") && message.contains("--base-url"),
                "{message}"
            );
            assert!(!message.contains("secret"), "{message}");
        }
        for text in ["", "ftp://h/x", "http://[:::]/", "localhost:80/x"] {
            let message = completed(text, None).unwrap_err().to_string();
            assert!(!message.contains("--base-url"), "{message}");
        }
    }

    #[test]
    fn what_cannot_be_completed_fails() {
        let base = Base::parse("http://host.example/").unwrap();
        for text in ["", "//u:secret@[:::]/", "ftp://h/x", "mailto:u"] {
            let error = completed(text, Some(&base)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input, "{text}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        for text in ["", "a", "/a", "ftp://h/", "file:///a", "http://"] {
            assert_eq!(
                Base::parse(text).unwrap_err().kind(),
                ErrorKind::Input,
                "{text}"
            );
        }
    }
}
