//! The destination as a directory: parts below `.haul/part/`, renamed to their final names.
//!
//! Everything goes through directory handles, so a folder that is moved or replaced by a link meanwhile leads nowhere
//! else. A part has a short name in a small folder of its own, which is cheaper to rename from than a long name beside
//! the target. What a file system cannot do is done in another way: `missing` says how that is told.
#![expect(
    clippy::disallowed_methods,
    reason = "the one module that creates and renames files"
)]

mod aside;
mod claim;
mod left;
mod lock;
mod look;
mod missing;
mod open;
mod owner;
mod syncing;
mod unnamed;
mod workspace;
mod write_out;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, Mode, OFlags, SeekFrom, openat, unlinkat};
use rustix::path::DecInt;

pub(crate) use self::aside::set_aside;
use self::claim::{Claims, Name};
pub(crate) use self::lock::lacks_locks;
pub(super) use self::look::{holds_no_files, present, read};
use self::open::OpenPart;
use self::owner::{Life, Owner};
use self::syncing::Syncing;
pub(crate) use self::syncing::lacks_sync;
pub(crate) use self::unnamed::WAITING_FOR_NAMES;
use self::unnamed::{Unnamed, WholePart};
use self::workspace::{Opened, Space, Whose, make_folder, open_folder};
use self::write_out::WriteOut;
use super::disk::{Disk, Held, PartFile, Present, Replace};
use super::place_of_state::{LeftRun, Sharing, StatePlace};
use super::room::Room;
use crate::error::{Error, ErrorKind};
use crate::event::Warning;
use crate::options::{Durability, Options, Workspace};
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

/// A destination directory, with a place in its workspace for this run.
pub(crate) struct Directory {
    root: OwnedFd,
    space: Space,
    unnamed: Arc<Unnamed>,
    room: Arc<Room>,
    folders: Mutex<HashMap<Box<str>, Arc<OwnedFd>>>,
    syncing: Syncing,
    /// Held while a name is looked at and given, where that takes two calls.
    naming: Mutex<()>,
    durability: Durability,
    /// The number of the next part.
    first_part: AtomicU64,
    /// Parts that a later run may go on with.
    left: Mutex<Vec<u64>>,
    /// It held nothing when it was opened, and no other run was using it, so whatever is below it this run has put there.
    was_empty: bool,
}

impl Directory {
    /// Opens a destination, which is created when missing, and a place in its workspace. A run that records lists keeps others out that do.
    /// Also returns where its state is kept.
    ///
    /// # Errors
    /// Of kind `disk`, when it cannot be made or written, when another run keeps this one out ([`Error::busy_with`]), or when its file system
    /// has fewer bytes than are to stay free.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<(Self, StatePlace), Error> {
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
        let reserve = Room::of(options.min_free, root.as_fd());
        reserve.look(root.as_fd()).map_err(failed)?;
        let was_empty = holds_no_files(root.as_fd()).map_err(failed)?;
        let whose = match options.workspace {
            Workspace::Keep => Whose::Lists,
            Workspace::RemoveWhenDone => Whose::Urls,
        };
        let (space, moment) = match workspace::open(root.as_fd(), whose, &options.title)
            .map_err(failed)?
        {
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

    fn claims(&self) -> Claims<'_> {
        Claims {
            parts: self.space.parts.as_fd(),
            all: self.space.all.as_fd(),
            turn: &self.naming,
        }
    }

