//! Keeps the state during a run: collects what is to be recorded, and records it in groups.

mod closing;
mod damaged;
mod earlier;
mod pending;
mod queries;
mod recording;
mod runs;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use self::damaged::{Failed, Warnings};
use self::earlier::Earlier;
use self::pending::{Pending, Told, Waiting};
use super::damage;
use super::left::Leftovers;
use super::lists::Lists;
use super::lookup::Lookup;
use super::parts::{Progress, Recorded, Unfinished};
use super::record::Record;
use super::runs::RunRecord;
use super::store::{Access, Pass, Store};
use crate::error::Error;
use crate::event::Warning;
use crate::options::{Durability, Existing, Purpose, RunOptions, StateDir};
use crate::outcome::Outcome;
use crate::sync::lock;
use crate::write::{Assemblies, Assembly, StatePlace, Storage, Strictest, Syncs};

/// How long a group collects records.
const GATHER: Duration = Duration::from_secs(1);
/// A group of this many records is written at once.
const GROUP: usize = 1536;
/// How often the progress of parts is recorded if nothing else is. A power cut, or `kill -9`, loses
/// at most the bytes received since then.
const PROGRESS: Duration = Duration::from_secs(2);
/// How long a group waits for a sync that complete parts need anyway, before it starts its own.
const TOGETHER: Duration = Duration::from_millis(50);
/// If this many records wait, the disk is behind, and no more rows are started.
const MAX_DAMAGED: usize = 8 * GROUP;

/// How long a run that has ended waits for bytes that were handed to the disk.
const GRACE: Duration = Duration::from_secs(2);

/// What earlier runs have recorded of rows, and what is to be recorded of them.
pub(crate) struct State {
    path: PathBuf,
    access: Access,
    dir: StateDir,
    durability: Arc<Strictest>,
    storage: Arc<Storage>,
    syncs: Arc<Syncs>,
    /// Locked before `store`.
    lookup: Mutex<Lookup>,
    store: Mutex<Option<Store>>,
    /// The database has rows that may be looked up.
    knows: AtomicBool,
    /// What runs of lists have recorded, if this is a run of URLs that looks it up; else `None`.
    lists: Mutex<Option<Lists>>,
    has_lists: bool,
    /// What interrupted runs of URLs have left.
    left: Mutex<Leftovers>,
    has_left: bool,
    /// The database was damaged, and a new one has replaced it.
    is_renewed: AtomicBool,
    warnings: Warnings,
    /// The parts that this run, or a later one, can resume.
    assemblies: Arc<Assemblies>,
    /// Parts that other runs sharing this state have left, by the keys of their rows.
    idle: Mutex<HashMap<i64, Arc<Assembly>>>,
    /// Parts of earlier runs that no row has taken up yet, by the keys of their rows.
    unfinished: Mutex<HashMap<i64, Unfinished>>,
    recorded: Mutex<Recorded>,
    /// The runs that are recorded with their rows, by what is added to the numbers of these. Locked
    /// before `store`.
    runs: Mutex<Runs>,
    pending: Mutex<Pending>,
    changed: Condvar,
    /// The thread that records groups, or the last one that did.
    thread: Mutex<Option<JoinHandle<()>>>,
    told: OnceLock<Told>,
}

