//! Which addresses of a host may be connected to. They can be given by hand instead of looked up,
//! and limited to one family, or to public addresses.

pub(crate) mod public;
mod registry;

use std::net::IpAddr;
use std::sync::Arc;

use self::public::NotPublic;
use super::origin::{Name, Origin};
use crate::error::{Error, ErrorKind};
use crate::options::{AddressFamily, Interface, Resolve, Route};

/// A function that decides whether an address is public.
pub(crate) type Check = fn(IpAddr) -> Result<(), NotPublic>;

/// The rules of a route for addresses.
pub(super) struct Addresses {
    given: Vec<Resolve>,
    /// `None` if both families may be connected to.
    family: Option<Family>,
    /// `None` if any address may be connected to.
    check: Option<Check>,
}

/// The one family that may be connected to.
#[derive(Debug, PartialEq, Eq)]
struct Family {
    is_ipv6: bool,
    /// The option that excludes the other family.
    because: String,
}

impl Family {
    fn of(route: &Route) -> Option<Self> {
        let (is_ipv6, because) = match (route.addresses, &route.interface) {
            (AddressFamily::Ipv4, _) => (false, "--ipv4".to_owned()),
            (AddressFamily::Ipv6, _) => (true, "--ipv6".to_owned()),
            (AddressFamily::Any, Some(Interface::Address(own))) => {
                (own.is_ipv6(), format!("--interface {own}"))
            }
            (AddressFamily::Any, _) => return None,
        };
        Some(Self { is_ipv6, because })
    }
}

impl Addresses {
    pub(super) fn new(route: &Route) -> Self {
        Self {
            given: route.resolve.clone(),
            family: Family::of(route),
            check: route.public_only.then_some(public::check as Check),
        }
    }

    /// Replaces the check that decides which networks are public.
    #[cfg(test)]
    pub(super) fn checked_by(self, check: Check) -> Self {
        let check = Some(check);
        Self { check, ..self }
    }

    /// Returns the addresses that are known without a look-up: the host if it is an address, else
    /// those given for this name, or else for any name; the last of several entries counts. `None`
    /// if the name has to be looked up.
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

    /// Returns those of a host's addresses that may be connected to. What connects takes them from
    /// here: with `public_only` a name that is looked up again may have got another address by then
    /// (DNS rebinding).
    ///
    /// # Errors
    /// When there is none: of kind `dns` if all are of the other family, and of kind `refused` if
    /// none is public.
    pub(super) fn allowed(
        &self,
        origin: &Origin,
        host: &str,
        all: Arc<[IpAddr]>,
    ) -> Result<Arc<[IpAddr]>, Error> {
        self.public(origin, self.of_family(host, all)?)
    }

    /// Returns those addresses that are of the family that may be connected to.
    ///
    /// # Errors
    /// Of kind `dns`, when there is none.
    pub(super) fn of_family(&self, host: &str, all: Arc<[IpAddr]>) -> Result<Arc<[IpAddr]>, Error> {
        let Some(family) = &self.family else {
            return Ok(all);
        };
        let is_of_it = |address: &IpAddr| address.is_ipv6() == family.is_ipv6;
        let of_it: Arc<[IpAddr]> = all.iter().copied().filter(is_of_it).collect();
        if of_it.is_empty() {
            return Err(no_address_of(family, host));
        }
        Ok(of_it)
    }

    /// Returns those of a host's addresses that are public, if no others may be connected to.
    ///
    /// # Errors
    /// Of kind `refused`, when there is none.
    pub(super) fn public(
        &self,
        origin: &Origin,
        all: Arc<[IpAddr]>,
    ) -> Result<Arc<[IpAddr]>, Error> {
        let Some(check) = self.check else {
            return Ok(all);
        };
        let is_public = |address: &IpAddr| check(*address).is_ok();
        let public: Arc<[IpAddr]> = all.iter().copied().filter(is_public).collect();
        match all
            .iter()
            .find_map(|first| Some((first, check(*first).err()?)))
        {
            Some((first, why)) if public.is_empty() => Err(not_public(origin, &all, first, why)),
            _ => Ok(public),
        }
    }
}

fn no_address_of(family: &Family, host: &str) -> Error {
    let name = if family.is_ipv6 { "IPv6" } else { "IPv4" };
    Error::new(
        ErrorKind::Dns,
        format!(
            "{host} has no {name} address, and no other is allowed ({})",
            family.because
        ),
    )
}