    /// The folder of a run that has ended.
    fn folder_of(&self, run: &str) -> io::Result<OwnedFd> {
        let folder = self.space.open_left(run);
        folder.ok_or_else(|| io::ErrorKind::NotFound.into())
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

    /// Syncs what has no final name yet.
    fn sync_parts(&self) -> io::Result<()> {
        for file in self.unnamed.all() {
            syncing::of_file(&*file)?;
        }
        for entry in rustix::fs::Dir::read_from(&self.space.parts)? {
            let Some(part) = left::number_of(entry?.file_name()) else {
                continue;
            };
            match self.sync_part(part) {
                // It has got its name meanwhile, and was synced before.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                synced => synced?,
            }
        }
        Ok(())
    }
}

impl Disk for Directory {
    fn create_part(&self, part: u64) -> io::Result<Box<dyn PartFile>> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&self.space.parts, part_name(part), flags, open::mode())?;
        Ok(Box::new(self.open_file(file)))
    }

    fn create_whole(&self, part: u64) -> io::Result<Box<dyn PartFile>> {
        let Some(file) = self.unnamed.make(&self.space.parts, part) else {
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
        let file = openat(&self.space.parts, part_name(part), flags, Mode::empty())?;
        rustix::fs::seek(&file, SeekFrom::Start(at))?;
        Ok(Box::new(self.open_file(file)))
    }

    fn read_part(&self, part: u64) -> io::Result<Box<dyn Read + Send>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.space.parts, part_name(part), flags, Mode::empty())?;
        Ok(Box::new(File::from(file)))
    }

    fn keep_parts(&self, recorded: &[(u64, u64)]) -> io::Result<Vec<u64>> {
        let (kept, first) = left::keep(&self.space.parts, recorded)?;
        self.first_part.store(first, Ordering::Relaxed);
        Ok(kept)
    }

    fn first_part(&self) -> u64 {
        self.first_part.load(Ordering::Relaxed)
    }

    fn leave_parts(&self, parts: Vec<u64>) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = parts;
    }

    fn reserve_parts(&self, count: u64) -> u64 {
        self.first_part.fetch_add(count, Ordering::Relaxed)
    }

    fn keep_left(&self, run: &str, recorded: &[(u64, u64)]) -> io::Result<Vec<u64>> {
        Ok(left::keep(&self.folder_of(run)?, recorded)?.0)
    }

    fn take_left(&self, run: &str, part: u64, number: u64) -> io::Result<bool> {
        left::take(&self.folder_of(run)?, part, &self.space.parts, number)
    }

    fn drop_left(&self, run: &str, part: u64) -> io::Result<()> {
        let folder = self.folder_of(run)?;
        Ok(unlinkat(&folder, part_name(part), AtFlags::empty())?)
    }

    fn remove_left(&self, run: &str) -> io::Result<()> {
        self.space.remove_left(run)
    }

    fn lock_lists(&self) -> io::Result<Option<Held>> {
        let lock = self.space.lock_lists()?;
        Ok(lock.map(|lock| Box::new(lock) as Held))
    }

    fn commit(&self, part: u64, target: &TargetName, replace: Replace) -> io::Result<()> {
        let claims = self.claims();
        let folder = target.folder().map(|path| self.folder(path)).transpose()?;
        let name = Name {
            folder: folder
                .as_ref()
                .map_or(self.root.as_fd(), |open| open.as_fd()),
            file: target.file(),
        };
        let naming = self.syncing.naming();
        match self.unnamed.take(part) {
            None => claims.rename(part, name, replace)?,
            Some(whole) => {
                let named = claims.link(part, &whole, name);
                if named.is_err() {
                    // Another name may be free.
                    self.unnamed.add(part, whole);
                }
                named?;
            }
        }
        naming.is_in(target.folder());
        Ok(())
    }

    fn takes_flows(&self) -> bool {
        true
    }

    fn remove_part(&self, part: u64) -> io::Result<()> {
        if self.unnamed.take(part).is_some() {
            return Ok(());
        }
        Ok(unlinkat(
            &self.space.parts,
            part_name(part),
            AtFlags::empty(),
        )?)
    }

    fn was_empty(&self) -> bool {
        self.was_empty
    }

    fn present(&self, target: &TargetName) -> io::Result<Present> {
        present(self.root.as_fd(), target)
    }

    fn read(&self, target: &TargetName) -> io::Result<Box<dyn Read + Send>> {
        read(self.root.as_fd(), target)
    }

    fn sync_part(&self, part: u64) -> io::Result<()> {
        if let Some(whole) = self.unnamed.get(part) {
            return syncing::of_file(&*whole);
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.space.parts, part_name(part), flags, Mode::empty())?;
        syncing::of_file(&file)
    }

    fn sync(&self) -> io::Result<()> {
        let folder = |path: &str| match path {
            "" => Ok(Arc::new(self.root.try_clone()?)),
            path => self.folder(path),
        };
        self.syncing.all(&self.root, || self.sync_parts(), folder)
    }

    fn close(&self, nothing_is_needed: bool) {
        // Best effort, all of it: what stays is found by the next run.
        let left = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = left::remove_all_but(&self.space.parts, &left);
        if nothing_is_needed {
            self.space.remove(self.root.as_fd());
        }
        self.space.unlock();
    }
}

