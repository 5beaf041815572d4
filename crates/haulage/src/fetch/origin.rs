//! A host, as this project uses the word: scheme, name and port (RFC 6454's origin).

use std::net::IpAddr;

use url::{Host, Position, Url};

/// What connections, queues, caps and credentials belong to.
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
    /// The origin of an http or https URL.
    pub(crate) fn of(url: &Url) -> Self {
        let https = is_https(url);
        let host = match url.host() {
            Some(Host::Ipv4(address)) => Name::Address(address.into()),
            Some(Host::Ipv6(address)) => Name::Address(address.into()),
            Some(Host::Domain(name)) => Name::Domain(name.into()),
            // A parsed http URL has a host; a name that nothing resolves says the rest.
            None => Name::Domain("".into()),
        };
        Self {
            https,
            host,
            port: url.port().unwrap_or(if https { 443 } else { 80 }),
        }
    }
}

/// The text that stands for a URL's origin: scheme, host and port, without userinfo or a default port. The URL must have
/// no userinfo.
pub(crate) fn key(url: &Url) -> &str {
    &url[..Position::BeforePath]
}

/// The `Host` of a request (RFC 9110 §7.2).
pub(crate) fn authority(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::BeforePath]
}

pub(crate) fn is_https(url: &Url) -> bool {
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
            let (a, b) = (Url::parse(a).unwrap(), Url::parse(b).unwrap());
            assert_eq!(key(&a) == key(&b), same, "{a} {b}");
            assert_eq!(Origin::of(&a) == Origin::of(&b), same, "{a} {b}");
        }
    }

    #[test]
    fn the_authority_leaves_a_default_port_out() {
        let authority = |url: &str| authority(&Url::parse(url).unwrap()).to_owned();
        assert_eq!(authority("http://example.org:80/a"), "example.org");
        assert_eq!(authority("http://[::1]:8080/a"), "[::1]:8080");
    }
}
