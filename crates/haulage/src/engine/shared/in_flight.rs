//! How many requests of a run are in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::schedule::RunId;
use crate::write::Writer;

/// Counts the requests of one run in flight, and tells its writer when there are none: then no
/// other file can join those that wait for their names.
///
/// It is changed only under the lock of the schedule.
pub(crate) struct InFlight {
    run: RunId,
    count: AtomicUsize,
    writer: Arc<Writer>,
}

impl InFlight {
    pub(crate) fn new(run: RunId, writer: Arc<Writer>) -> Self {
        Self {
            run,
            count: AtomicUsize::new(0),
            writer,
        }
    }

    /// Returns the run, as the schedule knows it.
    pub(crate) fn run(&self) -> RunId {
        self.run
    }

    /// Returns how much is in flight.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts one more.
    pub(crate) fn begin(&self) {
        if self.count.fetch_add(1, Ordering::Relaxed) == 0 {
            self.writer.run_is_busy();
        }
    }

    /// Counts one less.
    pub(crate) fn end(&self) {
        if self.count.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.writer.run_is_quiet();
        }
    }
}
