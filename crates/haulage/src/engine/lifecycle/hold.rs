//! How a run is paused and resumed, how a row is removed, and what happens then to work in flight
//! or in a queue.

use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::engine::item::task::Task;
use crate::engine::item::{Item, outcome};
use crate::engine::run::Run;
use crate::engine::run::control::Phase;
use crate::error::{Error, ErrorKind};
use crate::outcome::{Outcome, Status};
use crate::priority::Priority;
use crate::request::Request;

/// How long an interrupted item waits until its bytes are written: the disk may hang.
const WRITE_GRACE: Duration = Duration::from_secs(1);

impl Run {
    /// Pauses the run: nothing is requested any more, and what is under way stops where it can be
    /// resumed.
    pub(crate) fn pause(self: &Arc<Self>) {
        if self.control.lock().set_phase(Phase::Paused) {
            self.control.interrupt();
            self.withdraw();
        }
    }

    /// Lets a paused run go on.
    pub(crate) fn resume(self: &Arc<Self>) {
        let parked = {
            let mut parked = self.control.lock();
            if !parked.set_phase(Phase::Running) {
                return;
            }
            parked.take()
        };
        // Items that have begun go first.
        let (begun, others): (Vec<_>, Vec<_>) = parked
            .into_iter()
            .partition(|parked| parked.item.under_way.is_some());
        let now = clock::now();
        for parked in begun.into_iter().chain(others) {
            let wait = parked.due.map(|due| due.saturating_duration_since(now));
            self.queue_after(parked.item, wait.unwrap_or_default());
        }
        self.read_on();
    }

    /// Changes how urgent what the run has not requested yet is.
    pub(crate) fn set_priority(&self, priority: Priority) {
        self.services.dispatcher.set_priority(self.id, priority);
    }

    /// Takes all work of the run out of the queues, since it is paused or being stopped.
    pub(crate) fn withdraw(self: &Arc<Self>) {
        let now = clock::now();
        for taken in self.services.dispatcher.take_run(self.id) {
            let wait = taken.due.map(|due| due.saturating_duration_since(now));
            self.hold_back(taken.work.task, wait.unwrap_or_default());
        }
        let is_own = |run: &Arc<Self>| Arc::ptr_eq(run, self);
        for work in self.services.robots.withdraw(|work| is_own(&work.run)) {
            match work.task.into_item() {
                Some(item) if is_own(&work.run) => self.hold_item(item, Duration::ZERO),
                // It waited for a robots.txt that was requested on behalf of this run.
                Some(item) => work.run.queue(item),
                None => {}
            }
        }
    }

    /// Keeps a task out of the queues, since the run is paused or being stopped.
    pub(crate) fn hold_back(self: &Arc<Self>, task: Task, wait: Duration) {
        match task {
            Task::Item(item) => self.hold_item(item, wait),
            Task::Segment(segments, at) => self.drop_segment(&segments, at),
            // Items that wait for the robots.txt are taken out of its gate.
            Task::Robots(_) => {}
        }
    }

    fn hold_item(self: &Arc<Self>, item: Box<Item>, wait: Duration) {
        let due = (!wait.is_zero()).then(|| clock::now() + wait);
        if let Some(under_way) = &item.under_way {
            under_way.transfer.set_waiting(true);
        }
        let Err(item) = self.control.lock().add(item, due) else {
            return;
        };
        match self.control.phase() {
            Phase::Stopped => self.cancelled(item),
            // It was resumed meanwhile.
            Phase::Running | Phase::Paused => self.queue_after(item, wait),
        }
    }

    /// Ends or queues an item whose attempt was interrupted: ends it if the run is being stopped or
    /// the row is removed. In a paused run, queues it again once what was received has been
    /// written.
    pub(crate) async fn interrupted(self: &Arc<Self>, mut item: Box<Item>) {
        if self.control.phase() == Phase::Stopped {
            return self.cancelled(item);
        }
        if let Some(segments) = item.segments.clone() {
            // Lanes that fetch segments are interrupted, too: the last one goes on with the item.
            return Box::pin(self.park(&segments, item, None)).await;
        }
        if self.control.is_removed(item.row) {
            return self.end_removed(item);
        }
        item.begins_attempt = true;
        let Some(partial) = item.progress.partial.clone() else {
            return self.queue(item);
        };
        // Received bytes are written to the disk first: the next request is for the rest.
        let run = Arc::clone(self);
        self.parts.pool.call(move || {
            partial.wait_until_idle(WRITE_GRACE);
            run.queue(item);
        });
    }

    /// Removes a row: wherever it is, it ends as failed, unless it has ended before.
    pub(crate) fn remove(self: &Arc<Self>, row: u64) {
        if !self.control.remove(row) {
            return;
        }
        let is_row = |task: &Task| task.item().is_some_and(|item| item.row == row);
        let dispatcher = &self.services.dispatcher;
        let mut found = dispatcher.remove(self.id, |work| is_row(&work.task));
        let is_removed = |run: &Arc<Self>, task: &Task| Arc::ptr_eq(run, self) && is_row(task);
        let gate = &self.services.robots;
        found.extend(gate.withdraw(|work| is_removed(&work.run, &work.task)));
        for work in found {
            if let Some(item) = work.task.into_item() {
                // The removed item ends when it is queued; others waited with it for a robots.txt.
                work.run.queue(item);
            }
        }
        let parked = self.control.lock().take_row(row);
        if let Some(item) = parked {
            self.end_removed(item);
        }
        if let Some((row, request)) = self.naming.remove_follower(row) {
            self.end_unread_removed(row, &request);
        }
        self.control.interrupt();
    }

    /// Ends the item of a row that is removed.
    pub(crate) fn end_removed(self: &Arc<Self>, mut item: Box<Item>) {
        self.parts.discard(&mut item.progress);
        self.end_failed(item, removed());
    }

    /// Ends a row that is removed before anything was requested for it.
    pub(crate) fn end_unread_removed(self: &Arc<Self>, row: u64, request: &Request) {
        let outcome = outcome::of_request(row, request);
        self.end(Box::new(Outcome {
            status: Status::Failed(removed()),
            ..outcome
        }));
    }
}

/// Returns the error of a row that is removed.
fn removed() -> Error {
    Error::new(ErrorKind::Cancelled, "the row was removed from its run")
}
