//! Keeps the state during a run: gathers what is to be recorded, and records it in groups.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::ask::Ask;
use super::known::Known;
use super::lookup::Lookup;
use super::parts::{Recorded, Unfinished};
use super::record::Record;
use super::store::{self, Access, Pass, Store};
use crate::error::Error;
use crate::options::{Durability, Existing, Options, Purpose, Workspace};
use crate::outcome::Outcome;
use crate::request::Place;
use crate::write::{Assemblies, Assembly, Disk, Syncs};

/// How long a group gathers.
const GATHER: Duration = Duration::from_secs(1);
/// A group of so many is recorded at once.
const GROUP: usize = 1536;
/// How often the progress of parts is recorded when nothing else is. A power cut, or kill -9, costs at most what came since.
const PROGRESS: Duration = Duration::from_secs(2);
/// How long a group waits for a sync that parts need in any case, before it asks for one of its own.
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
    disk: Arc<dyn Disk>,
    syncs: Arc<Syncs>,
    /// Taken before `store`.
    lookup: Mutex<Lookup>,
    store: Mutex<Option<Store>>,
    /// Earlier runs have recorded something.
    knows: bool,
    /// The parts with which this run, or a later one, can go on.
    assemblies: Arc<Assemblies>,
    /// Those that earlier runs have left and nobody has taken up, by what their rows ask for.
    unfinished: Mutex<HashMap<i64, Unfinished>>,
    recorded: Mutex<Recorded>,
    pending: Mutex<Pending>,
    changed: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// All rows of all inputs have been looked up.
    input_ended: AtomicBool,
}

#[derive(Default)]
struct Pending {
    records: Vec<Record>,
    /// Outcomes that nobody is told of before they are recorded.
    held: Vec<Outcome>,
    closed: bool,
}

/// How a run was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending {
    /// It was not stopped.
    pub(crate) complete: bool,
    /// Every item's file is there.
    pub(crate) everything_is_there: bool,
}

