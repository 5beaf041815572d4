//! An http or https URL as it is requested: an origin, and a request target whose bytes are those
//! that were given.
//!
//! A parser for browsers (WHATWG) rewrites paths and queries: `'` becomes `%27`, `\` becomes `/`,
//! `%2e%2e` is resolved. A URL that is signed does not survive that. So scheme, userinfo, host and
//! port are parsed by the `url` crate, and the rest is kept as curl keeps it.

mod target;

use std::fmt;

use memchr::memchr;
use url::{ParseError, Position, Url};

use crate::credentials::Credentials;

/// An http or https URL without userinfo and fragment.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct HttpUrl {
    /// `scheme://host[:port]`, normalised, then the request target.
    text: Box<str>,
    /// Bytes before the request target.
    origin_length: usize,
}

/// Why a text is no URL that can be requested.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    #[error("it has no scheme; write http:// or https:// before it")]
    NoScheme,
    #[error("its scheme is {0}; only http and https can be fetched")]
    NotHttp(Box<str>),
    #[error(transparent)]
    Authority(#[from] ParseError),
    #[error("it has a backslash before its path; write / instead")]
    Backslash,
    #[error("it has a control character in it; write %{0:02X} if it is meant, or remove it")]
    Control(u8),
}

/// A URL, and the userinfo that stood in it.
pub(crate) type Parsed = (HttpUrl, Option<Credentials>);

impl HttpUrl {
    /// Parses an absolute URL. Spaces around it are ignored.
    pub(crate) fn parse(text: &str) -> Result<Parsed, UrlError> {
        let text = text.trim_matches(' ');
        let (scheme, after) = split_scheme(text).ok_or(UrlError::NoScheme)?;
        if !is_http(scheme) {
            return Err(UrlError::NotHttp(scheme.into()));
        }
        // Any number of slashes, as curl and browsers accept them.
        let hierarchy = after.trim_start_matches(['/', '\\']);
        let end = hierarchy.find(['/', '?', '#']).unwrap_or(hierarchy.len());
        let (authority, rest) = hierarchy.split_at(end);
        check_authority(authority)?;
        let mut origin = Url::parse(&format!("{scheme}://{authority}/"))?;
        let credentials = Credentials::take_from(&mut origin);
        let url = Self::new(&origin[..Position::BeforePath], rest)?;
        Ok((url, credentials))
    }

    /// Makes a URL from a normalised origin and what was written after the authority.
    pub(crate) fn new(origin: &str, rest: &str) -> Result<Self, UrlError> {
        let slash = usize::from(!rest.starts_with('/'));
        let mut text = String::with_capacity(origin.len() + slash + rest.len());
        text.push_str(origin);
        target::push(rest, &mut text)?;
        Ok(Self {
            text: text.into(),
            origin_length: origin.len(),
        })
    }

    /// Returns a URL whose origin is that of no other URL.
    pub(crate) fn of_nobody() -> Self {
        Self {
            text: "/".into(),
            origin_length: 0,
        }
    }

    /// Resolves a reference against this URL (RFC 3986 §5.2). One with this URL's scheme and no
    /// `//` after it is relative (§5.2.2, for compatibility).
    pub(crate) fn join(&self, reference: &str) -> Result<Parsed, UrlError> {
        let reference = reference.trim_matches(' ');
        match split_scheme(reference) {
            None => self.join_relative(reference),
            Some((scheme, after))
                if scheme.eq_ignore_ascii_case(self.scheme()) && !after.starts_with("//") =>
            {
                self.join_relative(after)
            }
            Some(_) => Self::parse(reference),
        }
    }

    fn join_relative(&self, reference: &str) -> Result<Parsed, UrlError> {
        if reference.starts_with("//") {
            return Self::parse(&format!("{}:{reference}", self.scheme()));
        }
        let path = self.path();
        let joined = match reference.bytes().next() {
            Some(b'/') => Self::new(self.origin(), reference),
            None | Some(b'#') => Ok(self.clone()),
            Some(b'?') => Self::new(self.origin(), &format!("{path}{reference}")),
            Some(_) => {
                let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
                Self::new(self.origin(), &format!("{folder}{reference}"))
            }
        };
        joined.map(|url| (url, None))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns scheme, host and port (RFC 6454), the port only if it is not the scheme's own.
    pub(crate) fn origin(&self) -> &str {
        &self.text[..self.origin_length]
    }

    /// Returns `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.text.starts_with("https:") {
            "https"
        } else {
            "http"
        }
    }

    /// Returns the host, and the port if it is not the scheme's own, as `Host` has them (RFC 9110
    /// §7.2).
    pub(crate) fn authority(&self) -> &str {
        let origin = self.origin();
        origin
            .find("//")
            .map_or("", |slashes| &origin[slashes + 2..])
    }

    /// Returns the host as a URL has it (an IPv6 address in brackets), and the port. `None` is the
    /// scheme's own port.
    pub(crate) fn host_and_port(&self) -> (&str, Option<u16>) {
        let authority = self.authority();
        let port = match authority.rsplit_once(':') {
            Some((host, port)) => port.parse().ok().map(|port| (host, Some(port))),
            None => None,
        };
        port.unwrap_or((authority, None))
    }

    /// Returns the path and the query: what is requested at the origin (RFC 9112 §3.2.1).
    pub(crate) fn target(&self) -> &str {
        &self.text[self.origin_length..]
    }

    pub(crate) fn path(&self) -> &str {
        let target = self.target();
        &target[..memchr(b'?', target.as_bytes()).unwrap_or(target.len())]
    }

    pub(crate) fn has_query(&self) -> bool {
        self.target().contains('?')
    }

    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Self::parse(text).unwrap().0
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, formatter)
    }
}

