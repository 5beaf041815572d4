//! Hosts that are reached without a proxy, by the rules of curl.

use std::net::IpAddr;

use super::useless;
use crate::fetch::origin::Name;

/// What stands between two entries.
const SEPARATORS: [char; 3] = [',', ' ', '\t'];

/// A list of hosts that are reached without a proxy, as `--noproxy` and `no_proxy` have it: names,
/// addresses and blocks of addresses, separated by commas or blanks.
///
/// A name stands for itself and for all names below it; a dot before or after it does not matter.
/// `*`, alone, stands for every host. A block is in CIDR notation (`10.0.0.0/8`, `fd00::/8`), and
/// matches hosts that are addresses in their URL: no name is looked up for it. As with curl, an
/// entry with a port matches nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoProxy {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Every,
    /// In lower case, without a dot before or after it.
    Name(Box<str>),
    /// Addresses that have the first bits in common with this one.
    Block(IpAddr, u32),
}

impl NoProxy {
    /// Parses a list. An entry that is neither a name nor a block matches nothing.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        if list == "*" {
            return Self {
                rules: vec![Rule::Every],
            };
        }
        let entries = list.split(SEPARATORS);
        Self {
            rules: entries.filter_map(Rule::parse).collect(),
        }
    }

    /// Reads `no_proxy` or, if that is not set or empty, `NO_PROXY`, with a function that returns
    /// the value of a variable.
    #[must_use]
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut set = ["no_proxy", "NO_PROXY"]
            .iter()
            .filter_map(|name| variable(name));
        let list = set.find(|value| !value.is_empty());
        list.as_deref().map(Self::parse).unwrap_or_default()
    }

    /// Returns what is wrong with the entries of a list that match nothing, and what to write
    /// instead, in words for people.
    ///
    /// ```
    /// let problems = haulage::NoProxy::problems("localhost,127.*");
    /// let says = "\"127.*\" matches no host; for a block of addresses, write 127.0.0.0/8";
    /// assert_eq!(problems, [says]);
    /// ```
    #[must_use]
    pub fn problems(list: &str) -> Vec<String> {
        if list == "*" {
            return Vec::new();
        }
        let entries = list.split(SEPARATORS).filter(|entry| !entry.is_empty());
        entries.filter_map(useless::problem).collect()
    }

    /// Returns whether a host is reached without a proxy.
    pub(crate) fn matches(&self, host: &Name) -> bool {
        self.rules.iter().any(|rule| rule.matches(host))
    }
}

impl Rule {
    fn parse(entry: &str) -> Option<Self> {
        let (address, bits) = match entry.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (entry, None),
        };
        let bare = address
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(address).parse::<IpAddr>() {
            let all = width(address);
            let bits = bits.map_or(Some(all), |bits| bits.parse().ok())?;
            return (bits <= all).then_some(Self::Block(address, bits));
        }
        let name = entry.strip_suffix('.').unwrap_or(entry);
        let name = name.strip_prefix('.').unwrap_or(name);
        (!name.is_empty()).then(|| Self::Name(name.to_ascii_lowercase().into_boxed_str()))
    }

    fn matches(&self, host: &Name) -> bool {
        match (self, host) {
            (Self::Every, _) => true,
            (Self::Name(own), Name::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                let above = name.len().checked_sub(own.len());
                let is_below = |at: usize| at == 0 || name.as_bytes()[at - 1] == b'.';
                above.is_some_and(|at| {
                    name.as_bytes()[at..].eq_ignore_ascii_case(own.as_bytes()) && is_below(at)
                })
            }
            (Self::Block(block, bits), Name::Address(address)) => {
                is_within(*address, *block, *bits)
            }
            (Self::Name(_), Name::Address(_)) | (Self::Block(..), Name::Domain(_)) => false,
        }
    }
}

/// Returns the bits of an address.
fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Returns whether two addresses of one family have their first bits in common.
fn is_within(address: IpAddr, block: IpAddr, bits: u32) -> bool {
    let differ = match (address, block) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            u128::from(one.to_bits() ^ other.to_bits()).checked_shr(32 - bits)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (one.to_bits() ^ other.to_bits()).checked_shr(128 - bits)
        }
        _ => return false,
    };
    // Where all bits are shifted out, none are compared.
    differ.unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::origin::Origin;
    use crate::http_url::HttpUrl;

    fn matches(list: &str, host: &str) -> bool {
        let url = HttpUrl::of(&format!("http://{host}/"));
        NoProxy::parse(list).matches(&Origin::of(&url).host)
    }

    /// Compares with the decisions of curl 7.88.1 for the same lists; `bench proxies` runs some of
    /// them with curl.
    #[test]
    fn hosts_match_as_with_curl() {
        for (list, host, expected) in [
            ("", "h", false),
            ("*", "h", true),
            ("*", "127.0.0.1", true),
            ("*,a", "h", false),
            ("*.example", "a.example", false),
            ("example", "example", true),
            ("example", "a.example", true),
            ("example", "EXAMPLE", true),
            ("Example", "example", true),
            ("example", "anexample", false),
            ("a.example", "example", false),
            (".example", "example", true),
            (".example", "a.b.example", true),
            ("example.", "a.example", true),
            ("example", "a.example.", true),
            (".example.", "a.example", true),
            ("..", "a", false),
            ("x, example ,y", "example", true),
            ("x example", "example", true),
            (",,example", "example", true),
            ("example:80", "example", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "2130706433", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("127.0.0.1:80", "127.0.0.1", false),
            (".0.0.1", "127.0.0.1", false),
            ("10.0.0.0/8", "10.200.3.4", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/12", "10.15.0.1", true),
            ("10.1.2.3/12", "10.16.0.1", false),
            ("192.168.1.1/32", "192.168.1.1", true),
            ("192.168.1.1/33", "192.168.1.1", false),
            ("10.0.0.0/8", "a.10.example", false),
            ("::1", "[::1]", true),
            ("fd00::/8", "[fe80::1]", false),
            ("2001:db8::/129", "[2001:db8::]", false),
            ("127.0.0.1", "[::1]", false),
        ] {
            assert_eq!(matches(list, host), expected, "{list:?} {host}");
        }
        // Here curl 7.88.1 compares all bits, and has no brackets.
        assert!(matches("fd00::/8", "[fd12::1]"));
        assert!(matches("0.0.0.0/0", "10.0.0.1"));
        assert!(matches("::/0", "[fd00::1]"));
        assert!(matches("[::1]", "[::1]"));
    }
}