/// Where what a later run into a folder needs to know is kept: a path without links, as far as the folder goes. What is in the workspace may
/// be none either, but whoever opens it has to see to that.
pub(crate) fn state_in(folder: &Path) -> io::Result<PathBuf> {
    Ok(folder.canonicalize()?.join(WORKSPACE).join(STATE))
}

/// Where a run keeps its state, and what it finds of others.
fn state_place(path: &Path, root: &OwnedFd, space: &Space, moment: Held) -> io::Result<StatePlace> {
    let lists = state_in(path)?;
    let parts = lists.with_file_name(workspace::PARTS);
    let shares_locks = space.locks.files && space.locks.ranges;
    let (database, sharing, readable) = match &space.own {
        // Nobody opens it but whoever has the lock of its folder.
        Some(own) => {
            let readable = shares_locks && !is_remote(root) && lists.is_file();
            let own = parts.join(own).join(STATE);
            (own, Sharing::AloneWithoutLocks, readable.then_some(lists))
        }
        None if !shares_locks => (lists, Sharing::AloneWithoutLocks, None),
        None if is_remote(root) => (lists, Sharing::Alone, None),
        None => (lists, Sharing::WithReaders, None),
    };
    let left = space.left.iter().map(|run| LeftRun {
        database: parts.join(run).join(STATE),
        run: run.as_str().into(),
    });
    Ok(StatePlace {
        left: left.collect(),
        database,
        sharing,
        lists: readable,
        warnings: (!space.locks.files)
            .then(|| Warning::NoLocks(path.to_owned()))
            .into_iter()
            .collect(),
        moment: Some(moment),
    })
}

/// Whether a file system is one that other machines may have open too, so that processes cannot share memory through its files.
fn is_remote(root: &OwnedFd) -> bool {
    rustix::fs::fstatfs(root).is_ok_and(|about| {
        let kind = u32::try_from(about.f_type & 0xffff_ffff).unwrap_or_default();
        REMOTE.contains(&kind)
    })
}

/// Says that another run keeps this one out, and which file is to be removed should that not be true.
fn busy(path: &Path, owner: Option<&Owner>, mark: Option<&str>) -> Error {
    let shown = path.display();
    let who = owner.map_or_else(|| "another run".to_owned(), Owner::named);
    let title = owner.map(|owner| owner.title.as_str());
    let what = title.filter(|title| !title.is_empty()).unwrap_or("a list");
    let waits = format!("{who}, which is downloading {what} into {shown}");
    // Whether a process of this machine runs is known.
    let is_sure = owner.is_some_and(|owner| owner.life() == Life::Alive);
    let advice = mark.filter(|_| !is_sure).map_or_else(String::new, |mark| {
        let mark = path.join(WORKSPACE).join(mark);
        format!("; if it does not run any more, remove {}", mark.display())
    });
    Error::new(
        ErrorKind::Disk,
        format!(
            "another run is using the folder {shown}: {who} is downloading {what}; wait for it, or choose another with --dir{advice}"
        ),
    )
    .held_by(format!("{waits}{advice}"))
}

fn part_name(part: u64) -> DecInt {
    DecInt::new(part)
}

#[cfg(test)]
mod tests;
