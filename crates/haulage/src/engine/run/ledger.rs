//! The ledger of a run: how many rows are open, how each row ended, and the events for the caller.
//! It returns what follows, and the run does that.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use super::backlog::{Backlog, Entry};
use super::event_queue::EventQueue;
use crate::error::Error;
use crate::event::Event;
use crate::outcome::Outcome;
use crate::request_key::RequestKey;
use crate::row_location::RowLocation;
use crate::state::{PriorRecord, State};

/// The ledger of a run.
pub(crate) struct Ledger {
    backlog: Backlog,
    pub(crate) events: EventQueue,
    /// The records of earlier runs, and for later ones; `None` if nothing is recorded.
    state: Option<Arc<State>>,
    /// Added to the numbers of rows where they are recorded.
    first_row: u64,
    max_errors: Option<u64>,
    /// Cancelled when nothing more is to be started.
    stopping: CancellationToken,
    /// How many items have failed.
    failures: AtomicU64,
    all_present: AtomicBool,
    next_row: AtomicU64,
    /// How many rows are being looked up in the records and on the disk, plus one until all input
    /// has been read.
    unexamined: AtomicU64,
    /// Whether only some rows of the list are taken: what is recorded of the others stays then.
    is_excerpt: AtomicBool,
    /// How many rows of the list have not been taken.
    passed_over: AtomicU64,
    /// How many rows the input has, once all of it has been read.
    input_rows: OnceLock<u64>,
}

/// What follows the end of a row.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consequence {
    GoOn,
    /// `max_errors` items have failed: the run is to be stopped, and then the row settled.
    TooManyErrors,
    /// That was the last row: the run is over, which happens once.
    RunOver,
}

impl Ledger {
    /// Returns the books of a run that records in a state, with this added to the numbers of its
    /// rows.
    pub(crate) fn new(
        records: Option<(Arc<State>, u64)>,
        max_errors: Option<u64>,
        stopping: CancellationToken,
    ) -> Self {
        let (state, first_row) = records.unzip();
        Self {
            backlog: Backlog::default(),
            events: EventQueue::default(),
            state,
            first_row: first_row.unwrap_or_default(),
            max_errors,
            stopping,
            failures: AtomicU64::new(0),
            all_present: AtomicBool::new(true),
            next_row: AtomicU64::new(0),
            unexamined: AtomicU64::new(1),
            is_excerpt: AtomicBool::new(false),
            passed_over: AtomicU64::new(0),
            input_rows: OnceLock::new(),
        }
    }

    /// Takes a place for one more row. Waits for it, and looks farther ahead while
    /// `slots_are_free`, but not while the run `is_paused`.
    pub(crate) fn enter(
        &self,
        slots_are_free: impl Fn() -> bool,
        is_paused: impl Fn() -> bool,
    ) -> Entry {
        if let Some(state) = &self.state {
            state.wait_for_room();
        }
        self.backlog.enter(slots_are_free, is_paused)
    }

    /// Returns whether more rows may be read now, or room may be made for them while
    /// `slots_are_free`.
    pub(crate) fn may_enter(&self, slots_are_free: impl Fn() -> bool) -> bool {
        self.backlog.may_enter(slots_are_free)
    }

    /// Returns the number of the next row: one more than that of the row before it, unless it has a
    /// greater one of its own. The rows between are passed over.
    pub(crate) fn number(&self, own: Option<u64>) -> u64 {
        let next = self.next_row.load(Ordering::Relaxed);
        let number = own.unwrap_or(next).max(next);
        // One thread reads at a time.
        self.next_row.store(number + 1, Ordering::Relaxed);
        if own.is_some() {
            self.is_excerpt.store(true, Ordering::Relaxed);
            self.passed_over.fetch_add(number - next, Ordering::Relaxed);
        }
        number
    }

    /// Notes that all input has been read, which it is once.
    pub(crate) fn input_read(&self) {
        let rows = self.next_row.load(Ordering::Relaxed);
        let rows = rows - self.passed_over.load(Ordering::Relaxed);
        let _ = self.input_rows.set(rows);
        self.examined();
    }

