//! Decodes, measures and hashes a body's bytes on their way to the file, where that is required.

use std::io::{self, Read};

use super::decode::Decoder;
use super::hash::Hashes;
use super::piece_check::PieceCheck;
use super::write_error::WriteError;
use crate::checksum::Checksum;
use crate::error::{Error, ErrorKind};
use crate::pieces::PieceHashes;
use crate::plan::coding::Layer;
use crate::plan::range_set::RangeSet;

/// The most bytes that one read returns.
const READ: usize = 256 << 10;

/// What is done with a body's bytes besides saving them: they are decoded, and the resulting file
/// is measured and hashed. Most bodies need none of this.
pub(crate) struct Content {
    decoder: Option<Decoder>,
    file: File,
    expected: Expected,
}

/// The hashes that the file's bytes should have.
#[derive(Default)]
pub(crate) struct Expected {
    /// The checksums that the user gave.
    pub(crate) checksums: Vec<Checksum>,
    /// The digest that the response contains; `None` if there is none.
    pub(crate) digest: Option<Checksum>,
    /// The hashes of the pieces, and the length of the file, if nothing else tells whether all of
    /// it is right.
    pub(crate) pieces: Option<(PieceHashes, u64)>,
}

/// The hashes of a file's bytes, and those that it should have.
#[derive(Default)]
pub(super) struct Hashed {
    pub(super) hashes: Vec<Checksum>,
    /// Which bytes are in right pieces; `None` if pieces were not compared.
    pub(super) right: Option<RangeSet>,
    pub(super) expected: Expected,
}

/// The file, as far as its bytes have been processed.
struct File {
    length: u64,
    most: Option<u64>,
    hashes: Hashes,
    pieces: Option<PieceCheck>,
}

impl Content {
    /// Creates what decodes these codings, limits the file to `most` bytes, computes these hashes,
    /// and compares them with the expected ones, which must be among them. Returns `None` if there
    /// is nothing to do.
    pub(crate) fn asked(
        codings: &[Layer],
        most: Option<u64>,
        hashes: Hashes,
        expected: Expected,
    ) -> Result<Option<Box<Self>>, Error> {
        let pieces = expected.pieces.as_ref();
        let pieces = pieces.map(|(pieces, total)| PieceCheck::new(pieces, *total));
        if codings.is_empty() && most.is_none() && hashes.is_empty() && pieces.is_none() {
            return Ok(None);
        }
        let decoder = match codings {
            [] => None,
            codings => Some(Decoder::new(codings)?),
        };
        Ok(Some(Box::new(Self {
            decoder,
            file: File {
                length: 0,
                most,
                hashes,
                pieces,
            },
            expected,
        })))
    }

    /// Takes the next bytes of the body, and gives those of the file to `save`.
    pub(super) fn pass(
        &mut self,
        bytes: &[u8],
        save: &mut dyn FnMut(&[u8]) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        let Self { decoder, file, .. } = self;
        let mut save = |bytes: &[u8]| {
            file.pass(bytes).map_err(WriteError::Body)?;
            save(bytes)
        };
        match decoder {
            Some(decoder) => decoder.pass(bytes, &mut save),
            None => save(bytes),
        }
    }

    /// Reads a file whose bytes were not hashed as they came, and returns its hashes and the
    /// expected ones.
    pub(super) fn of_file(self, file: &mut dyn Read) -> io::Result<Hashed> {
        let mut buffer = vec![0; READ].into_boxed_slice();
        let mut hashes = self.file.hashes.anew();
        let mut pieces = self.file.pieces.as_ref().map(PieceCheck::anew);
        loop {
            match file.read(&mut buffer) {
                Ok(0) => {
                    return Ok(Hashed {
                        hashes: hashes.finish(),
                        right: pieces.map(PieceCheck::finish),
                        expected: self.expected,
                    });
                }
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

    /// Returns the hashes of the file and the expected ones, after the last byte of the body. Fails
    /// if a coding ends too early.
    pub(super) fn end(self) -> Result<Hashed, Error> {
        if let Some(decoder) = self.decoder {
            decoder.end()?;
        }
        Ok(Hashed {
            hashes: self.file.hashes.finish(),
            right: self.file.pieces.map(PieceCheck::finish),
            expected: self.expected,
        })
    }
}

impl File {
    fn pass(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.length += bytes.len() as u64;
        if let Some(most) = self.most.filter(|most| self.length > *most) {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("the file is longer than {most} bytes (--max-size)"),
            ));
        }
        self.hashes.update(bytes);
        if let Some(pieces) = &mut self.pieces {
            pieces.update(bytes);
        }
        Ok(())
    }
}
