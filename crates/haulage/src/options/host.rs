//! What is different for some hosts: which ones, and what.

use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use http::HeaderMap;

use super::{RunOptions, check_header};
use crate::credentials::netrc::Netrc;
use crate::error::{Error, ErrorKind};
use crate::fetch::origin::{self, Origin};
use crate::http_url::HttpUrl;

/// Which hosts an option is for: `data.example.org`, `https://data.example.org`,
/// `data.example.org:8080`, `[2001:db8::1]`, or with `*.example.org` all names below
/// `example.org`, but not that name itself.
///
/// Without a scheme it is for http and https. Without a port it is for that of the scheme (80,
/// 443); with `:*` it is for any.
///
/// ```
/// use haulage::HostPattern;
///
/// let hosts: HostPattern = "*.example.org".parse()?;
/// assert_eq!(hosts.to_string(), "*.example.org");
/// # Ok::<(), haulage::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    https: Option<bool>,
    name: Name,
    port: Port,
}

/// Names of hosts as URLs have them: in lower case, in ASCII, and an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Exact(Box<str>),
    /// All below this one, which begins with a dot.
    Below(Box<str>),
}

/// From the widest to the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Port {
    Any,
    /// That of the scheme.
    Default,
    Exact(u16),
}

impl HostPattern {
    /// Returns whether it is for the host of a URL.
    pub(crate) fn matches(&self, url: &HttpUrl) -> bool {
        let (host, port) = url.host_and_port();
        let is_https = url.scheme() == "https";
        self.is_of(host, port.unwrap_or(default_port(is_https)), is_https)
    }

    /// Returns whether it is for an origin.
    pub(crate) fn matches_origin(&self, origin: &Origin) -> bool {
        let address;
        let host = match &origin.host {
            origin::Name::Domain(name) => &**name,
            origin::Name::Address(IpAddr::V6(own)) => {
                address = format!("[{own}]");
                &address
            }
            origin::Name::Address(own) => {
                address = own.to_string();
                &address
            }
        };
        self.is_of(host, origin.port, origin.https)
    }

    fn is_of(&self, host: &str, port: u16, is_https: bool) -> bool {
        let is_port = match self.port {
            Port::Default => port == default_port(is_https),
            Port::Exact(own) => port == own,
            Port::Any => true,
        };
        let is_name = || match &self.name {
            Name::Exact(name) => **name == *host,
            Name::Below(suffix) => host.len() > suffix.len() && host.ends_with(&**suffix),
        };
        is_port && self.https.is_none_or(|https| https == is_https) && is_name()
    }

    /// Compares how narrow two patterns are: where both are for one host, the greater one counts.
    #[must_use]
    pub fn compare_narrowness(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }

    /// Returns how narrow it is: of two that are for one host, the greater one counts. The name
    /// decides before port and scheme.
    pub(crate) fn rank(&self) -> (bool, usize, Port, bool) {
        let (is_exact, length) = match &self.name {
            Name::Exact(name) => (true, name.len()),
            Name::Below(suffix) => (false, suffix.len()),
        };
        (is_exact, length, self.port, self.https.is_some())
    }
}

fn default_port(is_https: bool) -> u16 {
    if is_https { 443 } else { 80 }
}

impl FromStr for HostPattern {
    type Err = Error;

    /// Parses a pattern such as `data.example.org`, `*.example.org` or `https://host:8443`.
    ///
    /// # Errors
    /// Of kind `input`, when this is not the name of a host.
    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = |why: &str| {
            let what = format!("{text:?} is not the name of a host: {why}");
            Error::new(ErrorKind::Input, what)
        };
        let (https, rest) = match text.split_once("://") {
            None => (None, text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Some(true), rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Some(false), rest),
            Some(_) => return Err(refuse("its scheme is neither http nor https")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '@', '?', '#']) {
            return Err(refuse("write only the name, such as data.example.org"));
        }
        let after_address = rest.rfind(']').map_or(0, |end| end + 1);
        let (name, port) = match rest[after_address..].rfind(':') {
            Some(colon) => rest.split_at(after_address + colon),
            None => (rest, ""),
        };
        let port = match port.strip_prefix(':') {
            None => Port::Default,
            Some("*") => Port::Any,
            Some(digits) => digits
                .parse()
                .map(Port::Exact)
                .map_err(|_| refuse(&format!("{digits:?} is not a port")))?,
        };
        let (is_below, name) = match name.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, name),
        };
        if name.contains('*') {
            return Err(refuse("a * stands at the beginning, as in *.example.org"));
        }
        let host = url::Host::parse(name)
            .map_err(|cause| refuse(&cause.to_string()).caused_by(cause))?
            .to_string();
        if is_below && !matches!(url::Host::parse(&host), Ok(url::Host::Domain(_))) {
            return Err(refuse("there is nothing below an address"));
        }
        let name = if is_below {
            Name::Below(format!(".{host}").into())
        } else {
            Name::Exact(host.into())
        };
        Ok(Self { https, name, port })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.https {
            None => {}
            Some(true) => formatter.write_str("https://")?,
            Some(false) => formatter.write_str("http://")?,
        }
        match &self.name {
            Name::Exact(name) => formatter.write_str(name)?,
            Name::Below(suffix) => write!(formatter, "*{suffix}")?,
        }
        match self.port {
            Port::Default => Ok(()),
            Port::Exact(port) => write!(formatter, ":{port}"),
            Port::Any => formatter.write_str(":*"),
        }
    }
}

