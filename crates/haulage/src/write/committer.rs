//! Gives complete parts their names in groups, after one sync that makes the bytes of the whole
//! group survive a power cut. A thread of its own waits for the sync, not those that write.
//!
//! If a file got its name before its bytes are on the disk, a power cut could leave it with its
//! full length and nothing in it. Syncing each file on its own would take many times as long as
//! downloading it.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::commit::{self, Named, Saved, Saving};
use super::storage::Storage;
use super::strictest::Strictest;
use super::syncs::Syncs;
use super::verify::Verified;
use crate::error::Error;
use crate::options::Durability;
use crate::plan::name::TargetName;
use crate::pool::BlockingPool;
use crate::sync::modelled::{AtomicBool, Condvar, Mutex, MutexGuard, lock, thread};
use crate::trace::COMMIT;

/// A group collects parts for this many times the duration of the last sync: so syncs take a small
/// part of the time, and files get their names while they are still in the caches.
const PER_SYNC: u32 = 5;
/// The shortest time that a group collects parts.
const MIN_GROUP_TIME: Duration = Duration::from_millis(2);
/// The longest time that a group collects parts.
const MAX_GROUP_TIME: Duration = Duration::from_secs(1);
/// How long the thread that names parts waits for some before it ends.
const IDLE: Duration = Duration::from_secs(1);
/// A group of this many parts is synced at once.
const GROUP: usize = 384;
/// Up to this many parts are synced one by one: a sync of the whole file system also waits for what
/// other programs have written.
const FEW: usize = 4;
/// How many parts are compared with existing files at once. Each comparison may occupy a disk
/// thread for long.
const COMPARED_AT_ONCE: usize = 4;

/// Gives complete parts their names.
pub(crate) struct Committer(Arc<Shared>);

struct Shared {
    storage: Arc<Storage>,
    syncs: Arc<Syncs>,
    pool: Arc<BlockingPool>,
    durability: Arc<Strictest>,
    /// Files are kept on a disk; otherwise nothing could be lost in a power cut.
    keeps_files: bool,
    idle: Duration,
    state: Mutex<State>,
    comparing: Mutex<Comparing>,
    changed: Condvar,
    /// Nothing is in flight, so no other part could join a group.
    quiet: AtomicBool,
}

#[derive(Default)]
struct State {
    waiting: Vec<Whole>,
    /// There is a thread that names parts.
    has_thread: bool,
    closed: bool,
}

/// Parts that are compared with the existing files at their names.
#[derive(Default)]
struct Comparing {
    waiting: VecDeque<Whole>,
    at_once: usize,
}

/// A complete and verified part.
struct Whole {
    part: u64,
    verified: Verified,
    saving: Saving,
}

impl Committer {
    pub(super) fn new(
        storage: Arc<Storage>,
        syncs: Arc<Syncs>,
        pool: Arc<BlockingPool>,
        durability: Arc<Strictest>,
    ) -> Self {
        Self::with_idle(storage, syncs, pool, durability, IDLE)
    }

    fn with_idle(
        storage: Arc<Storage>,
        syncs: Arc<Syncs>,
        pool: Arc<BlockingPool>,
        durability: Arc<Strictest>,
        idle: Duration,
    ) -> Self {
        Self(Arc::new(Shared {
            idle,
            durability,
            // In memory there is nothing that could be synced.
            keeps_files: storage.kept().is_some() && storage.memory.is_none(),
            storage,
            syncs,
            pool,
            state: Mutex::default(),
            comparing: Mutex::default(),
            changed: Condvar::new(),
            quiet: AtomicBool::new(false),
        }))
    }

    /// Gives a part its name, at once or when its group is synced, and then calls its `done`.
    pub(super) fn add(&self, part: u64, verified: Verified, saving: Saving) {
        let whole = Whole {
            part,
            verified,
            saving,
        };
        if !self.0.keeps_files || self.0.durability.get() == Durability::None {
            return self.0.name(whole);
        }
        let mut state = self.0.lock();
        state.waiting.push(whole);
        let waiting = state.waiting.len();
        if !std::mem::replace(&mut state.has_thread, true) {
            let shared = Arc::clone(&self.0);
            let thread = thread::Builder::new().name("haulage-commit".into());
            if thread.spawn(move || shared.run()).is_err() {
                // Without a thread, the parts are synced and named here.
                state.has_thread = false;
                let group = std::mem::take(&mut state.waiting);
                drop(state);
                self.0.commit(group);
            }
        } else if matches!(waiting, 1 | GROUP) || self.0.is_quiet() {
            self.0.changed.notify_one();
        }
    }

    /// Sets whether nothing is in flight. Then no other part can join a group, and those that wait
    /// get their names at once.
    pub(crate) fn set_quiet(&self, quiet: bool) {
        // Usually nothing has changed, and this costs only a look.
        if self.0.is_quiet() == quiet {
            return;
        }
        self.0.quiet.store(quiet, Ordering::Release);
        if quiet {
            // A thread that collects parts holds this lock, or looks again before it waits.
            drop(self.0.lock());
            self.0.changed.notify_one();
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::Acquire)
    }

