//! The destination as a directory: parts below `.haul/part/`, renamed to their final names.
//!
//! Everything goes through directory handles, so a folder that is moved or replaced by a link meanwhile leads nowhere
//! else. A part has a short name in a small folder of its own, which is cheaper to rename from than a long name beside
//! the target. `.haul/lock` keeps a second run out.
#![expect(
    clippy::disallowed_methods,
    reason = "the one module that creates and renames files"
)]

mod compare;
mod left;
mod names;
mod open;
mod unnamed;
mod write_out;

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, SeekFrom, Stat, fdatasync, linkat, mkdirat,
    openat, renameat, renameat_with, statat, syncfs, unlinkat,
};
use rustix::io::Errno;
use rustix::path::DecInt;

use self::open::OpenPart;
pub(crate) use self::unnamed::WAITING_FOR_NAMES;
use self::unnamed::{Unnamed, WholePart};
use self::write_out::WriteOut;
use super::disk::{Compared, Disk, PartFile, Present, Replace, Seen};
use super::room::Room;
use crate::error::{Error, ErrorKind};
use crate::options::{Durability, Workspace};
use crate::plan::accepted::Accepted;
use crate::plan::name::TargetName;

/// The folder in which incomplete files and all that a later run needs are kept.
const WORKSPACE: &str = ".haul";
/// The database in it.
const STATE: &str = "state.db";
/// File systems of the network, by the numbers that `statfs(2)` knows: NFS, SMB, CIFS, SMB2, FUSE (sshfs and many others), 9P, AFS, Ceph,
/// Lustre, GPFS.
const REMOTE: [u32; 10] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x6573_5546,
    0x0102_1997,
    0x5346_414f,
    0x00c3_6400,
    0x0bd0_0bd0,
    0x4750_4653,
];
/// Open folders kept at hand.
const FOLDERS: usize = 64;

/// A destination directory, locked for this run.
pub(crate) struct Directory {
    path: PathBuf,
    root: OwnedFd,
    parts: OwnedFd,
    unnamed: Arc<Unnamed>,
    room: Arc<Room>,
    folders: Mutex<HashMap<Box<str>, Arc<OwnedFd>>>,
    /// Held until the run ends.
    lock: Mutex<Option<File>>,
    when_done: Workspace,
    durability: Durability,
    /// The number of the next part.
    first_part: AtomicU64,
    /// Parts that a later run may go on with.
    left: Mutex<Vec<u64>>,
    /// It held nothing when it was opened, so whatever is below it this run has put there.
    was_empty: bool,
}

impl Directory {
    /// Opens a destination, which is created when missing, and keeps other runs out of it.
    ///
    /// # Errors
    /// Of kind `disk`, when it cannot be made or written, when another run has it, or when its file system has fewer bytes than
    /// are to stay free.
    pub(crate) fn open(
        path: &Path,
        when_done: Workspace,
        durability: Durability,
        min_free: u64,
    ) -> Result<Self, Error> {
        let shown = path.display();
        let failed = |error| Error::disk(&format!("cannot use the folder {shown}"), error);
        fs::create_dir_all(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => Error::new(
                ErrorKind::Disk,
                format!("{shown} is no folder, or lies below a file; choose another with --dir"),
            )
            .caused_by(error),
            _ => failed(error),
        })?;
        let root = OwnedFd::from(File::open(path).map_err(failed)?);
        let reserve = Room::of(min_free);
        reserve.look(root.as_fd()).map_err(failed)?;
        let was_empty = holds_no_files(root.as_fd()).map_err(failed)?;
        make_folder(root.as_fd(), WORKSPACE).map_err(failed)?;
        let workspace = open_folder(root.as_fd(), WORKSPACE).map_err(failed)?;
        let lock = take_lock(&path.join(WORKSPACE).join("lock")).map_err(|error| {
            if error.kind() == io::ErrorKind::WouldBlock {
                Error::new(
                    ErrorKind::Disk,
                    format!("another run is using the folder {shown}; wait for it, or choose another with --dir"),
                )
            } else {
                failed(error)
            }
        })?;
        make_folder(workspace.as_fd(), "part").map_err(failed)?;
        let parts = open_folder(workspace.as_fd(), "part").map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            root,
            unnamed: Arc::new(Unnamed::new(&parts)),
            parts,
            room: Arc::new(reserve),
            folders: Mutex::default(),
            lock: Mutex::new(Some(lock)),
            when_done,
            durability,
            first_part: AtomicU64::new(0),
            left: Mutex::default(),
            was_empty,
        })
    }

    /// Where what a later run needs to know is kept; see [`state_in`].
    ///
    /// # Errors
    /// Of kind `disk`, when the folder has gone.
    pub(crate) fn state(&self) -> Result<PathBuf, Error> {
        let what = || format!("cannot use the folder {}", self.path.display());
        state_in(&self.path).map_err(|cause| Error::disk(&what(), cause))
    }

    /// Whether its file system is one that other machines may have open too, so that processes cannot share memory through its files.
    pub(crate) fn is_remote(&self) -> bool {
        rustix::fs::fstatfs(&self.root).is_ok_and(|about| {
            let kind = u32::try_from(about.f_type & 0xffff_ffff).unwrap_or_default();
            REMOTE.contains(&kind)
        })
    }

    /// A handle of a folder below the destination, made when missing. Links are not followed.
    fn folder(&self, relative: &str) -> io::Result<Arc<OwnedFd>> {
        let known = |folders: &HashMap<Box<str>, Arc<OwnedFd>>| folders.get(relative).cloned();
        let folders = || self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = known(&folders()) {
            return Ok(folder);
        }
        let mut folder: Option<OwnedFd> = None;
        for component in relative.split('/') {
            let parent = folder.as_ref().map_or(self.root.as_fd(), AsFd::as_fd);
            make_folder(parent, component)?;
            folder = Some(open_folder(parent, component)?);
        }
        let folder = Arc::new(folder.ok_or(io::ErrorKind::InvalidInput)?);
        let mut folders = folders();
        if folders.len() >= FOLDERS {
            folders.clear();
        }
        folders.insert(relative.into(), Arc::clone(&folder));
        Ok(folder)
    }

    /// A file of a part, from where it stands.
    fn open_file(&self, file: OwnedFd) -> OpenPart {
        OpenPart {
            file,
            room: Arc::clone(&self.room),
            write_out: (self.durability != Durability::None).then(WriteOut::new),
        }
    }

    /// Runs a call with the handle of the folder that a target is in.
    fn in_folder<T>(
        &self,
        target: &TargetName,
        call: impl FnOnce(BorrowedFd<'_>, &str) -> io::Result<T>,
    ) -> io::Result<T> {
        match target.folder() {
            None => call(self.root.as_fd(), target.file()),
            Some(folder) => call(self.folder(folder)?.as_fd(), target.file()),
        }
    }
}

