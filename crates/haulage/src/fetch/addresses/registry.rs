//! Which blocks of addresses are globally reachable by the IANA registries, and what the others are
//! for.
//!
//! * IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190), as of 2025-10-09:
//!   <https://www.iana.org/assignments/iana-ipv4-special-registry/> and
//!   <https://www.iana.org/assignments/iana-ipv6-special-registry/>. Only blocks whose "Globally
//!   Reachable" is "True" are public; where it is empty (terminated blocks) or "N/A" (Teredo,
//!   6to4), they are not.
//! * IPv4 and IPv6 Address Space registries, for multicast and unassigned addresses.
//!
//! To update the tables, compare them with the registries, and change the date above.

use std::fmt;
use std::net::IpAddr;

/// A block of addresses, and what it is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its first address; an IPv4 address is in the highest bits.
    first: u128,
    /// Length of the prefix in bits.
    length: u32,
    /// Whether its addresses are globally reachable.
    pub(super) is_public: bool,
    /// What it is for, in words that fit after "is".
    name: &'static str,
    /// The number of the RFC that reserves it.
    rfc: u16,
}

impl fmt::Display for Block {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (RFC {})", self.name, self.rfc)
    }
}

const PUBLIC: bool = true;
const NOT: bool = false;

const fn v4(first: [u8; 4], length: u32, is_public: bool, name: &'static str, rfc: u16) -> Block {
    Block {
        first: (u32::from_be_bytes(first) as u128) << 96,
        length,
        is_public,
        name,
        rfc,
    }
}

/// Creates a block of IPv6 addresses. Groups that are left out at the end are zero.
const fn v6<const N: usize>(
    groups: [u16; N],
    length: u32,
    is_public: bool,
    name: &'static str,
    rfc: u16,
) -> Block {
    let mut first = 0;
    let mut at = 0;
    while at < N {
        first |= (groups[at] as u128) << (112 - 16 * at);
        at += 1;
    }
    Block {
        first,
        length,
        is_public,
        name,
        rfc,
    }
}

/// All IPv4 addresses outside the blocks below.
static IPV4_UNICAST: Block = v4([0; 4], 0, PUBLIC, "a public address", 791);
/// All IPv6 addresses outside the blocks below: IANA has assigned only `2000::/3` for global use.
static IPV6_UNASSIGNED: Block = v6([], 0, NOT, "an address outside of 2000::/3", 4291);

#[rustfmt::skip]
static IPV4: &[Block] = &[
    v4([0, 0, 0, 0], 8, NOT, "an address of this network", 791),
    v4([0, 0, 0, 0], 32, NOT, "the address of this host", 1122),
    v4([10, 0, 0, 0], 8, NOT, "a private address", 1918),
    v4([100, 64, 0, 0], 10, NOT, "an address of the shared address space", 6598),
    v4([127, 0, 0, 0], 8, NOT, "a loopback address", 1122),
    v4([169, 254, 0, 0], 16, NOT, "a link-local address", 3927),
    v4([172, 16, 0, 0], 12, NOT, "a private address", 1918),
    v4([192, 0, 0, 0], 24, NOT, "an address for protocols of the IETF", 6890),
    v4([192, 0, 0, 0], 29, NOT, "an address for IPv4 service continuity", 7335),
    v4([192, 0, 0, 8], 32, NOT, "the IPv4 dummy address", 7600),
    v4([192, 0, 0, 9], 32, PUBLIC, "the anycast address of the Port Control Protocol", 7723),
    v4([192, 0, 0, 10], 32, PUBLIC, "the anycast address of TURN", 8155),
    v4([192, 0, 0, 170], 31, NOT, "an address for the discovery of NAT64", 8880),
    v4([192, 0, 2, 0], 24, NOT, "an address for documentation", 5737),
    v4([192, 31, 196, 0], 24, PUBLIC, "an address of AS112", 7535),
    v4([192, 52, 193, 0], 24, PUBLIC, "an address of AMT", 7450),
    v4([192, 88, 99, 0], 24, NOT, "an anycast address of 6to4 relays", 7526),
    v4([192, 88, 99, 2], 32, NOT, "the anycast address of 6a44 relays", 6751),
    v4([192, 168, 0, 0], 16, NOT, "a private address", 1918),
    v4([192, 175, 48, 0], 24, PUBLIC, "an address of AS112", 7534),
    v4([198, 18, 0, 0], 15, NOT, "an address for benchmarks", 2544),
    v4([198, 51, 100, 0], 24, NOT, "an address for documentation", 5737),
    v4([203, 0, 113, 0], 24, NOT, "an address for documentation", 5737),
    v4([224, 0, 0, 0], 4, NOT, "a multicast address", 5771),
    v4([240, 0, 0, 0], 4, NOT, "a reserved address", 1112),
    v4([255, 255, 255, 255], 32, NOT, "the broadcast address", 919),
];

