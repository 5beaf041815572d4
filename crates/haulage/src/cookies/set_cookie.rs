//! The `Set-Cookie` of a response (RFC 6265bis §5.6, §5.7). Pure.

use super::cookie::{Cookie, default_path};
use super::date;
use super::site::{CookieTarget, is_public_suffix};

/// Bytes: a cookie whose name and value are longer is ignored (RFC 6265bis §5.6, step 5).
pub(crate) const MAX_COOKIE_BYTES: usize = 4096;
/// Bytes: an attribute whose value is longer is ignored (RFC 6265bis §5.6).
const MAX_ATTRIBUTE_BYTES: usize = 1024;
/// Seconds: the longest that a server can have a cookie kept, 400 days (RFC 6265bis §5.5).
const MAX_AGE: i64 = 400 * 86_400;

/// Returns the cookie that a response from `target` sets; `None` if it may not. A cookie that has
/// expired removes the one whose place it would take.
pub(crate) fn read(line: &[u8], target: &CookieTarget<'_>, now: i64) -> Option<Cookie> {
    // A TAB would not come back from a cookie file.
    if line.iter().any(u8::is_ascii_control) {
        return None;
    }
    // Neither would the dot at the beginning of a host: the cookie would be that of another one.
    if target.host.starts_with('.') {
        return None;
    }
    let mut parts = line.split(|byte| *byte == b';');
    let (name, value) = name_and_value(parts.next()?);
    let length = name.len() + value.len();
    if length == 0 || length > MAX_COOKIE_BYTES {
        return None;
    }
    let attributes = Attributes::of(parts, now);
    let domain = attributes.domain.as_deref().unwrap_or_default();
    let is_host_only = host_only(domain, target)?;
    let path = match attributes.path {
        Some(path) if path.starts_with(b"/") => path,
        _ => default_path(target.path).as_bytes(),
    };
    let cookie = Cookie {
        name: name.into(),
        value: value.into(),
        domain: if is_host_only { target.host } else { domain }.into(),
        is_host_only,
        path: path.into(),
        is_secure: attributes.is_secure,
        is_http_only: attributes.is_http_only,
        expires: attributes.expires(now),
    };
    let may_be_secure = target.is_https || !cookie.is_secure;
    let has_path = attributes.path == Some(b"/");
    (may_be_secure && keeps_prefix(&cookie, has_path)).then_some(cookie)
}

fn name_and_value(pair: &[u8]) -> (&[u8], &[u8]) {
    match pair.iter().position(|byte| *byte == b'=') {
        Some(at) => (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii()),
        None => (b"", pair.trim_ascii()),
    }
}

/// Returns whether a cookie with this `Domain` (empty if it has none) is for the very host that
/// sets it; `None` if that may not set it (RFC 6265bis §5.7, steps 7 to 10).
fn host_only(domain: &str, target: &CookieTarget<'_>) -> Option<bool> {
    if domain.is_empty() {
        return Some(true);
    }
    if target.is_address || is_public_suffix(domain) {
        return (domain == target.host).then_some(true);
    }
    target.matches_domain(domain).then_some(false)
}

/// Returns whether a cookie is what the prefix of its name promises (RFC 6265bis §5.7, steps 20
/// and 21). `has_root`: its `Path` is given, and is `/`.
fn keeps_prefix(cookie: &Cookie, has_root: bool) -> bool {
    let begins = |text: &[u8], prefix: &[u8]| {
        let start = text.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let (name, value) = (&cookie.name, &cookie.value);
    if name.is_empty() {
        // A server would take it for one whose name has the prefix.
        return !begins(value, b"__Secure-") && !begins(value, b"__Host-");
    }
    if begins(name, b"__Host-") {
        return cookie.is_secure && cookie.is_host_only && has_root;
    }
    cookie.is_secure || !begins(name, b"__Secure-")
}

/// What follows the name and value. Of several of a name the last one counts.
#[derive(Default)]
struct Attributes<'a> {
    /// When its `Max-Age` is over.
    max_age: Option<i64>,
    expires: Option<i64>,
    domain: Option<String>,
    path: Option<&'a [u8]>,
    is_secure: bool,
    is_http_only: bool,
}

