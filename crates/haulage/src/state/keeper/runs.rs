//! Which runs are recorded with their rows.

use super::{State, lock};
use crate::error::Error;
use crate::state::runs::RunRecord;

impl State {
    /// Records from now on how a run goes, whose rows have `first_row` added to their numbers.
    pub(crate) fn follow(&self, first_row: u64, run: RunRecord) {
        lock(&self.runs).insert(first_row, run);
    }

    /// Notes that a run is over: its end is recorded with the next group.
    pub(super) fn end_run(&self, first_row: u64, is_complete: bool) {
        if let Some(run) = lock(&self.runs).get_mut(&first_row) {
            run.end(is_complete);
        }
    }

    /// Records how runs went since the last time, if there is a database: one that has nothing else
    /// in it would be of no use.
    pub(super) fn write_runs(&self) -> Result<(), Error> {
        let mut runs = lock(&self.runs);
        if !runs.values().any(RunRecord::is_changed) {
            return Ok(());
        }
        let mut all: Vec<_> = runs.values_mut().collect();
        self.change(|store| store.record_runs(&mut all))?;
        runs.retain(|_, run| !run.has_ended());
        Ok(())
    }
}
