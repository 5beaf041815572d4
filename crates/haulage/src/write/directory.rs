//! The destination as a directory: parts below `.haul/part/`, renamed to their final names.
//!
//! All calls go through directory handles, so a folder that is meanwhile moved, or replaced by a
//! link, leads nowhere else. A part has a short name in a small folder of its own: renaming from
//! there is cheaper than from a long name beside the target. Each call that a file system lacks has
//! a substitute; `missing` tells when it is needed.
#![expect(
    clippy::disallowed_methods,
    reason = "the one module that creates and renames files"
)]

mod claim;
mod compare;
mod damaged;
mod left;
mod lock;
mod look;
mod missing;
mod names;
mod open;
mod owner;
mod state;
mod syncing;
mod unnamed;
mod workspace;
mod write_out;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rustix::fs::{AtFlags, Mode, OFlags, SeekFrom, openat, unlinkat};
use rustix::path::DecInt;

use self::claim::{Claims, Name};
pub(super) use self::compare::marker;
pub(crate) use self::damaged::rename_damaged;
pub(crate) use self::lock::lacks_locks;
pub(super) use self::look::{holds_no_files, read, stat};
use self::open::OpenPart;
pub(crate) use self::state::state_in;
use self::state::{busy, state_place, unusable};
use self::syncing::Syncing;
pub(crate) use self::syncing::lacks_sync;
pub(crate) use self::unnamed::WAITING_FOR_NAMES;
use self::unnamed::{Unnamed, WholePart};
use self::workspace::{Opened, RunKind, Space, make_folder, open_folder};
use self::write_out::WriteOut;
use super::destination::{Compared, Destination, Lookup, PathKind, Replace, Seen};
use super::place_of_state::StatePlace;
use super::room::Room;
use super::scratch::{Held, KeptParts, LastingParts, PartFile, Scratch};
use crate::error::{Error, ErrorKind};
use crate::options::{Durability, RunOptions, StateDir};
use crate::plan::accepted::Accepted;
use crate::plan::name::TargetName;
use crate::sync::lock;

/// The folder in which incomplete files and all that a later run needs are kept.
const WORKSPACE: &str = ".haul";
/// The name of the database in it.
const STATE: &str = "state.db";
/// The most folders that are kept open.
const FOLDERS: usize = 64;

/// A destination directory, with a place in its workspace for this run.
pub(crate) struct Directory {
    root: OwnedFd,
    space: Space,
    unnamed: Arc<Unnamed>,
    room: Arc<Room>,
    folders: Mutex<HashMap<Box<str>, Arc<OwnedFd>>>,
    syncing: Syncing,
    /// Held while a name is checked and given, where that takes two calls.
    naming: Mutex<()>,
    /// The durability of the first run: it decides whether files are written out early.
    durability: Durability,
    /// The number of the next part.
    first_part: AtomicU64,
    /// Parts that a later run may resume.
    left: Mutex<Vec<u64>>,
    /// It was empty when it was opened, and no other run was using it: everything below it was put
    /// there by this run.
    was_empty: bool,
}