impl From<HttpUrl> for String {
    fn from(url: HttpUrl) -> Self {
        url.text.into()
    }
}

/// Splits a text behind its scheme (RFC 3986 §3.1). `None` when it has none.
pub(crate) fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, after) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then_some((scheme, after))
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// Refuses control characters, which the `url` crate removes, and backslashes, which it takes for
/// the end of the authority and curl does not. Two programs that disagree about the host are a way
/// to send credentials to the wrong one.
fn check_authority(authority: &str) -> Result<(), UrlError> {
    match authority
        .bytes()
        .find(|byte| byte.is_ascii_control() || *byte == b'\\')
    {
        None => Ok(()),
        Some(b'\\') => Err(UrlError::Backslash),
        Some(control) => Err(UrlError::Control(control)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(url: &str) -> String {
        HttpUrl::of(url).into()
    }

    #[test]
    fn request_target_keeps_the_bytes_given() {
        for target in [
            "/a'b?c'd",
            "/a|b?c|d",
            "/a[b]{c}^`?a[b]{c}^`",
            "/a\\b?c\\d",
            "/%zz%2f%2E%2e/x?%",
            "/a/%2e%2e/b",
            "/a/%2E/b",
            "//x//y",
            "/a?b/../c",
            "/a?b?c",
            "/a;b=c,d!e$f&g(h)i*j+k~l@m:n",
            "/?sig=1&response-content-disposition=attachment;filename*=UTF-8''a.zip",
            "/...",
            "/.a/..b/c./d..",
        ] {
            let url = HttpUrl::of(&format!("http://h{target}"));
            assert_eq!(url.target(), target);
            assert_eq!(url.as_str(), format!("http://h{target}"));
        }
    }

    #[test]
    fn bytes_not_allowed_in_a_target_are_encoded() {
        for (given, target) in [
            ("/a b?c d", "/a%20b?c%20d"),
            ("/\"<>?\"<>", "/%22%3C%3E?%22%3C%3E"),
            ("/ü?日", "/%C3%BC?%E6%97%A5"),
            ("", "/"),
            ("?q=1", "/?q=1"),
            ("#f", "/"),
            ("/a#b?c#d", "/a"),
            ("/a?b#c", "/a?b"),
            ("?#", "/?"),
        ] {
            let url = HttpUrl::of(&format!("http://h{given}"));
            assert_eq!(url.target(), target, "{given}");
        }
    }

    #[test]
    fn literal_dot_segments_are_resolved() {
        for (given, target) in [
            ("/a/../b", "/b"),
            ("/a/./b", "/a/b"),
            ("/..", "/"),
            ("/../../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/b/.", "/a/b/"),
            ("/a/b/../", "/a/"),
            ("/a//../b", "/a/b"),
            ("/.", "/"),
            ("/a/../ü?/../x", "/%C3%BC?/../x"),
        ] {
            let url = HttpUrl::of(&format!("http://h{given}"));
            assert_eq!(url.target(), target, "{given}");
        }
    }

    #[test]
    fn origin_is_normalised() {
        for (given, origin) in [
            ("HTTP://HOST.Example/a", "http://host.example"),
            ("http://h:80/", "http://h"),
            ("https://h:443", "https://h"),
            ("https://h:80?x", "https://h:80"),
            ("http://münchen.example/x", "http://xn--mnchen-3ya.example"),
            (
                "http://m%C3%BCnchen.example/x",
                "http://xn--mnchen-3ya.example",
            ),
            ("http://[0:0:0:0:0:0:0:1]:8080/", "http://[::1]:8080"),
            ("http://0x7f.1/", "http://127.0.0.1"),
            ("http:///h/x", "http://h"),
            (" http://h/x ", "http://h"),
        ] {
            assert_eq!(HttpUrl::of(given).origin(), origin, "{given}");
        }
        let parts = |url: &str| {
            let url = HttpUrl::of(url);
            let (host, port) = url.host_and_port();
            (url.authority().to_owned(), host.to_owned(), port)
        };
        assert_eq!(parts("http://h/a:1"), ("h".into(), "h".into(), None));
        assert_eq!(
            parts("http://[::1]:81/"),
            ("[::1]:81".into(), "[::1]".into(), Some(81))
        );
        assert_eq!(
            parts("http://[::1]/"),
            ("[::1]".into(), "[::1]".into(), None)
        );
    }

    #[test]
    fn text_that_is_no_url_says_why() {
        let problem = |text: &str| HttpUrl::parse(text).unwrap_err();
        assert_eq!(problem("host/a"), UrlError::NoScheme);
        assert_eq!(problem("1http://h/"), UrlError::NoScheme);
        assert_eq!(problem("ftp://h/"), UrlError::NotHttp("ftp".into()));
        assert_eq!(problem("http://h\\a"), UrlError::Backslash);
        assert_eq!(problem("http://good.example\\@h/"), UrlError::Backslash);
        for control in (0..0x20).chain([0x7f]) {
            for around in [
                "http://h/a?b/c",
                "http://h?b",
                "http://h/#b",
                "http://u:b@h/",
            ] {
                let text = around.replace('b', &format!("b{}b", char::from(control)));
                assert_eq!(problem(&text), UrlError::Control(control), "{text:?}");
            }
            let at_its_end = format!("http://h/a{} ", char::from(control));
            assert_eq!(problem(&at_its_end), UrlError::Control(control));
        }
        for text in [
            "http://",
            "http:///",
            "http://[:::]/",
            "http://h:99999/",
            "http://a b/",
        ] {
            assert!(matches!(problem(text), UrlError::Authority(_)), "{text}");
        }
    }

    #[test]
    fn userinfo_is_no_part_of_the_url() {
        let (url, credentials) = HttpUrl::parse("http://u:p%40@h/a@b").unwrap();
        assert_eq!(url.as_str(), "http://h/a@b");
        let credentials = credentials.unwrap();
        assert_eq!(credentials, Credentials::new("u", "p@"));
    }

    #[test]
    fn references_are_resolved() {
        let base = HttpUrl::of("http://h:81/a/b%2f'c?d/e");
        for (reference, expected) in [
            ("http://i/x", "http://i/x"),
            ("HTTPS://I/x'", "https://i/x'"),
            ("//i/x", "http://i/x"),
            ("//i", "http://i/"),
            ("/x'?y\\z", "http://h:81/x'?y\\z"),
            ("x", "http://h:81/a/x"),
            ("x/", "http://h:81/a/x/"),
            ("../x", "http://h:81/x"),
            ("../../../x", "http://h:81/x"),
            ("./", "http://h:81/a/"),
            ("..", "http://h:81/"),
            ("%2e%2e/x", "http://h:81/a/%2e%2e/x"),
            ("\\x", "http://h:81/a/\\x"),
            ("/\\i/x", "http://h:81/\\i/x"),
            ("?q", "http://h:81/a/b%2f'c?q"),
            ("?", "http://h:81/a/b%2f'c?"),
            ("#f", "http://h:81/a/b%2f'c?d/e"),
            ("", "http://h:81/a/b%2f'c?d/e"),
            ("x?y#z", "http://h:81/a/x?y"),
            ("http:x", "http://h:81/a/x"),
            ("http:/x", "http://h:81/x"),
            ("x:y/z", ""),
            ("1:2", "http://h:81/a/1:2"),
            ("./x:y", "http://h:81/a/x:y"),
        ] {
            let joined = base.join(reference).map(|(url, _)| url.to_string());
            assert_eq!(joined.unwrap_or_default(), expected, "{reference}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_url_without_bytes_that_break_a_request(text in "http://[a-z]{1,3}(:[0-9]{2})?[/?#]\\PC{0,20}") {
            if let Ok((url, _)) = HttpUrl::parse(&text) {
                prop_assert!(url.target().starts_with('/'));
                prop_assert!(url.target().bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{url}");
                // What is recorded can be read again.
                prop_assert_eq!(HttpUrl::of(url.as_str()), url);
            }
        }

        #[test]
        fn any_reference_leads_to_a_url_or_nowhere(reference in "((https?|ftp|x):)?[/\\\\?#]{0,3}\\PC{0,20}") {
            let base = HttpUrl::of("http://h:81/a/b?c");
            if let Ok((url, _)) = base.join(&reference) {
                prop_assert!(url.target().starts_with('/') && !url.authority().is_empty());
                prop_assert!(url.target().bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{url}");
                prop_assert_eq!(HttpUrl::of(url.as_str()), url);
            }
        }

        #[test]
        fn usual_urls_are_as_browsers_have_them(path in "(/[a-z0-9.%_~-]{0,5}){0,5}", query in "([?][a-z0-9=&%/]{0,9})?") {
            prop_assume!(!path.contains("%2"));
            let given = format!("http://h{path}{query}");
            prop_assert_eq!(text(&given), Url::parse(&given).unwrap().to_string());
        }
    }
}
