//! Keeps the state during a run: gathers what is to be recorded, and records it in groups.

mod damaged;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use self::damaged::{Failed, Warnings};
use super::ask::Ask;
use super::known::Known;
use super::left::{self, Leftovers};
use super::lists::Lists;
use super::lookup::Lookup;
use super::parts::{Progress, Recorded, Unfinished};
use super::record::Record;
use super::store::{self, Access, Pass, Store};
use crate::error::Error;
use crate::event::Warning;
use crate::options::{Durability, Existing, Options, Workspace};
use crate::outcome::Outcome;
use crate::request::Place;
use crate::write::{Assemblies, Assembly, Disk, StatePlace, Syncs};

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
    /// Earlier runs have recorded something there.
    knows: AtomicBool,
    /// What runs of lists have recorded, where this run records none.
    lists: Mutex<Option<Lists>>,
    has_lists: bool,
    /// What runs of URLs have left that were interrupted.
    left: Mutex<Leftovers>,
    /// The database was damaged, and another one has taken its place.
    is_renewed: AtomicBool,
    warnings: Warnings,
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
    /// The state of a destination, which nobody else writes to during this run; its database is made when there is something to record.
    ///
    /// # Errors
    /// Of kind `disk`, when there is one that cannot be used.
    pub(crate) fn open(
        place: StatePlace,
        options: &Options,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, Error> {
        let warnings = Warnings::of(place.warnings);
        let access = Access::Write(place.sharing);
        let mut earlier = Earlier::read(&place.database, access, &warnings)?;
        let unfinished = earlier.unfinished(&*disk)?;
        let mut left = Leftovers::of(place.left, &*disk);
        // Others may look through what is left now.
        drop(place.moment);
        left.remove_useless(&*disk);
        let pass = match options.existing {
            Existing::Skip | Existing::Refresh => Pass::GoOn,
            Existing::Overwrite | Existing::Rename | Existing::Fail => Pass::Anew,
        };
        let lists = place.lists.filter(|_| pass == Pass::GoOn);
        let lists = lists.and_then(|path| damaged::open_lists(&path, &*disk, &warnings));
        Ok(Self {
            path: place.database,
            access,
            workspace: options.workspace,
            durability: options.durability,
            syncs: Arc::new(Syncs::new(Arc::clone(&disk))),
            disk,
            lookup: Mutex::new(Lookup::new(pass)),
            store: Mutex::new(earlier.store),
            knows: AtomicBool::new(earlier.knows),
            has_lists: lists.is_some(),
            lists: Mutex::new(lists),
            left: Mutex::new(left),
            is_renewed: AtomicBool::new(false),
            warnings,
            assemblies: Arc::default(),
            unfinished: Mutex::new(unfinished),
            recorded: Mutex::default(),
            pending: Mutex::default(),
            changed: Condvar::new(),
            thread: Mutex::default(),
            input_ended: AtomicBool::new(false),
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

    /// Takes up the part that an earlier run has left of what a row of this input asks for. `is_checked`: the row has a checksum.
    pub(crate) fn take_up(
        &self,
        ask: &Ask,
        input: &Arc<str>,
        url: &str,
        is_checked: bool,
    ) -> Option<Arc<Assembly>> {
        let left = lock(&self.left).take(ask.key, url);
        let own = {
            let mut unfinished = lock(&self.unfinished);
            let found = unfinished.get(&ask.key);
            let is_same = found.is_some_and(|part| *part.owner.url == *url);
            is_same.then(|| unfinished.remove(&ask.key)).flatten()
        };
        let assembly = own.map(|found| Arc::new(found.into_assembly(is_checked)));
        if let Some(assembly) = &assembly {
            lock(&self.recorded).know(assembly);
        }
        let assembly = left.into_iter().rev().fold(assembly, |assembly, found| {
            let (run, number, part) = found;
            if assembly.is_some() {
                // One of them is enough.
                let _ = self.disk.drop_left(&run, part.number);
                return assembly;
            }
            self.take_over(&run, number, part, input, is_checked)
        })?;
        self.assemblies.add(&assembly);
        Some(assembly)
    }

    /// Moves a part here that another run has left; `None` if that cannot be done.
    fn take_over(
        &self,
        run: &str,
        number: u64,
        part: Unfinished,
        input: &Arc<str>,
        is_checked: bool,
    ) -> Option<Arc<Assembly>> {
        let from = part.number;
        let part = left::taken_over(part, number, input);
        let assembly = Arc::new(part.into_assembly(is_checked));
        let moved = vec![(Arc::clone(&assembly), assembly.pieces())];
        let progress = Progress {
            moved,
            gone: Vec::new(),
        };
        // In this order: whatever ends this run, its file is recorded where it is. What is recorded without a file is forgotten.
        self.write(&mut [], progress).ok()?;
        let is_taken = self.disk.take_left(run, from, number).unwrap_or(false);
        is_taken.then_some(assembly)
    }

    /// Starts the thread that records groups, until [`close`](Self::close). `failed` is told once, when it cannot; `ended` of each outcome
    /// that was held until it was recorded.
    pub(crate) fn start(
        self: &Arc<Self>,
        failed: impl FnOnce(Error) + Send + 'static,
        ended: impl Fn(Outcome) + Send + 'static,
    ) -> io::Result<()> {
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

    /// Adds an outcome to the next group. Gives it back to be told of, unless that is to wait until it is recorded.
    pub(crate) fn add(&self, outcome: Box<Outcome>) -> Option<Box<Outcome>> {
        let Some(record) = Record::of(&outcome) else {
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
        self.take_over_rows(row, ask, url)?;
        let mut lookup = lock(&self.lookup);
        let known = if self.knows.load(Ordering::Acquire) {
            self.ask(|store| lookup.recall(store, input, row, ask.key, url))?
        } else {
            lookup.pass_by(input, row);
            None
        };
        if known.is_some() {
            return Ok(known.flatten());
        }
        Ok(self.ask_lists(|lists| lists.find(ask.key, url)).flatten())
    }

    /// Takes over what an interrupted run of URLs has recorded, if this row shows that it was the same.
    fn take_over_rows(&self, row: u64, ask: &Ask, url: &str) -> Result<(), Error> {
        let same = {
            let mut left = lock(&self.left);
            left.ask_for(ask.key, url);
            left.rows_like(row, ask.key, url)
        };
        for earlier in same {
            self.write(&mut [], Progress::default())?;
            self.ask(|store| store.take_over(&earlier))?;
            self.knows.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Whether a file was fetched for a row that asks for something else.
    ///
    /// # Errors
    /// As [`recall`](Self::recall).
    pub(crate) fn is_of_another(&self, path: &str, ask: &Ask, url: &str) -> Result<bool, Error> {
        if self.knows.load(Ordering::Acquire)
            && self.ask(|store| store.is_of_another(path, ask.key, url))? == Some(true)
        {
            return Ok(true);
        }
        let lists = self.ask_lists(|lists| lists.is_of_another(path, ask.key, url));
        Ok(lists == Some(true))
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
        let is_needed = match self.workspace {
            Workspace::Keep => self.close_list(&mut rest, ending)?,
            Workspace::RemoveWhenDone => self.close_urls(&mut rest, ending)?,
        };
        let is_recorded = lock(&self.store).take().is_some();
        lock(&self.left).close(ending.complete, is_recorded, &*self.disk);
        Ok(is_needed)
    }

    /// Records the rest of a run of lists.
    fn close_list(&self, rest: &mut [Record], ending: Ending) -> Result<bool, Error> {
        self.record(rest, Duration::ZERO)?;
        self.tidy(ending)?;
        self.leave_recorded()?;
        Ok(true)
    }

    /// Records the rest of a run of URLs, if a later run could go on with anything of it.
    fn close_urls(&self, rest: &mut [Record], ending: Ending) -> Result<bool, Error> {
        if ending.everything_is_there {
            self.disk.leave_parts(Vec::new());
            return Ok(false);
        }
        // A run that has come to its end leaves nothing but parts: its files are found as any others.
        let counts_rows = !ending.complete;
        let progress = lock(&self.recorded).progress(&self.assemblies.all());
        let is_of_use =
            !progress.moved.is_empty() || counts_rows && rest.iter().any(Record::is_done);
        if is_of_use || !progress.is_empty() && lock(&self.store).is_some() {
            self.record(rest, Duration::ZERO)?;
        }
        self.tidy(ending)?;
        let is_needed = self.ask(|store| store.is_of_use(counts_rows))? == Some(true);
        if is_needed {
            self.leave_recorded()?;
        } else {
            self.disk.leave_parts(Vec::new());
        }
        Ok(is_needed)
    }

    /// Forgets what belongs to no row any more, if all rows have been seen.
    fn tidy(&self, ending: Ending) -> Result<(), Error> {
        if !self.input_ended.load(Ordering::Acquire) {
            return Ok(());
        }
        let parts = self.assemblies.all();
        let in_use: HashSet<u64> = parts.iter().map(|part| part.number).collect();
        let lookup = lock(&self.lookup);
        self.change(|store| store.tidy(lookup.lasts(), ending.complete, &in_use))
    }

    /// The parts that are recorded stay.
    fn leave_recorded(&self) -> Result<(), Error> {
        if let Some(recorded) = self.ask(|store| store.parts())? {
            self.disk.leave_parts(recorded);
        }
        Ok(())
    }
}

/// What earlier runs have recorded, when a run begins.
struct Earlier {
    store: Option<Store>,
    unfinished: Vec<Unfinished>,
    /// The numbers of all parts that are recorded.
    parts: Vec<u64>,
    /// There are rows.
    knows: bool,
}

impl Earlier {
    /// The parts that earlier runs have left, and that are there, by what their rows ask for; all others go.
    fn unfinished(&mut self, disk: &dyn Disk) -> Result<HashMap<i64, Unfinished>, Error> {
        let mut recorded = std::mem::take(&mut self.unfinished);
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
        if let Some(store) = &mut self.store {
            let is_gone = |part: &u64| !kept.contains(part);
            let gone: Vec<_> = self.parts.drain(..).filter(is_gone).collect();
            if !gone.is_empty() {
                store.forget_parts(&gone).map_err(unwritable)?;
            }
        }
        let of_ask = recorded.into_iter().map(|part| (part.owner.ask, part));
        Ok(of_ask.collect())
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
        Failed::Statement(cause) => store::failed(what, cause),
        Failed::Rename(error) => error,
    }
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