impl Disk for Directory {
    fn create_part(&self, part: u64) -> io::Result<Box<dyn PartFile>> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&self.parts, part_name(part), flags, open::mode())?;
        Ok(Box::new(self.open_file(file)))
    }

    fn create_whole(&self, part: u64) -> io::Result<Box<dyn PartFile>> {
        let Some(file) = self.unnamed.make(&self.parts, part) else {
            return self.create_part(part);
        };
        Ok(Box::new(WholePart {
            open: self.open_file(file),
            part,
            unnamed: Arc::clone(&self.unnamed),
        }))
    }

    fn open_part(&self, part: u64, at: u64) -> io::Result<Box<dyn PartFile>> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.parts, part_name(part), flags, Mode::empty())?;
        rustix::fs::seek(&file, SeekFrom::Start(at))?;
        Ok(Box::new(self.open_file(file)))
    }

    fn read_part(&self, part: u64) -> io::Result<Box<dyn Read + Send>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.parts, part_name(part), flags, Mode::empty())?;
        Ok(Box::new(File::from(file)))
    }

    fn keep_parts(&self, recorded: &[(u64, u64)]) -> io::Result<Vec<u64>> {
        let (kept, first) = left::keep(&self.parts, recorded)?;
        self.first_part.store(first, Ordering::Relaxed);
        Ok(kept)
    }

    fn first_part(&self) -> u64 {
        self.first_part.load(Ordering::Relaxed)
    }

    fn leave_parts(&self, parts: Vec<u64>) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = parts;
    }

    fn commit(&self, part: u64, target: &TargetName, replace: Replace) -> io::Result<()> {
        if let Some(whole) = self.unnamed.take(part) {
            let named = self.in_folder(target, |folder, file| {
                Ok(linkat(&whole, "", folder, file, AtFlags::EMPTY_PATH)?)
            });
            if named.is_err() {
                // Another name may be free.
                self.unnamed.add(part, whole);
            }
            return named;
        }
        let part = part_name(part);
        let part = part.as_c_str();
        self.in_folder(target, |folder, file| match replace {
            Replace::Files => Ok(renameat(&self.parts, part, folder, file)?),
            Replace::Never => {
                match renameat_with(&self.parts, part, folder, file, RenameFlags::NOREPLACE) {
                    // A file system that cannot: a link never replaces anything either.
                    Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                        linkat(&self.parts, part, folder, file, AtFlags::empty())?;
                        unlinkat(&self.parts, part, AtFlags::empty())?;
                        Ok(())
                    }
                    other => Ok(other?),
                }
            }
        })
    }

    fn takes_flows(&self) -> bool {
        true
    }

    fn remove_part(&self, part: u64) -> io::Result<()> {
        if self.unnamed.take(part).is_some() {
            return Ok(());
        }
        Ok(unlinkat(&self.parts, part_name(part), AtFlags::empty())?)
    }

    fn was_empty(&self) -> bool {
        self.was_empty
    }

    fn accepted_names(&self) -> Accepted {
        let workspace = open_folder(self.root.as_fd(), WORKSPACE);
        workspace.map_or(Accepted::NOTHING, |workspace| {
            names::accepted(workspace.as_fd())
        })
    }

    fn present(&self, target: &TargetName) -> io::Result<Present> {
        present(self.root.as_fd(), target)
    }

    fn read(&self, target: &TargetName) -> io::Result<Box<dyn Read + Send>> {
        read(self.root.as_fd(), target)
    }

    fn marker(&self, target: &TargetName) -> Option<&'static str> {
        compare::marker(self.root.as_fd(), target.as_str())
    }

    fn compare(&self, part: u64, target: &TargetName) -> io::Result<Compared> {
        compare::put_among_parts(&self.unnamed, &self.parts, part)?;
        let ours = self.read_part(part)?;
        self.in_folder(target, |folder, file| compare::compare(ours, folder, file))
    }

    fn replace(&self, part: u64, target: &TargetName, seen: Seen) -> io::Result<bool> {
        self.in_folder(target, |folder, file| {
            compare::replace(&self.parts, part, folder, file, seen)
        })
    }

    fn sync_part(&self, part: u64) -> io::Result<()> {
        if let Some(whole) = self.unnamed.get(part) {
            return Ok(fdatasync(&*whole)?);
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.parts, part_name(part), flags, Mode::empty())?;
        Ok(fdatasync(&file)?)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(syncfs(&self.root)?)
    }

    fn close(&self, everything_is_there: bool) {
        // Best effort, all of it: what stays is found by the next run.
        let left = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = left::remove_all_but(&self.parts, &left);
        if everything_is_there && self.when_done == Workspace::RemoveWhenDone {
            let workspace = self.path.join(WORKSPACE);
            let _ = fs::remove_dir(workspace.join("part"));
            for suffix in ["", "-wal", "-shm"] {
                let _ = fs::remove_file(workspace.join(format!("{STATE}{suffix}")));
            }
            let _ = fs::remove_file(workspace.join("lock"));
            // What another run needs is in it as well, and keeps it.
            let _ = fs::remove_dir(workspace);
        }
        drop(
            self.lock
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }
}

