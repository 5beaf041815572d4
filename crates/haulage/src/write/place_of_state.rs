//! Where a run keeps its state, and what other runs have left beside it.

use std::path::PathBuf;

use super::scratch::Held;
use crate::event::Warning;

/// How a database is shared with other processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Others may look into it meanwhile.
    WithReaders,
    /// It is locked as a whole: on a file system whose memory cannot be shared between processes.
    Alone,
    /// Something else keeps others out; the file system may have no locks.
    AloneWithoutLocks,
}

/// The state of a run, and what it is opened with.
pub(crate) struct StatePlace {
    /// Where its database is, or is made when there is something to record.
    pub(crate) database: PathBuf,
    pub(crate) sharing: Sharing,
    /// The database of lists, for a run that records none and can look into it.
    pub(crate) lists: Option<PathBuf>,
    /// Runs that have ended, and whose folders are there.
    pub(crate) left: Vec<LeftRun>,
    pub(crate) warnings: Vec<Warning>,
    /// As long as it is held, nobody else looks through what they have left.
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
