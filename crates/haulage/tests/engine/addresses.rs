//! Addresses that are given by hand, or of one family.

use haulage::{AddressFamily, Resolve};
use origin::{Body, Origin, Script};

use crate::test_run::{TestRun, assert_done, kind};

/// An origin under a name that no resolver knows, and a test that has these addresses for it.
fn named(addresses: &[&str]) -> (Origin, TestRun, String) {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::seeded(1, 1000)));
    let port = origin.address().port();
    let mut test = TestRun::new();
    let addresses = addresses.iter().map(|text| text.parse().unwrap());
    let resolve = Resolve::new("a.invalid", port, addresses.collect()).unwrap();
    test.options.route.resolve.push(resolve);
    (origin, test, format!("http://a.invalid:{port}/a"))
}

#[test]
fn a_name_with_an_address_of_its_own_is_not_looked_up() {
    let (origin, test, url) = named(&["127.0.0.1"]);
    assert_done(&test.fetch(&url));
    let asked = origin.log().pop().unwrap();
    let host = format!("a.invalid:{}", origin.address().port());
    assert_eq!(asked.headers["host"], host);
}

#[test]
fn of_several_addresses_one_that_answers_is_taken() {
    let (_origin, test, url) = named(&["::1", "127.0.0.1"]);
    assert_done(&test.fetch(&url));
}

#[test]
fn addresses_of_another_family_are_not_connected_to() {
    for (family, outcome) in [
        (AddressFamily::Any, "none"),
        (AddressFamily::Ipv4, "none"),
        (AddressFamily::Ipv6, "dns"),
    ] {
        let (origin, mut test, url) = named(&["127.0.0.1"]);
        test.options.route.addresses = family;
        assert_eq!(kind(&test.fetch(&url)), outcome, "{family:?}");
        assert_eq!(kind(&test.fetch(&origin.url("/a"))), outcome, "{family:?}");
    }
}
