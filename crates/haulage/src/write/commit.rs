//! How a part becomes a file: under its own name, or beside what stands there.

use std::io;
use std::time::SystemTime;

use super::disk::{Disk, Replace};
use super::verify::Verified;
use crate::checksum::Checksum;
use crate::error::{Error, ErrorKind};
use crate::options::Existing;
use crate::plan::name::TargetName;

/// Most copies of one name, as in aria2.
const COPIES: u32 = 9999;

/// How a part becomes a file.
pub(crate) struct Saving {
    pub(crate) target: TargetName,
    pub(crate) existing: Existing,
    /// The length that the response promised.
    pub(crate) promised: Option<u64>,
    pub(crate) modified: Option<SystemTime>,
    /// Told, on a thread of the disk's, once the file has its final name or will not get it.
    pub(crate) done: Box<dyn FnOnce(Result<Saved, Error>) + Send>,
}

impl Saving {
    /// What it may replace.
    pub(super) fn replaces(&self) -> Replace {
        match self.existing {
            Existing::Refresh | Existing::Overwrite => Replace::Files,
            Existing::Skip | Existing::Rename | Existing::Fail => Replace::Never,
        }
    }
}

/// What became of a part that has its final name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    /// The file's length in bytes.
    pub(crate) length: u64,
    /// The name it got, where its own was taken.
    pub(crate) renamed: Option<TargetName>,
    /// What it hashes to, by each algorithm that was asked for.
    pub(crate) hashes: Vec<Checksum>,
}

/// Gives a part its final name: takes a `Verified`, so nothing else gets one.
pub(super) fn name(
    disk: &dyn Disk,
    part: u64,
    verified: Verified,
    saving: &Saving,
) -> Result<Saved, Error> {
    let replace = saving.replaces();
    let commit = |target: &TargetName| disk.commit(part, target, replace);
    let mut renamed = None;
    let mut named = commit(&saving.target);
    let mut copies = 0;
    while saving.existing == Existing::Rename
        && copies < COPIES
        && named.as_ref().is_err_and(is_taken)
    {
        copies += 1;
        named = commit(renamed.insert(saving.target.copy(copies)));
    }
    named.map_err(|cause| unnamed(&saving.target, cause))?;
    let arrived = verified.into_inner();
    Ok(Saved {
        length: arrived.length,
        renamed,
        hashes: arrived.hashes,
    })
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::IsADirectory
    )
}

/// Why a part did not get its name.
fn unnamed(target: &TargetName, cause: io::Error) -> Error {
    let target = target.as_str();
    let exists = |what: String| Error::new(ErrorKind::Exists, what);
    match cause.kind() {
        _ if is_taken(&cause) => exists(format!(
            "{target} appeared while it was being fetched; move it away and run again"
        ))
        .caused_by(cause),
        io::ErrorKind::NotADirectory => exists(format!(
            "a file or a link stands where a folder of {target} should; move it away and run again"
        ))
        .caused_by(cause),
        _ => Error::disk(&format!("cannot give {target} its name"), cause),
    }
}
