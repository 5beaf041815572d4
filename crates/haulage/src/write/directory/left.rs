//! Parts that earlier runs have left: which of them are fit to go on with.

use std::collections::HashMap;
use std::ffi::CStr;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, FileType, statat, unlinkat};
use rustix::process::geteuid;

use super::part_name;

/// Keeps those parts of a folder that are recorded, and that have at least so many bytes; removes all other files. Which are kept, and the
/// number from which on all are free.
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
    // Those that are recorded and not there may be named by what is recorded still.
    let first = recorded.keys().map(|part| part.saturating_add(1)).max();
    Ok((kept, first.unwrap_or(0)))
}

/// Removes the files in a folder, but for these parts.
pub(super) fn remove_all_but(parts: &OwnedFd, left: &[u64]) -> io::Result<()> {
    remove_unless(parts, |name| {
        number_of(name).is_some_and(|part| left.contains(&part))
    })
}

fn remove_unless(folder: &OwnedFd, mut stays: impl FnMut(&CStr) -> bool) -> io::Result<()> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        if entry.file_type() != FileType::Directory && !stays(entry.file_name()) {
            unlinkat(folder, entry.file_name(), AtFlags::empty())?;
        }
    }
    Ok(())
}

/// The part that has this name.
fn number_of(name: &CStr) -> Option<u64> {
    let number = name.to_str().ok()?.parse().ok()?;
    (part_name(number).as_c_str() == name).then_some(number)
}

/// Whether a part is a file that we have made, and nobody else can have written to under another name, with at least so many bytes.
fn is_ours(parts: &OwnedFd, part: u64, least: u64) -> bool {
    statat(parts, part_name(part), AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|found| {
        FileType::from_raw_mode(found.st_mode) == FileType::RegularFile
            && found.st_uid == geteuid().as_raw()
            && found.st_nlink == 1
            && u64::try_from(found.st_size).is_ok_and(|length| length >= least)
    })
}
