//! Compares the pieces of a file with their hashes.

use super::hash::Hashes;
use crate::checksum::Checksum;
use crate::pieces::PieceHashes;
use crate::plan::range_set::RangeSet;

/// Compares the pieces of a file with their hashes, as its bytes come.
pub(crate) struct PieceCheck {
    pieces: PieceHashes,
    total: u64,
    /// How many bytes have come.
    at: u64,
    /// The hash of the piece that is coming.
    hash: Hashes,
    right: RangeSet,
}

impl PieceCheck {
    pub(crate) fn new(pieces: &PieceHashes, total: u64) -> Self {
        Self {
            hash: Hashes::new(&[pieces.algorithm()], &[]),
            pieces: pieces.clone(),
            total,
            at: 0,
            right: RangeSet::default(),
        }
    }

    /// Creates one of the same pieces that no bytes have come for.
    pub(super) fn anew(&self) -> Self {
        Self::new(&self.pieces, self.total)
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let length = self.pieces.length();
            let start = self.at - self.at % length;
            let end = start.saturating_add(length);
            let here = usize::try_from(end - self.at).unwrap_or(usize::MAX);
            let (of_piece, rest) = bytes.split_at(here.min(bytes.len()));
            self.hash.update(of_piece);
            self.at += of_piece.len() as u64;
            if self.at == end {
                self.end_piece(start);
            }
            bytes = rest;
        }
    }

    fn end_piece(&mut self, start: u64) {
        let next = self.hash.anew();
        let found = std::mem::replace(&mut self.hash, next).finish();
        let expected = self.pieces.digest(start / self.pieces.length());
        if found.first().map(Checksum::digest) == expected {
            self.right.add(start..self.at);
        }
    }

    /// Returns which bytes are in right pieces, after the last byte of the file; none, if the file
    /// has another length.
    pub(crate) fn finish(mut self) -> RangeSet {
        if self.at != self.total {
            return RangeSet::default();
        }
        let start = self.at - self.at % self.pieces.length();
        if start < self.at {
            self.end_piece(start);
        }
        self.right
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use proptest::prelude::*;

    use super::*;
    use crate::checksum::Algorithm;

    fn hashes(bytes: &[u8], length: u64) -> PieceHashes {
        let step = usize::try_from(length).unwrap();
        let digests = bytes.chunks(step).flat_map(|piece| {
            let mut hash = Hashes::new(&[Algorithm::Md5], &[]);
            hash.update(piece);
            hash.finish()[0].digest().to_vec()
        });
        let length = NonZeroU64::new(length).unwrap();
        PieceHashes::new(Algorithm::Md5, length, digests.collect::<Vec<_>>()).unwrap()
    }

    proptest! {
        #[test]
        fn pieces_without_damage_are_right_however_bytes_come(
            bytes in proptest::collection::vec(any::<u8>(), 1..200),
            length in 1_u64..50,
            damaged in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let total = bytes.len() as u64;
            let pieces = hashes(&bytes, length);
            let mut spoilt = bytes.clone();
            let damaged: Vec<_> = damaged.iter().map(|at| at.index(bytes.len())).collect();
            for at in &damaged {
                spoilt[*at] = !bytes[*at];
            }
            let mut expected = RangeSet::default();
            for start in (0..total).step_by(usize::try_from(length).unwrap()) {
                let range = start..(start + length).min(total);
                if !damaged.iter().any(|at| range.contains(&(*at as u64))) {
                    expected.add(range);
                }
            }
            let mut check = PieceCheck::new(&pieces, total);
            let (first, second) = spoilt.split_at(cut.index(bytes.len()));
            check.update(first);
            check.update(second);
            prop_assert_eq!(check.finish(), expected);
            let mut shorter = PieceCheck::new(&pieces, total);
            shorter.update(&bytes[1..]);
            prop_assert_eq!(shorter.finish().covered(), 0);
        }
    }
}
