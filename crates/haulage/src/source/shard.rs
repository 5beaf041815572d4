//! A part of a list: the rows of some hosts.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind};
use crate::request::Row;

/// One of several parts of a list, such as `2/5`. Each host belongs to one part, the same one on
/// every machine, so machines can share a list and each host still has one client.
///
/// ```
/// use haulage::source::Shard;
///
/// let shards: Vec<Shard> = (1..=3).map(|part| Shard::new(part, 3).unwrap()).collect();
/// let takers = shards.iter().filter(|shard| shard.takes("http://host.example"));
/// assert_eq!(takers.count(), 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard {
    /// From 0.
    part: u32,
    of: NonZeroU32,
}

impl Shard {
    /// Returns a part, counted from 1.
    ///
    /// # Errors
    /// Of kind `input`, if there is no such part.
    pub fn new(part: u32, of: u32) -> Result<Self, Error> {
        let unusable = || Error::new(ErrorKind::Input, format!("there is no part {part} of {of}"));
        let of = NonZeroU32::new(of).ok_or_else(unusable)?;
        let part = part.checked_sub(1).ok_or_else(unusable)?;
        if part >= of.get() {
            return Err(unusable());
        }
        Ok(Self { part, of })
    }

    /// Returns whether an origin ([`Request::origin`](crate::Request::origin)) belongs to this
    /// part: its SHA-256, of which the first 8 bytes are a number, leaves this remainder.
    #[must_use]
    pub fn takes(&self, origin: &str) -> bool {
        let digest = Sha256::digest(origin);
        let number = digest[..8]
            .iter()
            .fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        number % u64::from(self.of.get()) == u64::from(self.part)
    }

    /// Returns whether a row belongs to this part. Rows that cannot be read belong to the first
    /// one, so that they are reported once.
    #[must_use]
    pub fn takes_row(&self, row: &Row) -> bool {
        match row {
            Ok(request) => self.takes(request.origin()),
            Err(_) => self.part == 0,
        }
    }

    /// Returns the rows of this part, with their numbers: for
    /// [`Run::feed_numbered`](crate::Run::feed_numbered).
    pub fn of<I: IntoIterator<Item = (u64, Row)>>(
        self,
        rows: I,
    ) -> impl Iterator<Item = (u64, Row)> {
        rows.into_iter().filter(move |(_, row)| self.takes_row(row))
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let numbers = text.split_once('/');
        let numbers = numbers.and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        let (part, of) = numbers.ok_or_else(|| {
            Error::new(
                ErrorKind::Input,
                "write it as in 2/5, the second of five parts",
            )
        })?;
        Self::new(part, of)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.part + 1, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_belongs_to_one_part_for_ever() {
        let shards: Vec<Shard> = (1..=7).map(|part| Shard::new(part, 7).unwrap()).collect();
        let mut sizes = [0; 7];
        for host in 0..700 {
            let origin = format!("http://h{host}.example");
            let takers: Vec<_> = (0..7).filter(|at| shards[*at].takes(&origin)).collect();
            assert_eq!(takers.len(), 1);
            sizes[takers[0]] += 1;
        }
        assert!(
            sizes.iter().all(|size| (60..140).contains(size)),
            "{sizes:?}"
        );
        // Machines of different versions share lists.
        assert!(
            Shard::new(PART, 5)
                .unwrap()
                .takes("https://host.example:8443")
        );
    }

    const PART: u32 = 3;

    #[test]
    fn what_is_no_part_says_so() {
        for text in ["", "1", "0/3", "4/3", "1/0", "a/b", "-1/2", "1/2/3"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert_eq!("2/5".parse::<Shard>().unwrap().to_string(), "2/5");
    }
}
