//! The folder `.haul/` of a destination, which runs share.
//!
//! ```text
//! .haul/lock              held by the run that records lists
//! .haul/state.db          what runs of lists have recorded
//! .haul/part/N            parts of the run that holds the lock, or of the last one that did
//! .haul/part/RUN/         a run of URLs: what follows is its own
//! .haul/part/RUN/lock     held as long as it runs
//! .haul/part/RUN/N        its parts
//! .haul/part/RUN/state.db what it records, if it lasts long enough or is interrupted
//! ```
//!
//! A run whose lock can be taken has ended. What it has left belongs to the run that moves it
//! first.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, mkdirat, openat, statat, unlinkat};
use rustix::io::Errno;

use super::lock::{self, LOCK, Lock, Moment, Taken};
use super::look::is_folder;
use super::owner::Owner;
use super::{STATE, WORKSPACE, left};

use crate::sync::lock;

/// The folder of all parts.
pub(super) const PARTS: &str = "part";
/// The suffixes of the files of a database.
pub(super) const DATABASE: [&str; 3] = ["", "-wal", "-shm"];
/// How often opening is tried again, if another run that ends removes what this one needs.
const ATTEMPTS: u32 = 1000;

/// The kind of run that uses a folder of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunKind {
    /// The one run that records lists.
    Lists,
    /// A run of URLs, of which there may be any number.
    Urls,
}

/// What a run uses of a workspace.
pub(super) struct Space {
    workspace: OwnedFd,
    /// The folder of all parts.
    pub(super) all: OwnedFd,
    /// The folder of this run's parts.
    pub(super) parts: OwnedFd,
    /// The name of that folder; `None` for a run of lists, which uses the folder of all parts.
    pub(super) own: Option<String>,
    /// The lock of this run, released when it ends.
    lock: Mutex<Option<Lock>>,
    /// The locks that the file system has.
    pub(super) locks: Locks,
    /// Runs that have ended without removing their folders.
    pub(super) left: Vec<String>,
    /// Another run is using the destination.
    pub(super) has_others: bool,
}

/// A workspace that was opened, or the run that keeps this one out.
pub(super) enum Opened {
    /// No other run looks through it while the moment is held.
    Mine(Space, Moment),
    Busy(Option<Owner>, Option<String>),
}

/// Opens the workspace of a destination, and makes what is missing of it.
pub(super) fn open(root: BorrowedFd<'_>, kind: RunKind, title: &str) -> io::Result<Opened> {
    let owner = Owner::this(title);
    let mut attempts = 0;
    loop {
        match try_open(root, kind, &owner) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && attempts < ATTEMPTS => {
                attempts += 1;
            }
            opened => return opened,
        }
    }
}

fn try_open(root: BorrowedFd<'_>, kind: RunKind, owner: &Owner) -> io::Result<Opened> {
    let workspace = made_folder(root, WORKSPACE)?;
    let all = made_folder(workspace.as_fd(), PARTS)?;
    let moment = Moment::of(&all)?;
    if !moment.is_at(workspace.as_fd(), PARTS) {
        // A run that has ended meanwhile removed it.
        return Err(io::ErrorKind::NotFound.into());
    }
    let (parts, own, lock) = match kind {
        RunKind::Lists => match lock::take(workspace.as_fd(), LOCK, owner)? {
            Taken::Busy(owner, mark) => return Ok(Opened::Busy(owner, mark)),
            Taken::Mine(lock) => (all.try_clone()?, None, lock),
        },
        RunKind::Urls => {
            let (folder, name, lock) = own_folder(all.as_fd(), owner)?;
            (folder, Some(name), lock)
        }
    };
    let (left, has_others) = others(all.as_fd(), own.as_deref())?;
    let has_others = has_others || kind == RunKind::Urls && is_busy(workspace.as_fd());
    let locks = Locks {
        files: lock.is_real,
        ranges: lock.has_posix(),
    };
    let space = Space {
        lock: Mutex::new(Some(lock)),
        locks,
        workspace,
        all,
        parts,
        own,
        left,
        has_others,
    };
    Ok(Opened::Mine(space, moment))
}

/// Makes a folder for a run of URLs, and takes its lock.
fn own_folder(all: BorrowedFd<'_>, owner: &Owner) -> io::Result<(OwnedFd, String, Lock)> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut unique = now.unwrap_or_default().as_nanos();
    loop {
        let name = format!("{}-{unique:x}", owner.process);
        unique += 1;
        if !make_folder(all, &name)? {
            continue;
        }
        let folder = open_folder(all, &name)?;
        if let Taken::Mine(lock) = lock::take(folder.as_fd(), LOCK, owner)? {
            return Ok((folder, name, lock));
        }
    }
}