/// Where what a later run into a folder needs to know is kept: a path without links, as far as the folder goes. What is in the workspace may
/// be none either, but whoever opens it has to see to that.
pub(crate) fn state_in(folder: &Path) -> io::Result<PathBuf> {
    Ok(folder.canonicalize()?.join(WORKSPACE).join(STATE))
}

/// What stands at a name below a folder.
pub(super) fn present(root: BorrowedFd<'_>, target: &TargetName) -> io::Result<Present> {
    let path = target.as_str();
    let type_of = |found: &Stat| FileType::from_raw_mode(found.st_mode);
    let file = |found: &Stat| Present::File {
        length: u64::try_from(found.st_size).unwrap_or(0),
        modified: modified(found),
    };
    match statat(root, path, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(match type_of(&found) {
            FileType::RegularFile => file(&found),
            FileType::Symlink => match statat(root, path, AtFlags::empty()) {
                Ok(led_to) if type_of(&led_to) == FileType::RegularFile => file(&led_to),
                _ => Present::Link,
            },
            _ => Present::Obstacle,
        }),
        Err(Errno::NOENT) => Ok(Present::Nothing),
        Err(Errno::NOTDIR) => Ok(Present::NoFolder),
        Err(error) => Err(error.into()),
    }
}

/// When a file was last modified; `None` before 1970.
fn modified(found: &Stat) -> Option<SystemTime> {
    let seconds = u64::try_from(found.st_mtime).ok()?;
    let nanos = u32::try_from(found.st_mtime_nsec).ok()?;
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

/// Opens a file below a folder.
pub(super) fn read(root: BorrowedFd<'_>, target: &TargetName) -> io::Result<Box<dyn Read + Send>> {
    // A pipe that has taken the file's place meanwhile does not block.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(root, target.as_str(), flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file any more"));
    }
    Ok(Box::new(file))
}

fn part_name(part: u64) -> DecInt {
    DecInt::new(part)
}

/// Makes a folder; `false` when it is there already.
fn make_folder(parent: BorrowedFd<'_>, name: &str) -> io::Result<bool> {
    match mkdirat(parent, name, Mode::from_raw_mode(0o777)) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn open_folder(parent: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(parent, name, flags, Mode::empty())?)
}

/// Whether nothing is in a folder but the workspace.
pub(super) fn holds_no_files(folder: BorrowedFd<'_>) -> io::Result<bool> {
    for entry in rustix::fs::Dir::read_from(folder)? {
        let name = entry?;
        if ![&b"."[..], b"..", WORKSPACE.as_bytes()].contains(&name.file_name().to_bytes()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes the lock, or `WouldBlock`.
fn take_lock(path: &Path) -> io::Result<File> {
    loop {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            // A file system without locks.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // A run that ended in this instant may have removed the file that was just locked.
        let (locked, now) = (file.metadata()?, fs::metadata(path));
        if now.is_ok_and(|now| (now.dev(), now.ino()) == (locked.dev(), locked.ino())) {
            return Ok(file);
        }
    }
}

#[cfg(test)]
mod tests;
