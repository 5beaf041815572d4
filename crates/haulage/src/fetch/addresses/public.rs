//! Decides which addresses are public: globally reachable, and so is any IPv4 address inside them.
//! Pure.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::registry::{Block, block_of};

/// Why an address is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotPublic {
    /// It is in this block, which is not globally reachable.
    Block(&'static Block),
    /// It contains an IPv4 address that is not public.
    Inside {
        form: Form,
        address: Ipv4Addr,
        block: &'static Block,
    },
}

impl fmt::Display for NotPublic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(block) => block.fmt(formatter),
            Self::Inside {
                form,
                address,
                block,
            } => write!(formatter, "{form} that stands for {address}, {block}"),
        }
    }
}

/// Checks that an address is globally reachable: that the smallest block of the registries that it
/// is in is, and if packets to it may end at an IPv4 address that is in it, that one too.
///
/// # Errors
/// Why it is not.
pub(crate) fn check(address: IpAddr) -> Result<(), NotPublic> {
    if let IpAddr::V6(outer) = address
        && let Some((form, address)) = inside(outer)
        && let block = block_of(address.into())
        && !block.is_public
    {
        return Err(NotPublic::Inside {
            form,
            address,
            block,
        });
    }
    let block = block_of(address);
    if block.is_public {
        Ok(())
    } else {
        Err(NotPublic::Block(block))
    }
}

/// A way to write an IPv4 address as an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `::a.b.c.d` (RFC 4291 §2.5.5.1).
    Compatible,
    /// `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2).
    Mapped,
    /// `::ffff:0:a.b.c.d` (RFC 2765 §2.1).
    Translated,
    /// `64:ff9b::a.b.c.d` (RFC 6052 §2.1).
    Nat64,
    /// `2002:AABB:CCDD:…` (RFC 3056 §2).
    SixToFour,
    /// `2001:0:…`, the client's address inverted at the end (RFC 4380 §4).
    Teredo,
    /// `…:0:5efe:a.b.c.d` or `…:200:5efe:a.b.c.d`, below any prefix (RFC 5214 §6.1).
    Isatap,
}

impl fmt::Display for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Compatible => "an IPv4-compatible address (RFC 4291)",
            Self::Mapped => "an IPv4-mapped address (RFC 4291)",
            Self::Translated => "an IPv4-translated address (RFC 2765)",
            Self::Nat64 => "a NAT64 address (RFC 6052)",
            Self::SixToFour => "a 6to4 address (RFC 3056)",
            Self::Teredo => "a Teredo address (RFC 4380)",
            Self::Isatap => "an ISATAP address (RFC 5214)",
        })
    }
}

