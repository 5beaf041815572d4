//! The lists of runs, each a file in the folder of the daemon's state.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::file;
use crate::queue::Gid;

/// The folder of the lists. A file is there before its run is recorded, and until its run is
/// forgotten.
#[derive(Debug, Clone)]
pub(crate) struct Lists(PathBuf);

impl Lists {
    /// Returns the lists in a folder, which is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn in_folder(path: &Path) -> io::Result<Self> {
        file::make_private_folder(path)?;
        // Lists are recorded by their paths.
        Ok(Self(path.canonicalize()?))
    }

    /// Returns the file of a list.
    pub(crate) fn path(&self, gid: Gid) -> PathBuf {
        self.0.join(gid.to_string())
    }

    /// Makes the file of a new list. It is removed with the second of what is returned, unless that
    /// is kept.
    ///
    /// # Errors
    /// When it cannot be made, or is there.
    pub(crate) fn create(&self, gid: Gid) -> io::Result<(fs::File, NewFile)> {
        let file = file::create_private(&self.path(gid))?;
        let new = NewFile {
            lists: self.clone(),
            gid,
            is_kept: false,
        };
        Ok((file, new))
    }

    /// Makes sure that files which were made survive a power cut.
    ///
    /// # Errors
    /// When the folder cannot be flushed.
    pub(crate) fn flush(&self) -> io::Result<()> {
        fs::File::open(&self.0)?.sync_all()
    }

    /// Removes the file of a list, if there is one.
    pub(crate) fn remove(&self, gid: Gid) {
        if let Err(error) = fs::remove_file(self.path(gid))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(target: "haulage::daemon", %error, %gid, "a list is not removed");
        }
    }

    /// Removes all files but those of these lists: a daemon that was killed may have left them.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn keep_only(&self, known: &HashSet<Gid>) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            if let Some(gid) = gid_of(&name).filter(|gid| !known.contains(gid)) {
                self.remove(gid);
            }
        }
        Ok(())
    }
}

/// The file of a list whose run is in no queue yet. Dropping this removes it.
#[derive(Debug)]
pub(crate) struct NewFile {
    lists: Lists,
    gid: Gid,
    is_kept: bool,
}

impl NewFile {
    /// Leaves the file to its run.
    pub(crate) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_kept {
            self.lists.remove(self.gid);
        }
    }
}

fn gid_of(name: &OsStr) -> Option<Gid> {
    Gid::parse(name.to_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_belong_to_no_run_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let lists = Lists::in_folder(&folder.path().join("lists")).unwrap();
        let [one, two] = [1, 2].map(|number| Gid::new(number).unwrap());
        for gid in [one, two] {
            lists.create(gid).unwrap().1.keep();
        }
        assert!(lists.create(one).is_err());
        lists.keep_only(&HashSet::from([two])).unwrap();
        assert!(!lists.path(one).exists() && lists.path(two).exists());
        lists.remove(two);
        lists.remove(two);
        assert!(!lists.path(two).exists());
        let (_, new) = lists.create(one).unwrap();
        assert!(lists.path(one).exists());
        drop(new);
        assert!(!lists.path(one).exists());
    }
}
