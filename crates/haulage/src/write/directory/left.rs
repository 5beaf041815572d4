//! Parts that earlier runs have left: keeps those that can be resumed, and removes the others.

use std::collections::HashMap;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, renameat, statat, unlinkat};
use rustix::process::geteuid;

use super::lock::LOCK;
use super::look::is_folder;
use super::part_name;
use super::{STATE, lock};

/// Keeps the recorded parts of a folder that have at least the recorded bytes, and removes all
/// other files. Returns the parts kept, and the first number from which on all are free.
pub(super) fn keep(parts: &OwnedFd, recorded: &[(u64, u64)]) -> io::Result<(Vec<u64>, u64)> {
    let recorded: HashMap<_, _> = recorded.iter().copied().collect();
    let mut kept = Vec::new();
    remove_unless(parts, |name| {
        let fits = number_of(name).filter(|part| {
            let least = recorded.get(part);
            least.is_some_and(|least| is_ours(parts, *part, *least))
        });
        kept.extend(fits);
        fits.is_some()
    })?;
    // Records may still contain the numbers of parts without a file: those are not used again.
    let first = recorded.keys().map(|part| part.saturating_add(1)).max();
    Ok((kept, first.unwrap_or(0)))
}

/// Removes the files in a folder, but for these parts.
pub(super) fn remove_all_but(parts: &OwnedFd, left: &[u64]) -> io::Result<()> {
    remove_unless(parts, |name| {
        number_of(name).is_some_and(|part| left.contains(&part))
    })
}

/// Moves a part from the folder of a run that has ended to that of this one, under another number.
/// Returns `false` if another run has taken it first.
pub(super) fn take(from: &OwnedFd, part: u64, to: &OwnedFd, number: u64) -> io::Result<bool> {
    match renameat(
        from,
        part_name(part).as_c_str(),
        to,
        part_name(number).as_c_str(),
    ) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Returns whether there is any part in a folder.
pub(super) fn has_parts(folder: &OwnedFd) -> io::Result<bool> {
    for entry in Dir::read_from(folder)? {
        if number_of(entry?.file_name()).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn remove_unless(folder: &OwnedFd, mut stays: impl FnMut(&CStr) -> bool) -> io::Result<()> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if !is_folder(folder.as_fd(), name, entry.file_type()) && !is_own(name) && !stays(name) {
            unlinkat(folder, name, AtFlags::empty())?;
        }
    }
    Ok(())
}

/// Returns whether a file is one that a run of URLs keeps beside its parts: its lock, or its state.
fn is_own(name: &CStr) -> bool {
    let name = name.to_bytes();
    name == LOCK.as_bytes()
        || name == lock::mark_of(LOCK).as_bytes()
        || name.starts_with(STATE.as_bytes())
}

/// Returns the number of the part with this name; `None` if it is not the name of a part.
pub(super) fn number_of(name: &CStr) -> Option<u64> {
    let number = name.to_str().ok()?.parse().ok()?;
    (part_name(number).as_c_str() == name).then_some(number)
}

/// Returns whether a part is a file of this user with at least `least` bytes, and without a second
/// name under which another user could have written to it.
fn is_ours(parts: &OwnedFd, part: u64, least: u64) -> bool {
    statat(parts, part_name(part), AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|found| {
        FileType::from_raw_mode(found.st_mode) == FileType::RegularFile
            && found.st_uid == geteuid().as_raw()
            && found.st_nlink == 1
            && u64::try_from(found.st_size).is_ok_and(|length| length >= least)
    })
}