impl<'a> Attributes<'a> {
    fn of(parts: impl Iterator<Item = &'a [u8]>, now: i64) -> Self {
        let mut all = Self::default();
        for part in parts {
            let equals = part.iter().position(|byte| *byte == b'=');
            let (name, value) = match equals {
                Some(at) => (part[..at].trim_ascii(), part[at + 1..].trim_ascii()),
                None => (part.trim_ascii(), &b""[..]),
            };
            if value.len() > MAX_ATTRIBUTE_BYTES {
                continue;
            }
            match name.to_ascii_lowercase().as_slice() {
                b"expires" => all.expires = date::read(value).or(all.expires),
                b"max-age" => all.max_age = max_age(value, now).or(all.max_age),
                b"domain" => all.domain = Some(domain(value)),
                b"path" => all.path = Some(value),
                b"secure" => all.is_secure = true,
                b"httponly" => all.is_http_only = true,
                _ => {}
            }
        }
        all
    }

    fn expires(&self, now: i64) -> Option<i64> {
        let expires = self.max_age.or(self.expires)?;
        Some(expires.clamp(0, now.saturating_add(MAX_AGE)))
    }
}

/// Returns when a `Max-Age` is over (RFC 6265bis §5.6.2); `None` if it is not a number.
fn max_age(value: &[u8], now: i64) -> Option<i64> {
    let (is_negative, digits) = match value.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // More digits than fit are more than any limit.
    let seconds: i64 = str::from_utf8(digits).ok()?.parse().unwrap_or(MAX_AGE);
    Some(if is_negative || seconds == 0 {
        0
    } else {
        now.saturating_add(seconds)
    })
}