/// Returns the IPv4 address in an IPv6 address, and how it is written; `None` if there is none.
///
/// A network may also translate below a prefix of its own (RFC 6052 §2.2). Nothing in such an
/// address shows that.
fn inside(address: Ipv6Addr) -> Option<(Form, Ipv4Addr)> {
    let (form, high, low) = match address.segments() {
        // These two are not IPv4-compatible addresses.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => return None,
        [0, 0, 0, 0, 0, 0, high, low] => (Form::Compatible, high, low),
        [0, 0, 0, 0, 0, 0xffff, high, low] => (Form::Mapped, high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => (Form::Translated, high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => (Form::Nat64, high, low),
        [0x2002, high, low, ..] => (Form::SixToFour, high, low),
        [0x2001, 0, .., high, low] => (Form::Teredo, !high, !low),
        [.., 0 | 0x200, 0x5efe, high, low] => (Form::Isatap, high, low),
        _ => return None,
    };
    let bits = u32::from(high) << 16 | u32::from(low);
    Some((form, Ipv4Addr::from_bits(bits)))
}

/// Returns an IPv4 address in each of the forms, for tests.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn forms_of(address: Ipv4Addr) -> [Ipv6Addr; 9] {
    let bits = u128::from(address.to_bits());
    let at = |prefix: &[u16], bits: u128| {
        let mut segments = [0; 8];
        segments[..prefix.len()].copy_from_slice(prefix);
        Ipv6Addr::from_bits(Ipv6Addr::from(segments).to_bits() | bits)
    };
    [
        at(&[], bits),
        at(&[0, 0, 0, 0, 0, 0xffff], bits),
        at(&[0, 0, 0, 0, 0xffff], bits),
        at(&[0x64, 0xff9b], bits),
        at(&[0x64, 0xff9b, 1], bits),
        at(&[0x2002], bits << 80),
        at(&[0x2001, 0, 0x4136, 0xe378], bits ^ 0xffff_ffff),
        at(&[0x2a00, 0x1450, 1, 2, 0, 0x5efe], bits),
        at(&[0x2a00, 0x1450, 1, 2, 0x200, 0x5efe], bits),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn why(address: &str) -> String {
        match check(address.parse().unwrap()) {
            Ok(()) => "public".to_owned(),
            Err(why) => why.to_string(),
        }
    }

    #[test]
    fn reason_names_the_block_and_its_rfc() {
        for (address, expected) in [
            ("8.8.8.8", "public"),
            ("2606:4700:4700::1111", "public"),
            ("64:ff9b::8.8.8.8", "public"),
            ("::ffff:8.8.8.8", "public"),
            ("2a00:1450:1:2:0:5efe:8.8.8.8", "public"),
            ("10.1.2.3", "a private address (RFC 1918)"),
            ("169.254.169.254", "a link-local address (RFC 3927)"),
            (
                "100.100.100.200",
                "an address of the shared address space (RFC 6598)",
            ),
            ("0.0.0.0", "the address of this host (RFC 1122)"),
            ("::", "the unspecified address (RFC 4291)"),
            ("::1", "a loopback address (RFC 4291)"),
            ("fd00:ec2::254", "a unique local address (RFC 4193)"),
            ("fec0::1", "a site-local address (RFC 3879)"),
            ("4000::1", "an address outside of 2000::/3 (RFC 4291)"),
            ("::8.8.8.8", "an IPv4-compatible address (RFC 4291)"),
            (
                "64:ff9b:1::8.8.8.8",
                "a NAT64 address for local use (RFC 8215)",
            ),
            ("2002:808:808::1", "a 6to4 address (RFC 3056)"),
            (
                "::ffff:127.0.0.1",
                "an IPv4-mapped address (RFC 4291) that stands for 127.0.0.1, a loopback address (RFC 1122)",
            ),
            (
                "64:ff9b::a9fe:a9fe",
                "a NAT64 address (RFC 6052) that stands for 169.254.169.254, a link-local address (RFC 3927)",
            ),
            (
                "2002:a01:203::1",
                "a 6to4 address (RFC 3056) that stands for 10.1.2.3, a private address (RFC 1918)",
            ),
            (
                "2001:0:4136:e378:8000:63bf:f5fe:fdfc",
                "a Teredo address (RFC 4380) that stands for 10.1.2.3, a private address (RFC 1918)",
            ),
            (
                "2a00:1450:1:2:200:5efe:c0a8:1",
                "an ISATAP address (RFC 5214) that stands for 192.168.0.1, a private address (RFC 1918)",
            ),
        ] {
            assert_eq!(why(address), expected, "{address}");
        }
    }

    fn not_public() -> impl Strategy<Value = Ipv4Addr> {
        let anywhere = any::<u32>().prop_map(Ipv4Addr::from_bits);
        // An eighth of all addresses is reserved or multicast, and hardly any is private.
        let private = (any::<u32>(), 0..5_usize).prop_map(|(bits, nth)| {
            let (first, mask) = [
                (0x0a00_0000, 0xff_ffff),
                (0x7f00_0000, 0xff_ffff),
                (0xa9fe_0000, 0xffff),
                (0xac10_0000, 0xf_ffff),
                (0xc0a8_0000, 0xffff),
            ][nth];
            Ipv4Addr::from_bits(first | bits & mask)
        });
        prop_oneof![anywhere, private]
            .prop_filter("public", |address| check((*address).into()).is_err())
    }

    proptest! {
        #[test]
        fn address_that_is_not_public_is_not_so_in_any_form(address in not_public()) {
            for form in forms_of(address) {
                prop_assert!(check(form.into()).is_err(), "{} in {}", address, form);
            }
        }

        #[test]
        fn what_the_standard_library_calls_private_is_not_public(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let is_special = address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_unspecified();
            prop_assert!(!is_special || check(address.into()).is_err(), "{}", address);
        }
    }
}