/// Describes that no address of a host is public, the first one for this reason.
fn not_public(origin: &Origin, all: &[IpAddr], first: &IpAddr, why: NotPublic) -> Error {
    let message = match (&origin.host, all.len() - 1) {
        (Name::Address(_), _) => format!("{first} is {why}, refused by --public-only"),
        (Name::Domain(name), 0) => {
            format!("{name} resolves only to {first}, {why}, refused by --public-only")
        }
        (Name::Domain(name), others) => format!(
            "{name} resolves only to {first}, {why}, and to {others} more that {} not public; refused by --public-only",
            if others == 1 { "is" } else { "are" }
        ),
    };
    Error::new(ErrorKind::Refused, message)
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
        let mut route = Route::default();
        (route.resolve, route.addresses) = (given, family);
        Addresses::new(&route)
    }

    fn origin(url: &str) -> Origin {
        Origin::of(&HttpUrl::of(url))
    }

    fn allowed(
        addresses: &Addresses,
        url: &str,
        all: &Arc<[IpAddr]>,
    ) -> Result<Arc<[IpAddr]>, Error> {
        addresses.allowed(&origin(url), "a.example:80", Arc::clone(all))
    }

    fn all(addresses: &[&str]) -> Arc<[IpAddr]> {
        let addresses = addresses.iter().map(|text| text.parse().unwrap());
        addresses.collect()
    }

    fn known(addresses: &Addresses, url: &str) -> Option<String> {
        let known = addresses.known(&origin(url))?;
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
        let all = all(&["::1", "10.0.0.1"]);
        let url = "http://a.example/";
        for (family, left) in [
            (AddressFamily::Any, 2),
            (AddressFamily::Ipv4, 1),
            (AddressFamily::Ipv6, 1),
        ] {
            let addresses = addresses(Vec::new(), family);
            assert_eq!(allowed(&addresses, url, &all).unwrap().len(), left);
        }
        let addresses = addresses(Vec::new(), AddressFamily::Ipv6);
        let error = allowed(&addresses, url, &all[1..].into()).unwrap_err();
        assert_eq!(
            (error.kind(), error.is_transient()),
            (ErrorKind::Dns, false)
        );
        assert!(error.to_string().contains("--ipv6"), "{error}");
    }

    #[test]
    fn address_of_an_interface_allows_its_family_alone() {
        let route = Route {
            interface: Some("10.0.0.5".parse().unwrap()),
            ..Route::default()
        };
        let addresses = Addresses::new(&route);
        let allowed = |all| allowed(&addresses, "http://a.example/", &all);
        let of_family = allowed(all(&["::1", "10.0.0.1"])).unwrap();
        assert_eq!(of_family, all(&["10.0.0.1"]));
        let error = allowed(all(&["::1"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.example:80 has no IPv4 address, and no other is allowed (--interface 10.0.0.5)"
        );
    }

    #[test]
    fn addresses_that_are_not_public_are_left_out() {
        let route = Route {
            public_only: true,
            ..Route::default()
        };
        let addresses = Addresses::new(&route);
        for (url, given, expected) in [
            (
                "http://a.example/",
                &["10.0.0.1", "8.8.8.8", "::1", "2a00::1"][..],
                Ok(&["8.8.8.8", "2a00::1"][..]),
            ),
            (
                "http://example.org/",
                &["10.1.2.3"],
                Err(
                    "example.org resolves only to 10.1.2.3, a private address (RFC 1918), refused by --public-only",
                ),
            ),
            (
                "http://example.org/",
                &["::1", "127.0.0.1"],
                Err(
                    "example.org resolves only to ::1, a loopback address (RFC 4291), and to 1 more that is not public; refused by --public-only",
                ),
            ),
            (
                "http://0x7f.1:81/",
                &["127.0.0.1"],
                Err("127.0.0.1 is a loopback address (RFC 1122), refused by --public-only"),
            ),
        ] {
            match (allowed(&addresses, url, &all(given)), expected) {
                (Ok(allowed), Ok(expected)) => assert_eq!(allowed, all(expected)),
                (Err(error), Err(message)) => {
                    assert_eq!(error.to_string(), message);
                    assert_eq!(
                        (error.kind(), error.is_transient()),
                        (ErrorKind::Refused, false)
                    );
                }
                (allowed, _) => panic!("{url}: {allowed:?}"),
            }
        }
    }
}