impl Directory {
    /// Opens a destination, which is created when missing, and a place in its workspace. A run that
    /// records lists keeps out others that do. Also returns where its state is kept.
    ///
    /// # Errors
    /// Of kind `disk`, when it cannot be made or written, when another run keeps this one out
    /// ([`Error::busy_with`]), or when its file system has fewer bytes than are to stay free.
    pub(crate) fn open(path: &Path, options: &RunOptions) -> Result<(Self, StatePlace), Error> {
        let shown = path.display();
        let failed = |error| Error::disk(&format!("cannot use the folder {shown}"), error);
        let made = if path.is_dir() {
            Ok(())
        } else {
            fs::create_dir_all(path)
        };
        made.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => Error::new(
                ErrorKind::Disk,
                format!("{shown} is no folder, or lies below a file; choose another with --dir"),
            )
            .caused_by(error),
            _ => failed(error),
        })?;
        let root = OwnedFd::from(File::open(path).map_err(failed)?);
        let reserve = Room::of(options.min_free, root.as_fd());
        reserve.look(root.as_fd()).map_err(failed)?;
        let was_empty = holds_no_files(root.as_fd()).map_err(failed)?;
        let kind = match options.state_dir {
            StateDir::Keep => RunKind::Lists,
            StateDir::RemoveWhenDone => RunKind::Urls,
        };
        let opened = workspace::open(root.as_fd(), kind, &options.title);
        let (space, moment) = match opened.map_err(|error| unusable(path, error))? {
            Opened::Mine(space, moment) => (space, moment),
            Opened::Busy(owner, mark) => return Err(busy(path, owner.as_ref(), mark.as_deref())),
        };
        let state = state_place(path, &root, &space, Box::new(moment)).map_err(failed)?;
        let directory = Self {
            root,
            unnamed: Arc::new(Unnamed::new(&space.parts)),
            room: Arc::new(reserve),
            folders: Mutex::default(),
            syncing: Syncing::default(),
            naming: Mutex::default(),
            was_empty: was_empty && !space.has_others,
            space,
            durability: options.durability,
            first_part: AtomicU64::new(0),
            left: Mutex::default(),
        };
        Ok((directory, state))
    }

    /// Raises the space that stays free to what another run of the same folder wants, if that is
    /// more.
    ///
    /// # Errors
    /// Of kind `disk`, when less is free.
    pub(crate) fn raise_min_free(&self, least: Option<u64>) -> Result<(), Error> {
        let raised = self.room.raise_to(least, self.root.as_fd());
        raised.map_err(|error| Error::disk("cannot use the folder", error))
    }

    fn claims(&self) -> Claims<'_> {
        Claims {
            parts: self.space.parts.as_fd(),
            all: self.space.all.as_fd(),
            turn: &self.naming,
        }
    }

    /// Opens the folder of a run that has ended. Fails with `NotFound` when it is gone, or when the
    /// run has not ended.
    fn folder_of(&self, run: &str) -> io::Result<OwnedFd> {
        let folder = self.space.open_left(run);
        folder.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Returns a handle of a folder below the destination, which is created when missing. Links are
    /// not followed.
    fn folder(&self, relative: &str) -> io::Result<Arc<OwnedFd>> {
        let known = |folders: &HashMap<Box<str>, Arc<OwnedFd>>| folders.get(relative).cloned();
        let folders = || lock(&self.folders);
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

    /// Runs a call with the handle of the folder that a target is in.
    fn in_folder<T>(
        &self,
        target: &TargetName,
        call: impl FnOnce(BorrowedFd<'_>, &str) -> io::Result<T>,
    ) -> io::Result<T> {
        match target.split() {
            (None, file) => call(self.root.as_fd(), file),
            (Some(folder), file) => call(self.folder(folder)?.as_fd(), file),
        }
    }

    /// Returns a part whose file is open, to be written from its present position on.
    fn open_file(&self, file: OwnedFd) -> OpenPart {
        OpenPart {
            file,
            room: Arc::clone(&self.room),
            write_out: (self.durability != Durability::None).then(WriteOut::new),
        }
    }

    /// Opens a part of this run to read it.
    fn open_to_read(&self, part: u64) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.space.parts, part_name(part), flags, Mode::empty())?;
        Ok(File::from(file))
    }

    /// Syncs what has no final name yet.
    fn sync_parts(&self) -> io::Result<()> {
        for file in self.unnamed.all() {
            syncing::of_file(&*file)?;
        }
        syncing::of_folder(&self.space.parts)?;
        for entry in rustix::fs::Dir::read_from(&self.space.parts)? {
            let Some(part) = left::number_of(entry?.file_name()) else {
                continue;
            };
            match self.open_to_read(part).and_then(syncing::of_file) {
                // It got its final name meanwhile, and was synced before.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                synced => synced?,
            }
        }
        Ok(())
    }
}

impl Scratch for Directory {
    fn create(&self, part: u64) -> io::Result<Box<dyn PartFile>> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&self.space.parts, part_name(part), flags, open::mode())?;
        Ok(Box::new(self.open_file(file)))
    }

    fn create_whole(&self, part: u64) -> io::Result<Box<dyn PartFile>> {
        let Some(file) = self.unnamed.make(&self.space.parts, part) else {
            return self.create(part);
        };
        Ok(Box::new(WholePart {
            open: self.open_file(file),
            part,
            unnamed: Arc::clone(&self.unnamed),
        }))
    }

    fn remove(&self, part: u64) -> io::Result<()> {
        if self.unnamed.take(part).is_some() {
            return Ok(());
        }
        Ok(unlinkat(
            &self.space.parts,
            part_name(part),
            AtFlags::empty(),
        )?)
    }

    fn kept(&self) -> Option<&dyn KeptParts> {
        Some(self)
    }
}

impl KeptParts for Directory {
    fn open(&self, part: u64, at: u64) -> io::Result<Box<dyn PartFile>> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.space.parts, part_name(part), flags, Mode::empty())?;
        rustix::fs::seek(&file, SeekFrom::Start(at))?;
        Ok(Box::new(self.open_file(file)))
    }

    fn read(&self, part: u64) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.open_to_read(part)?))
    }

    fn sync(&self, part: u64) -> io::Result<()> {
        if let Some(whole) = self.unnamed.get(part) {
            syncing::of_file(&*whole)?;
            return syncing::of_drive(&*whole);
        }
        let file = self.open_to_read(part)?;
        syncing::of_file(&file)?;
        syncing::of_drive(&file)
    }

    fn takes_direct_copies(&self) -> bool {
        true
    }

    fn lasting(&self) -> Option<&dyn LastingParts> {
        Some(self)
    }
}

