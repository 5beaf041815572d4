//! How work gets into the queues of hosts, and what becomes of it when it does not.

use std::time::Duration;

use super::core::Core;
use super::host_unavailable::HostUnavailable;
use super::item::Item;
use super::robots_gate::Gate;
use super::work::Work;
use crate::schedule::HostId;

impl Core {
    /// Queues an item at its host.
    pub(super) fn queue(&self, item: Box<Item>) {
        self.queue_after(item, Duration::ZERO);
    }

    /// Queues an item at its host, after this time.
    pub(super) fn queue_after(&self, item: Box<Item>, wait: Duration) {
        self.parts.park(&item.progress);
        if let Some(item) = self.obeying(item) {
            self.push(Work::Item(item), wait);
        }
    }

    /// Queues work at its host, after this time.
    pub(super) fn push(&self, work: Work, wait: Duration) {
        if let Err(work) = self.dispatcher.push(work, wait) {
            self.give_back(work, None);
        }
    }

    /// Puts work back to the head of its host's queue: its lane could not begin with it yet.
    pub(super) fn put_back(&self, host: HostId, work: Work) {
        if let Work::Item(item) = &work {
            self.parts.park(&item.progress);
        }
        if let Err(work) = self.dispatcher.put_back(host, work) {
            self.give_back(work, None);
        }
    }

    /// Ends work that will not be done, since its host has been given up for this reason; with
    /// `None` since the run is being stopped.
    pub(super) fn give_back(&self, work: Work, why: Option<&HostUnavailable>) {
        match (work, why) {
            (Work::Item(item), None) => self.cancelled(item),
            (Work::Item(item), Some(why)) => self.failed_with_host(item, why),
            (Work::Segment(segments, at), _) => self.drop_segment(&segments, at),
            (Work::Robots(query), Some(why)) => self.no_robots(&query, why),
            // What waits for it is cancelled at the gate.
            (Work::Robots(_), None) => {}
        }
    }

    /// Lets an item that is about to be queued pass if its host allows that. Otherwise it fails; and
    /// where its host's robots.txt is not known, it waits. Returns `None` in both cases.
    fn obeying(&self, item: Box<Item>) -> Option<Box<Item>> {
        match self.robots.check(item, |item| item.url()) {
            Gate::Go(item) => return Some(item),
            Gate::Wait => {}
            Gate::Ask(query) => self.push(Work::Robots(query), Duration::ZERO),
            Gate::Denied(item, error) => self.failed(item, error),
        }
        None
    }

    /// Cancels what waits for a robots.txt, since the run is being stopped.
    pub(super) fn cancel_obeying(&self) {
        for item in self.robots.close() {
            self.cancelled(item);
        }
    }
}
