//! A host, as this project uses the word: scheme, name and port (RFC 6454's origin).

use std::fmt;
use std::net::IpAddr;

use crate::http_url::HttpUrl;

/// What connections, queues, limits and credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) https: bool,
    pub(crate) host: Name,
    pub(crate) port: u16,
}

/// A name to look up, or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    Domain(Box<str>),
    Address(IpAddr),
}

impl Origin {
    /// Returns the origin of an http or https URL.
    pub(crate) fn of(url: &HttpUrl) -> Self {
        let https = is_https(url);
        let (host, port) = url.host_and_port();
        // A normalised host that can be parsed as an address is an address (RFC 3986 §3.2.2).
        let host = match host.trim_matches(['[', ']']).parse() {
            Ok(address) => Name::Address(address),
            Err(_) => Name::Domain(host.into()),
        };
        Self {
            https,
            host,
            port: port.unwrap_or(if https { 443 } else { 80 }),
        }
    }
}

/// Shows host and port.
impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.host {
            Name::Domain(name) => write!(formatter, "{name}:{port}"),
            Name::Address(IpAddr::V6(address)) => write!(formatter, "[{address}]:{port}"),
            Name::Address(address) => write!(formatter, "{address}:{port}"),
        }
    }
}

/// Returns the text that identifies a URL's origin: scheme, host and port, without a default port.
pub(crate) fn key(url: &HttpUrl) -> &str {
    url.origin()
}

/// Returns the `Host` field of a request for a URL (RFC 9110 §7.2).
pub(crate) fn authority(url: &HttpUrl) -> &str {
    url.authority()
}

pub(crate) fn is_https(url: &HttpUrl) -> bool {
    url.scheme() == "https"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_same_for_one_origin_however_it_is_written() {
        for (a, b, same) in [
            ("http://Example.org/a", "http://example.org:80/b?c", true),
            ("https://example.org/a", "https://example.org:443", true),
            ("http://example.org/a", "https://example.org/a", false),
            ("http://example.org/a", "http://example.org:8080/a", false),
            ("http://[::1]/", "http://[0:0:0:0:0:0:0:1]:80/", true),
        ] {
            let (a, b) = (HttpUrl::of(a), HttpUrl::of(b));
            assert_eq!(key(&a) == key(&b), same, "{a} {b}");
            assert_eq!(Origin::of(&a) == Origin::of(&b), same, "{a} {b}");
        }
    }

    #[test]
    fn host_is_an_address_where_it_can_be_read_as_one() {
        for (url, address, port) in [
            ("http://[::1]:81/", Some("::1"), 81),
            ("https://[2001:db8::]/", Some("2001:db8::"), 443),
            ("http://127.1/", Some("127.0.0.1"), 80),
            ("http://127.0.0.1.example/", None, 80),
            ("https://a/b:1", None, 443),
        ] {
            let origin = Origin::of(&HttpUrl::of(url));
            match (&origin.host, address) {
                (Name::Address(found), Some(address)) => assert_eq!(found.to_string(), address),
                (Name::Domain(_), None) => {}
                (found, _) => panic!("{url}: {found:?}"),
            }
            assert_eq!(origin.port, port, "{url}");
        }
    }

    #[test]
    fn the_authority_leaves_a_default_port_out() {
        let authority = |url: &str| authority(&HttpUrl::of(url)).to_owned();
        assert_eq!(authority("http://example.org:80/a"), "example.org");
        assert_eq!(authority("http://[::1]:8080/a"), "[::1]:8080");
    }
}
