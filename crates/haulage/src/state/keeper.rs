//! Keeps the state during a run: gathers what is to be recorded, and records it in groups.

mod asking;
mod closing;
mod damaged;
mod earlier;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use self::damaged::{Failed, Warnings};
use self::earlier::Earlier;
use super::damage;
use super::left::Leftovers;
use super::lists::Lists;
use super::lookup::Lookup;
use super::parts::{Progress, Recorded, Unfinished};
use super::record::{Failure, Record};
use super::store::{Access, Pass, Store};
use crate::error::Error;
use crate::event::Warning;
use crate::options::{Durability, Existing, Purpose, RunOptions, Workspace};
use crate::outcome::Outcome;
use crate::sync::lock;
use crate::write::{Assemblies, Assembly, StatePlace, Storage, Syncs};

/// How long a group gathers.
const GATHER: Duration = Duration::from_secs(1);
/// A group of so many is recorded at once.
const GROUP: usize = 1536;
/// How often the progress of parts is recorded when nothing else is. A power cut, or kill -9, costs
/// at most what came since.
const PROGRESS: Duration = Duration::from_secs(2);
/// How long a group waits for a sync that parts need in any case, before it asks for one of its
/// own.
const TOGETHER: Duration = Duration::from_millis(50);
/// When so many wait, since the disk is behind, no more rows are begun.
const MOST: usize = 8 * GROUP;

/// How long a run that is over waits for what was handed to the disk.
const GRACE: Duration = Duration::from_secs(2);

/// What is known of all rows, and what is to be recorded of them.
pub(crate) struct State {
    path: PathBuf,
    access: Access,
    workspace: Workspace,
    durability: Durability,
    storage: Arc<Storage>,
    syncs: Arc<Syncs>,
    /// Taken before `store`.
    lookup: Mutex<Lookup>,
    store: Mutex<Option<Store>>,
    /// Earlier runs have recorded something there.
    knows: AtomicBool,
    /// What runs of lists have recorded, where this run records none.
    lists: Mutex<Option<Lists>>,
    has_lists: bool,
    /// What runs of URLs have left that were interrupted.
    left: Mutex<Leftovers>,
    has_left: bool,
    /// The database was damaged, and another one has taken its place.
    is_renewed: AtomicBool,
    warnings: Warnings,
    /// The parts with which this run, or a later one, can go on.
    assemblies: Arc<Assemblies>,
    /// Those that runs which share this state have left, by what their rows ask for.
    idle: Mutex<HashMap<i64, Arc<Assembly>>>,
    /// Those that earlier runs have left and nobody has taken up, by what their rows ask for.
    unfinished: Mutex<HashMap<i64, Unfinished>>,
    recorded: Mutex<Recorded>,
    pending: Mutex<Pending>,
    changed: Condvar,
    /// The thread that records groups, or the last one that did.
    thread: Mutex<Option<JoinHandle<()>>>,
    told: OnceLock<Told>,
}

#[derive(Default)]
struct Pending {
    records: Vec<Record>,
    /// Outcomes that nobody is told of before they are recorded, each with what is added to the
    /// numbers of its run's rows.
    held: Vec<(u64, Outcome)>,
    /// How many were added so far, and how many of those have been recorded.
    added: u64,
    recorded: u64,
    /// Runs that have ended, and wait until what they have added is recorded.
    waiting: Vec<Waiting>,
    /// Why nothing more is recorded.
    failure: Option<Failure>,
    closed: bool,
    /// There is a thread that records.
    has_thread: bool,
    /// Somebody has begun to bring bytes of a part since the thread looked last.
    expects_progress: bool,
}

/// Those who are told what comes of it.
struct Told {
    failed: Mutex<Option<Box<dyn FnOnce(Error) + Send>>>,
    ended: Box<dyn Fn(u64, Outcome) + Send + Sync>,
}

/// Waits until so many records are in the database.
struct Waiting {
    added: u64,
    tell: Box<dyn FnOnce(Result<(), Error>) + Send>,
}

/// How a run was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending {
    /// It was not stopped.
    pub(crate) complete: bool,
    /// Every item's file is there.
    pub(crate) everything_is_there: bool,
}

