//! Targets for hosts that are addresses, and for which addresses are public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::fetch::addresses::public::{check, forms_of};
use crate::fetch::origin::{Name, Origin};
use crate::http_url::HttpUrl;

/// Takes each line for the host of a URL, and the first bytes for an address.
pub fn addresses(data: &[u8]) {
    for line in String::from_utf8_lossy(data).split('\n') {
        if let Ok((url, _)) = HttpUrl::parse(&format!("http://{line}/")) {
            check_host(&url);
        }
    }
    if let Some(octets) = data.first_chunk::<4>() {
        check_forms(Ipv4Addr::from(*octets));
    }
    if let Some(octets) = data.first_chunk::<16>() {
        check_address(Ipv6Addr::from(*octets).into());
    }
}

/// Checks that a host that is an address counts as one, and that no name is left that a resolver
/// reads as an address.
fn check_host(url: &HttpUrl) {
    match Origin::of(url).host {
        Name::Address(address) => check_address(address),
        Name::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name);
            let last = name.rsplit('.').next().unwrap_or_default();
            let hex = last.strip_prefix("0x").unwrap_or("not hexadecimal");
            let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
                || hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(last.is_empty() || !is_number, "{url}");
        }
    }
}

/// Checks that an address that is private by the standard library is not public.
fn check_address(address: IpAddr) {
    let is_private = match address.to_canonical() {
        IpAddr::V4(address) => is_private(address),
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_multicast()
        }
    };
    if let Err(why) = check(address) {
        assert!(why.to_string().contains("(RFC "), "{address}: {why}");
    } else {
        assert!(!is_private, "{address}");
    }
}

fn is_private(address: Ipv4Addr) -> bool {
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_broadcast()
}

/// Checks that an IPv4 address that is not public is not so in any IPv6 address either.
fn check_forms(address: Ipv4Addr) {
    check_address(address.into());
    let is_public = check(address.into()).is_ok();
    for form in forms_of(address) {
        assert!(is_public || check(form.into()).is_err(), "{form}");
    }
}
