//! Files that have no name before their final one. If a run ends before a part that is written in
//! one step has its name, nothing of it remains; and one name costs less than two (`sys::unnamed`).

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::SystemTime;

use rustix::fs::{AtFlags, unlinkat};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, getrlimit};

use super::super::scratch::PartFile;
use super::open::{self, OpenPart};
use super::part_name;
use crate::sync::lock;
use crate::sys;

/// Files that wait for their names hold at most one in this many of the descriptors that the
/// process may have.
pub(crate) const WAITING_FOR_NAMES: u64 = 8;
/// The most files that wait for their names.
const MAX_WAITING: u64 = 1024;

/// Files of complete parts, which stay open and wait for their names.
pub(super) struct Unnamed {
    most: usize,
    /// Such files can be named later: tried with the first one.
    works: OnceLock<bool>,
    waiting: Mutex<BTreeMap<u64, Arc<OwnedFd>>>,
}

impl Unnamed {
    pub(super) fn new(folder: impl AsFd) -> Self {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let most = i32::try_from((limit / WAITING_FOR_NAMES).min(MAX_WAITING)).unwrap_or_default();
        // Enlarges the kernel's table of descriptors while there are no threads: with them, the
        // kernel waits each time for all processors (`expand_fdtable`), which takes some ten
        // milliseconds. If this fails, only that time is lost.
        let _ = fcntl_dupfd_cloexec(folder, most);
        Self {
            most: usize::try_from(most).unwrap_or_default(),
            works: OnceLock::new(),
            waiting: Mutex::default(),
        }
    }

    /// Creates a file without a name in the folder of the parts; `None` where it has to be created
    /// with a name.
    pub(super) fn make(&self, parts: &OwnedFd, part: u64) -> Option<OwnedFd> {
        if self.works.get() == Some(&false) || self.waiting().len() >= self.most {
            return None;
        }
        let make = || sys::unnamed::create(parts, open::mode()).ok();
        let may_be_named = |file: OwnedFd| {
            let name = part_name(part);
            let name = name.as_c_str();
            // Some file systems do not support this, and older kernels allow it only to root.
            sys::unnamed::name(&file, parts, name).is_ok()
                && unlinkat(parts, name, AtFlags::empty()).is_ok()
        };
        let works = *self.works.get_or_init(|| make().is_some_and(may_be_named));
        // If this fails, creating a file with a name reports the error.
        works.then(make).flatten()
    }

    /// Adds a file that waits for its name, under the number of its part.
    pub(super) fn add(&self, part: u64, file: Arc<OwnedFd>) {
        self.waiting().insert(part, file);
    }

    pub(super) fn get(&self, part: u64) -> Option<Arc<OwnedFd>> {
        self.waiting().get(&part).cloned()
    }

    /// Returns all files that wait for their names.
    pub(super) fn all(&self) -> Vec<Arc<OwnedFd>> {
        self.waiting().values().cloned().collect()
    }

    /// Removes and returns a file that waits for its name, since it gets one now or is not needed;
    /// `None` if no file of this part waits.
    pub(super) fn take(&self, part: u64) -> Option<Arc<OwnedFd>> {
        let mut waiting = self.waiting();
        // Usually there is none, and this costs only a look.
        if waiting.is_empty() {
            return None;
        }
        waiting.remove(&part)
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<OwnedFd>>> {
        lock(&self.waiting)
    }
}

/// The file of a part without a name; when it is closed, it waits for its name.
pub(super) struct WholePart {
    pub(super) open: OpenPart,
    pub(super) part: u64,
    pub(super) unnamed: Arc<Unnamed>,
}

impl PartFile for WholePart {
    fn write(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        self.open.write(bytes)
    }

    fn set_modified(&mut self, time: SystemTime) -> io::Result<()> {
        self.open.set_modified(time)
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        self.unnamed.add(self.part, Arc::new(self.open.file));
        Ok(())
    }
}

#[cfg(test)]
impl Unnamed {
    /// Creates an instance that makes no files without a name, as on a file system that has none.
    pub(super) fn none() -> Self {
        Self::at_most(0)
    }

    pub(super) fn at_most(most: usize) -> Self {
        Self {
            most,
            works: OnceLock::new(),
            waiting: Mutex::default(),
        }
    }

    /// Returns whether files without a name work here; `false` also before the first one was tried.
    pub(super) fn works(&self) -> bool {
        self.works.get() == Some(&true)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting().len()
    }
}