impl Pending {
    /// Returns whether others are to join the group.
    fn gathers(&self) -> bool {
        (1..GROUP).contains(&self.records.len()) && self.waiting.is_empty()
    }

    /// Takes those who wait for no more records than these.
    fn take_waiting(&mut self, recorded: u64) -> Vec<Waiting> {
        let is_over = |waiting: &mut Waiting| waiting.added <= recorded;
        self.waiting.extract_if(.., is_over).collect()
    }
}

impl State {
    /// Opens the state of a destination, which nobody else writes to during this run; its database
    /// is made when there is something to record. A run that only plans reads it and records
    /// nothing.
    ///
    /// # Errors
    /// Of kind `disk`, when there is one that cannot be used.
    pub(crate) fn open(
        place: StatePlace,
        options: &RunOptions,
        storage: Arc<Storage>,
    ) -> Result<Self, Error> {
        let warnings = Warnings::of(place.warnings);
        let access = match options.purpose {
            Purpose::Download => Access::Write(place.sharing),
            Purpose::Plan => Access::Read,
        };
        let mut earlier = Earlier::read(&place.database, access, &warnings)?;
        let unfinished = match options.purpose {
            Purpose::Download => earlier.unfinished(storage.lasting())?,
            Purpose::Plan => HashMap::new(),
        };
        let mut left = Leftovers::of(place.left, storage.lasting());
        // Others may look through what is left now.
        drop(place.moment);
        left.remove_useless(storage.lasting());
        let pass = match options.existing {
            Existing::Auto | Existing::Skip | Existing::Refresh => Pass::GoOn,
            Existing::Overwrite | Existing::Rename | Existing::Fail => Pass::Anew,
        };
        let lists = place.lists.filter(|_| pass == Pass::GoOn);
        let lists = lists.and_then(|path| damaged::open_lists(&path, storage.lasting(), &warnings));
        Ok(Self {
            path: place.database,
            access,
            workspace: options.workspace,
            durability: options.durability,
            syncs: Arc::new(Syncs::new(Arc::clone(&storage))),
            storage,
            lookup: Mutex::new(Lookup::new(pass, access)),
            store: Mutex::new(earlier.store),
            knows: AtomicBool::new(earlier.knows),
            has_lists: lists.is_some(),
            lists: Mutex::new(lists),
            has_left: left.is_any(),
            left: Mutex::new(left),
            is_renewed: AtomicBool::new(false),
            warnings,
            assemblies: Arc::default(),
            idle: Mutex::default(),
            unfinished: Mutex::new(unfinished),
            recorded: Mutex::default(),
            pending: Mutex::default(),
            changed: Condvar::new(),
            thread: Mutex::default(),
            told: OnceLock::new(),
        })
    }

    /// Passes on what is not as it should be, from now on and so far.
    pub(crate) fn warn(&self, tell: impl Fn(Warning) + Send + Sync + 'static) {
        self.warnings.tell_to(tell);
    }

    /// Whether earlier runs have recorded anything.
    pub(crate) fn knows(&self) -> bool {
        self.has_lists || self.knows.load(Ordering::Acquire)
    }

    /// The parts with which this run, or a later one, can go on.
    pub(crate) fn assemblies(&self) -> Arc<Assemblies> {
        Arc::clone(&self.assemblies)
    }

    /// The syncs of this run.
    pub(crate) fn syncs(&self) -> Arc<Syncs> {
        Arc::clone(&self.syncs)
    }

    /// Records from now on, until [`close`](Self::close), on a thread that runs while there is
    /// something to record. `failed` is told once, when it cannot; `ended` of each outcome that was
    /// held until it was recorded.
    pub(crate) fn start(
        self: &Arc<Self>,
        failed: impl FnOnce(Error) + Send + 'static,
        ended: impl Fn(u64, Outcome) + Send + Sync + 'static,
    ) {
        if self.access == Access::Read {
            return;
        }
        let _ = self.told.set(Told {
            failed: Mutex::new(Some(Box::new(failed))),
            ended: Box::new(ended),
        });
        let state = Arc::downgrade(self);
        self.assemblies.when_bytes_come(move || {
            if let Some(state) = state.upgrade() {
                state.expect_progress();
            }
        });
    }

