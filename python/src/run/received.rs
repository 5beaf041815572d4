//! What a run has received: events that wait for Python, and counts.

use std::sync::mpsc::Receiver;

use haul_command::embedded::{CookieFile, Log};
use haulage::{Error, ErrorKind, Event, Events, Status};

/// What Python is given.
pub(super) enum Item {
    Outcome(Box<haulage::Outcome>),
    /// An event, as the text of a JSON object.
    Event(String),
    /// The lines of a log, with their level.
    Lines(u8, String),
}

/// What is wanted beside outcomes.
#[derive(Clone, Copy)]
pub(crate) struct Wants {
    /// Events, each as the text of a JSON object.
    pub(crate) events: bool,
    /// Lines for a log, each as its level and its text.
    pub(crate) log: bool,
}

pub(super) struct Received {
    /// `None` when all have been taken: they keep what the engine did for the run alive.
    pub(super) events: Option<Events>,
    /// Events that have been taken, and that Python has not been given.
    pub(super) batch: Vec<Event>,
    pub(super) batches: usize,
    pub(super) is_over: bool,
    pub(super) counts: Counts,
    pub(super) log: Log,
    /// A list in a file tells of it here if it breaks off.
    pub(super) list: Option<Receiver<Error>>,
    /// What the run could not go on with.
    pub(super) broken: Option<Error>,
    pub(super) cookies: Option<CookieFile>,
}

/// How many items have ended in which way, as far as they were received.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) done: u64,
    pub(super) skipped: u64,
    pub(super) unchanged: u64,
    pub(super) failed: u64,
    pub(super) bytes: u64,
    /// All of them.
    pub(super) ended: u64,
    /// Those of the failed ones that were stopped.
    pub(super) cancelled: u64,
}

impl Counts {
    pub(super) fn add(&mut self, outcome: &haulage::Outcome) {
        match outcome.status {
            Status::Done => self.done += 1,
            Status::Skipped => self.skipped += 1,
            Status::Unchanged => self.unchanged += 1,
            Status::Failed(ref error) => {
                self.failed += 1;
                self.cancelled += u64::from(error.kind() == ErrorKind::Cancelled);
            }
            _ => {}
        }
        self.bytes += outcome.bytes;
        self.ended += 1;
    }
}
