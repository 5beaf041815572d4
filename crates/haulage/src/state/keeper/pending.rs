//! What waits to be recorded, and the callers that wait for that.

use std::sync::Mutex;

use super::GROUP;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::state::record::{Failure, Record};

/// The number of records after which a group gets its memory at once.
const FEW: usize = 64;
/// The records for which there is memory then: some more come until a full group is taken.
const ROOM: usize = GROUP + GROUP / 2;

#[derive(Default)]
pub(super) struct Pending {
    pub(super) records: Vec<Record>,
    /// Outcomes that are not reported before they are recorded, each with the number that is added
    /// to the row numbers of its run.
    pub(super) held: Vec<(u64, Outcome)>,
    /// How many records were added so far, and how many of those have been written.
    pub(super) added: u64,
    pub(super) recorded: u64,
    /// Runs that have ended, and wait until their records are written.
    pub(super) waiting: Vec<Waiting>,
    /// Why nothing more is recorded; `None` if there was no failure.
    pub(super) failure: Option<Failure>,
    pub(super) closed: bool,
    /// There is a thread that records.
    pub(super) has_thread: bool,
    /// A response has begun to deliver bytes of a part since the thread looked last.
    pub(super) expects_progress: bool,
}

pub(super) type TellOfFailure = Box<dyn FnOnce(Error) + Send>;

/// The callbacks for a failure to record, and for the outcomes that were held.
pub(super) struct Told {
    pub(super) failed: Mutex<Option<TellOfFailure>>,
    pub(super) ended: Box<dyn Fn(u64, Outcome) + Send + Sync>,
}

/// A callback that waits until this many records are in the database.
pub(super) struct Waiting {
    pub(super) added: u64,
    pub(super) tell: Box<dyn FnOnce(Result<(), Error>) + Send>,
}

impl Pending {
    /// Adds a record to the next group.
    pub(super) fn add(&mut self, record: Record) {
        if self.records.len() == FEW {
            // Most likely there will be a whole group. Its records would move each time that it
            // grows.
            self.records.reserve(ROOM - FEW);
        }
        self.records.push(record);
        self.added += 1;
    }

    /// Returns whether to wait for more records of the group.
    pub(super) fn gathers(&self) -> bool {
        (1..GROUP).contains(&self.records.len()) && self.waiting.is_empty()
    }

    /// Takes the callbacks that wait for no more than this many records.
    pub(super) fn take_waiting(&mut self, recorded: u64) -> Vec<Waiting> {
        let is_over = |waiting: &mut Waiting| waiting.added <= recorded;
        self.waiting.extract_if(.., is_over).collect()
    }
}
