//! The folder that a run writes to, and what it records there. Runs of one engine that write to the
//! same folder in the same way share it: one place below `.haul/`, one database, one thread that
//! records.
//!
//! Until a row is recorded, its number also identifies its run: each run adds its own `first_row`.
//! In the database, rows have their numbers in the list; only if several runs read the same list,
//! all but the first of them have ranges of higher numbers.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

use super::Run;
use crate::error::Error;
use crate::event::{Event, Warning};
use crate::options::{Durability, Existing, RunOptions, StateDir};
use crate::pool::BlockingPool;
use crate::state::{Ending, State};
use crate::sync::lock;
use crate::write::{Directory, DiskBudget, Storage, Strictest, Syncs, Writer};

/// The folder that a run writes to and records in.
pub(crate) struct Folder {
    pub(crate) storage: Arc<Storage>,
    /// The records of earlier runs, and for later ones; `None` if nothing is recorded.
    pub(crate) state: Option<Arc<State>>,
    pub(crate) writer: Arc<Writer>,
    /// The directory, if it is one that runs may share.
    directory: Option<Arc<Directory>>,
    durability: Arc<Strictest>,
    members: Mutex<Members>,
}

/// The runs that use a folder.
struct Members {
    runs: BTreeMap<u64, Member>,
    next: u64,
    /// Warnings that no run has received yet, since there was none.
    warnings: Vec<Warning>,
    /// How the runs ended that have left.
    ending: Ending,
}

struct Member {
    run: Weak<Run>,
    durability: Durability,
}

/// A run's place in a folder.
pub(crate) struct Place {
    pub(crate) folder: Arc<Folder>,
    /// Added to the numbers of its rows where they are recorded.
    pub(crate) first_row: u64,
    shared_by: Option<(Arc<Folders>, Key)>,
}

/// The most rows of a run, where several record in one place.
const ROWS: u64 = 1 << 32;

/// Runs with equal keys share a folder. All runs that record lists have the same one, whatever
/// their options are, since they would exclude each other otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    device: u64,
    inode: u64,
    /// `None` if lists are recorded.
    of_urls: Option<OfUrls>,
}

/// The options that are equal for runs of URLs that share a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct OfUrls {
    existing: Existing,
    durability: Durability,
    min_free: Option<u64>,
}

/// The folders that runs of an engine use.
#[derive(Default)]
pub(crate) struct Folders {
    open: Mutex<HashMap<Key, Use>>,
    /// Notified when a folder has been closed.
    closed: Condvar,
    /// Shared by all folders.
    budget: DiskBudget,
}

enum Use {
    Open(Arc<Folder>),
    /// Its last run is over, and it is being closed.
    Closing,
}

impl Folder {
    fn new(
        storage: Arc<Storage>,
        state: Option<Arc<State>>,
        pool: &Arc<BlockingPool>,
        budget: &DiskBudget,
        durability: Durability,
    ) -> Self {
        let syncs = state.as_ref().map(|state| state.syncs());
        let syncs = syncs.unwrap_or_else(|| Arc::new(Syncs::new(Arc::clone(&storage))));
        // If there is a state, files are named with the durability with which they are recorded.
        let durability = match &state {
            Some(state) => state.durability(),
            None => Arc::new(Strictest::new(durability)),
        };
        let (kept, pool) = (Arc::clone(&durability), Arc::clone(pool));
        let writer = Writer::new(Arc::clone(&storage), syncs, pool, kept, budget);
        Self {
            storage,
            state,
            writer: Arc::new(writer),
            directory: None,
            durability,
            members: Mutex::new(Members {
                runs: BTreeMap::new(),
                next: 0,
                warnings: Vec::new(),
                ending: Ending {
                    complete: true,
                    everything_is_there: true,
                },
            }),
        }
    }

    /// Starts to record, and to tell the runs that use the folder what comes of it.
    fn start(self: &Arc<Self>) {
        let Some(state) = &self.state else { return };
        let of = |folder: &Arc<Self>| Arc::downgrade(folder);
        let (warning, failing, telling) = (of(self), of(self), of(self));
        state.warn(move |what| {
            if let Some(folder) = warning.upgrade() {
                folder.warn(&what);
            }
        });
        let failed = move |error: Error| {
            for run in runs_of(&failing) {
                run.stop(Error::new(error.kind(), error.to_string()));
            }
        };
        let ended = move |first_row, outcome| {
            let folder = telling.upgrade();
            if let Some(run) = folder.and_then(|folder| folder.run(first_row)) {
                run.recorded(Box::new(outcome));
            }
        };
        state.start(failed, ended);
    }

    fn warn(&self, what: &Warning) {
        let mut members = lock(&self.members);
        let runs: Vec<_> = members
            .runs
            .values()
            .filter_map(|member| member.run.upgrade())
            .collect();
        if runs.is_empty() {
            members.warnings.push(what.clone());
        }
        drop(members);
        for run in runs {
            run.ledger.emit(Event::Warned(what.clone()));
        }
    }

    /// Adds a run, and returns what is added to the numbers of its rows.
    fn enter(&self, durability: Durability, existing: Existing) -> u64 {
        let mut members = lock(&self.members);
        let first_row = members.next * ROWS;
        members.next += 1;
        let run = Weak::new();
        members.runs.insert(first_row, Member { run, durability });
        self.durability.raise_to(durability);
        if let Some(state) = &self.state {
            state.run_begins(first_row, existing);
        }
        first_row
    }

    fn run(&self, first_row: u64) -> Option<Arc<Run>> {
        lock(&self.members).runs.get(&first_row)?.run.upgrade()
    }
}