/// How much an engine may ask of some hosts. What is `None` is as for all other hosts.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HostLimits {
    /// Which hosts. Where several patterns are for one host, each value is that of the narrowest
    /// pattern that has one: an exact name before `*.example.org`, that before `*.org`.
    pub hosts: HostPattern,
    /// In place of [`EngineOptions::per_host`](crate::EngineOptions::per_host), at least 1.
    pub per_host: Option<usize>,
    /// In place of [`EngineOptions::delay`](crate::EngineOptions::delay).
    pub delay: Option<Duration>,
}

impl HostLimits {
    /// Returns limits for these hosts that change nothing yet.
    #[must_use]
    pub fn new(hosts: HostPattern) -> Self {
        Self {
            hosts,
            per_host: None,
            delay: None,
        }
    }

    /// Checks what the types leave open.
    pub(super) fn validate(&self) -> Result<(), Error> {
        let refuse = |what: &str| {
            let what = format!("{}: {what}", self.hosts);
            Err(Error::new(ErrorKind::Input, what))
        };
        if self.per_host == Some(0) {
            return refuse("per-host must be at least 1");
        }
        if self.delay > Some(RunOptions::LONGEST_WAIT) {
            return refuse("a delay of more than a year is none; choose a shorter one");
        }
        Ok(())
    }
}

/// What a run sends to some hosts. `Debug` shows no values of headers.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostOptions {
    /// Which hosts. Where several patterns are for one host, a header of a narrower pattern takes
    /// the place of those with the same name.
    pub hosts: HostPattern,
    /// Sent with each request to these hosts and to no other: also when a redirect or a mirror led
    /// there. They take the place of those of [`RunOptions::headers`] with the same name, and of
    /// [`RunOptions::credentials`]; what a row brings along takes theirs.
    pub headers: HeaderMap,
    /// Logs in at these hosts, in place of [`RunOptions::netrc`]; `None` leaves it at that.
    pub netrc: Option<Netrc>,
}

impl HostOptions {
    /// Returns options for these hosts that change nothing yet.
    #[must_use]
    pub fn new(hosts: HostPattern) -> Self {
        Self {
            hosts,
            headers: HeaderMap::new(),
            netrc: None,
        }
    }

    /// Checks what the types leave open.
    pub(super) fn validate(&self) -> Result<(), Error> {
        self.headers.keys().try_for_each(check_header)
    }
}

impl fmt::Debug for HostOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().collect();
        formatter
            .debug_struct("HostOptions")
            .field("hosts", &self.hosts)
            .field("headers", &names)
            .field("netrc", &self.netrc)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        text.parse().unwrap()
    }

    #[test]
    fn pattern_is_for_its_hosts_and_no_others() {
        for (text, url, matches) in [
            ("a.example", "http://a.example/x", true),
            ("a.example", "https://A.example:443/x", true),
            ("a.example", "http://a.example:8080/", false),
            ("a.example", "http://b.a.example/", false),
            ("A.Example:8080", "https://a.example:8080/", true),
            ("a.example:443", "https://a.example/", true),
            ("a.example:443", "http://a.example/", false),
            ("a.example:*", "http://a.example:81/", true),
            ("https://a.example", "http://a.example/", false),
            ("http://a.example/", "http://a.example/", true),
            ("*.example", "http://b.a.example/", true),
            ("*.example", "http://example/", false),
            ("*.a.example", "http://ba.example/", false),
            ("[2001:DB8:0::1]", "http://[2001:db8::1]/", true),
            ("[::1]:81", "http://[::1]:81/", true),
            ("127.1", "http://127.0.0.1/", true),
            ("bücher.example", "http://xn--bcher-kva.example/", true),
        ] {
            let url = HttpUrl::of(url);
            assert_eq!(pattern(text).matches(&url), matches, "{text} {url}");
            let origin = Origin::of(&url);
            assert_eq!(
                pattern(text).matches_origin(&origin),
                matches,
                "{text} {url}"
            );
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for (text, says) in [
            ("", "empty host"),
            ("ftp://a.example", "neither http nor https"),
            ("a.example/x", "only the name"),
            ("me@a.example", "only the name"),
            ("a.example:x", "\"x\" is not a port"),
            ("a b", "invalid"),
            ("*.127.0.0.1", "nothing below an address"),
            ("*", "at the beginning"),
            ("a.*", "at the beginning"),
        ] {
            let error = text.parse::<HostPattern>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn pattern_shows_as_what_parses_to_it() {
        for text in [
            "a.example",
            "https://a.example:8080",
            "*.example.org:*",
            "http://[::1]",
        ] {
            assert_eq!(pattern(text).to_string(), text);
            assert_eq!(pattern(&pattern(text).to_string()), pattern(text));
        }
    }

    #[test]
    fn narrower_patterns_rank_higher() {
        let falling = [
            "https://b.a.example:443",
            "b.a.example",
            "b.a.example:*",
            "*.a.example",
            "*.example",
        ];
        let ranks = falling.map(|text| pattern(text).rank());
        assert!(ranks.is_sorted_by(|a, b| a > b), "{ranks:?}");
    }

    #[test]
    fn values_of_headers_are_not_shown() {
        let mut options = HostOptions::new(pattern("a.example"));
        let value = http::HeaderValue::from_static("secret");
        options.headers.insert("x-key", value);
        let shown = format!("{options:?}");
        assert!(
            shown.contains("x-key") && !shown.contains("secret"),
            "{shown}"
        );
    }
}
