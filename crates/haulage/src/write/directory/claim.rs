//! Gives a part its final name, with whichever call the file system has. If nothing may be
//! replaced, the first one that asks for a name gets it.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Mutex;

use rustix::fs::{AtFlags, linkat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::lock::Moment;
use super::missing::is_no_link;
use super::part_name;
use crate::sync::lock;
use crate::sys;
use crate::write::destination::Replace;

/// The folder of this run's parts, and the folder of the parts of all runs.
pub(super) struct Claims<'a> {
    pub(super) parts: BorrowedFd<'a>,
    pub(super) all: BorrowedFd<'a>,
    /// Held while a name is checked and given.
    pub(super) turn: &'a Mutex<()>,
}

/// The final name of a file, in an open folder.
#[derive(Clone, Copy)]
pub(super) struct Name<'a> {
    pub(super) folder: BorrowedFd<'a>,
    pub(super) file: &'a str,
}

impl Claims<'_> {
    /// Names a part that has a file of its number.
    ///
    /// # Errors
    /// `AlreadyExists`, when nothing may be replaced and something stands there.
    pub(super) fn rename(&self, part: u64, to: Name<'_>, replace: Replace) -> io::Result<()> {
        let number = part_name(part);
        let from = number.as_c_str();
        if replace == Replace::Files {
            return Ok(renameat(self.parts, from, to.folder, to.file)?);
        }
        match sys::rename::exclusively(self.parts, from, to.folder, to.file) {
            Err(error) if is_no_link(error) => {}
            renamed => return Ok(renamed?),
        }
        // A hard link never replaces anything either.
        match linkat(self.parts, from, to.folder, to.file, AtFlags::empty()) {
            Err(error) if is_no_link(error) => self.look_and_rename(part, to),
            Err(error) => Err(error.into()),
            Ok(()) => {
                // If this fails, the end of the run removes it.
                let _ = unlinkat(self.parts, from, AtFlags::empty());
                Ok(())
            }
        }
    }

    /// Names a file that has no name yet.
    ///
    /// # Errors
    /// As [`rename`](Self::rename).
    pub(super) fn link(&self, part: u64, file: &OwnedFd, to: Name<'_>) -> io::Result<()> {
        match sys::unnamed::name(file, to.folder, to.file) {
            Err(error) if is_no_link(error) => {}
            linked => return Ok(linked?),
        }
        // That folder allows no such link. The file gets a name among the parts, where links were
        // tried, and is then renamed like other parts.
        let number = part_name(part);
        sys::unnamed::name(file, self.parts, number.as_c_str())?;
        self.rename(part, to, Replace::Never).inspect_err(|_| {
            let _ = unlinkat(self.parts, number.as_c_str(), AtFlags::empty());
        })
    }

    /// Names a part where no single call can: checks that nothing exists at the name, and renames.
    /// Meanwhile other threads wait and, where the file system has locks, other runs; other
    /// programs do not.
    pub(super) fn look_and_rename(&self, part: u64, to: Name<'_>) -> io::Result<()> {
        let _turn = lock(self.turn);
        let _moment = Moment::of(self.all.as_fd())?;
        match statat(to.folder, to.file, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(Errno::NOENT) => {
                let part = part_name(part);
                Ok(renameat(self.parts, part.as_c_str(), to.folder, to.file)?)
            }
            Err(error) => Err(error.into()),
        }
    }
}
