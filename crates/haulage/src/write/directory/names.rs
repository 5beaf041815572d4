//! Finds out which names the destination's file system accepts, by creating files.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process;

use rustix::fs::{AtFlags, Dir, Mode, OFlags, openat, unlinkat};

use super::{make_folder, open_folder};
use crate::plan::accepted::Accepted;

/// Creates a file under each name to try, in a folder of its own below the workspace, and removes
/// them again. A name is accepted if the folder then lists exactly that name: FAT, for example,
/// creates `a` for `a.`. If this fails, nothing is accepted.
pub(super) fn accepted(workspace: BorrowedFd<'_>) -> Accepted {
    // Other processes may do the same at this time.
    let folder = format!("names-{}", process::id());
    let listed = listed(workspace, &folder).unwrap_or_default();
    let _ = unlinkat(workspace, &*folder, AtFlags::REMOVEDIR);
    Accepted::tried(|name| listed.contains(name.as_bytes()))
}

/// Returns the names that a folder, which is left empty, lists after they have been tried.
fn listed(workspace: BorrowedFd<'_>, folder: &str) -> io::Result<HashSet<Vec<u8>>> {
    make_folder(workspace, folder)?;
    let folder = open_folder(workspace, folder)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    for name in Accepted::TRIALS {
        // Refused or not, the listing shows it.
        let _ = openat(&folder, name, flags, Mode::from_raw_mode(0o600));
    }
    let mut listed = HashSet::new();
    for entry in Dir::read_from(&folder)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if !matches!(&*name, b"." | b"..") {
            listed.insert(name);
        }
    }
    for name in Accepted::TRIALS {
        let _ = unlinkat(folder.as_fd(), name, AtFlags::empty());
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    #[cfg_attr(not(target_os = "linux"), ignore = "APFS does not take everything")]
    fn a_linux_file_system_takes_everything_and_keeps_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let handle = File::open(folder.path()).unwrap();
        assert_eq!(accepted(handle.as_fd()), Accepted::EVERYTHING);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_cannot_be_tried_is_not_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let handle = File::open(folder.path()).unwrap();
        folder.close().unwrap();
        assert_eq!(accepted(handle.as_fd()), Accepted::NOTHING);
    }
}