    /// Notes that bytes of a part are to come, which have to be recorded.
    fn expect_progress(self: &Arc<Self>) {
        let started = {
            let mut pending = lock(&self.pending);
            pending.expects_progress = true;
            self.see_to_thread(&mut pending)
        };
        if let Err(error) = started {
            self.fail(error);
        }
    }

    /// Starts a thread that records, unless there is one.
    ///
    /// # Errors
    /// Of kind `disk`, when none can be started.
    fn see_to_thread(self: &Arc<Self>, pending: &mut Pending) -> Result<(), Error> {
        if pending.has_thread || pending.closed || self.told.get().is_none() {
            return Ok(());
        }
        let state = Arc::clone(self);
        let thread = thread::Builder::new().name("haulage-state".into());
        let thread = thread.spawn(move || {
            if let Err(error) = state.keep() {
                state.fail(error);
            }
        });
        let thread =
            thread.map_err(|cause| Error::disk("cannot start the thread that records", cause))?;
        pending.has_thread = true;
        if let Some(before) = lock(&self.thread).replace(thread) {
            // It has ended, or has nothing left to do.
            let _ = before.join();
        }
        Ok(())
    }

    /// Records nothing any more.
    fn fail(&self, error: Error) {
        // What has its name is done all the same.
        let held = {
            let mut pending = lock(&self.pending);
            pending.closed = true;
            std::mem::take(&mut pending.held)
        };
        self.note_recorded(Err(&error));
        let failed = self.told.get().and_then(|told| lock(&told.failed).take());
        if let Some(failed) = failed {
            failed(error);
        }
        self.tell(held);
    }

    fn tell(&self, held: Vec<(u64, Outcome)>) {
        if let Some(told) = self.told.get() {
            for (first_row, outcome) in held {
                (told.ended)(first_row, outcome);
            }
        }
    }

    /// Returns whether the thread that records ends, since nothing is left to record: it has not
    /// seen anything to record for a while, and nobody brings bytes that would have to be.
    fn ends_thread(&self) -> bool {
        let mut pending = lock(&self.pending);
        let is_idle = pending.records.is_empty()
            && pending.waiting.is_empty()
            && !pending.expects_progress
            && !pending.closed
            && self.assemblies.all().iter().all(|part| part.is_settled());
        pending.has_thread &= !is_idle;
        is_idle
    }

    /// Records groups, until there has been nothing to record for a while.
    fn keep(&self) -> Result<(), Error> {
        let mut group = Vec::new();
        let gather = match self.durability {
            Durability::None | Durability::Batch => GATHER,
            // A group is what has come while the one before was recorded.
            Durability::Each => Duration::ZERO,
        };
        loop {
            let pending = lock(&self.pending);
            let pending = self.wait_while(pending, PROGRESS, |waiting| waiting.records.is_empty());
            let mut pending = self.wait_while(pending, gather, Pending::gathers);
            if pending.closed {
                return Ok(());
            }
            // The memory of the one before is used again.
            std::mem::swap(&mut pending.records, &mut group);
            let recorded = pending.added;
            let together = if pending.waiting.is_empty() {
                TOGETHER
            } else {
                Duration::ZERO
            };
            let mut held = std::mem::take(&mut pending.held);
            pending.expects_progress = false;
            let is_idle = group.is_empty();
            drop(pending);
            if let Err(error) = self.record(&mut group, together) {
                held.append(&mut lock(&self.pending).held);
                lock(&self.pending).held = held;
                return Err(error);
            }
            self.tell(held);
            group.clear();
            self.note_recorded(Ok(recorded));
            if is_idle && self.ends_thread() {
                return Ok(());
            }
        }
    }