    fn run(self: Arc<Self>) {
        let mut time = MIN_GROUP_TIME;
        while let Some(group) = self.gather(time) {
            time = (self.commit(group) * PER_SYNC).clamp(MIN_GROUP_TIME, MAX_GROUP_TIME);
        }
    }

    /// Returns the next group, which collects parts for at most `time`; `None` when the thread
    /// ends, since there will be no more parts, or were none for a while.
    fn gather(&self, time: Duration) -> Option<Vec<Whole>> {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            let waited = self.changed.wait_timeout(state, self.idle);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if timeout.timed_out() && state.waiting.is_empty() {
                // In one step: a caller that adds a part sees it, and starts another thread.
                state.has_thread = false;
                state.waiting = Vec::new();
                return None;
            }
        }
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, time, |state| self.goes_on_gathering(state))
            .unwrap_or_else(PoisonError::into_inner);
        // The next group is most likely as large, and its parts would move each time that it grows.
        let next = Vec::with_capacity(state.waiting.len());
        Some(std::mem::replace(&mut state.waiting, next))
    }

    /// Returns whether to wait longer for parts that may join the group.
    fn goes_on_gathering(&self, state: &State) -> bool {
        self.durability.get() == Durability::Batch
            && state.waiting.len() < GROUP
            && !self.is_quiet()
            && !state.closed
    }

    /// Syncs a group and names it. Returns how long the sync took.
    fn commit(self: &Arc<Self>, group: Vec<Whole>) -> Duration {
        let began = Instant::now();
        let synced = self.sync(&group);
        let took = began.elapsed();
        tracing::debug!(target: COMMIT, files = group.len(), ?took, ok = synced.is_ok(), "flushed");
        match synced {
            Ok(()) => {
                // Named where parts are created: two threads in one folder wait for each other.
                let shared = Arc::clone(self);
                self.pool.call(move || {
                    for whole in group {
                        shared.name(whole);
                    }
                });
            }
            Err(cause) => {
                let same = || match cause.raw_os_error() {
                    Some(number) => io::Error::from_raw_os_error(number),
                    None => cause.kind().into(),
                };
                for whole in group {
                    let what = format!("cannot sync {}", whole.saving.target.as_str());
                    // The next run removes the parts.
                    (whole.saving.done)(Err(Error::disk(&what, same())));
                }
            }
        }
        took
    }

    fn sync(&self, group: &[Whole]) -> io::Result<()> {
        if group.len() > FEW {
            self.syncs.all()
        } else {
            self.syncs.parts(group.iter().map(|whole| whole.part))
        }
    }

    fn name(self: &Arc<Self>, whole: Whole) {
        match commit::name(&self.storage, whole.part, &whole.verified, &whole.saving) {
            Ok(Named::As(renamed)) => self.tell(whole, Ok(renamed)),
            Ok(Named::Taken) => self.compare_later(whole),
            Err(error) => self.tell(whole, Err(error)),
        }
    }

    /// Compares a part with the existing file at its name, now or when other comparisons have
    /// ended: the rest of its group does not wait for that.
    fn compare_later(self: &Arc<Self>, whole: Whole) {
        let mut comparing = self.comparing();
        if comparing.at_once < COMPARED_AT_ONCE {
            comparing.at_once += 1;
            drop(comparing);
            self.submit_comparison(whole);
        } else {
            comparing.waiting.push_back(whole);
        }
    }

    fn submit_comparison(self: &Arc<Self>, whole: Whole) {
        let shared = Arc::clone(self);
        self.pool.call(move || shared.compare(whole));
    }

    fn compare(self: &Arc<Self>, whole: Whole) {
        let Whole {
            part,
            verified,
            saving,
        } = &whole;
        let named = commit::name_after_comparing(&self.storage, *part, verified, saving);
        self.tell(whole, named);
        let next = {
            let mut comparing = self.comparing();
            let next = comparing.waiting.pop_front();
            comparing.at_once -= usize::from(next.is_none());
            next
        };
        if let Some(next) = next {
            // Submitted again, so that other jobs of the disk threads run in between.
            self.submit_comparison(next);
        }
    }

    fn comparing(&self) -> MutexGuard<'_, Comparing> {
        lock(&self.comparing)
    }

    /// Calls `done` with the name that a part got, `None` for its own, or with the error.
    fn tell(&self, whole: Whole, named: Result<Option<TargetName>, Error>) {
        if named.is_err() {
            // If this fails, the next run removes the part.
            let _ = self.storage.scratch.remove(whole.part);
        }
        let saved = named.map(|renamed| {
            let content = self.storage.destination.hand_over(whole.part);
            Saved::of(whole.verified, renamed, content)
        });
        (whole.saving.done)(saved);
    }
}

#[cfg(test)]
#[cfg(feature = "model")]
mod model;
