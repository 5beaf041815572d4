//! Where a run keeps its state, and what other runs have left beside it.

use std::path::PathBuf;

use super::scratch::Held;
use crate::event::Warning;

/// How a database is shared with other processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Others may read it meanwhile.
    WithReaders,
    /// It is locked as a whole, since processes cannot share memory through its file system.
    Alone,
    /// Another lock keeps others out; the file system may have no locks.
    AloneWithoutLocks,
}

/// Where the state of a run is, and how it is opened.
pub(crate) struct StatePlace {
    /// The path of its database, which is created when there is something to record.
    pub(crate) database: PathBuf,
    pub(crate) sharing: Sharing,
    /// The database of lists, if this is a run of URLs that can read it.
    pub(crate) lists: Option<PathBuf>,
    /// Runs that have ended, and whose folders still exist.
    pub(crate) left: Vec<LeftRun>,
    pub(crate) warnings: Vec<Warning>,
    /// While it is held, no other run looks through what those have left.
    pub(crate) moment: Option<Held>,
}

/// A run of URLs that has ended and left something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftRun {
    /// The name of its folder.
    pub(crate) run: Box<str>,
    pub(crate) database: PathBuf,
}

impl StatePlace {
    /// Returns a database that nobody else writes to, or that is only read.
    pub(crate) fn alone(database: impl Into<PathBuf>) -> Self {
        Self {
            database: database.into(),
            sharing: Sharing::WithReaders,
            lists: None,
            left: Vec::new(),
            warnings: Vec::new(),
            moment: None,
        }
    }
}