fn runs_of(folder: &Weak<Folder>) -> Vec<Arc<Run>> {
    let Some(folder) = folder.upgrade() else {
        return Vec::new();
    };
    let members = lock(&folder.members);
    members
        .runs
        .values()
        .filter_map(|member| member.run.upgrade())
        .collect()
}

impl Place {
    /// Returns the place of a run that shares its storage with no other one.
    pub(crate) fn alone(
        all: &Folders,
        storage: Arc<Storage>,
        state: Option<Arc<State>>,
        pool: &Arc<BlockingPool>,
        (durability, existing): (Durability, Existing),
    ) -> Self {
        let folder = Arc::new(Folder::new(storage, state, pool, &all.budget, durability));
        folder.start();
        Self {
            first_row: folder.enter(durability, existing),
            folder,
            shared_by: None,
        }
    }

    /// Notes whose place it is.
    pub(crate) fn is_of(&self, run: &Arc<Run>) {
        let mut members = lock(&self.folder.members);
        if let Some(member) = members.runs.get_mut(&self.first_row) {
            member.run = Arc::downgrade(run);
        }
        let warnings = std::mem::take(&mut members.warnings);
        drop(members);
        for what in warnings {
            run.ledger.emit(Event::Warned(what));
        }
    }

    /// Leaves the folder, since the run is over, and says so when what it has done is recorded. The
    /// last one closes the folder: what was written and recorded is complete then, and what nobody
    /// needs any more is removed. `left` is given an error of kind `disk` when the rest could not
    /// be recorded.
    pub(crate) fn leave(&self, own: Ending, left: impl FnOnce(Result<(), Error>) + Send + 'static) {
        if let Some(state) = &self.folder.state {
            state.run_ended(self.first_row, own);
        }
        let ending = {
            // Locks are taken in the order in which a run that enters takes them.
            let mut open = self.shared_by.as_ref().map(|(all, _)| lock(&all.open));
            let mut members = lock(&self.folder.members);
            members.runs.remove(&self.first_row);
            let runs = members.runs.values().map(|member| member.durability);
            self.folder.durability.set_to_strictest_of(runs);
            members.ending.complete &= own.complete;
            members.ending.everything_is_there &= own.everything_is_there;
            if !members.runs.is_empty() {
                drop(members);
                drop(open);
                let state = self.folder.state.as_ref();
                return match state {
                    Some(state) => state.when_recorded(left),
                    None => left(Ok(())),
                };
            }
            if let (Some(open), Some((_, key))) = (&mut open, &self.shared_by) {
                open.insert(key.clone(), Use::Closing);
            }
            members.ending
        };
        let closed = self.folder.close(ending);
        if let Some((all, key)) = &self.shared_by {
            lock(&all.open).remove(key);
            all.closed.notify_all();
        }
        left(closed);
    }
}

impl Folder {
    fn close(&self, ending: Ending) -> Result<(), Error> {
        let closed = self.state.as_ref().map(|state| state.close(ending));
        let (is_needed, closed) = match closed.transpose() {
            Ok(is_needed) => (is_needed.unwrap_or(false), Ok(())),
            Err(error) => (true, Err(error)),
        };
        self.storage.destination.close(!is_needed);
        closed
    }
}

impl Folders {
    /// Returns a place in the folder at a path, which is opened unless another run of the engine
    /// uses it already in the same way.
    ///
    /// # Errors
    /// Of kind `disk`, when it cannot be used, or when a run of another process keeps this one out
    /// ([`Error::busy_with`]).
    pub(crate) fn enter(
        self: &Arc<Self>,
        path: &Path,
        options: &RunOptions,
        pool: &Arc<BlockingPool>,
    ) -> Result<Place, Error> {
        let mut open = lock(&self.open);
        while let Some(key) = Key::of(path, options) {
            match open.get(&key) {
                Some(Use::Open(folder)) => {
                    if let Some(directory) = &folder.directory {
                        directory.raise_min_free(options.min_free)?;
                    }
                    return Ok(Place {
                        folder: Arc::clone(folder),
                        first_row: folder.enter(options.durability, options.existing),
                        shared_by: Some((Arc::clone(self), key)),
                    });
                }
                Some(Use::Closing) => {
                    let woken = self.closed.wait(open);
                    open = woken.unwrap_or_else(PoisonError::into_inner);
                }
                None => break,
            }
        }
        let (directory, place) = Directory::open(path, options)?;
        let directory = Arc::new(directory);
        let storage = Storage::of(Arc::clone(&directory));
        let state = Arc::new(State::open(place, options, Arc::clone(&storage))?);
        let folder = Arc::new(Folder {
            directory: Some(directory),
            ..Folder::new(storage, Some(state), pool, &self.budget, options.durability)
        });
        folder.start();
        let first_row = folder.enter(options.durability, options.existing);
        // The folder exists now.
        let shared_by = Key::of(path, options).map(|key| {
            open.insert(key.clone(), Use::Open(Arc::clone(&folder)));
            (Arc::clone(self), key)
        });
        Ok(Place {
            folder,
            first_row,
            shared_by,
        })
    }
}

impl Key {
    /// Returns the key of a run into a folder; `None` if there is no folder.
    fn of(path: &Path, options: &RunOptions) -> Option<Self> {
        let about = std::fs::metadata(path).ok()?;
        Some(Self {
            device: about.dev(),
            inode: about.ino(),
            of_urls: (options.state_dir == StateDir::RemoveWhenDone).then(|| OfUrls::of(options)),
        })
    }
}

impl OfUrls {
    fn of(options: &RunOptions) -> Self {
        Self {
            // All of these use what earlier runs have recorded.
            existing: match options.existing {
                Existing::Skip | Existing::Refresh => Existing::Auto,
                existing => existing,
            },
            durability: options.durability,
            min_free: options.min_free,
        }
    }
}
