//! Syncs whose success counts only as long as none has failed.
//!
//! After a failed sync, the kernel may have dropped the bytes that it could not write, and
//! forgotten the failure: a later sync that succeeds says nothing about those bytes. So after the
//! first failure, nothing more of a run counts as durable.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::storage::Storage;

use crate::sync::modelled::{Condvar, Mutex, MutexGuard, lock};

/// The syncs of one run, for all callers.
pub(crate) struct Syncs {
    storage: Arc<Storage>,
    /// One sync at a time: of two at once, only one may be told of a failure that concerns both.
    turn: Mutex<()>,
    seen: Mutex<Seen>,
    /// Notified after each sync of everything.
    over: Condvar,
}

#[derive(Default)]
struct Seen {
    /// The error number, or the kind, of the first failure; `None` if there was none.
    failed: Option<(Option<i32>, io::ErrorKind)>,
    /// How many syncs of everything have begun, and how many of those are over.
    begun: u64,
    over: u64,
}

impl Seen {
    fn check(&self) -> io::Result<()> {
        let error = |(number, kind): (Option<i32>, io::ErrorKind)| {
            number.map_or_else(|| kind.into(), io::Error::from_raw_os_error)
        };
        self.failed.map_or(Ok(()), |failed| Err(error(failed)))
    }
}

impl Syncs {
    pub(crate) fn new(storage: Arc<Storage>) -> Self {
        Self {
            storage,
            turn: Mutex::default(),
            seen: Mutex::default(),
            over: Condvar::new(),
        }
    }

    /// Makes all that was written and named so far survive a power cut.
    ///
    /// # Errors
    /// The error of this sync, or of an earlier one.
    pub(crate) fn all(&self) -> io::Result<()> {
        let turn = self.turn();
        self.seen().begun += 1;
        let synced = self.believed(turn, || self.storage.destination.sync());
        self.seen().over += 1;
        self.over.notify_all();
        synced
    }

    /// Does the same as [`all`](Self::all), together with others: waits up to `most` for the next
    /// sync that somebody else asks for, and syncs itself only if none has ended by then.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub(crate) fn all_with_others(&self, most: Duration) -> io::Result<()> {
        let seen = self.seen();
        // A sync that has begun may have missed what was written last.
        let next = seen.begun + 1;
        let (seen, _) = self
            .over
            .wait_timeout_while(seen, most, |seen| seen.over < next)
            .unwrap_or_else(PoisonError::into_inner);
        if seen.over >= next {
            return seen.check();
        }
        drop(seen);
        self.all()
    }

    /// Makes the bytes of these parts survive a power cut. A part that no longer exists was synced
    /// before it got its name, or is not needed.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub(crate) fn parts(&self, parts: impl IntoIterator<Item = u64>) -> io::Result<()> {
        let mut parts = parts.into_iter();
        self.believed(self.turn(), || {
            let Some(kept) = self.storage.kept() else {
                return self.storage.destination.sync();
            };
            parts.try_for_each(|part| match kept.sync(part) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                synced => synced,
            })
        })
    }

    fn believed(
        &self,
        _turn: MutexGuard<'_, ()>,
        sync: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        self.seen().check()?;
        let synced = sync();
        if let Err(error) = &synced {
            self.seen().failed = Some((error.raw_os_error(), error.kind()));
        }
        synced
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.turn)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::fake::{Done, FakeDisk, Operation};
    use super::*;

    const AT_ONCE: Duration = Duration::ZERO;
    const EVER: Duration = Duration::from_hours(1);

    fn syncs(disk: &FakeDisk) -> Syncs {
        Syncs::new(Storage::of(Arc::new(disk.clone())))
    }

    fn of_everything(disk: &FakeDisk) -> usize {
        let log = disk.log();
        log.iter().filter(|done| **done == Done::Synced).count()
    }

    #[test]
    fn one_does_for_all_who_had_asked_before_it_began() {
        let disk = FakeDisk::default();
        let syncs = syncs(&disk);
        thread::scope(|scope| {
            let waits = [1, 2].map(|_| scope.spawn(|| syncs.all_with_others(EVER)));
            let mut own = 0;
            while waits.iter().any(|one| !one.is_finished()) {
                syncs.all().unwrap();
                own += 1;
            }
            for one in waits {
                one.join().unwrap().unwrap();
            }
            assert_eq!(of_everything(&disk), own);
        });
    }

    #[test]
    fn one_that_has_begun_does_not() {
        let disk = FakeDisk::default();
        let syncs = Arc::new(syncs(&disk));
        let same = Arc::clone(&syncs);
        let (tell, told) = std::sync::mpsc::channel();
        disk.while_syncing(move || {
            // No other sync runs: this one is not over.
            let seen = same.seen();
            tell.send((seen.begun, seen.over)).unwrap();
        });
        syncs.all().unwrap();
        assert_eq!(told.recv().unwrap(), (1, 0));
        syncs.all_with_others(AT_ONCE).unwrap();
        assert_eq!(of_everything(&disk), 2, "it was left to one of before");
    }

    #[test]
    fn one_that_fails_is_told_to_all() {
        let disk = FakeDisk::default();
        let syncs = syncs(&disk);
        disk.fail(Operation::Sync, 5);
        thread::scope(|scope| {
            let waits = scope.spawn(|| syncs.all_with_others(EVER));
            while !waits.is_finished() {
                assert_eq!(syncs.all().unwrap_err().raw_os_error(), Some(5));
            }
            let told = waits.join().unwrap();
            assert_eq!(told.unwrap_err().raw_os_error(), Some(5));
        });
    }
}