#[rustfmt::skip]
static IPV6: &[Block] = &[
    v6([], 128, NOT, "the unspecified address", 4291),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, NOT, "a loopback address", 4291),
    v6([], 96, NOT, "an IPv4-compatible address", 4291),
    // Not reachable itself: the connection goes to the IPv4 address in it, which is checked.
    v6([0, 0, 0, 0, 0, 0xffff], 96, PUBLIC, "an IPv4-mapped address", 4291),
    v6([0, 0, 0, 0, 0xffff], 96, NOT, "an IPv4-translated address", 2765),
    // As reachable as the IPv4 address in it, which is checked.
    v6([0x64, 0xff9b], 96, PUBLIC, "a NAT64 address", 6052),
    v6([0x64, 0xff9b, 1], 48, NOT, "a NAT64 address for local use", 8215),
    v6([0x100], 64, NOT, "an address whose packets are discarded", 6666),
    v6([0x100, 0, 0, 1], 64, NOT, "an IPv6 dummy address", 9780),
    v6([0x2000], 3, PUBLIC, "a public address", 4291),
    v6([0x2001], 23, NOT, "an address for protocols of the IETF", 2928),
    v6([0x2001], 32, NOT, "a Teredo address", 4380),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 1], 128, PUBLIC, "the anycast address of the Port Control Protocol", 7723),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 2], 128, PUBLIC, "the anycast address of TURN", 8155),
    v6([0x2001, 1, 0, 0, 0, 0, 0, 3], 128, PUBLIC, "the anycast address of DNS-SD registration", 9665),
    v6([0x2001, 2], 48, NOT, "an address for benchmarks", 5180),
    v6([0x2001, 3], 32, PUBLIC, "an address of AMT", 7450),
    v6([0x2001, 4, 0x112], 48, PUBLIC, "an address of AS112", 7535),
    v6([0x2001, 0x10], 28, NOT, "an ORCHID", 4843),
    v6([0x2001, 0x20], 28, PUBLIC, "an ORCHIDv2", 7343),
    v6([0x2001, 0x30], 28, PUBLIC, "an entity tag of a drone", 9374),
    v6([0x2001, 0xdb8], 32, NOT, "an address for documentation", 3849),
    v6([0x2002], 16, NOT, "a 6to4 address", 3056),
    v6([0x2620, 0x4f, 0x8000], 48, PUBLIC, "an address of AS112", 7534),
    v6([0x3fff], 20, NOT, "an address for documentation", 9637),
    v6([0x5f00], 16, NOT, "a segment identifier of SRv6", 9602),
    v6([0xfc00], 7, NOT, "a unique local address", 4193),
    v6([0xfe80], 10, NOT, "a link-local address", 4291),
    v6([0xfec0], 10, NOT, "a site-local address", 3879),
    v6([0xff00], 8, NOT, "a multicast address", 4291),
];

