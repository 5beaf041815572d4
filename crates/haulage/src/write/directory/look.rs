//! Looks at what exists below a folder.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;

use super::WORKSPACE;
use crate::plan::name::TargetName;
use crate::write::destination::PathKind;

/// Returns what exists at a name below a folder.
pub(in crate::write) fn stat(root: BorrowedFd<'_>, target: &TargetName) -> io::Result<PathKind> {
    let path = target.as_str();
    let type_of = |found: &Stat| FileType::from_raw_mode(found.st_mode);
    let file = |found: &Stat| PathKind::File {
        length: u64::try_from(found.st_size).unwrap_or(0),
        modified: modified(found),
    };
    match statat(root, path, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(match type_of(&found) {
            FileType::RegularFile => file(&found),
            FileType::Symlink => match statat(root, path, AtFlags::empty()) {
                Ok(led_to) if type_of(&led_to) == FileType::RegularFile => file(&led_to),
                _ => PathKind::Link,
            },
            _ => PathKind::Obstacle,
        }),
        Err(Errno::NOENT) => Ok(PathKind::Nothing),
        Err(Errno::NOTDIR) => Ok(PathKind::NoFolder),
        Err(error) => Err(error.into()),
    }
}

/// Returns when a file was last modified; `None` if that was before 1970.
fn modified(found: &Stat) -> Option<SystemTime> {
    let seconds = u64::try_from(found.st_mtime).ok()?;
    let nanos = u32::try_from(found.st_mtime_nsec).ok()?;
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

/// Opens a file below a folder.
pub(in crate::write) fn read(
    root: BorrowedFd<'_>,
    target: &TargetName,
) -> io::Result<Box<dyn Read + Send>> {
    // A pipe that has taken the file's place meanwhile does not block.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(root, target.as_str(), flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file any more"));
    }
    Ok(Box::new(file))
}

/// Returns whether a folder contains nothing but the workspace.
pub(in crate::write) fn holds_no_files(folder: BorrowedFd<'_>) -> io::Result<bool> {
    for entry in rustix::fs::Dir::read_from(folder)? {
        let name = entry?;
        if ![&b"."[..], b"..", WORKSPACE.as_bytes()].contains(&name.file_name().to_bytes()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns whether an entry of a folder is a folder. Some file systems do not say what their
/// entries are, so that it has to be looked up.
pub(super) fn is_folder(parent: BorrowedFd<'_>, name: &CStr, said: FileType) -> bool {
    match said {
        FileType::Unknown => statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Directory),
        said => said == FileType::Directory,
    }
}
