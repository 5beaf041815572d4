//! What is known of an existing file at a row's name.

use std::sync::Arc;

use crate::checksum::Checksum;
use crate::outcome::{Outcome, Renamed, Status, Verified};

/// What is known of an existing file.
#[derive(Clone)]
pub(crate) struct FileInfo {
    /// Where it is; `None` for the row's own name.
    pub(crate) path: Option<Arc<str>>,
    pub(crate) bytes: u64,
    pub(crate) verified: Verified,
    pub(crate) hashes: Vec<Checksum>,
    /// Why it is not at the row's own name; `None` if it is.
    pub(crate) renamed: Option<Renamed>,
}

impl FileInfo {
    /// Describes a file of this length.
    pub(crate) fn of(bytes: u64) -> Self {
        Self::hashed(bytes, Vec::new(), &[])
    }

    /// Describes a file that was read, and whose hashes agree with the expected ones.
    pub(crate) fn hashed(bytes: u64, hashes: Vec<Checksum>, expected: &[Checksum]) -> Self {
        Self {
            path: None,
            bytes,
            verified: if expected.is_empty() {
                Verified::Nothing
            } else {
                Verified::Checksum
            },
            hashes,
            renamed: None,
        }
    }

    /// Describes a file of this length whose pieces are all right.
    pub(crate) fn by_pieces(bytes: u64) -> Self {
        Self {
            verified: Verified::Checksum,
            ..Self::of(bytes)
        }
    }

    /// Describes the file of an identical row that has ended.
    pub(crate) fn same_as(outcome: &Outcome) -> Self {
        Self {
            path: outcome.path.clone(),
            bytes: outcome.bytes,
            verified: match outcome.verified {
                Verified::Checksum => Verified::Checksum,
                _ => Verified::Nothing,
            },
            hashes: outcome.hashes.clone(),
            renamed: outcome.renamed,
        }
    }
}

/// What the check of a row's name says of the row.
pub(crate) enum ExistingCheck {
    /// Its file is to be fetched.
    Fetch,
    /// The existing file is to be hashed first.
    Hash,
    /// Nothing is known of the existing file: it is compared with the head of the response.
    Compare,
    /// The row ends with this status; its file has this length in bytes.
    Ends(Status, u64),
}
