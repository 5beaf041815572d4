//! Makes what was written and named survive a power cut: by one sync of the file system or, where
//! that call is missing, by one of each file and folder, and then of the drive.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustix::fs::{fsync, sync};

use super::lock::LOCK;
use super::missing::is_missing;
use crate::plan::name::TargetName;
use crate::sync::lock;
use crate::sys::flush;

/// How the run's file system is synced.
pub(super) struct Syncing(RwLock<Way>);

impl Default for Syncing {
    fn default() -> Self {
        Self(RwLock::new(if flush::HAS_FILE_SYSTEMS {
            Way::Whole
        } else {
            Way::Each(std::sync::Mutex::default())
        }))
    }
}

enum Way {
    /// With one call for the whole file system.
    Whole,
    /// One by one: the folders in which names were given since the last sync.
    Each(std::sync::Mutex<HashSet<Box<str>>>),
}

/// Held while a file gets its name, so that no sync misses the name.
pub(super) struct Naming<'a>(RwLockReadGuard<'a, Way>);

impl Syncing {
    /// Notes that a file is about to get its name. The result is held until it has the name, so
    /// that no sync misses it.
    pub(super) fn naming(&self) -> Naming<'_> {
        Naming(self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Syncs the file system of a folder. Where files and folders are synced one by one, `files`
    /// syncs what has no final name yet, and `folder` opens a folder by its path; the empty path is
    /// the destination.
    ///
    /// # Errors
    /// The first error of a sync.
    pub(super) fn all(
        &self,
        root: &OwnedFd,
        files: impl FnOnce() -> io::Result<()>,
        folder: impl Fn(&str) -> io::Result<std::sync::Arc<OwnedFd>>,
    ) -> io::Result<()> {
        if matches!(*self.read(), Way::Whole) {
            match flush::file_system(root) {
                Err(error) if is_missing(error) => {}
                synced => return Ok(synced?),
            }
            let mut way = self.write();
            *way = Way::Each(std::sync::Mutex::default());
            // So far no folders have been noted, so all file systems are synced this once.
            sync();
        }
        let named = match &*self.read() {
            Way::Whole => HashSet::new(),
            Way::Each(named) => std::mem::take(&mut *lock(named)),
        };
        files()?;
        for path in &named {
            of_folder(&*folder(path)?)?;
        }
        of_drive(root)
    }

    fn read(&self) -> RwLockReadGuard<'_, Way> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Way> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Naming<'_> {
    /// Notes that the file has this name now.
    pub(super) fn record(&self, name: &TargetName) {
        let Way::Each(named) = &*self.0 else { return };
        let mut named = lock(named);
        // A new folder is a name in the one above, which needs a sync too.
        let mut folder = name.folder().unwrap_or_default();
        while named.insert(folder.into()) && !folder.is_empty() {
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
}

/// Syncs a file's bytes as far as its drive; [`of_drive`] has to follow. A file system that has no
/// such call keeps nothing that could be lost.
pub(super) fn of_file(file: impl AsFd) -> io::Result<()> {
    match flush::file(&file) {
        Err(error) if is_missing(error) => {}
        synced => return Ok(synced?),
    }
    match fsync(&file) {
        Err(error) if is_missing(error) => Ok(()),
        synced => Ok(synced?),
    }
}

/// Returns whether the file system of a database lacks one of the calls that sync a file. This is
/// tried with the lock file beside it: closing the database itself would release the locks that
/// this process may hold on it (POSIX).
pub(crate) fn lacks_sync(database: &Path) -> bool {
    let Ok(file) = File::open(database.with_file_name(LOCK)) else {
        return false;
    };
    let answers = [flush::file(&file).err(), fsync(&file).err()];
    answers.into_iter().flatten().any(is_missing)
}

/// Makes the drive of an open file keep all that was synced as far as the drive.
pub(super) fn of_drive(any: impl AsFd) -> io::Result<()> {
    match flush::drive(any) {
        Err(error) if is_missing(error) => Ok(()),
        synced => Ok(synced?),
    }
}

/// Syncs the names in a folder, where its file system can do that, as far as its drive.
pub(super) fn of_folder(folder: impl AsFd) -> io::Result<()> {
    match fsync(folder) {
        Err(error) if is_missing(error) => Ok(()),
        synced => Ok(synced?),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn without_syncfs_each_folder_with_a_new_name_is_synced_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = Arc::new(OwnedFd::from(File::open(folder.path()).unwrap()));
        let syncing = Syncing(RwLock::new(Way::Each(Mutex::default())));
        for name in ["x", "a/b/x", "a/c/x", "a/b/y"] {
            let name = TargetName::of_safe(name.to_owned());
            syncing.naming().record(&name);
        }
        let sync = || {
            let (mut files, synced) = (0, Mutex::new(Vec::new()));
            let note = |path: &str| {
                synced.lock().unwrap().push(path.to_owned());
                Ok(Arc::clone(&root))
            };
            let count = || {
                files += 1;
                Ok(())
            };
            syncing.all(&root, count, note).unwrap();
            let mut synced = synced.into_inner().unwrap();
            synced.sort_unstable();
            (files, synced)
        };
        assert_eq!(
            sync(),
            (1, ["", "a", "a/b", "a/c"].map(str::to_owned).into())
        );
        assert_eq!(sync(), (1, Vec::new()));
    }
}
