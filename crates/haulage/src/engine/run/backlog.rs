//! How far the engine looks ahead, and when a run is over.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::sync::lock;

/// The most rows that were read and whose outcome has not been received. This bounds the memory
/// that a list takes, however long it is.
const LOOK_AHEAD: usize = 2048;
/// The reader continues when at most this many rows are open. Usually some hundreds are with the
/// disk threads until their group is flushed: with a lower number the network would be idle.
const REFILL: usize = LOOK_AHEAD / 4 * 3;
/// The largest look-ahead, where the rows that were read leave slots free: those are of hosts that
/// are slow or dead, and later rows may be of others.
const FARTHEST: usize = 5 * LOOK_AHEAD;
/// How long the reader waits for room before it asks whether slots are free.
const PATIENCE: Duration = Duration::from_millis(100);
/// How many times it waits for that before its thread ends.
const MOST_WAITS: u32 = 10;

/// Whether there is room for one more row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// There is room.
    Open,
    /// There is no room: rows of slow or dead hosts take all of it.
    MakeRoom,
    /// There is no room, and there may not be any soon.
    Later,
    /// The run is being stopped.
    Closed,
}

/// Counts the rows that have been read and not ended.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    state: Mutex<State>,
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Rows that were read, and whose outcome has not been received.
    open: usize,
    /// Rows that were read and have no outcome.
    unsettled: usize,
    /// Rows that have an outcome.
    settled: u64,
    /// Unsettled rows that are spilled to the disk; they do not count as open.
    aside: usize,
    /// How many more rows than [`LOOK_AHEAD`] may be open.
    farther: usize,
    phase: Phase,
    /// Whether a reader waits until there is room for many rows: to wake it for each row would cost
    /// more than the row.
    waiting: bool,
}

/// What a run still waits for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// More rows.
    #[default]
    Reading,
    /// The outcomes of the rows that were read: there are no more rows.
    Ending,
    /// The outcomes of the rows that were started: nothing more is to be.
    Stopping,
    Over,
}

impl Backlog {
    /// Takes a place for one row; waits for it, and looks farther ahead while `slots_are_free`.
    /// Where that does not help, the caller is to make room.
    pub(crate) fn enter(
        &self,
        slots_are_free: impl Fn() -> bool,
        is_paused: impl Fn() -> bool,
    ) -> Entry {
        let mut state = self.lock();
        let mut waits = 0;
        while state.is_full() {
            if is_paused() || waits == MOST_WAITS {
                return Entry::Later;
            }
            waits += 1;
            state.waiting = true;
            let (woken, waited) = self
                .room
                .wait_timeout(state, PATIENCE)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if waited.timed_out() && state.waits_for_hosts() && slots_are_free() {
                if LOOK_AHEAD + state.farther >= FARTHEST {
                    return Entry::MakeRoom;
                }
                state.farther += LOOK_AHEAD / 2;
            }
        }
        if state.phase != Phase::Reading {
            return Entry::Closed;
        }
        state.open += 1;
        state.unsettled += 1;
        Entry::Open
    }

    /// Returns whether a row may get a place now, or room may be made for it while
    /// `slots_are_free`.
    pub(crate) fn may_enter(&self, slots_are_free: impl Fn() -> bool) -> bool {
        let state = self.lock();
        !state.is_full() || state.waits_for_hosts() && slots_are_free()
    }

    /// Notes that this number of rows was spilled to the disk.
    pub(crate) fn set_aside(&self, rows: usize) {
        let mut state = self.lock();
        state.open -= rows;
        state.aside += rows;
    }

    /// Notes that this number of spilled rows is in memory again.
    pub(crate) fn come_back(&self, rows: usize) {
        let mut state = self.lock();
        state.aside -= rows;
        state.open += rows;
    }

    /// Returns whether more spilled rows may be brought back.
    pub(crate) fn has_room(&self) -> bool {
        self.lock().open < FARTHEST
    }

    /// Notes that a row has its outcome. Returns whether that ends the run, which happens once.
    pub(crate) fn settle(&self) -> bool {
        let mut state = self.lock();
        state.unsettled -= 1;
        state.settled += 1;
        state.ends()
    }

    /// Notes that a row gets no outcome. Returns whether that ends the run, which happens once.
    pub(crate) fn forget(&self) -> bool {
        let mut state = self.lock();
        state.unsettled -= 1;
        state.ends()
    }

    /// Returns how many rows have an outcome.
    pub(crate) fn settled(&self) -> u64 {
        self.lock().settled
    }

    /// Returns whether rows have been read that have no outcome.
    pub(crate) fn has_open_rows(&self) -> bool {
        self.lock().unsettled > 0
    }

    /// Notes that the outcomes of this number of rows were received, or never will be.
    pub(crate) fn leave(&self, rows: usize) {
        let mut state = self.lock();
        state.open -= rows;
        if state.waiting && state.open <= REFILL {
            state.waiting = false;
            self.room.notify_all();
        }
    }

    /// Notes that no more rows will come. Returns whether that ends the run.
    pub(crate) fn input_ended(&self) -> bool {
        let mut state = self.lock();
        if state.phase == Phase::Reading {
            state.phase = Phase::Ending;
        }
        state.ends()
    }

    /// Notes that nothing more is to be started. Returns whether that ends the run.
    pub(crate) fn cancel(&self) -> bool {
        let mut state = self.lock();
        if state.phase != Phase::Over {
            state.phase = Phase::Stopping;
        }
        self.room.notify_all();
        state.ends()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// Returns whether a row has to wait for a place.
    fn is_full(&self) -> bool {
        self.phase == Phase::Reading && self.open >= LOOK_AHEAD + self.farther
    }

    /// Returns whether most rows that were read wait for their hosts, rather than for somebody to
    /// receive their outcomes.
    fn waits_for_hosts(&self) -> bool {
        self.unsettled - self.aside > self.open / 2
    }

    fn ends(&mut self) -> bool {
        let ends = self.unsettled == 0 && matches!(self.phase, Phase::Ending | Phase::Stopping);
        if ends {
            self.phase = Phase::Over;
        }
        ends
    }
}
