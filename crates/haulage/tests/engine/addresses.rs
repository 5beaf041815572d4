//! Addresses that are given by hand, or of one family.

use haulage::{AddressFamily, Resolve};
use origin::{Body, Origin, Script};

use crate::bench::{Bench, assert_done, kind};

/// An origin under a name that no resolver knows, and a bench that has these addresses for it.
fn named(addresses: &[&str]) -> (Origin, Bench, String) {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::seeded(1, 1000)));
    let port = origin.address().port();
    let mut bench = Bench::new();
    let addresses = addresses.iter().map(|text| text.parse().unwrap());
    let resolve = Resolve::new("a.invalid", port, addresses.collect()).unwrap();
    bench.options.route.resolve.push(resolve);
    (origin, bench, format!("http://a.invalid:{port}/a"))
}

#[test]
fn a_name_with_an_address_of_its_own_is_not_looked_up() {
    let (origin, bench, url) = named(&["127.0.0.1"]);
    assert_done(&bench.fetch(&url));
    let asked = origin.log().pop().unwrap();
    let host = format!("a.invalid:{}", origin.address().port());
    assert_eq!(asked.headers["host"], host);
}

#[test]
fn of_several_addresses_one_that_answers_is_taken() {
    let (_origin, bench, url) = named(&["::1", "127.0.0.1"]);
    assert_done(&bench.fetch(&url));
}

#[test]
fn addresses_of_another_family_are_not_connected_to() {
    for (family, outcome) in [
        (AddressFamily::Any, "none"),
        (AddressFamily::Ipv4, "none"),
        (AddressFamily::Ipv6, "dns"),
    ] {
        let (origin, mut bench, url) = named(&["127.0.0.1"]);
        bench.options.route.addresses = family;
        assert_eq!(kind(&bench.fetch(&url)), outcome, "{family:?}");
        assert_eq!(kind(&bench.fetch(&origin.url("/a"))), outcome, "{family:?}");
    }
}