type Runs = BTreeMap<u64, RunRecord>;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending {
    /// The run was not stopped.
    pub(crate) complete: bool,
    /// Every item has its file.
    pub(crate) everything_is_there: bool,
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
        // From here on, other runs may look through what is left.
        drop(place.moment);
        left.remove_useless(storage.lasting());
        let pass = Pass::of(options.existing);
        let lists = place.lists.filter(|_| pass == Pass::GoOn);
        let lists = lists.and_then(|path| damaged::open_lists(&path, storage.lasting(), &warnings));
        Ok(Self {
            path: place.database,
            access,
            dir: options.state_dir,
            durability: Arc::new(Strictest::new(options.durability)),
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
            runs: Mutex::default(),
            pending: Mutex::default(),
            changed: Condvar::new(),
            thread: Mutex::default(),
            told: OnceLock::new(),
        })
    }

    /// Passes on warnings, those given so far and all later ones.
    pub(crate) fn warn(&self, tell: impl Fn(Warning) + Send + Sync + 'static) {
        self.warnings.tell_to(tell);
    }

    /// Returns whether earlier runs have recorded anything.
    pub(crate) fn knows(&self) -> bool {
        self.has_lists || self.knows.load(Ordering::Acquire)
    }

    /// Returns the parts that this run, or a later one, can resume.
    pub(crate) fn assemblies(&self) -> Arc<Assemblies> {
        Arc::clone(&self.assemblies)
    }

    /// Returns the durability of what is recorded.
    pub(crate) fn durability(&self) -> Arc<Strictest> {
        Arc::clone(&self.durability)
    }

    /// Notes that another run begins, whose rows have `first_row` added to their numbers.
    pub(crate) fn run_begins(&self, first_row: u64, existing: Existing) {
        lock(&self.lookup).begins(first_row, Pass::of(existing));
    }

    /// Returns the syncs of this run.
    pub(crate) fn syncs(&self) -> Arc<Syncs> {
        Arc::clone(&self.syncs)
    }

    /// Records a group once its files would survive a power cut. It waits up to `together` for a
    /// sync that somebody else asks for.
    fn record(&self, group: &mut [Record], together: Duration) -> Result<(), Error> {
        // Read before the sync: bytes that were written by now are durable after it.
        let progress = lock(&self.recorded).progress(&self.assemblies.all());
        if group.is_empty() && progress.is_empty() {
            return self.write_runs();
        }
        let synced = match self.durability.get() {
            // Recorded parts are synced all the same: a later run joins other bytes to theirs.
            Durability::None => {
                let moved = progress.moved.iter();
                self.syncs.parts(moved.map(|(part, _)| part.number))
            }
            Durability::Batch => self.syncs.all_with_others(together),
            Durability::Each => self.syncs.all(),
        };
        synced.map_err(|error| Error::disk("cannot sync the files that were saved", error))?;
        lock(&self.lookup).number(group);
        // In this order, most rows are appended to the table.
        // Of two records of one row, the later one counts, so equal ones keep their order.
        group.sort_by_key(|record| record.row);
        self.write(group, progress)
    }

    /// Writes a group to the database, with the progress of parts. The files of both have been
    /// synced.
    fn write(&self, group: &mut [Record], progress: Progress) -> Result<(), Error> {
        let mut runs = lock(&self.runs);
        let mut store = lock(&self.store);
        let open =
            || Store::open(&self.path, self.access).map_err(|unfit| unfit.into_error(&self.path));
        if self.is_renewed.load(Ordering::Acquire) {
            forget_places(group);
        }
        let add = |store: &mut Store, group: &[Record], runs: &mut Runs| {
            store.record(group, &progress)?;
            store.record_runs(&mut runs.values_mut().collect::<Vec<_>>())
        };
        let written = match &mut *store {
            Some(store) => add(store, group, &mut runs),
            none => add(none.insert(open()?), group, &mut runs),
        };
        if let Err(error) = written {
            self.rename_damaged(&mut store, error).map_err(unwritable)?;
            forget_places(group);
            runs.values_mut().for_each(RunRecord::forget_recorded);
            add(store.insert(open()?), group, &mut runs).map_err(unwritable)?;
        }
        runs.retain(|_, run| !run.has_ended());
        lock(&self.recorded).note(progress);
        Ok(())
    }

    /// Adds an outcome to the next group, with `first_row` added to the number of its row. Returns
    /// the outcome if it can be reported now; `None` if that has to wait until it is recorded.
    pub(crate) fn add(
        self: &Arc<Self>,
        outcome: Box<Outcome>,
        first_row: u64,
    ) -> Option<Box<Outcome>> {
        let record = match self.access {
            Access::Write(_) => Record::of(&outcome),
            Access::Read | Access::ReadLeft => None,
        };
        let Some(record) = record else {
            return Some(outcome);
        };
        let Some(mut pending) = self.add_record(record, first_row) else {
            return Some(outcome);
        };
        if self.durability.get() == Durability::Each {
            pending.held.push((first_row, *outcome));
            return None;
        }
        Some(outcome)
    }

    /// Adds to the next group that the file of a row is complete, and its row has not ended.
    pub(crate) fn add_complete_file(self: &Arc<Self>, outcome: &Outcome, first_row: u64) {
        if let Access::Write(_) = self.access
            && let Some(record) = Record::of_complete_file(outcome)
        {
            drop(self.add_record(record, first_row));
        }
    }

    /// Adds a record to the next group; returns `None` if nothing more is recorded.
    fn add_record(
        self: &Arc<Self>,
        mut record: Record,
        first_row: u64,
    ) -> Option<MutexGuard<'_, Pending>> {
        record.row += first_row;
        let mut pending = lock(&self.pending);
        if pending.closed {
            return None;
        }
        if let Err(error) = self.see_to_thread(&mut pending) {
            drop(pending);
            self.fail(error);
            return None;
        }
        pending.add(record);
        // Wakes the thread to begin a group, and when the group is full.
        if matches!(pending.records.len(), 1 | GROUP) {
            self.changed.notify_all();
        }
        Some(pending)
    }

    /// Waits while the disk is so far behind that no more rows should be begun.
    pub(crate) fn wait_for_room(&self) {
        let mut pending = lock(&self.pending);
        while pending.records.len() >= MAX_DAMAGED && !pending.closed {
            pending = wait(&self.changed, pending);
        }
    }

    /// Notes that all rows of a run have been looked up: what is recorded of others in its lists
    /// can go.
    pub(crate) fn input_ended(&self, first_row: u64) {
        lock(&self.lookup).input_read(first_row);
    }
}

/// Clears where rows are recorded, so that they are recorded in full: the database is a new one.
fn forget_places(group: &mut [Record]) {
    for record in group {
        record.key.recorded = None;
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