/// Returns the value of a `Domain` attribute in lower case and without a leading dot (RFC 6265bis
/// §5.6.3). A value that is not ASCII matches no host.
fn domain(value: &[u8]) -> String {
    let value = value.strip_prefix(b".").unwrap_or(value);
    String::from_utf8_lossy(value).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_url::HttpUrl;

    const NOW: i64 = 1_900_000_000;

    fn set(url: &str, line: &str) -> Option<Cookie> {
        let url = HttpUrl::of(url);
        read(line.as_bytes(), &CookieTarget::of(&url), NOW)
    }

    fn pair(line: &str) -> Option<(String, String)> {
        let cookie = set("http://a.example.org/x/y", line)?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Some((text(&cookie.name), text(&cookie.value)))
    }

    #[test]
    fn name_and_value_stand_before_the_attributes() {
        for (line, name, value) in [
            ("a=b", "a", "b"),
            (" a = b ; Path=/", "a", "b"),
            ("a=b=c", "a", "b=c"),
            ("a=", "a", ""),
            ("=b", "", "b"),
            ("b", "", "b"),
            ("a=\"b c\"", "a", "\"b c\""),
            ("a=\u{fc}", "a", "\u{fc}"),
        ] {
            assert_eq!(pair(line), Some((name.into(), value.into())), "{line}");
        }
    }

    #[test]
    fn cookie_without_text_or_with_control_characters_is_ignored() {
        let long = format!("a={}", "b".repeat(MAX_COOKIE_BYTES));
        for line in [
            "",
            ";",
            "=",
            "; Secure",
            "a=b\u{1}",
            "a=b\tc",
            "a=b; x=\u{7f}",
            &long,
        ] {
            assert_eq!(pair(line), None, "{line:?}");
        }
        let fits = format!("a={}", "b".repeat(MAX_COOKIE_BYTES - 1));
        assert!(pair(&fits).is_some());
    }

    #[test]
    fn domain_is_that_of_the_host_or_above_it() {
        let of = |url: &str, domain: &str| {
            let cookie = set(url, &format!("a=b; Domain={domain}"))?;
            Some((cookie.domain.to_string(), cookie.is_host_only))
        };
        let deep = "http://x.a.example.co.uk/";
        for (url, domain, found) in [
            (deep, "", Some(("x.a.example.co.uk", true))),
            (deep, "example.co.uk", Some(("example.co.uk", false))),
            (deep, ".EXAMPLE.co.uk", Some(("example.co.uk", false))),
            (
                deep,
                "x.a.example.co.uk",
                Some(("x.a.example.co.uk", false)),
            ),
            (deep, "y.a.example.co.uk", None),
            (deep, "ample.co.uk", None),
            (deep, "co.uk", None),
            (deep, "uk", None),
            (deep, "..example.co.uk", None),
            (deep, "ex\u{e4}mple.co.uk", None),
            ("http://github.io/", "github.io", Some(("github.io", true))),
            ("http://me.github.io/", "github.io", None),
            ("http://localhost/", "localhost", Some(("localhost", true))),
            ("http://a.internal/", "internal", None),
            ("http://127.0.0.1/", "127.0.0.1", Some(("127.0.0.1", true))),
            ("http://127.0.0.1/", "0.0.1", None),
            ("http://[::1]/", "::1", Some(("::1", true))),
        ] {
            let found = found.map(|(domain, only)| (domain.to_owned(), only));
            assert_eq!(of(url, domain), found, "{url} {domain}");
        }
        // The last one counts, even if it is empty.
        let cookie = set(deep, "a=b; domain=example.co.uk; domain").unwrap();
        assert!(cookie.is_host_only);
    }

    #[test]
    fn host_that_begins_with_a_dot_sets_no_cookie() {
        assert!(set("http://h.example/", "a=b").is_some());
        assert!(set("http://.h.example/", "a=b").is_none());
    }

    #[test]
    fn path_begins_with_a_slash_or_is_that_of_the_request() {
        for (line, path) in [
            ("a=b", "/x"),
            ("a=b; path=/", "/"),
            ("a=b; PATH = /y/z ", "/y/z"),
            ("a=b; path=y", "/x"),
            ("a=b; path=", "/x"),
            ("a=b; path=/y; path", "/x"),
        ] {
            let cookie = set("http://h.example/x/y?/z", line).unwrap();
            assert_eq!(&*cookie.path, path.as_bytes(), "{line}");
        }
        let long = format!("a=b; path=/{}", "p".repeat(MAX_ATTRIBUTE_BYTES));
        assert_eq!(&*set("http://h.example/x/y", &long).unwrap().path, b"/x");
    }

    #[test]
    fn age_counts_before_date_and_both_are_limited() {
        for (line, expires) in [
            ("a=b", None),
            (
                "a=b; Expires=Sun, 06 Nov 1994 08:49:37 GMT",
                Some(784_111_777),
            ),
            ("a=b; Expires=never", None),
            ("a=b; Max-Age=10", Some(NOW + 10)),
            ("a=b; Max-Age=0", Some(0)),
            ("a=b; Max-Age=-5", Some(0)),
            ("a=b; Max-Age=5x", None),
            ("a=b; Max-Age=", None),
            ("a=b; Max-Age=-", None),
            ("a=b; Max-Age=99999999999999999999", Some(NOW + MAX_AGE)),
            (
                "a=b; Max-Age=10; Expires=Sun, 06 Nov 1994 08:49:37 GMT",
                Some(NOW + 10),
            ),
            (
                "a=b; Expires=Fri, 31 Dec 9999 23:59:59 GMT",
                Some(NOW + MAX_AGE),
            ),
            ("a=b; Expires=Mon, 01 Jan 1601 00:00:00 GMT", Some(0)),
        ] {
            assert_eq!(set("http://a/", line).unwrap().expires, expires, "{line}");
        }
    }

    #[test]
    fn secure_cookie_is_set_over_https_alone() {
        assert!(set("http://a.example/", "a=b; Secure").is_none());
        let cookie = set("https://a.example/", "a=b; secure; httponly").unwrap();
        assert!(cookie.is_secure && cookie.is_http_only);
    }

    #[test]
    fn prefix_of_a_name_is_a_promise() {
        for (line, is_kept) in [
            ("__Secure-a=b; Secure", true),
            ("__Secure-a=b", false),
            ("__secure-a=b", false),
            ("__Host-a=b; Secure; Path=/", true),
            ("__Host-a=b; Secure", false),
            ("__Host-a=b; Path=/", false),
            ("__HOST-a=b; Secure; Path=/; Domain=example.org", false),
            ("=__Host-a=b; Secure; Path=/", false),
            ("__Secure-", false),
            ("=x__Host-a", true),
        ] {
            let cookie = set("https://example.org/", line);
            assert_eq!(cookie.is_some(), is_kept, "{line}");
        }
    }
}