    /// Notes that a row is being looked up.
    pub(crate) fn examines(&self) {
        self.unexamined.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a row has been looked up, or that no other will be. After the last one, what is
    /// recorded of other rows can go.
    pub(crate) fn examined(&self) {
        if self.unexamined.fetch_sub(1, Ordering::AcqRel) == 1
            && !self.is_excerpt.load(Ordering::Relaxed)
            && let Some(state) = &self.state
        {
            state.input_ended(self.first_row);
        }
    }

    /// Expects no more rows.
    pub(crate) fn input_ended(&self) -> Consequence {
        Consequence::of(self.backlog.input_ended())
    }

    /// Returns how many rows the input has; `None` before all of it has been read.
    pub(crate) fn input_rows(&self) -> Option<u64> {
        self.input_rows.get().copied()
    }

    /// Returns what earlier runs know of a row; `None` if nothing.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub(crate) fn recall(
        &self,
        row: u64,
        location: Option<&RowLocation>,
        key: Option<&RequestKey>,
        url: &str,
    ) -> Result<Option<PriorRecord>, Error> {
        match (&self.state, key) {
            (Some(state), Some(key)) => state.recall(self.first_row, row, location, key, url),
            _ => Ok(None),
        }
    }

    /// Records that the file of a row is complete, but not yet what the caller does with it: until
    /// the row ends, a later run does that.
    pub(crate) fn note_complete_file(&self, outcome: &Outcome) {
        if let Some(state) = &self.state {
            state.add_complete_file(outcome, self.first_row);
        }
    }

    /// Records that a row has ended, and tells of it, at once or when it is durable.
    pub(crate) fn record(&self, outcome: Box<Outcome>) -> Consequence {
        let outcome = match &self.state {
            Some(state) => match state.add(outcome, self.first_row) {
                Some(outcome) => outcome,
                // Its event is sent once it is recorded.
                None => return Consequence::GoOn,
            },
            None => outcome,
        };
        self.recorded(outcome)
    }

    /// Tells of a row that has ended, and is recorded.
    pub(crate) fn recorded(&self, outcome: Box<Outcome>) -> Consequence {
        let failed = outcome.error().is_some();
        if failed {
            self.all_present.store(false, Ordering::Release);
        }
        self.emit(Event::Ended(outcome));
        if failed && self.is_one_too_many() {
            return Consequence::TooManyErrors;
        }
        self.settle()
    }

    /// Counts a failure, and returns whether there are now as many as there may be.
    fn is_one_too_many(&self) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let is_last = Some(failures) == self.max_errors && !self.stopping.is_cancelled();
        if is_last {
            self.emit(Event::TooManyErrors(failures));
        }
        is_last
    }

    /// Settles a row that has been told of.
    pub(crate) fn settle(&self) -> Consequence {
        Consequence::of(self.backlog.settle())
    }

    /// Drops a row without a word: it had not started when the run was stopped.
    pub(crate) fn forget(&self) -> Consequence {
        self.all_present.store(false, Ordering::Release);
        self.backlog.leave(1);
        Consequence::of(self.backlog.forget())
    }

    /// Takes no more rows, since the run is being stopped.
    pub(crate) fn close(&self) -> Consequence {
        Consequence::of(self.backlog.cancel())
    }

    /// Tells the caller what has happened.
    pub(crate) fn emit(&self, event: Event) {
        let ended = matches!(event, Event::Ended(_));
        if !self.events.send(Some(event)) && ended {
            self.received(1);
        }
    }

    /// Notes that this number of outcomes has left the engine: there is room for as many rows.
    pub(crate) fn received(&self, outcomes: usize) {
        if outcomes > 0 {
            self.backlog.leave(outcomes);
        }
    }

    /// Tells the caller that nothing more will happen.
    pub(crate) fn end_events(&self) {
        // The receiver may be gone.
        self.events.send(None);
    }

    /// Returns whether each row so far has its file.
    pub(crate) fn all_present(&self) -> bool {
        self.all_present.load(Ordering::Acquire)
    }

    /// Notes that this number of rows waits on the disk from now on.
    pub(crate) fn spilled(&self, rows: usize) {
        self.backlog.set_aside(rows);
    }

    /// Notes that this number of rows has come back from the disk.
    pub(crate) fn restored(&self, rows: usize) {
        self.backlog.come_back(rows);
    }

    /// Returns how many rows have ended with an outcome, and how many of those have failed.
    pub(crate) fn ended(&self) -> (u64, u64) {
        let failed = self.failures.load(Ordering::Relaxed);
        // A failure is counted before its row is.
        (self.backlog.settled().max(failed), failed)
    }

    /// Returns whether rows have been read that have no outcome.
    pub(crate) fn has_open_rows(&self) -> bool {
        self.backlog.has_open_rows()
    }

    /// Returns whether more rows may come back.
    pub(crate) fn has_room(&self) -> bool {
        self.backlog.has_room()
    }
}

impl Consequence {
    fn of(is_over: bool) -> Self {
        if is_over { Self::RunOver } else { Self::GoOn }
    }
}
