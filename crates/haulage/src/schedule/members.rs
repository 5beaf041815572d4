//! How runs come and go, and how their work is taken out of the queues.

use std::time::Instant;

use super::{RunId, Schedule};
use crate::priority::Priority;

/// Work that was taken out of the queues.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken<W> {
    pub(crate) work: W,
    /// When it is to be queued again; `None` if it was queued.
    pub(crate) due: Option<Instant>,
}

impl<W, L: Clone + PartialEq, S: Clone> Schedule<W, L, S> {
    /// Adds a run, which may have so much work in flight at once; `None` sets no limit of its own.
    pub(crate) fn run_begins(&mut self, priority: Priority, jobs: Option<usize>) -> RunId {
        self.runs.add(priority, jobs.unwrap_or(usize::MAX).max(1))
    }

    /// Records that all rows of a run have been queued.
    pub(crate) fn on_input_ended(&mut self, run: RunId) {
        self.runs.note_all(run);
    }

    /// Forgets a run that is over: nothing of it waits or is in flight.
    pub(crate) fn run_ends(&mut self, run: RunId) {
        for id in self.runs.remove(run) {
            self.hosts[id.0].queue.end_turn(run);
        }
    }

    /// Changes how urgent a run is.
    pub(crate) fn set_priority(&mut self, run: RunId, priority: Priority) {
        self.runs.set_priority(run, priority);
    }

    /// Returns whether more work of a run could be in flight, if there were any.
    pub(crate) fn run_has_room(&self, run: RunId) -> bool {
        self.has_room() && self.runs.rank(run).is_some()
    }

    /// Takes out all work of a run that waits.
    pub(crate) fn take_run(&mut self, run: RunId) -> Vec<Taken<W>> {
        for id in self.runs.leave(run) {
            self.hosts[id.0].queue.end_turn(run);
        }
        self.extract(run, |_| true)
    }

    /// Takes out the work of a run that `is_meant`.
    pub(crate) fn remove(&mut self, run: RunId, is_meant: impl Fn(&W) -> bool) -> Vec<W> {
        let taken = self.extract(run, is_meant).into_iter();
        taken.map(|taken| taken.work).collect()
    }

    fn extract(&mut self, run: RunId, is_meant: impl Fn(&W) -> bool) -> Vec<Taken<W>> {
        let mut taken = Vec::new();
        for (_, host) in &mut self.hosts {
            let works = host.queue.extract(run, 0, &is_meant);
            taken.extend(works.into_iter().map(|work| Taken { work, due: None }));
        }
        for (id, at, work) in self.later.extract(run, &is_meant) {
            self.hosts[id.0].later -= 1;
            taken.push(Taken {
                work,
                due: Some(at),
            });
        }
        self.forget_unused();
        taken
    }

    /// Forgets all hosts that nothing needs any more.
    pub(super) fn forget_unused(&mut self) {
        let unused = self.hosts.iter().filter(|(_, host)| host.is_forgettable());
        let unused: Vec<_> = unused.map(|(id, _)| super::HostId(id)).collect();
        for id in unused {
            self.forget_if_unused(id);
        }
    }
}
