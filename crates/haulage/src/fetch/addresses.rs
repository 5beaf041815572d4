//! Which addresses of a host may be connected to: those given by hand in place of a look-up, and
//! those of one family.

use std::net::IpAddr;
use std::sync::Arc;

use super::origin::{Name, Origin};
use crate::error::{Error, ErrorKind};
use crate::options::{AddressFamily, Resolve, Route};

/// What a route says about addresses.
pub(super) struct Addresses {
    given: Vec<Resolve>,
    family: AddressFamily,
}

impl Addresses {
    pub(super) fn new(route: &Route) -> Self {
        Self {
            given: route.resolve.clone(),
            family: route.addresses,
        }
    }

    /// The addresses that are known without a look-up: those given for this name, or else for any;
    /// of several the last.
    pub(super) fn known(&self, origin: &Origin) -> Option<Arc<[IpAddr]>> {
        let name = match &origin.host {
            Name::Address(address) => return Some([*address].into()),
            Name::Domain(name) => name,
        };
        let given = |host: Option<&str>| {
            let mut given = self.given.iter().rev();
            given.find(|given| given.port == origin.port && given.host.as_deref() == host)
        };
        let given = given(Some(name)).or_else(|| given(None))?;
        Some(given.addresses.as_slice().into())
    }

    /// Those that may be connected to.
    ///
    /// # Errors
    /// Of kind `dns`, when there is none.
    pub(super) fn allowed(&self, host: &str, all: Arc<[IpAddr]>) -> Result<Arc<[IpAddr]>, Error> {
        let (allows, name): (fn(&IpAddr) -> bool, _) = match self.family {
            AddressFamily::Any => return Ok(all),
            AddressFamily::Ipv4 => (IpAddr::is_ipv4, "IPv4"),
            AddressFamily::Ipv6 => (IpAddr::is_ipv6, "IPv6"),
        };
        let allowed: Arc<[IpAddr]> = all.iter().copied().filter(allows).collect();
        if allowed.is_empty() {
            return Err(Error::new(
                ErrorKind::Dns,
                format!(
                    "{host} has no {name} address, and no other is allowed (--{})",
                    name.to_ascii_lowercase()
                ),
            ));
        }
        Ok(allowed)
    }
}

#[cfg(test)]
mod tests {
    use crate::http_url::HttpUrl;

    use super::*;

    fn resolve(host: &str, port: u16, addresses: &[&str]) -> Resolve {
        let addresses = addresses.iter().map(|text| text.parse().unwrap());
        Resolve::new(host, port, addresses.collect()).unwrap()
    }

    fn addresses(given: Vec<Resolve>, family: AddressFamily) -> Addresses {
        Addresses { given, family }
    }

    fn known(addresses: &Addresses, url: &str) -> Option<String> {
        let known = addresses.known(&Origin::of(&HttpUrl::of(url)))?;
        Some(known[0].to_string())
    }

    #[test]
    fn what_is_given_holds_for_its_name_and_port_and_the_last_one_wins() {
        let given = vec![
            resolve("*", 443, &["10.0.0.9"]),
            resolve("A.example", 443, &["10.0.0.1"]),
            resolve("a.example", 443, &["10.0.0.2", "::1"]),
            resolve("bücher.example", 443, &["10.0.0.3"]),
        ];
        let addresses = addresses(given, AddressFamily::Any);
        for (url, expected) in [
            ("https://a.example/", Some("10.0.0.2")),
            ("https://a.example:444/", None),
            ("http://a.example/", None),
            ("https://xn--bcher-kva.example/", Some("10.0.0.3")),
            ("https://b.example/", Some("10.0.0.9")),
            ("https://[::2]/", Some("::2")),
        ] {
            assert_eq!(known(&addresses, url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn only_addresses_of_the_family_are_left() {
        let all: Arc<[IpAddr]> = ["::1", "10.0.0.1"].map(|text| text.parse().unwrap()).into();
        for (family, left) in [
            (AddressFamily::Any, 2),
            (AddressFamily::Ipv4, 1),
            (AddressFamily::Ipv6, 1),
        ] {
            let addresses = addresses(Vec::new(), family);
            let allowed = addresses.allowed("a", Arc::clone(&all)).unwrap();
            assert_eq!(allowed.len(), left);
        }
        let addresses = addresses(Vec::new(), AddressFamily::Ipv6);
        let error = addresses.allowed("a.example", all[1..].into()).unwrap_err();
        assert_eq!(
            (error.kind(), error.is_transient()),
            (ErrorKind::Dns, false)
        );
        assert!(error.to_string().contains("--ipv6"), "{error}");
    }
}