/// Returns the smallest block that an address is in.
pub(super) fn block_of(address: IpAddr) -> &'static Block {
    let (bits, blocks, other) = match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, IPV4, &IPV4_UNICAST),
        IpAddr::V6(address) => (address.to_bits(), IPV6, &IPV6_UNASSIGNED),
    };
    let holds = |block: &&Block| (bits ^ block.first).leading_zeros() >= block.length;
    let of_those = blocks.iter().filter(holds);
    of_those.max_by_key(|block| block.length).unwrap_or(other)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    /// Returns an address of a block: the `nth` of four that are spread over it, from its first to
    /// its last one.
    fn address_in(block: &Block, is_v4: bool, nth: u32) -> IpAddr {
        let width = if is_v4 { 32 } else { 128 };
        let rest = u128::MAX
            .checked_shr(128 - width + block.length)
            .unwrap_or(0);
        let rest = if is_v4 { rest << 96 } else { rest };
        address(
            block.first | (rest / 3).saturating_mul(nth.into()).min(rest),
            is_v4,
        )
    }

    fn address(bits: u128, is_v4: bool) -> IpAddr {
        if is_v4 {
            Ipv4Addr::from_bits(u32::try_from(bits >> 96).unwrap()).into()
        } else {
            Ipv6Addr::from_bits(bits).into()
        }
    }

    /// Looks an address up bit by bit.
    fn slowly(address: IpAddr) -> &'static Block {
        let (octets, blocks, other) = match address {
            IpAddr::V4(address) => (address.octets().to_vec(), IPV4, &IPV4_UNICAST),
            IpAddr::V6(address) => (address.octets().to_vec(), IPV6, &IPV6_UNASSIGNED),
        };
        let bit = |octets: &[u8], at: usize| octets[at / 8] >> (7 - at % 8) & 1;
        let mut found = other;
        for block in blocks {
            let first = block.first.to_be_bytes();
            let length = usize::try_from(block.length).unwrap();
            if (0..length).all(|at| bit(&first, at) == bit(&octets, at))
                && block.length > found.length
            {
                found = block;
            }
        }
        found
    }

    #[test]
    fn blocks_begin_where_their_length_allows() {
        for (blocks, is_v4) in [(IPV4, true), (IPV6, false)] {
            for block in blocks {
                let rest = u128::MAX.checked_shr(block.length).unwrap_or(0);
                assert_eq!(block.first & rest, 0, "{block}");
                assert!(block.length <= if is_v4 { 32 } else { 128 }, "{block}");
            }
        }
    }

    #[test]
    fn each_block_is_found_unless_a_smaller_one_is_in_it() {
        for (blocks, is_v4) in [(IPV4, true), (IPV6, false)] {
            for block in blocks {
                for nth in 0..4 {
                    let found = block_of(address_in(block, is_v4, nth));
                    assert!(found.length >= block.length, "{block}: {found}");
                }
                let same =
                    |other: &&Block| (other.first, other.length) == (block.first, block.length);
                assert_eq!(blocks.iter().filter(same).count(), 1, "{block}");
            }
        }
    }

    #[test]
    fn edges_of_blocks_are_where_the_registries_have_them() {
        for (last_outside, first, last, first_outside, is_public) in [
            (
                "9.255.255.255",
                "10.0.0.0",
                "10.255.255.255",
                "11.0.0.0",
                NOT,
            ),
            (
                "100.63.255.255",
                "100.64.0.0",
                "100.127.255.255",
                "100.128.0.0",
                NOT,
            ),
            (
                "126.255.255.255",
                "127.0.0.0",
                "127.255.255.255",
                "128.0.0.0",
                NOT,
            ),
            (
                "169.253.255.255",
                "169.254.0.0",
                "169.254.255.255",
                "169.255.0.0",
                NOT,
            ),
            (
                "172.15.255.255",
                "172.16.0.0",
                "172.31.255.255",
                "172.32.0.0",
                NOT,
            ),
            (
                "191.255.255.255",
                "192.0.0.0",
                "192.0.0.8",
                "192.0.0.9",
                NOT,
            ),
            ("192.0.0.8", "192.0.0.9", "192.0.0.10", "192.0.0.11", PUBLIC),
            ("192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0", NOT),
            (
                "192.167.255.255",
                "192.168.0.0",
                "192.168.255.255",
                "192.169.0.0",
                NOT,
            ),
            (
                "198.17.255.255",
                "198.18.0.0",
                "198.19.255.255",
                "198.20.0.0",
                NOT,
            ),
            (
                "203.0.112.255",
                "203.0.113.0",
                "203.0.113.255",
                "203.0.114.0",
                NOT,
            ),
            (
                "223.255.255.255",
                "224.0.0.0",
                "255.255.255.255",
                "1.0.0.0",
                NOT,
            ),
            ("1fff:ffff::", "2000::", "2000:ffff::", "4000::", PUBLIC),
            ("2000:ffff::", "2001::", "2001:0:ffff::", "2001:200::", NOT),
            (
                "2001:db7:ffff::",
                "2001:db8::",
                "2001:db8:ffff::",
                "2001:db9::",
                NOT,
            ),
            ("2001:ffff::", "2002::", "2002:ffff::", "2003::", NOT),
            ("3ffe:ffff::", "3fff::", "3fff:fff::", "3fff:1000::", NOT),
            ("2001:2ff::", "fc00::", "fdff:ffff::", "2a00::", NOT),
            ("2620:4f::", "fe80::", "feff:ffff::", "2620:50::", NOT),
        ] {
            let is = |text: &str| block_of(text.parse().unwrap()).is_public;
            for inside in [first, last] {
                assert_eq!(is(inside), is_public, "{inside}");
            }
            for outside in [last_outside, first_outside] {
                assert_eq!(is(outside), !is_public, "{outside}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn look_up_agrees_with_one_bit_by_bit(
            bits: u128,
            nth: proptest::sample::Index,
            keep in 0_u32..129,
        ) {
            for (blocks, is_v4) in [(IPV4, true), (IPV6, false)] {
                // Most random addresses are in no block, so some near the blocks are added.
                let near = nth.get(blocks).first ^ bits.checked_shr(keep).unwrap_or(0);
                for bits in [bits, near] {
                    let address = address(bits, is_v4);
                    proptest::prop_assert_eq!(block_of(address), slowly(address));
                }
            }
        }
    }
}
