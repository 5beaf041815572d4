//! Who may talk to the daemon: what a browser does for a foreign page is refused.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderValue};

/// Decides which requests are answered at all.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    /// Origins of pages that may talk to the daemon, such as `https://ariang.example`.
    allowed: Vec<String>,
    /// Whether any name of this machine is right: a secret is needed, and others may connect.
    any_host: bool,
    /// The scheme of the daemon's own origin.
    scheme: &'static str,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is for a name that is none of this machine (DNS rebinding).
    Host,
    /// A page of another origin has sent it.
    Origin,
}

impl Guard {
    /// Returns a guard that lets in pages of these origins.
    pub(crate) fn new(allowed: Vec<String>, any_host: bool, is_tls: bool) -> Self {
        Self {
            allowed,
            any_host,
            scheme: if is_tls { "https" } else { "http" },
        }
    }

    /// Checks the head of a request, and returns the foreign origin whose page may read the
    /// response; `None` if no foreign page has sent it.
    ///
    /// # Errors
    /// If it must not be answered.
    pub(crate) fn check<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a str>, Refusal> {
        let host = one(headers, &HOST).ok_or(Refusal::Host)?;
        let name = without_port(host).ok_or(Refusal::Host)?;
        if !self.any_host && !is_of_this_machine(name) {
            return Err(Refusal::Host);
        }
        if !headers.contains_key(ORIGIN) {
            // A browser that sends no Origin says whether it is a foreign page's request.
            let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
            let is_own = matches!(site, None | Some(b"same-origin" | b"none"));
            return is_own.then_some(None).ok_or(Refusal::Origin);
        }
        let origin = one(headers, &ORIGIN).ok_or(Refusal::Origin)?;
        if origin.eq_ignore_ascii_case(&format!("{}://{host}", self.scheme)) {
            return Ok(None);
        }
        let is_allowed = |allowed: &String| allowed.eq_ignore_ascii_case(origin);
        let is_allowed = self.allowed.iter().any(is_allowed);
        is_allowed.then_some(Some(origin)).ok_or(Refusal::Origin)
    }

    /// Checks the head of a request for the daemon's own page. There is nothing secret in it, so a
    /// link of any other page may lead to it.
    ///
    /// # Errors
    /// If it must not be answered.
    pub(crate) fn check_page(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match self.check(headers) {
            Err(Refusal::Origin) if is_navigation(headers) => Ok(()),
            checked => checked.map(|_| ()),
        }
    }
}

/// Returns whether a browser goes to this page: it is neither a part of another page nor in a frame
/// of one, and other pages cannot read it.
fn is_navigation(headers: &HeaderMap) -> bool {
    let says = |name, value| headers.get(name).is_some_and(|said| said == value);
    says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document")
        && !headers.contains_key(ORIGIN)
}

/// Returns the value of a field that stands there once.
fn one<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Returns the host of an authority, without its port; `None` if it is none.
fn without_port(authority: &str) -> Option<&str> {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    match authority.rsplit_once(':') {
        // The colon may be within an IPv6 address.
        Some((host, port)) if !port.ends_with(']') => is_port(port).then_some(host),
        _ => Some(authority),
    }
}

/// Returns whether a host is an address, or the name of the loopback. A foreign page can give any
/// other name the address of this machine.
fn is_of_this_machine(name: &str) -> bool {
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    name.eq_ignore_ascii_case("localhost") || bare.unwrap_or(name).parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn names_that_may_be_rebound_are_refused() {
        let guard = Guard::new(Vec::new(), false, false);
        for host in [
            "127.0.0.1:6800",
            "localhost",
            "LOCALHOST:1",
            "[::1]:6800",
            "[::1]",
            "10.0.0.1:6800",
        ] {
            assert_eq!(guard.check(&headers(&[("host", host)])), Ok(None), "{host}");
        }
        for host in [
            "evil.example:6800",
            "localhost.evil.example",
            "",
            "[::1",
            "a@127.0.0.1",
            "127.0.0.1:x",
            "::1",
        ] {
            let headers = headers(&[("host", host)]);
            let checked = guard.check(&headers);
            assert_eq!(checked, Err(Refusal::Host), "{host}");
        }
        assert_eq!(guard.check(&headers(&[])), Err(Refusal::Host));
        let twice = headers(&[("host", "localhost"), ("host", "localhost")]);
        assert_eq!(guard.check(&twice), Err(Refusal::Host));
        let open = Guard::new(Vec::new(), true, false);
        assert_eq!(
            open.check(&headers(&[("host", "nas.example:6800")])),
            Ok(None)
        );
    }

    #[test]
    fn pages_of_other_origins_are_refused_unless_allowed() {
        let guard = Guard::new(vec!["https://ariang.example".to_owned()], false, false);
        let check = |origin: &'static str| {
            let headers = headers(&[("host", "localhost:6800"), ("origin", origin)]);
            guard
                .check(&headers)
                .map(|origin| origin.map(str::to_owned))
        };
        assert_eq!(check("http://localhost:6800"), Ok(None));
        assert_eq!(
            check("https://ariang.example"),
            Ok(Some("https://ariang.example".to_owned()))
        );
        for origin in [
            "https://localhost:6800",
            "http://localhost",
            "http://ariang.example",
            "https://ariang.example.evil.example",
            "null",
            "",
        ] {
            assert_eq!(check(origin), Err(Refusal::Origin), "{origin}");
        }
    }

    #[test]
    fn link_of_a_foreign_page_leads_to_the_own_page_only() {
        let guard = Guard::new(Vec::new(), false, false);
        let mut pairs = vec![
            ("host", "localhost"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert_eq!(guard.check_page(&headers(&pairs)), Ok(()));
        assert_eq!(guard.check(&headers(&pairs)), Err(Refusal::Origin));
        for dest in ["iframe", "image", "script"] {
            pairs[3].1 = dest;
            let checked = guard.check_page(&headers(&pairs));
            assert_eq!(checked, Err(Refusal::Origin), "{dest}");
        }
        let rebound = headers(&[("host", "evil.example")]);
        assert_eq!(guard.check_page(&rebound), Err(Refusal::Host));
    }

    #[test]
    fn image_of_a_foreign_page_is_refused() {
        let guard = Guard::new(Vec::new(), false, false);
        let check = |site| {
            guard
                .check(&headers(&[("host", "localhost"), ("sec-fetch-site", site)]))
                .is_ok()
        };
        assert!(check("same-origin") && check("none"));
        assert!(!check("cross-site") && !check("same-site"));
    }
}
