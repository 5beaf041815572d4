//! Finds the right pieces of a file, and takes them over from a damaged one.

use std::io::{self, IoSlice, Read};

use tokio_util::sync::CancellationToken;

use super::body::write_all;
use super::destination::Seen;
use super::piece_check::PieceCheck;
use super::scratch::PartFile;
use super::storage::Storage;
use crate::pieces::PieceHashes;
use crate::plan::name::TargetName;
use crate::plan::range_set::RangeSet;

/// The most bytes that one read returns.
const BUFFER: usize = 256 << 10;
/// Maximum ranges of right pieces that are used: each gap is a request.
const MAX_RANGES: usize = 1000;

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