    /// Waits while this holds, but not longer than `most`, nor beyond the end.
    fn wait_while<'a>(
        &self,
        pending: MutexGuard<'a, Pending>,
        most: Duration,
        holds: impl Fn(&Pending) -> bool,
    ) -> MutexGuard<'a, Pending> {
        let still = |pending: &mut Pending| holds(pending) && !pending.closed;
        let waited = self.changed.wait_timeout_while(pending, most, still);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Records a group, once it would survive a power cut; for that it waits so long for a sync of
    /// others.
    fn record(&self, group: &mut [Record], together: Duration) -> Result<(), Error> {
        // In this order: what was written before the sync is durable after it.
        let progress = lock(&self.recorded).progress(&self.assemblies.all());
        if group.is_empty() && progress.is_empty() {
            return Ok(());
        }
        let synced = match self.durability {
            // Bytes that are joined to others have to be what they were.
            Durability::None => {
                let moved = progress.moved.iter();
                self.syncs.parts(moved.map(|(part, _)| part.number))
            }
            Durability::Batch => self.syncs.all_with_others(together),
            Durability::Each => self.syncs.all(),
        };
        synced.map_err(|error| Error::disk("cannot sync the files that were saved", error))?;
        lock(&self.lookup).number(group);
        // Most of them are appended then.
        group.sort_unstable_by_key(|record| record.row);
        self.write(group, progress)
    }

    /// Writes a group to the database, and what has become of parts; both have been synced.
    fn write(&self, group: &mut [Record], progress: Progress) -> Result<(), Error> {
        let mut store = lock(&self.store);
        let open =
            || Store::open(&self.path, self.access).map_err(|unfit| unfit.into_error(&self.path));
        if self.is_renewed.load(Ordering::Acquire) {
            forget_places(group);
        }
        let written = match &mut *store {
            Some(store) => store.record(group, &progress),
            none => none.insert(open()?).record(group, &progress),
        };
        if let Err(error) = written {
            self.put_aside(&mut store, error).map_err(unwritable)?;
            forget_places(group);
            let store = store.insert(open()?);
            store.record(group, &progress).map_err(unwritable)?;
        }
        lock(&self.recorded).note(progress);
        Ok(())
    }

    /// Adds an outcome to the next group, with `first_row` added to the number of its row. Gives it
    /// back to be told of, unless that is to wait until it is recorded.
    pub(crate) fn add(
        self: &Arc<Self>,
        outcome: Box<Outcome>,
        first_row: u64,
    ) -> Option<Box<Outcome>> {
        let record = match self.access {
            Access::Write(_) => Record::of(&outcome),
            Access::Read | Access::ReadLeft => None,
        };
        let Some(mut record) = record else {
            return Some(outcome);
        };
        record.row += first_row;
        let mut pending = lock(&self.pending);
        if !pending.closed
            && let Err(error) = self.see_to_thread(&mut pending)
        {
            drop(pending);
            self.fail(error);
            return Some(outcome);
        }
        if !pending.closed {
            pending.records.push(record);
            pending.added += 1;
            // The thread looks once a second, unless this is the first one, or makes a group.
            if matches!(pending.records.len(), 1 | GROUP) {
                self.changed.notify_all();
            }
            if self.durability == Durability::Each {
                pending.held.push((first_row, *outcome));
                return None;
            }
        }
        Some(outcome)
    }

    /// Waits while the disk is so far behind that no more rows should be begun.
    pub(crate) fn wait_for_room(&self) {
        let mut pending = lock(&self.pending);
        while pending.records.len() >= MOST && !pending.closed {
            pending = wait(&self.changed, pending);
        }
    }

    /// Notes that all rows of a run have been looked up: what is recorded of others in its lists
    /// can go.
    pub(crate) fn input_ended(&self, first_row: u64) {
        lock(&self.lookup).input_read(first_row);
    }
}

/// In a database that was made anew, rows are recorded as a whole.
fn forget_places(group: &mut [Record]) {
    for record in group {
        record.ask.recorded = None;
    }
}

fn unreadable(cause: impl Into<Failed>) -> Error {
    failed("cannot read what was recorded", cause.into())
}

fn unwritable(cause: impl Into<Failed>) -> Error {
    failed("cannot record what was done", cause.into())
}

fn failed(what: &str, cause: Failed) -> Error {
    match cause {
        Failed::Statement(cause) => damage::failed(what, cause),
        Failed::Rename(error) => error,
    }
}

fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition
        .wait(guard)
        .unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
