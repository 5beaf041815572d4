//! Finds the right pieces of a file, and takes them over from a damaged one.

use std::io::{self, IoSlice, Read};

use tokio_util::sync::CancellationToken;

use super::body::write_all;
use super::destination::Seen;
use super::hash::Hashes;
use super::scratch::PartFile;
use super::storage::Storage;
use crate::pieces::PieceHashes;
use crate::plan::name::TargetName;
use crate::plan::range_set::RangeSet;

/// The most bytes that one read returns.
const BUFFER: usize = 256 << 10;
/// Maximum ranges of right pieces that are used: each gap is a request.
const MAX_RANGES: usize = 1000;

/// Compares the pieces of a file with their hashes, as its bytes come.
pub(super) struct PieceCheck {
    pieces: PieceHashes,
    total: u64,
    /// How many bytes have come.
    at: u64,
    /// The hash of the piece that is coming.
    hash: Hashes,
    right: RangeSet,
}

impl PieceCheck {
    pub(super) fn new(pieces: &PieceHashes, total: u64) -> Self {
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

    pub(super) fn update(&mut self, mut bytes: &[u8]) {
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
        if found.first().map(|found| found.digest()) == expected {
            self.right.add(start..self.at);
        }
    }

    /// Returns which bytes are in right pieces, after the last byte of the file; none, if the file
    /// has another length.
    pub(super) fn finish(mut self) -> RangeSet {
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

/// What is right of a file that has been read.
pub(crate) struct RightPieces {
    pub(crate) ranges: RangeSet,
    /// Whether all pieces are right.
    pub(crate) is_whole: bool,
    /// The file, if it can be replaced while it is still the same.
    pub(crate) seen: Option<Seen>,
}

/// Returns which pieces of the file at a name are right; `None` if the run is being stopped.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn of_file(
    storage: &Storage,
    target: &TargetName,
    pieces: &PieceHashes,
    total: u64,
    stopping: &CancellationToken,
) -> io::Result<Option<RightPieces>> {
    let seen = storage.lookup.see(target)?;
    let mut file = storage.lookup.read(target)?;
    let right = read(&mut *file, pieces, total, stopping)?;
    Ok(right.map(|right| RightPieces { seen, ..right }))
}

/// Returns which pieces of a part are right; `None` if the run is being stopped.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn of_part(
    storage: &Storage,
    part: u64,
    pieces: &PieceHashes,
    total: u64,
    stopping: &CancellationToken,
) -> io::Result<Option<RightPieces>> {
    let mut file = storage.kept_parts()?.read(part)?;
    read(&mut *file, pieces, total, stopping)
}

fn read(
    file: &mut dyn Read,
    pieces: &PieceHashes,
    total: u64,
    stopping: &CancellationToken,
) -> io::Result<Option<RightPieces>> {
    let mut check = PieceCheck::new(pieces, total);
    let mut buffer = vec![0; BUFFER];
    loop {
        if stopping.is_cancelled() {
            return Ok(None);
        }
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => check.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let all = check.finish();
    let mut ranges = RangeSet::default();
    all.iter()
        .take(MAX_RANGES)
        .for_each(|range| ranges.add(range));
    Ok(Some(RightPieces {
        is_whole: all.is_whole(total),
        ranges,
        seen: None,
    }))
}

/// Copies these ranges of the file at a name to a new part. Returns `false` if the run is being
/// stopped, or the file is shorter now.
///
/// # Errors
/// If the file cannot be read, or the part cannot be written.
pub(crate) fn copy(
    storage: &Storage,
    target: &TargetName,
    part: u64,
    ranges: &RangeSet,
    stopping: &CancellationToken,
) -> io::Result<bool> {
    let kept = storage.kept_parts()?;
    let mut file = storage.lookup.read(target)?;
    storage.scratch.create(part)?.close()?;
    let mut at = 0;
    let mut buffer = vec![0; BUFFER];
    for range in ranges.iter() {
        let mut skipped = (&mut *file).take(range.start - at);
        if io::copy(&mut skipped, &mut io::sink())? < range.start - at {
            return Ok(false);
        }
        let mut to = kept.open(part, range.start)?;
        at = range.start;
        while at < range.end {
            if stopping.is_cancelled() {
                return Ok(false);
            }
            let most = usize::try_from(range.end - at).unwrap_or(BUFFER);
            let most = most.min(BUFFER);
            let read = match file.read(&mut buffer[..most]) {
                Ok(0) => return Ok(false),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            write_all(&mut *to, &mut [IoSlice::new(&buffer[..read])])?;
            at += read as u64;
        }
        PartFile::close(to)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use proptest::prelude::*;

    use super::*;
    use crate::checksum::Algorithm;

    fn hashes(bytes: &[u8], length: u64) -> PieceHashes {
        let digests = bytes.chunks(length as usize).flat_map(|piece| {
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
            for start in (0..total).step_by(length as usize) {
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
