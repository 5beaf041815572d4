//! Whole parts get their names in groups, each once its bytes would survive a power cut: one sync
//! for all of them, off the threads that write.
//!
//! A file that is named before its bytes are on the disk may be there after a power cut, of its
//! full length, with nothing in it. To sync each on its own would cost many times what it takes to
//! fetch it.

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

/// A group gathers for so many times as long as the last sync took, so that syncs are a small part
/// of the time; and not so long that what was touched last is cold when it is named.
const PER_SYNC: u32 = 5;
/// The least and the most that it gathers.
const GATHER: (Duration, Duration) = (Duration::from_millis(2), Duration::from_secs(1));
/// How long the thread that names parts waits for some before it ends.
const IDLE: Duration = Duration::from_secs(1);
/// A group of so many gathers no longer.
const GROUP: usize = 384;
/// So few are synced one by one: a sync of the whole file system waits for what others have
/// written, too.
const FEW: usize = 4;
/// So many parts are compared with existing files at once, each of which may take a thread of the
/// disk's for long.
const COMPARED_AT_ONCE: usize = 4;

/// Gives whole parts their names.
pub(crate) struct Committer(Arc<Shared>);

struct Shared {
    storage: Arc<Storage>,
    syncs: Arc<Syncs>,
    pool: Arc<BlockingPool>,
    durability: Arc<Strictest>,
    /// What keeps no files has nothing that could be lost.
    keeps_files: bool,
    idle: Duration,
    state: Mutex<State>,
    comparing: Mutex<Comparing>,
    changed: Condvar,
    /// Nothing is in flight, so that nothing would join a group that gathers.
    quiet: AtomicBool,
}

#[derive(Default)]
struct State {
    waiting: Vec<Whole>,
    /// There is a thread that names them.
    has_thread: bool,
    closed: bool,
}

/// Parts at whose names something stands that they are compared with.
#[derive(Default)]
struct Comparing {
    waiting: VecDeque<Whole>,
    at_once: usize,
}

/// A part that is all that it should be.
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

    /// Gives a part its name, at once or when its group is synced; whoever saves it is told.
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
                // Then it is done here, one by one.
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
        // Most of the time nothing has changed: that costs no more than a look.
        if self.0.is_quiet() == quiet {
            return;
        }
        self.0.quiet.store(quiet, Ordering::Release);
        if quiet {
            // Whoever gathers has the lock, or looks again before it waits.
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
        let mut time = GATHER.0;
        while let Some(group) = self.gather(time) {
            time = (self.commit(group) * PER_SYNC).clamp(GATHER.0, GATHER.1);
        }
    }

    /// Returns the next group, which is gathered for at most `time`; `None` when the thread ends,
    /// since there will be no more parts, or have been none for a while.
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
                // In one step: whoever adds a part sees that, and starts another one.
                state.has_thread = false;
                return None;
            }
        }
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, time, |state| self.goes_on_gathering(state))
            .unwrap_or_else(PoisonError::into_inner);
        Some(std::mem::take(&mut state.waiting))
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
        match synced {
            Ok(()) => {
                // Where parts are made: two threads at once in one folder wait for each other.
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
                    // The parts go when the next run begins.
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

    /// Compares a part with what stands at its name, when its turn comes: the others of its group
    /// need not wait for that.
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
            // What waits for the disk has its turn in between.
            self.submit_comparison(next);
        }
    }

    fn comparing(&self) -> MutexGuard<'_, Comparing> {
        lock(&self.comparing)
    }

    /// Tells whoever saves a part under which name that was, if not its own, or why it got none.
    fn tell(&self, whole: Whole, named: Result<Option<TargetName>, Error>) {
        if named.is_err() {
            // What cannot be removed now goes when the next run cleans up.
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
