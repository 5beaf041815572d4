//! The hashes of a file's pieces: which parts of a file on disk are right.

use std::num::NonZeroU64;
use std::sync::Arc;

use crate::checksum::Algorithm;
use crate::error::{Error, ErrorKind};

/// Maximum pieces of a file.
pub(crate) const MAX_PIECES: usize = 1_000_000;

/// The hashes of a file's pieces, which all have the same length but for the last one, as a
/// Metalink has them (RFC 5854 §4.2.11).
///
/// If a file on disk is damaged, only the pieces that are damaged are fetched again.
///
/// ```
/// use std::num::NonZeroU64;
/// use haulage::{Algorithm, PieceHashes};
///
/// let digests = vec![0; 3 * Algorithm::Md5.digest_length()];
/// let length = NonZeroU64::new(4096).unwrap();
/// let pieces = PieceHashes::new(Algorithm::Md5, length, digests)?;
/// assert_eq!(pieces.count(), 3);
/// # Ok::<(), haulage::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PieceHashes {
    algorithm: Algorithm,
    length: NonZeroU64,
    /// All digests, one after another.
    digests: Arc<[u8]>,
}

impl PieceHashes {
    /// Creates the hashes of pieces of `length` bytes; `digests` has them one after another.
    ///
    /// # Errors
    /// Of kind `input`, if that is no digest, half a digest, or more than a million of them.
    pub fn new(
        algorithm: Algorithm,
        length: NonZeroU64,
        digests: impl Into<Arc<[u8]>>,
    ) -> Result<Self, Error> {
        let digests = digests.into();
        let each = algorithm.digest_length();
        let is_whole = digests.len().is_multiple_of(each);
        if digests.is_empty() || !is_whole || digests.len() / each > MAX_PIECES {
            return Err(Error::new(
                ErrorKind::Input,
                format!(
                    "{} bytes are not the {algorithm} of one piece, or of up to a million",
                    digests.len()
                ),
            ));
        }
        Ok(Self {
            algorithm,
            length,
            digests,
        })
    }

    /// Returns what the hashes are computed with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the length of a piece in bytes; the last one may be shorter.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length.get()
    }

    /// Returns how many pieces there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        (self.digests.len() / self.algorithm.digest_length()) as u64
    }

    /// Returns whether a file of `total` bytes has as many pieces as there are hashes.
    #[must_use]
    pub fn fit(&self, total: u64) -> bool {
        total.div_ceil(self.length()) == self.count()
    }

    /// Returns the digest of the nth piece, from 0; `None` if there are fewer.
    pub(crate) fn digest(&self, nth: u64) -> Option<&[u8]> {
        let mut digests = self.digests.chunks_exact(self.algorithm.digest_length());
        digests.nth(usize::try_from(nth).ok()?)
    }

    /// Returns all digests, one after another.
    #[must_use]
    pub const fn digests(&self) -> &Arc<[u8]> {
        &self.digests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(bytes: usize) -> Result<PieceHashes, Error> {
        let length = NonZeroU64::new(10).unwrap();
        PieceHashes::new(Algorithm::Md5, length, vec![0; bytes])
    }

    #[test]
    fn the_last_piece_may_be_shorter() {
        let pieces = pieces(48).unwrap();
        for (total, fits) in [(20, false), (21, true), (30, true), (31, false), (0, false)] {
            assert_eq!(pieces.fit(total), fits, "{total}");
        }
        assert_eq!(pieces.digest(2), Some(&[0; 16][..]));
        assert_eq!(pieces.digest(3), None);
    }

    #[test]
    fn digests_must_be_whole_and_not_too_many() {
        for bytes in [0, 15, 17, 16 * (MAX_PIECES + 1)] {
            let error = pieces(bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input, "{bytes}");
        }
        assert_eq!(pieces(16 * MAX_PIECES).unwrap().count(), 1_000_000);
    }
}