impl LastingParts for Directory {
    fn adopt(&self, recorded: &[(u64, u64)]) -> io::Result<Vec<u64>> {
        if self.space.own.is_some() {
            // Its folder was made for it: nothing can be in there.
            return Ok(Vec::new());
        }
        let (kept, first) = left::keep(&self.space.parts, recorded)?;
        self.first_part.store(first, Ordering::Relaxed);
        Ok(kept)
    }

    fn first(&self) -> u64 {
        self.first_part.load(Ordering::Relaxed)
    }

    fn reserve(&self, count: u64) -> u64 {
        self.first_part.fetch_add(count, Ordering::Relaxed)
    }

    fn retain(&self, parts: Vec<u64>) {
        *lock(&self.left) = parts;
    }

    fn adopt_left(&self, run: &str, recorded: &[(u64, u64)]) -> io::Result<Vec<u64>> {
        Ok(left::keep(&self.folder_of(run)?, recorded)?.0)
    }

    fn take_left(&self, run: &str, part: u64, number: u64) -> io::Result<bool> {
        left::take(&self.folder_of(run)?, part, &self.space.parts, number)
    }

    fn remove_left(&self, run: &str, part: u64) -> io::Result<()> {
        let folder = self.folder_of(run)?;
        Ok(unlinkat(&folder, part_name(part), AtFlags::empty())?)
    }

    fn remove_left_run(&self, run: &str) -> io::Result<()> {
        self.space.remove_left(run)
    }

    fn lock_lists(&self) -> io::Result<Option<Held>> {
        let lock = self.space.lock_lists()?;
        Ok(lock.map(|lock| Box::new(lock) as Held))
    }
}

impl Lookup for Directory {
    fn was_empty(&self) -> bool {
        self.was_empty
    }

    fn accepted_names(&self) -> Accepted {
        let workspace = open_folder(self.root.as_fd(), WORKSPACE);
        workspace.map_or(Accepted::NOTHING, |workspace| {
            names::accepted(workspace.as_fd())
        })
    }

    fn stat(&self, target: &TargetName) -> io::Result<PathKind> {
        stat(self.root.as_fd(), target)
    }

    fn read(&self, target: &TargetName) -> io::Result<Box<dyn Read + Send>> {
        read(self.root.as_fd(), target)
    }

    fn see(&self, target: &TargetName) -> io::Result<Option<Seen>> {
        compare::see(self.root.as_fd(), target.as_str())
    }

    fn marker(&self, target: &TargetName) -> Option<&'static str> {
        marker(self.root.as_fd(), target.as_str())
    }
}

impl Destination for Directory {
    fn commit(&self, part: u64, target: &TargetName, replace: Replace) -> io::Result<()> {
        let claims = self.claims();
        let naming = self.syncing.naming();
        self.in_folder(target, |folder, file| {
            let name = Name { folder, file };
            let Some(whole) = self.unnamed.take(part) else {
                return claims.rename(part, name, replace);
            };
            let named = claims.link(part, &whole, name);
            if named.is_err() {
                // The part may still get another name.
                self.unnamed.add(part, whole);
            }
            named
        })?;
        naming.record(target);
        Ok(())
    }

    fn compare(&self, part: u64, target: &TargetName) -> io::Result<Compared> {
        compare::put_among_parts(&self.unnamed, &self.space.parts, part)?;
        let ours = Box::new(self.open_to_read(part)?);
        self.in_folder(target, |folder, file| compare::compare(ours, folder, file))
    }

    fn replace(&self, part: u64, target: &TargetName, seen: Seen) -> io::Result<bool> {
        let naming = self.syncing.naming();
        let is_replaced = self.in_folder(target, |folder, file| {
            compare::replace(&self.space.parts, part, folder, file, seen)
        })?;
        naming.record(target);
        Ok(is_replaced)
    }

    fn sync(&self) -> io::Result<()> {
        let folder = |path: &str| match path {
            "" => Ok(Arc::new(self.root.try_clone()?)),
            path => self.folder(path),
        };
        self.syncing.all(&self.root, || self.sync_parts(), folder)
    }

    fn close(&self, nothing_is_needed: bool) {
        // All of this is best effort: the next run finds what remains.
        let left = std::mem::take(&mut *lock(&self.left));
        let _ = left::remove_all_but(&self.space.parts, &left);
        if nothing_is_needed {
            self.space.remove(self.root.as_fd());
        }
        self.space.unlock();
    }
}

fn part_name(part: u64) -> DecInt {
    DecInt::new(part)
}

#[cfg(test)]
mod tests;