impl State {
    /// Opens the state of a destination, which is locked for this run; its database is made when
    /// there is something to record. Where it stands `alone`, nobody else can look into it
    /// meanwhile. A run that only plans reads it and records nothing.
    ///
    /// # Errors
    /// Of kind `disk`, when there is one that cannot be used.
    pub(crate) fn open(
        path: PathBuf,
        alone: bool,
        options: &Options,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, Error> {
        let access = match options.purpose {
            Purpose::Download => Access::Write { alone },
            Purpose::Plan => Access::Read,
        };
        let mut store = match path.symlink_metadata() {
            Ok(_) => Some(Store::open(&path, access)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(Error::disk(
                    &format!("cannot use {}", path.display()),
                    error,
                ));
            }
        };
        let unfinished = match access {
            Access::Write { .. } => unfinished(store.as_mut(), &*disk)?,
            Access::Read => HashMap::new(),
        };
        let knows = match &store {
            Some(store) => !store.is_empty().map_err(unreadable)?,
            None => false,
        };
        let pass = match options.existing {
            Existing::Auto | Existing::Skip | Existing::Refresh => Pass::GoOn,
            Existing::Overwrite | Existing::Rename | Existing::Fail => Pass::Anew,
        };
        Ok(Self {
            path,
            access,
            workspace: options.workspace,
            durability: options.durability,
            syncs: Arc::new(Syncs::new(Arc::clone(&disk))),
            disk,
            lookup: Mutex::new(Lookup::new(pass, access)),
            store: Mutex::new(store),
            knows,
            assemblies: Arc::default(),
            unfinished: Mutex::new(unfinished),
            recorded: Mutex::default(),
            pending: Mutex::default(),
            changed: Condvar::new(),
            thread: Mutex::default(),
            input_ended: AtomicBool::new(false),
        })
    }

    /// Whether earlier runs have recorded anything.
    pub(crate) fn knows(&self) -> bool {
        self.knows
    }

    /// The parts with which this run, or a later one, can go on.
    pub(crate) fn assemblies(&self) -> Arc<Assemblies> {
        Arc::clone(&self.assemblies)
    }

    /// The syncs of this run.
    pub(crate) fn syncs(&self) -> Arc<Syncs> {
        Arc::clone(&self.syncs)
    }

    /// Takes up the part that an earlier run has left of what a row asks for. `is_checked`: the row has a checksum.
    pub(crate) fn take_up(&self, ask: &Ask, url: &str, is_checked: bool) -> Option<Arc<Assembly>> {
        let mut unfinished = lock(&self.unfinished);
        let same = unfinished.get(&ask.key)?.owner.url.as_ref() == url;
        let found = same.then(|| unfinished.remove(&ask.key)).flatten()?;
        drop(unfinished);
        let assembly = Arc::new(found.into_assembly(is_checked));
        lock(&self.recorded).know(&assembly);
        self.assemblies.add(&assembly);
        Some(assembly)
    }

    /// Starts the thread that records groups, until [`close`](Self::close). `failed` is told once, when it cannot; `ended` of each outcome
    /// that was held until it was recorded.
    pub(crate) fn start(
        self: &Arc<Self>,
        failed: impl FnOnce(Error) + Send + 'static,
        ended: impl Fn(Outcome) + Send + 'static,
    ) -> io::Result<()> {
        if self.access == Access::Read {
            return Ok(());
        }
        let state = Arc::clone(self);
        let thread = thread::Builder::new()
            .name("haulage-state".into())
            .spawn(move || {
                if let Err(error) = state.keep(&ended) {
                    // What has its name is done all the same.
                    let held = {
                        let mut pending = lock(&state.pending);
                        pending.closed = true;
                        std::mem::take(&mut pending.held)
                    };
                    state.changed.notify_all();
                    failed(error);
                    held.into_iter().for_each(ended);
                }
            })?;
        *lock(&self.thread) = Some(thread);
        Ok(())
    }

    fn keep(&self, ended: &impl Fn(Outcome)) -> Result<(), Error> {
        let mut group = Vec::new();
        let gather = match self.durability {
            Durability::None | Durability::Batch => GATHER,
            // A group is what has come while the one before was recorded.
            Durability::Each => Duration::ZERO,
        };
        loop {
            let pending = lock(&self.pending);
            let pending = self.wait_while(pending, PROGRESS, |waiting| waiting == 0);
            let mut pending =
                self.wait_while(pending, gather, |waiting| (1..GROUP).contains(&waiting));
            if pending.closed {
                return Ok(());
            }
            // The memory of the one before is used again.
            std::mem::swap(&mut pending.records, &mut group);
            let mut held = std::mem::take(&mut pending.held);
            drop(pending);
            if let Err(error) = self.record(&mut group, TOGETHER) {
                held.append(&mut lock(&self.pending).held);
                lock(&self.pending).held = held;
                return Err(error);
            }
            held.into_iter().for_each(ended);
            group.clear();
            self.changed.notify_all();
        }
    }

    /// Waits while so many records wait, but not longer than this, nor beyond the end.
    fn wait_while<'a>(
        &self,
        pending: MutexGuard<'a, Pending>,
        most: Duration,
        so_many: impl Fn(usize) -> bool,
    ) -> MutexGuard<'a, Pending> {
        let still = |pending: &mut Pending| so_many(pending.records.len()) && !pending.closed;
        let waited = self.changed.wait_timeout_while(pending, most, still);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Records a group, once it would survive a power cut; for that it waits so long for a sync of others.
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
        // Most of them are appended then.
        group.sort_unstable_by_key(|record| record.row);
        let mut store = lock(&self.store);
        let store = match &mut *store {
            Some(store) => store,
            none => none.insert(Store::open(&self.path, self.access)?),
        };
        store.record(group, &progress).map_err(unwritable)?;
        lock(&self.recorded).note(progress);
        Ok(())
    }

    /// Adds an outcome to the next group. Gives it back to be told of, unless that is to wait until it is recorded.
    pub(crate) fn add(&self, outcome: Box<Outcome>) -> Option<Box<Outcome>> {
        let record = match self.access {
            Access::Write { .. } => Record::of(&outcome),
            Access::Read => None,
        };
        let Some(record) = record else {
            return Some(outcome);
        };
        let mut pending = lock(&self.pending);
        if !pending.closed {
            pending.records.push(record);
            // The thread looks once a second, unless this is the first one, or makes a group.
            if matches!(pending.records.len(), 1 | GROUP) {
                self.changed.notify_all();
            }
            if self.durability == Durability::Each {
                pending.held.push(*outcome);
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

    /// What is known of the next row. Rows are looked up in their order.
    ///
    /// # Errors
    /// Of kind `disk`, when what was recorded cannot be read.
    pub(crate) fn recall(
        &self,
        row: u64,
        place: Option<&Place>,
        ask: &Ask,
        url: &str,
    ) -> Result<Option<Known>, Error> {
        let input = place.map_or("", |place| &place.input);
        let mut lookup = lock(&self.lookup);
        if !self.knows {
            lookup.pass_by(input, row);
            return Ok(None);
        }
        match &mut *lock(&self.store) {
            Some(store) => lookup
                .recall(store, input, row, ask.key, url)
                .map_err(unreadable),
            None => Ok(None),
        }
    }

    /// Whether a file was fetched for a row that asks for something else.
    ///
    /// # Errors
    /// As [`recall`](Self::recall).
    pub(crate) fn is_of_another(&self, path: &str, ask: &Ask, url: &str) -> Result<bool, Error> {
        match &mut *lock(&self.store) {
            Some(store) if self.knows && self.access != Access::Read => {
                store.is_of_another(path, ask.key, url).map_err(unreadable)
            }
            _ => Ok(false),
        }
    }

    /// There are no more rows: what is recorded of others can go.
    pub(crate) fn input_ended(&self) {
        self.input_ended.store(true, Ordering::Release);
    }

    /// The numbers of all parts that may be of use still.
    fn parts_in_hand(&self) -> Vec<u64> {
        let unfinished = lock(&self.unfinished);
        let earlier = unfinished.values().map(|part| part.number);
        let ours = self.assemblies.all();
        earlier.chain(ours.iter().map(|part| part.number)).collect()
    }

    /// The run is over: records the rest. Whether a later run needs what is recorded.
    ///
    /// # Errors
    /// Of kind `disk`, when the rest could not be recorded.
    pub(crate) fn close(&self, ending: Ending) -> Result<bool, Error> {
        if self.access == Access::Read {
            return Ok(true);
        }
        let mut rest = {
            let mut pending = lock(&self.pending);
            pending.closed = true;
            self.changed.notify_all();
            std::mem::take(&mut pending.records)
        };
        if let Some(thread) = lock(&self.thread).take() {
            // Should it have panicked, what it had in hand is looked at again by the next run.
            let _ = thread.join();
        }
        self.assemblies.wait_until_idle(GRACE);
        // Should it not be possible to record them, the next run may know what to do with them.
        self.disk.leave_parts(self.parts_in_hand());
        let goes_when_done = self.workspace == Workspace::RemoveWhenDone;
        if goes_when_done && lock(&self.store).is_none() {
            // Nothing of it would be missed: a run again finds the files that are there, and asks for the others.
            let is_worth_it = rest.iter().any(Record::is_done)
                || !lock(&self.recorded)
                    .progress(&self.assemblies.all())
                    .moved
                    .is_empty();
            if ending.everything_is_there || !is_worth_it {
                self.disk.leave_parts(Vec::new());
                return Ok(false);
            }
        }
        self.record(&mut rest, Duration::ZERO)?;
        let Some(mut store) = lock(&self.store).take() else {
            return Ok(false);
        };
        if self.input_ended.load(Ordering::Acquire) {
            let in_use: HashSet<u64> = self
                .assemblies
                .all()
                .iter()
                .map(|part| part.number)
                .collect();
            store
                .tidy(lock(&self.lookup).lasts(), ending.complete, &in_use)
                .map_err(unwritable)?;
        }
        self.disk.leave_parts(store.parts().map_err(unreadable)?);
        if goes_when_done && ending.everything_is_there {
            return Ok(!store.is_done_with().map_err(unreadable)?);
        }
        Ok(true)
    }
}

/// The parts that earlier runs have left, and that are there; all others go.
fn unfinished(
    store: Option<&mut Store>,
    disk: &dyn Disk,
) -> Result<HashMap<i64, Unfinished>, Error> {
    let mut recorded = match &store {
        Some(store) => store.unfinished().map_err(unreadable)?,
        None => Vec::new(),
    };
    let parts: Vec<_> = recorded
        .iter()
        .map(|part| (part.number, part.end()))
        .collect();
    let kept: HashSet<u64> = disk
        .keep_parts(&parts)
        .map_err(|cause| Error::disk("cannot look through what an earlier run left", cause))?
        .into_iter()
        .collect();
    recorded.retain(|part| kept.contains(&part.number));
    if let Some(store) = store {
        let numbers = store.parts().map_err(unreadable)?.into_iter();
        let gone: Vec<_> = numbers.filter(|part| !kept.contains(part)).collect();
        if !gone.is_empty() {
            store.forget_parts(&gone).map_err(unwritable)?;
        }
    }
    Ok(recorded
        .into_iter()
        .map(|part| (part.owner.ask, part))
        .collect())
}

fn unreadable(cause: rusqlite::Error) -> Error {
    store::failed("cannot read what was recorded", cause)
}

fn unwritable(cause: rusqlite::Error) -> Error {
    store::failed("cannot record what was done", cause)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition
        .wait(guard)
        .unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