/// Returns the names of the folders of other runs of URLs that have ended, and whether there are
/// any that have not.
fn others(all: BorrowedFd<'_>, own: Option<&str>) -> io::Result<(Vec<String>, bool)> {
    let mut left = Vec::new();
    let mut has_others = false;
    for entry in Dir::read_from(all)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(run) = run_of(name).filter(|run| Some(*run) != own) else {
            continue;
        };
        if !is_folder(all, name, entry.file_type()) {
            continue;
        }
        match open_folder(all, run).and_then(|folder| lock::is_left(folder.as_fd(), LOCK)) {
            Ok(true) => left.push(run.to_owned()),
            Ok(false) => has_others = true,
            // The folder is gone, or is not one of ours.
            Err(_) => {}
        }
    }
    left.sort_unstable();
    Ok((left, has_others))
}

/// Returns whether a run that records lists is in progress.
fn is_busy(workspace: BorrowedFd<'_>) -> bool {
    !lock::is_left(workspace, LOCK).unwrap_or(true)
}

/// Returns this name if it is that of a run's folder, the number of its process and another number;
/// `None` if it is not.
fn run_of(name: &CStr) -> Option<&str> {
    let name = name.to_str().ok()?;
    let (process, unique) = name.split_once('-')?;
    let is_run = !process.is_empty()
        && !unique.is_empty()
        && process.bytes().all(|byte| byte.is_ascii_digit())
        && unique.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_run.then_some(name)
}

/// Which locks a file system has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Locks {
    /// Locks of whole files (`flock(2)`).
    pub(super) files: bool,
    /// Locks of byte ranges (POSIX), which are needed to share a database.
    pub(super) ranges: bool,
}

impl Space {
    /// Lets other runs in.
    pub(super) fn unlock(&self) {
        drop(lock(&self.lock).take());
    }

    /// Opens the folder of a run that has ended; `None` when it is gone, or has not.
    pub(super) fn open_left(&self, run: &str) -> Option<OwnedFd> {
        let folder = open_folder(self.all.as_fd(), run).ok()?;
        lock::is_left(folder.as_fd(), LOCK).ok()?.then_some(folder)
    }

    /// Removes the folder of a run that has ended, if no part is in it.
    pub(super) fn remove_left(&self, run: &str) -> io::Result<()> {
        let _moment = Moment::of(&self.all)?;
        let Some(folder) = self.open_left(run) else {
            return Ok(());
        };
        if left::has_parts(&folder)? {
            return Ok(());
        }
        remove_files(folder.as_fd());
        remove_folder(self.all.as_fd(), run);
        Ok(())
    }

    /// Takes the lock of runs that record lists for a moment; `None` while there is such a run.
    pub(super) fn lock_lists(&self) -> io::Result<Option<Lock>> {
        match lock::take(self.workspace.as_fd(), LOCK, &Owner::this(""))? {
            Taken::Mine(lock) => Ok(Some(lock)),
            Taken::Busy(..) => Ok(None),
        }
    }

    /// Removes this run's folder, and all of the workspace if no other run needs it. Best effort:
    /// the next run finds what remains.
    pub(super) fn remove(&self, root: BorrowedFd<'_>) {
        let Some(own) = &self.own else { return };
        let Ok(_moment) = Moment::of(&self.all) else {
            return;
        };
        remove_files(self.parts.as_fd());
        remove_folder(self.all.as_fd(), own);
        // If lists were recorded, the folder of parts belongs to them too.
        let lock = statat(&self.workspace, LOCK, AtFlags::SYMLINK_NOFOLLOW);
        if matches!(lock, Err(Errno::NOENT)) {
            remove_folder(self.workspace.as_fd(), PARTS);
            remove_folder(root, WORKSPACE);
        }
    }
}

/// Removes all files but parts from the folder of a run, its lock last.
fn remove_files(folder: BorrowedFd<'_>) {
    let database = DATABASE.map(|suffix| format!("{STATE}{suffix}"));
    let locks = [lock::mark_of(LOCK), LOCK.to_owned()];
    for name in database.iter().chain(&locks) {
        let _ = unlinkat(folder, name.as_str(), AtFlags::empty());
    }
}

/// Removes a folder, if nothing is in it.
fn remove_folder(parent: BorrowedFd<'_>, name: &str) {
    let _ = unlinkat(parent, name, AtFlags::REMOVEDIR);
}

/// Creates a folder; returns `false` if it exists already.
pub(super) fn make_folder(parent: BorrowedFd<'_>, name: &str) -> io::Result<bool> {
    match mkdirat(parent, name, Mode::from_raw_mode(0o777)) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn open_folder(parent: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(parent, name, flags, Mode::empty())?)
}

fn made_folder(parent: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    make_folder(parent, name)?;
    open_folder(parent, name)
}
