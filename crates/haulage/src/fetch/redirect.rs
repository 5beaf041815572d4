//! Resolves the target of a redirect. Pure.

use percent_encoding::{AsciiSet, percent_encode};

use crate::error::{Error, ErrorKind};
use crate::http_url::{HttpUrl, Parsed, UrlError};
use crate::options::PlainHttp;
use crate::plan::fields::Value;
use crate::redact::redacted;

/// Bytes that are not allowed in a URL, but that servers send in a `Location`.
const RAW: &AsciiSet = &percent_encoding::CONTROLS.add(b' ');

/// Checks that the scheme of a URL may be used.
///
/// # Errors
/// Of kind `refused`, for plain http where that is not to be spoken.
pub(crate) fn check_scheme(url: &HttpUrl, plain_http: PlainHttp) -> Result<(), Error> {
    if plain_http == PlainHttp::Never && url.scheme() == "http" {
        return Err(Error::new(
            ErrorKind::Refused,
            format!("{url} is plain http (--https-only)"),
        ));
    }
    Ok(())
}

/// Returns the URL that `location` (RFC 9110 §10.2.2) points to, seen from `current`, and the
/// userinfo in it.
///
/// # Errors
/// Of kind `redirect`, for one that leads nowhere; of kind `refused`, for another scheme than http
/// and https, and from https back to http where that is not allowed.
pub(crate) fn next_hop(
    current: &HttpUrl,
    location: Option<Value<'_>>,
    plain_http: PlainHttp,
) -> Result<Parsed, Error> {
    let location = location.ok_or_else(|| {
        Error::new(
            ErrorKind::Redirect,
            "the server sent a redirect without saying where to",
        )
    })?;
    if location
        .as_bytes()
        .iter()
        .any(|byte| matches!(byte, b'\r' | b'\n' | 0))
    {
        return Err(Error::new(
            ErrorKind::Redirect,
            "the redirect's Location has a line break in it",
        ));
    }
    let text = percent_encode(location.as_bytes(), RAW).to_string();
    let next = current
        .join(&text)
        .map_err(|cause| leads_nowhere(&text, cause))?;
    match (current.scheme(), next.0.scheme()) {
        ("https", "http") if plain_http != PlainHttp::Anywhere => Err(Error::new(
            ErrorKind::Refused,
            format!(
                "the redirect leads from https to plain http ({}), which anybody on the way could change",
                redacted(next.0.as_str())
            ),
        )),
        _ => Ok(next),
    }
}

fn leads_nowhere(text: &str, cause: UrlError) -> Error {
    let error = match &cause {
        UrlError::NotHttp(scheme) => Error::new(
            ErrorKind::Refused,
            format!("the redirect leads to a {scheme} URL; only http and https are followed"),
        ),
        _ => Error::new(
            ErrorKind::Redirect,
            format!(
                "the redirect leads to {:?}, which is no URL: {cause}",
                redacted(text)
            ),
        ),
    };
    error.caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(current: &str, location: &[u8]) -> Result<String, ErrorKind> {
        let location = Value(location);
        next_hop(&HttpUrl::of(current), Some(location), PlainHttp::AsGiven)
            .map(|(url, _)| url.into())
            .map_err(|error| error.kind())
    }

    #[test]
    fn relative_and_absolute_locations_are_resolved() {
        assert_eq!(hop("http://a/b/c", b"d").unwrap(), "http://a/b/d");
        assert_eq!(hop("http://a/b/c", b"/d?e").unwrap(), "http://a/d?e");
        assert_eq!(hop("http://a/b", b"//c/d").unwrap(), "http://c/d");
        assert_eq!(hop("http://a/b", b"https://c/d").unwrap(), "https://c/d");
    }

    #[test]
    fn raw_bytes_are_percent_encoded() {
        assert_eq!(
            hop("http://a/", "/ü x".as_bytes()).unwrap(),
            "http://a/%C3%BC%20x"
        );
        assert_eq!(hop("http://a/", b"/\xff").unwrap(), "http://a/%FF");
        assert_eq!(
            hop("http://a/", b"/\tb\x1b\x7f?\x01").unwrap(),
            "http://a/%09b%1B%7F?%01"
        );
        for location in [&b"/\0"[..], b"/a\rb", b"/a\nb", b"http://b/\0"] {
            assert_eq!(hop("http://a/", location), Err(ErrorKind::Redirect));
        }
        for location in ["http://b\u{1}c/", "//b\tc/x", "//u\u{1b}:p@b/"] {
            let led = hop("http://a/", location.as_bytes());
            assert!(led.is_err() || led == Ok("http://b/".into()), "{led:?}");
        }
    }

    #[test]
    fn location_keeps_the_bytes_given() {
        for location in [
            "/o?sig=1&name*=UTF-8''a.zip",
            "//a/x\\y?|[]{}^`",
            "http://a/%2e%2e/%zz",
            "https://b/a'b#c",
        ] {
            let led = hop("http://a/", location.as_bytes()).unwrap();
            let target = location.split('#').next().unwrap();
            assert!(led.ends_with(target), "{led}");
        }
    }

    #[test]
    fn only_http_is_followed_and_never_back_from_https() {
        for location in ["file:///etc/passwd", "ftp://a/b", "data:,x", "javascript:0"] {
            assert_eq!(
                hop("http://a/", location.as_bytes()),
                Err(ErrorKind::Refused),
                "{location}"
            );
        }
        assert_eq!(hop("https://a/", b"http://a/"), Err(ErrorKind::Refused));
    }

    #[test]
    fn plain_http_is_spoken_where_it_may_be() {
        let (http, https) = (HttpUrl::of("http://a/"), HttpUrl::of("https://a/"));
        let location = Value(b"http://b/");
        for (plain_http, given, downgraded) in [
            (PlainHttp::Never, false, false),
            (PlainHttp::AsGiven, true, false),
            (PlainHttp::Anywhere, true, true),
        ] {
            assert_eq!(check_scheme(&http, plain_http).is_ok(), given);
            assert!(check_scheme(&https, plain_http).is_ok());
            let hop = next_hop(&https, Some(location), plain_http);
            assert_eq!(hop.is_ok(), downgraded, "{plain_http:?}");
        }
    }

    #[test]
    fn what_a_redirect_says_of_users_is_not_repeated() {
        for (current, location) in [
            ("http://a/", "http://u:secret@b:99999/"),
            ("https://a/", "http://u:secret@b/"),
        ] {
            let location = Value(location.as_bytes());
            let current = HttpUrl::of(current);
            let error = next_hop(&current, Some(location), PlainHttp::Never).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn one_that_leads_nowhere_is_a_redirect_error() {
        let nowhere = next_hop(&HttpUrl::of("http://a/"), None, PlainHttp::AsGiven).unwrap_err();
        assert_eq!(nowhere.kind(), ErrorKind::Redirect);
        assert_eq!(hop("http://a/", b"http://"), Err(ErrorKind::Redirect));
    }
}
