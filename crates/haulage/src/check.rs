//! Compares files with what is known of them.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use crate::checksum::Checksum;
use crate::pieces::PieceHashes;
use crate::write::{Hashes, PieceCheck};

/// Bytes that one read returns.
const BUFFER: usize = 256 << 10;

/// What is known of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Its length in bytes; `None` if it is not known.
    pub length: Option<u64>,
    /// Its checksums.
    pub checksums: Vec<Checksum>,
    /// The hashes of its pieces, which count if there are as many as its length has; `None` if they
    /// are not known.
    pub pieces: Option<PieceHashes>,
}

/// How a file compares with what is known of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Finding {
    /// It is as it should be, and has this many bytes. If neither a checksum nor hashes of pieces
    /// are known, they have not been read.
    Right(u64),
    /// There is nothing.
    Missing,
    /// There is something else than a file: a folder, a device, a pipe.
    NoFile,
    /// It has this many bytes, which are not as many as it should have.
    WrongLength(u64),
    /// These bytes are in pieces that have other hashes than they should have. Their ranges are in
    /// order, and do not touch.
    WrongPieces(Vec<Range<u64>>),
    /// It has this checksum, which it should not have. Its pieces, if their hashes are known, are
    /// right.
    WrongChecksum(Checksum),
    /// It cannot be read.
    Unreadable(io::Error),
}

/// Compares a file with what is known of it. It is read if checksums, or hashes of pieces, are
/// known.
#[must_use]
pub fn check_file(path: &Path, expected: &Expected) -> Finding {
    compare(path, expected).unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Finding::Missing,
        _ => Finding::Unreadable(error),
    })
}

fn compare(path: &Path, expected: &Expected) -> io::Result<Finding> {
    // To open a pipe would wait for who writes to it.
    if !std::fs::metadata(path)?.is_file() {
        return Ok(Finding::NoFile);
    }
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    if expected.length.is_some_and(|expected| expected != length) {
        return Ok(Finding::WrongLength(length));
    }
    let mut hashes = Hashes::new(&[], &expected.checksums);
    let pieces = expected.pieces.as_ref().filter(|pieces| pieces.fit(length));
    let mut pieces = pieces.map(|pieces| PieceCheck::new(pieces, length));
    if !hashes.is_empty() || pieces.is_some() {
        let mut buffer = vec![0; BUFFER];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    hashes.update(&buffer[..read]);
                    if let Some(pieces) = &mut pieces {
                        pieces.update(&buffer[..read]);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    if let Some(pieces) = pieces {
        let right = pieces.finish();
        if !right.is_whole(length) {
            return Ok(Finding::WrongPieces(right.gaps(length).collect()));
        }
    }
    let found = hashes.finish();
    let wrong = found
        .into_iter()
        .find(|sum| !expected.checksums.contains(sum));
    Ok(wrong.map_or(Finding::Right(length), Finding::WrongChecksum))
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test makes the files that it looks at"
)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::checksum::Algorithm;

    #[test]
    fn a_file_is_compared_by_length_and_then_by_checksums() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "abc").unwrap();
        let found = |length, sums: &[&str]| {
            let expected = Expected {
                length,
                checksums: sums.iter().map(|sum| sum.parse().unwrap()).collect(),
                pieces: None,
            };
            format!("{:?}", check_file(&path, &expected))
        };
        let md5 = "md5=900150983cd24fb0d6963f7d28e17f72";
        let crc = "crc32c=364b3fb7";
        assert_eq!(found(None, &[]), "Right(3)");
        assert_eq!(found(Some(3), &[md5, crc]), "Right(3)");
        assert_eq!(found(Some(4), &[md5]), "WrongLength(3)");
        assert!(found(None, &[md5, "crc32c=364b3fb8"]).starts_with("WrongChecksum"));
        let nothing = check_file(&folder.path().join("b/c"), &Expected::default());
        assert!(matches!(nothing, Finding::Missing));
        let below_a_file = check_file(&path.join("c"), &Expected::default());
        assert!(matches!(below_a_file, Finding::Missing));
        let a_folder = check_file(folder.path(), &Expected::default());
        assert!(matches!(a_folder, Finding::NoFile));
    }

    #[test]
    fn pieces_say_which_bytes_are_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let right = b"aabbccd";
        let digests = right.chunks(2).flat_map(|piece| {
            let mut hash = Hashes::new(&[Algorithm::Md5], &[]);
            hash.update(piece);
            hash.finish()[0].digest().to_vec()
        });
        let digests: Vec<u8> = digests.collect();
        let pieces = PieceHashes::new(Algorithm::Md5, NonZeroU64::new(2).unwrap(), digests);
        let expected = Expected {
            pieces: Some(pieces.unwrap()),
            ..Expected::default()
        };
        for (bytes, found) in [
            ("aabbccd", "Right(7)"),
            ("aabXccd", "WrongPieces([2..4])"),
            ("XabXccX", "WrongPieces([0..4, 6..7])"),
            // Another length has another number of pieces.
            ("aab", "Right(3)"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(format!("{:?}", check_file(&path, &expected)), found);
        }
    }
}
