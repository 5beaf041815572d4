//! Addresses that are given by hand, or of one family.

use haulage::{AddressFamily, Resolve};
use origin::{Body, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, kind};

/// An origin under a name that no resolver knows, and a sandbox that has these addresses for it.
fn named(addresses: &[&str]) -> (Origin, Sandbox, String) {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::seeded(1, 1000)));
    let port = origin.address().port();
    let mut sandbox = Sandbox::new();
    let addresses = addresses.iter().map(|text| text.parse().unwrap());
    let resolve = Resolve::new("a.invalid", port, addresses.collect()).unwrap();
    sandbox.options.route.resolve.push(resolve);
    (origin, sandbox, format!("http://a.invalid:{port}/a"))
}

#[test]
fn a_name_with_an_address_of_its_own_is_not_looked_up() {
    let (origin, sandbox, url) = named(&["127.0.0.1"]);
    assert_done(&sandbox.fetch(&url));
    let asked = origin.log().pop().unwrap();
    let host = format!("a.invalid:{}", origin.address().port());
    assert_eq!(asked.headers["host"], host);
}

#[test]
fn of_several_addresses_one_that_answers_is_taken() {
    let (_origin, sandbox, url) = named(&["::1", "127.0.0.1"]);
    assert_done(&sandbox.fetch(&url));
}

#[test]
fn addresses_of_another_family_are_not_connected_to() {
    for (family, outcome) in [
        (AddressFamily::Any, "none"),
        (AddressFamily::Ipv4, "none"),
        (AddressFamily::Ipv6, "dns"),
    ] {
        let (origin, mut sandbox, url) = named(&["127.0.0.1"]);
        sandbox.options.route.addresses = family;
        assert_eq!(kind(&sandbox.fetch(&url)), outcome, "{family:?}");
        assert_eq!(
            kind(&sandbox.fetch(&origin.url("/a"))),
            outcome,
            "{family:?}"
        );
    }
}
