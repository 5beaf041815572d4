//! Gives a part its final name: its own, or another one if a file exists there.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::budget::Reservation;
use super::destination::{Replace, Seen};
use super::storage::Storage;
use super::verify::Verified;
use crate::checksum::Checksum;
use crate::error::{Error, ErrorKind};
use crate::options::Existing;
use crate::plan::existing::{InTheWay, Settlement, settle};
use crate::plan::name::TargetName;

/// The most copies of one name, as in aria2.
const COPIES: u32 = 9999;
/// How often a name is tried while the file there changes, appears or disappears: other processes
/// may want the name too.
const TRIES: u32 = 16;

/// How a part is saved as a file.
pub(crate) struct Saving {
    pub(crate) target: TargetName,
    /// The URL as given, from which a distinct name is made.
    pub(crate) given: Arc<str>,
    pub(crate) existing: Existing,
    /// The length that the response promised, in bytes; `None` if it did not.
    pub(crate) promised: Option<u64>,
    /// The length that the file must have, in bytes; `None` if it may have any.
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<SystemTime>,
    /// The damaged file that it replaces, if that is still the same; `None` if there is none.
    pub(crate) repairs: Option<Seen>,
    /// Called on a disk thread, once the file has its final name or will not get it.
    pub(crate) done: Box<dyn FnOnce(Result<Saved, Error>) + Send>,
}

impl Saving {
    /// Returns what a file may replace without a comparison.
    pub(super) fn replaces(&self) -> Replace {
        match self.existing {
            Existing::Refresh | Existing::Overwrite => Replace::Files,
            Existing::Auto | Existing::Skip | Existing::Rename | Existing::Fail => Replace::Never,
        }
    }
}

/// What became of a part that has its final name.
#[derive(Debug)]
pub(crate) struct Saved {
    /// The file's length in bytes.
    pub(crate) length: u64,
    /// The name that it got; `None` for its own.
    pub(crate) renamed: Option<TargetName>,
    /// Its hashes, by each algorithm that was requested.
    pub(crate) hashes: Vec<Checksum>,
    /// Its bytes and the memory that they occupy; `None` where files are not kept in memory.
    pub(crate) content: Option<(Bytes, Option<Arc<Reservation>>)>,
}

impl Saved {
    /// Describes a verified part that has its own name, or this one.
    pub(super) fn of(
        verified: Verified,
        renamed: Option<TargetName>,
        content: Option<(Bytes, Option<Arc<Reservation>>)>,
    ) -> Self {
        let arrived = verified.into_inner();
        Self {
            length: arrived.length,
            renamed,
            hashes: arrived.hashes,
            content,
        }
    }
}

/// The result of giving a part its name.
#[derive(Debug)]
pub(super) enum Named {
    /// It has this name; `None` for its own.
    As(Option<TargetName>),
    /// A file exists at its name, and is to be compared with it first, which may take long.
    Taken,
}

/// Gives a part its final name. It requires a `Verified`, so nothing else gets one.
pub(super) fn name(
    storage: &Storage,
    part: u64,
    _: &Verified,
    saving: &Saving,
) -> Result<Named, Error> {
    let replace = saving.replaces();
    let commit = |target: &TargetName| storage.destination.commit(part, target, replace);
    let mut renamed = None;
    let mut named = commit(&saving.target);
    if saving.existing == Existing::Auto && named.as_ref().is_err_and(is_taken) {
        return Ok(Named::Taken);
    }
    let mut copies = 0;
    while saving.existing == Existing::Rename
        && copies < COPIES
        && named.as_ref().is_err_and(is_taken)
    {
        copies += 1;
        named = commit(renamed.insert(saving.target.copy(copies)));
    }
    named.map_err(|cause| unnamed(&saving.target, cause))?;
    Ok(Named::As(renamed))
}

/// Gives a part its own name or, beside another file, its distinct one, after comparing it with the
/// existing file. Returns the name that it got, `None` for its own.
pub(super) fn name_after_comparing(
    storage: &Storage,
    part: u64,
    _: &Verified,
    saving: &Saving,
) -> Result<Option<TargetName>, Error> {
    let own = &saving.target;
    if is_named_as(storage, part, own, saving.repairs)? {
        return Ok(None);
    }
    let distinct = own.distinct(&saving.given);
    if distinct == *own {
        return Err(no_name_left(&format!("{} is", own.as_str())));
    }
    if is_named_as(storage, part, &distinct, None)? {
        return Ok(Some(distinct));
    }
    let both = format!("{} and {} are", own.as_str(), distinct.as_str());
    Err(no_name_left(&both))
}

/// Gives a part this name, if nothing has it, or if what does may be replaced. Returns `false` if
/// both are to stay: the existing file differs, or changes while it is compared. The file that the
/// part `repairs` is replaced although it differs.
fn is_named_as(
    storage: &Storage,
    part: u64,
    target: &TargetName,
    repairs: Option<Seen>,
) -> Result<bool, Error> {
    for _ in 0..TRIES {
        match storage.destination.commit(part, target, Replace::Never) {
            Err(cause) if is_taken(&cause) => {}
            named => return named.map(|()| true).map_err(|cause| unnamed(target, cause)),
        }
        let compared = match storage.destination.compare(part, target) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
            compared => compared.map_err(|cause| uncompared(target, cause))?,
        };
        let marker = storage.destination.marker(target);
        let settlement = settle(InTheWay {
            likeness: compared.likeness,
            is_link: compared.is_link,
            is_unfinished: marker.is_some(),
            is_repaired: repairs == Some(compared.seen),
        });
        match settlement {
            Settlement::Replace => {
                match storage.destination.replace(part, target, compared.seen) {
                    Ok(true) => return Ok(true),
                    Ok(false) => {}
                    // The file belongs to another user, in a folder where users may remove only
                    // their own files (the sticky bit).
                    Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
                        return Ok(false);
                    }
                    Err(cause) => return Err(unnamed(target, cause)),
                }
            }
            Settlement::Keep => {
                // If this fails, the next run removes the part.
                let _ = storage.scratch.remove(part);
                return Ok(true);
            }
            Settlement::Beside => return Ok(false),
            Settlement::Unfinished => return Err(unfinished(target, marker.unwrap_or_default())),
        }
    }
    // The existing file changes all the time, so it is no part of this download.
    Ok(false)
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::IsADirectory
    )
}

/// Returns the error for a part that could not be given its final name.
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

/// Returns the error for a part that could not be compared with the existing file at its name.
fn uncompared(target: &TargetName, cause: io::Error) -> Error {
    let target = target.as_str();
    if is_taken(&cause) {
        let what = format!("{target} is there and is no file; move it away");
        return Error::new(ErrorKind::Exists, what).caused_by(cause);
    }
    Error::disk(&format!("cannot compare the new file with {target}"), cause)
}

/// Returns the error for a part for which there is no free name.
fn no_name_left(there: &str) -> Error {
    Error::new(
        ErrorKind::Exists,
        format!(
            "{there} there with other content; choose what is done with --exists overwrite, rename or skip"
        ),
    )
}

/// Returns the error for a name at whose file another tool may still be writing.
fn unfinished(target: &TargetName, marker: &str) -> Error {
    let target = target.as_str();
    Error::new(
        ErrorKind::Exists,
        format!(
            "{target} is there with other content, and {target}{marker} says that another program has not finished it; \
             finish it with that program, or remove both and run again"
        ),
    )
}
