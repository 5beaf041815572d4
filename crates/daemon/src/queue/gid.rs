//! The name of a download.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names a download, for as long as the daemon remembers it. Written as 16 hex digits; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Gid(u64);

impl Gid {
    /// Returns the name with this number; `None` for 0.
    pub(crate) fn new(number: u64) -> Option<Self> {
        (number != 0).then_some(Self(number))
    }

    /// Returns the name that all 16 digits spell; `None` if they do not.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_whole = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok();
        number.filter(|_| is_whole).and_then(Self::new)
    }

    /// Returns the first and the last name that begin with these digits; `None` if they are none,
    /// or too many.
    pub(crate) fn range_of(prefix: &str) -> Option<(Self, Self)> {
        let is_hex = prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex || !(1..=16).contains(&prefix.len()) {
            return None;
        }
        let number = u64::from_str_radix(prefix, 16).ok()?;
        let open = 64 - 4 * u32::try_from(prefix.len()).ok()?;
        let low = number.checked_shl(open).unwrap_or(number);
        Some((
            Self(low),
            Self(low | u64::MAX.checked_shr(64 - open).unwrap_or(0)),
        ))
    }

    /// Returns the number.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Gid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gid_is_16_hex_digits() {
        let gid = Gid::parse("00000000000000Aa").unwrap();
        assert_eq!(gid.to_string(), "00000000000000aa");
        for text in [
            "",
            "aa",
            "0000000000000000",
            "zz00000000000000",
            "+000000000000001",
        ] {
            assert_eq!(Gid::parse(text), None, "{text}");
        }
    }

    #[test]
    fn prefix_spans_all_names_that_begin_with_it() {
        let span = |text| Gid::range_of(text).map(|(low, high)| (low.0, high.0));
        assert_eq!(span("a"), Some((0xa << 60, u64::MAX >> 4 | 0xa << 60)));
        assert_eq!(span("0"), Some((0, u64::MAX >> 4)));
        assert_eq!(span("00000000000000aa"), Some((0xaa, 0xaa)));
        for text in ["", "x", "00000000000000aa0"] {
            assert_eq!(span(text), None, "{text}");
        }
    }
}
