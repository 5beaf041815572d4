//! The target of a request for the matching of cookies, and the public suffix list.

use std::net::IpAddr;

use crate::http_url::HttpUrl;

/// The host and path of a request, which cookies are matched with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CookieTarget<'a> {
    /// In lower case; an IPv6 address without its brackets.
    pub(crate) host: &'a str,
    pub(crate) is_address: bool,
    pub(crate) is_https: bool,
    pub(crate) path: &'a str,
}

impl<'a> CookieTarget<'a> {
    pub(crate) fn of(url: &'a HttpUrl) -> Self {
        let host = url.host_and_port().0.trim_matches(['[', ']']);
        Self {
            host,
            is_address: is_address(host),
            is_https: url.scheme() == "https",
            path: url.path(),
        }
    }

    /// Returns whether this host domain-matches `domain` (RFC 6265bis §5.1.3).
    pub(crate) fn matches_domain(&self, domain: &str) -> bool {
        self.host == domain || !self.is_address && is_within(self.host, domain)
    }

    /// Returns what all hosts share that may share cookies.
    pub(super) fn site(&self) -> &'a str {
        if self.is_address {
            self.host
        } else {
            registrable(self.host)
        }
    }
}

/// Returns whether a host is `domain`, or below it. Both are names, in lower case.
pub(super) fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Returns the site of a domain that cookies are of.
pub(super) fn site_of(domain: &str) -> &str {
    if is_address(domain) {
        domain
    } else {
        registrable(domain)
    }
}

/// Returns whether anybody may register names below this one, as below `co.uk` or `github.io`. A
/// name without a dot is one, too. A dot at the end changes nothing (curl CVE-2022-27779).
pub(super) fn is_public_suffix(domain: &str) -> bool {
    let domain = domain.trim_end_matches('.');
    psl::suffix_str(domain) == Some(domain)
}

/// Returns the part of a name that one registers, such as `example.co.uk`; a public suffix itself.
fn registrable(name: &str) -> &str {
    psl::domain_str(name).unwrap_or(name)
}

fn is_address(host: &str) -> bool {
    // The last letter of most names shows that they are no address.
    let may_be = host.contains(':') || host.ends_with(|last: char| last.is_ascii_digit());
    may_be && host.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn site_is_what_can_be_registered() {
        for (url, site) in [
            ("http://example.org/", "example.org"),
            ("http://a.b.example.co.uk/", "example.co.uk"),
            ("http://me.github.io/", "me.github.io"),
            ("http://github.io/", "github.io"),
            ("http://a.me.github.io/", "me.github.io"),
            ("http://a.xn--55qx5d.cn/", "a.xn--55qx5d.cn"),
            ("http://localhost:8080/", "localhost"),
            ("http://a.b.internal/", "b.internal"),
            ("http://127.0.0.1/", "127.0.0.1"),
            ("http://[::1]:80/", "::1"),
        ] {
            let url = HttpUrl::of(url);
            assert_eq!(CookieTarget::of(&url).site(), site, "{url}");
        }
    }

    #[test]
    fn host_is_within_its_domain_only_at_a_dot() {
        assert!(is_within("a.example.org", "example.org"));
        assert!(is_within("example.org", "example.org"));
        assert!(!is_within("badexample.org", "example.org"));
        assert!(!is_within("example.org", "a.example.org"));
    }

    #[test]
    fn public_suffixes_are_known() {
        for (domain, is_one) in [
            ("com", true),
            ("co.uk", true),
            ("github.io", true),
            ("internal", true),
            ("xn--55qx5d.cn", true),
            ("co.uk.", true),
            ("example.com", false),
            ("me.github.io", false),
        ] {
            assert_eq!(is_public_suffix(domain), is_one, "{domain}");
        }
    }
}
