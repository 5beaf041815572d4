//! Rows from Python on their way to the engine: whoever iterates over a source puts them in, a
//! thread or a task of an event loop, and the engine takes them out as far as it looks ahead.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use haulage::Row;

use crate::wake_up::WakeUp;

/// Most rows that wait.
const MOST: usize = 256;

/// Rows that wait for the engine.
pub(crate) struct Feed {
    state: Mutex<State>,
    has_changed: Condvar,
    /// Wakes an event loop when there is room again.
    has_room: Arc<WakeUp>,
}

#[derive(Default)]
struct State {
    rows: VecDeque<Row>,
    is_closed: bool,
    /// Whether somebody waits for room.
    is_awaited: bool,
}

/// Whether more rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Left,
    /// Not before there is room again.
    None,
    /// Never: the run is over, or stopped.
    Closed,
}

impl Feed {
    /// Creates an empty one that sets `has_room` when there is room again.
    pub(crate) fn new(has_room: Arc<WakeUp>) -> Self {
        Self {
            state: Mutex::default(),
            has_changed: Condvar::new(),
            has_room,
        }
    }

    /// Returns the descriptor that becomes readable when there is room again.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.has_room.descriptor()
    }

    /// Adds a row, and returns whether more are wanted.
    pub(crate) fn add(&self, row: Row) -> Room {
        let mut state = self.lock();
        if state.is_closed {
            return Room::Closed;
        }
        if state.rows.is_empty() {
            self.has_changed.notify_all();
        }
        state.rows.push_back(row);
        if state.rows.len() < MOST {
            return Room::Left;
        }
        self.has_room.clear();
        state.is_awaited = true;
        Room::None
    }

    /// Waits until there is room again. Returns whether more rows are wanted.
    pub(crate) fn wait_for_room(&self) -> bool {
        let mut state = self.lock();
        while state.is_awaited && !state.is_closed {
            state = self.wait(state);
        }
        !state.is_closed
    }

    /// Returns whether nothing more is wanted.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Says that nothing more comes, or that nobody wants more.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.has_changed.notify_all();
        self.has_room.set();
    }

    /// Waits for the next row; `None` when nothing more comes.
    fn next(&self) -> Option<Row> {
        let mut state = self.lock();
        loop {
            if let Some(row) = state.rows.pop_front() {
                if state.is_awaited && state.rows.len() <= MOST / 2 {
                    state.is_awaited = false;
                    self.has_changed.notify_all();
                    self.has_room.set();
                }
                return Some(row);
            }
            if state.is_closed {
                return None;
            }
            state = self.wait(state);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let waited = self.has_changed.wait(state);
        waited.unwrap_or_else(PoisonError::into_inner)
    }
}

/// The engine's end of a feed.
pub(crate) struct Fed(pub(crate) Arc<Feed>);

impl Iterator for Fed {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        self.0.next()
    }
}

impl Drop for Fed {
    fn drop(&mut self) {
        self.0.close();
    }
}
