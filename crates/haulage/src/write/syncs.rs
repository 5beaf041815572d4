//! Syncs that are believed only as long as none has failed.
//!
//! Once a sync has failed, the kernel may have dropped what it could not write and think no more of it: a later sync that succeeds says
//! nothing of those bytes. So after the first failure nothing more of a run counts as durable.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::Disk;

/// The syncs of one run, whoever asks for them.
pub(crate) struct Syncs {
    disk: Arc<dyn Disk>,
    /// The error number, or the kind, of the first that failed.
    failed: Mutex<Option<(Option<i32>, io::ErrorKind)>>,
}

impl Syncs {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            disk,
            failed: Mutex::default(),
        }
    }

    /// Makes all that was written and named so far survive a power cut.
    ///
    /// # Errors
    /// What this sync met, or an earlier one.
    pub(crate) fn all(&self) -> io::Result<()> {
        self.believed(|| self.disk.sync())
    }

    /// Makes the bytes of these parts survive one. One that is a part no more has been synced before it got its name, or does not matter.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub(crate) fn parts(&self, parts: impl IntoIterator<Item = u64>) -> io::Result<()> {
        let mut parts = parts.into_iter();
        self.believed(|| {
            parts.try_for_each(|part| match self.disk.sync_part(part) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                synced => synced,
            })
        })
    }

    /// One after another: of two at once, either may be told of a failure that concerns both.
    fn believed(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((number, kind)) = *failed {
            return Err(number.map_or_else(|| kind.into(), io::Error::from_raw_os_error));
        }
        let synced = sync();
        if let Err(error) = &synced {
            *failed = Some((error.raw_os_error(), error.kind()));
        }
        synced
    }
}
