//! The sources that a run has yet to read. A thread reads only while there is something to read and
//! room for it.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::request::Row;
use crate::sync::lock;

/// A source of rows, of which some may have been read.
pub(crate) struct Source {
    rows: Rows,
    /// A row that was read when there was no room for it.
    pending: Option<SourceRow>,
}

enum Rows {
    All(Box<dyn Iterator<Item = Row> + Send>),
    Numbered(Box<dyn Iterator<Item = (u64, Row)> + Send>),
}

/// A row of a source.
pub(crate) struct SourceRow {
    /// Its number in the list, from 0; `None` if it follows the row before it.
    pub(crate) number: Option<u64>,
    pub(crate) row: Row,
}

/// The sources that a run has yet to read.
#[derive(Default)]
pub(crate) struct Sources(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<Source>>,
    /// Whether a thread reads, or is about to.
    is_read: bool,
    phase: Phase,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// No more sources will be added.
    Closed,
    /// The run was told that everything has been read.
    Ended,
    /// Nothing is read any more.
    Stopped,
}

/// What the thread that reads does next.
pub(crate) enum NextSource {
    Read(Box<Source>),
    /// Nothing for now: the thread ends.
    Wait,
    /// Everything has been read, and the run is to be told. The thread ends.
    End,
}

impl Source {
    pub(crate) fn new(rows: Box<dyn Iterator<Item = Row> + Send>) -> Self {
        Self {
            rows: Rows::All(rows),
            pending: None,
        }
    }

    /// Creates a source of some rows of a list, with their numbers in it, which rise.
    pub(crate) fn numbered(rows: Box<dyn Iterator<Item = (u64, Row)> + Send>) -> Self {
        Self {
            rows: Rows::Numbered(rows),
            pending: None,
        }
    }

    /// Returns the next row; `None` when there are no more.
    pub(crate) fn next(&mut self) -> Option<SourceRow> {
        self.pending.take().or_else(|| match &mut self.rows {
            Rows::All(rows) => rows.next().map(|row| SourceRow { number: None, row }),
            Rows::Numbered(rows) => rows.next().map(|(number, row)| SourceRow {
                number: Some(number),
                row,
            }),
        })
    }

    /// Puts back a row that has no place yet.
    pub(crate) fn put_back(&mut self, row: SourceRow) {
        self.pending = Some(row);
    }
}

impl Sources {
    /// Adds a source, behind all others.
    pub(crate) fn add(&self, source: Box<Source>) {
        let mut state = lock(&self.0);
        if state.phase != Phase::Stopped {
            state.waiting.push_back(source);
        }
    }

    /// Expects no other sources.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.0);
        if state.phase == Phase::Open {
            state.phase = Phase::Closed;
        }
    }

    /// Returns whether a thread is to be started that reads: there is something to do, and none
    /// does it.
    pub(crate) fn begin(&self) -> bool {
        let mut state = lock(&self.0);
        let is_due = !state.waiting.is_empty() || state.phase == Phase::Closed;
        let begins = is_due && !state.is_read && state.phase != Phase::Stopped;
        state.is_read |= begins;
        begins
    }

    /// Returns what the thread that reads does next.
    pub(crate) fn next(&self) -> NextSource {
        let mut state = lock(&self.0);
        if let Some(source) = state.waiting.pop_front() {
            return NextSource::Read(source);
        }
        state.is_read = false;
        if state.phase == Phase::Closed {
            state.phase = Phase::Ended;
            NextSource::End
        } else {
            NextSource::Wait
        }
    }

    /// Puts back a source of which more is to be read later. The thread that reads ends.
    pub(crate) fn put_back(&self, source: Box<Source>) {
        let mut state = lock(&self.0);
        state.is_read = false;
        if state.phase != Phase::Stopped {
            state.waiting.push_front(source);
        }
    }

    /// Reads nothing any more.
    pub(crate) fn stop(&self) {
        let waiting = {
            let mut state = lock(&self.0);
            state.phase = Phase::Stopped;
            std::mem::take(&mut state.waiting)
        };
        // Whatever they hold is dropped outside of the lock.
        drop(waiting);
    }
}
