//! What a body's bytes go through on their way to the file, where anything was asked of them.

use super::body::Trouble;
use super::hash::Hashes;
use crate::checksum::{Algorithm, Checksum};

/// What is asked of a body's bytes besides saving them. Most have none.
pub(crate) struct Content {
    hashes: Hashes,
    expected: Vec<Checksum>,
}

impl Content {
    /// Computes these hashes, and holds the file against these checksums; `None` where that is nothing.
    pub(crate) fn asked(reported: &[Algorithm], expected: &[Checksum]) -> Option<Box<Self>> {
        let content = Self {
            hashes: Hashes::new(reported, expected),
            expected: expected.to_vec(),
        };
        (!content.hashes.is_empty()).then(|| Box::new(content))
    }

    /// Takes the next bytes of the body, and gives those of the file to `save`.
    pub(super) fn pass(
        &mut self,
        bytes: &[u8],
        save: &mut dyn FnMut(&[u8]) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        self.hashes.update(bytes);
        save(bytes)
    }

    /// The body is whole: what the file's bytes hash to, and what they should.
    pub(super) fn end(self) -> (Vec<Checksum>, Vec<Checksum>) {
        (self.hashes.finish(), self.expected)
    }
}
