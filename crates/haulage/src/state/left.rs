//! What interrupted runs of URLs have left: parts to resume, and which rows were done.
//!
//! Nobody writes to their records any more. A part belongs to the run that moves its file first.
//! Rows are taken over by a run that has the same row at the same place, as a run of the same
//! command has.

use std::sync::Arc;

use super::parts::Unfinished;
use super::store::{Access, Store};
use crate::write::{LastingParts, LeftRun};

/// How many of a run's first rows are compared with those of earlier runs.
const COMPARED: u64 = 64;

/// What all interrupted runs have left.
#[derive(Default)]
pub(super) struct Leftovers {
    parts: Vec<Left>,
    runs: Vec<Run>,
    /// Runs that have left nothing of use.
    useless: Vec<Box<str>>,
}

/// A part in the folder of a run that has ended.
struct Left {
    run: Box<str>,
    /// The part as that run recorded it.
    part: Unfinished,
    /// The number that the part gets when this run takes it up.
    number: u64,
    /// A row of this run requests its file.
    is_requested: bool,
}

struct Run {
    run: Box<str>,
    /// Its rows; `None` when they have been taken over, or there are none.
    rows: Option<Store>,
}

impl Leftovers {
    /// Looks through what runs have left.
    pub(super) fn of(left: Vec<LeftRun>, lasting: Option<&dyn LastingParts>) -> Self {
        let mut all = Self::default();
        let Some(lasting) = lasting else {
            return all;
        };
        for LeftRun { run, database } in left {
            // A database that cannot be read is of no use.
            let store = Store::open(&database, Access::ReadLeft).ok();
            let parts = store.as_ref().and_then(|store| store.unfinished().ok());
            let mut parts = parts.unwrap_or_default();
            let recorded: Vec<_> = parts.iter().map(|part| (part.number, part.end())).collect();
            let kept = lasting.adopt_left(&run, &recorded).unwrap_or_default();
            parts.retain(|part| kept.contains(&part.number));
            let rows = store.filter(|store| store.is_empty().is_ok_and(|empty| !empty));
            if parts.is_empty() && rows.is_none() {
                all.useless.push(run);
                continue;
            }
            let first = lasting.reserve(parts.len() as u64);
            all.parts
                .extend((first..).zip(parts).map(|(number, part)| Left {
                    run: run.clone(),
                    part,
                    number,
                    is_requested: false,
                }));
            all.runs.push(Run { run, rows });
        }
        all
    }

    /// Returns whether any run has left something of use.
    pub(super) fn is_any(&self) -> bool {
        !self.runs.is_empty()
    }

    /// Removes what is of no use to any run. Not to be called while this run keeps others from
    /// looking through the folder.
    pub(super) fn remove_useless(&mut self, lasting: Option<&dyn LastingParts>) {
        for run in self.useless.drain(..) {
            // If this fails, the next run finds it again.
            let _ = lasting.map(|lasting| lasting.remove_left_run(&run));
        }
    }

    /// Returns the rows of the runs that have this row at the same place, to be taken over; those
    /// of each run only once.
    pub(super) fn rows_like(&mut self, row: u64, request_hash: i64, url: &str) -> Vec<Store> {
        if row >= COMPARED {
            return Vec::new();
        }
        let has_it = |rows: &Store| rows.has_row(row, request_hash, url).unwrap_or(false);
        self.runs
            .iter_mut()
            .filter_map(|run| run.rows.take_if(|rows| has_it(rows)))
            .collect()
    }

    /// Notes that a row requests this: only this run can use what is left of its file.
    pub(super) fn mark_requested(&mut self, request_hash: i64, url: &str) {
        let of_this = |left: &&mut Left| is_for(left, request_hash, url);
        for left in self.parts.iter_mut().filter(of_this) {
            left.is_requested = true;
        }
    }

    /// Returns the parts of what a row asks for, the one with most bytes last, each with its run
    /// and with the number that it is to have here.
    pub(super) fn take(
        &mut self,
        request_hash: i64,
        url: &str,
    ) -> Vec<(Box<str>, u64, Unfinished)> {
        let (taken, others) = std::mem::take(&mut self.parts)
            .into_iter()
            .partition::<Vec<_>, _>(|left| is_for(left, request_hash, url));
        self.parts = others;
        let mut taken: Vec<_> = taken
            .into_iter()
            .map(|left| (left.run, left.number, left.part))
            .collect();
        taken.sort_by_key(|(_, _, part)| part.ranges.covered());
        taken
    }

    /// Removes at the end of this run what it no longer needs. A complete run removes the parts
    /// that its rows asked for, and the folders that then have no parts. Any other run removes only
    /// the folders whose rows it has taken over, if it `has_recorded` them.
    pub(super) fn close(
        &mut self,
        is_complete: bool,
        has_recorded: bool,
        lasting: Option<&dyn LastingParts>,
    ) {
        let Some(lasting) = lasting else {
            return;
        };
        for left in &self.parts {
            if is_complete && left.is_requested {
                let _ = lasting.remove_left(&left.run, left.part.number);
            }
        }
        for run in std::mem::take(&mut self.runs) {
            if is_complete || has_recorded && run.rows.is_none() {
                drop(run.rows);
                let _ = lasting.remove_left_run(&run.run);
            }
        }
    }
}

fn is_for(left: &Left, request_hash: i64, url: &str) -> bool {
    left.part.owner.request_hash == request_hash && *left.part.owner.url == *url
}

/// Returns a part that another run has left as a part of this run, with this number and input.
pub(super) fn taken_over(mut part: Unfinished, number: u64, input: &Arc<str>) -> Unfinished {
    part.number = number;
    part.owner.input = Arc::clone(input);
    part
}
