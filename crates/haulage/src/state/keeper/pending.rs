//! What waits to be recorded, and who waits for that.

use std::sync::Mutex;

use super::GROUP;
use crate::error::Error;
use crate::outcome::Outcome;
use crate::state::record::{Failure, Record};

#[derive(Default)]
pub(super) struct Pending {
    pub(super) records: Vec<Record>,
    /// Outcomes that nobody is told of before they are recorded, each with what is added to the
    /// numbers of its run's rows.
    pub(super) held: Vec<(u64, Outcome)>,
    /// How many were added so far, and how many of those have been recorded.
    pub(super) added: u64,
    pub(super) recorded: u64,
    /// Runs that have ended, and wait until what they have added is recorded.
    pub(super) waiting: Vec<Waiting>,
    /// Why nothing more is recorded.
    pub(super) failure: Option<Failure>,
    pub(super) closed: bool,
    /// There is a thread that records.
    pub(super) has_thread: bool,
    /// Somebody has begun to bring bytes of a part since the thread looked last.
    pub(super) expects_progress: bool,
}

pub(super) type TellOfFailure = Box<dyn FnOnce(Error) + Send>;

/// Those who are told what comes of it.
pub(super) struct Told {
    pub(super) failed: Mutex<Option<TellOfFailure>>,
    pub(super) ended: Box<dyn Fn(u64, Outcome) + Send + Sync>,
}

/// Waits until so many records are in the database.
pub(super) struct Waiting {
    pub(super) added: u64,
    pub(super) tell: Box<dyn FnOnce(Result<(), Error>) + Send>,
}

impl Pending {
    /// Returns whether others are to join the group.
    pub(super) fn gathers(&self) -> bool {
        (1..GROUP).contains(&self.records.len()) && self.waiting.is_empty()
    }

    /// Takes those who wait for no more records than these.
    pub(super) fn take_waiting(&mut self, recorded: u64) -> Vec<Waiting> {
        let is_over = |waiting: &mut Waiting| waiting.added <= recorded;
        self.waiting.extract_if(.., is_over).collect()
    }
}
