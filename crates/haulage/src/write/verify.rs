//! Verifies what was received: only that can be committed.

use super::content::Expected;
use crate::checksum::Checksum;
use crate::error::{Error, ErrorKind};
use crate::plan::range_set::RangeSet;

/// What was received of a file.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    /// Bytes of the body, as received.
    pub(super) received: u64,
    /// Bytes of the file, after decoding.
    pub(super) length: u64,
    /// The file's hashes, by each algorithm that was requested.
    pub(super) hashes: Vec<Checksum>,
    /// Which bytes are in right pieces; `None` if pieces were not compared.
    pub(super) right: Option<RangeSet>,
}

/// A part whose length and hashes are as expected. Only this module creates one.
#[derive(Debug)]
pub(super) struct Verified(Arrived);

impl Verified {
    /// Returns what was received.
    pub(super) fn into_inner(self) -> Arrived {
        self.0
    }
}

/// Verifies what arrived: its length must be the one that the response promised, and its hashes the
/// expected ones. Fails with `incomplete` or `checksum`.
pub(super) fn verify(
    arrived: Arrived,
    promised: Option<u64>,
    expected: &Expected,
) -> Result<Verified, Error> {
    length(arrived.received, promised)?;
    if let Some(digest) = &expected.digest
        && let Some((found, expected)) = differing(&arrived.hashes, std::slice::from_ref(digest))
    {
        return Err(Error::new(
            ErrorKind::Checksum,
            format!(
                "what the server sent has the {} {}, and its own header says {}; it was spoilt on the way, or the header is wrong: try again later",
                found.algorithm(),
                found.hex(),
                expected.hex()
            ),
        ));
    }
    if let Some(right) = &arrived.right
        && !right.is_whole(arrived.length)
    {
        return Err(Error::new(
            ErrorKind::Checksum,
            format!(
                "of the file's {} bytes, {} are in pieces with another hash; it is another file, or the hashes are wrong: compare both with their source",
                arrived.length,
                arrived.length - right.covered()
            ),
        ));
    }
    match differing(&arrived.hashes, &expected.checksums) {
        Some((found, expected)) => Err(Error::new(
            ErrorKind::Checksum,
            format!(
                "what the server sent has the {} {}, not {}; it is another file, or the checksum is wrong: compare both with their source",
                found.algorithm(),
                found.hex(),
                expected.hex()
            ),
        )),
        None => Ok(Verified(arrived)),
    }
}

/// Checks that as many bytes were received as the response promised, if it did (RFC 9112 §8). Fails
/// with `incomplete`.
pub(super) fn length(received: u64, promised: Option<u64>) -> Result<(), Error> {
    match promised {
        Some(promised) if promised != received => Err(Error::new(
            ErrorKind::Incomplete,
            format!("the server promised {promised} bytes and sent {received}"),
        )),
        _ => Ok(()),
    }
}

/// Returns the first pair of a found checksum and an expected one that differ; `None` if all are as
/// expected.
pub(crate) fn differing<'a>(
    found: &'a [Checksum],
    expected: &'a [Checksum],
) -> Option<(&'a Checksum, &'a Checksum)> {
    expected.iter().find_map(|expected| {
        let same_algorithm = |found: &&Checksum| found.algorithm() == expected.algorithm();
        let found = found.iter().find(same_algorithm)?;
        (found != expected).then_some((found, expected))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(received: u64) -> Arrived {
        Arrived {
            received,
            length: received,
            hashes: vec!["crc32c=00000001".parse().unwrap()],
            right: None,
        }
    }

    fn expected(checksum: Checksum) -> Expected {
        Expected {
            checksums: vec![checksum],
            ..Expected::default()
        }
    }

    #[test]
    fn a_body_of_another_length_than_promised_is_not_verified() {
        for promised in [Some(5), None] {
            let verified = verify(arrived(5), promised, &Expected::default()).unwrap();
            assert_eq!(verified.into_inner().length, 5);
        }
        for promised in [4, 6] {
            let error = verify(arrived(5), Some(promised), &Expected::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Incomplete);
        }
    }

    #[test]
    fn a_body_of_another_checksum_is_not_verified_and_both_are_told() {
        let right = "crc32c=00000001".parse().unwrap();
        let wrong = "crc32c=00000002".parse().unwrap();
        assert!(verify(arrived(5), None, &expected(right)).is_ok());
        let error = verify(arrived(5), None, &expected(wrong)).unwrap_err();
        assert_eq!(
            (error.kind(), error.is_transient()),
            (ErrorKind::Checksum, false)
        );
        let message = error.to_string();
        assert!(
            message.contains("crc32c 00000001, not 00000002;"),
            "{message}"
        );
    }
}
