//! How work gets into the queues of hosts, and what becomes of it when its host fails or does not
//! allow it.

use std::time::{Duration, Instant};

use crate::engine::item::Item;
use crate::engine::item::host_unavailable::HostUnavailable;
use crate::engine::item::robots_query::RobotsQuery;
use crate::engine::item::work::Work;
use crate::engine::run::Run;
use crate::engine::run::robots::Gate;
use crate::error::Error;
use crate::plan::robots::Robots;
use crate::schedule::HostId;
use crate::schedule::retry::wait_before_retry;

impl Run {
    /// Queues an item at its host.
    pub(crate) fn queue(&self, item: Box<Item>) {
        self.queue_after(item, Duration::ZERO);
    }

    /// Queues an item at its host, after this time.
    pub(crate) fn queue_after(&self, item: Box<Item>, wait: Duration) {
        self.parts.park(&item.progress);
        if let Some(item) = self.obeying(item) {
            self.push(Work::Item(item), wait);
        }
    }

    /// Queues work at its host, after this time.
    pub(crate) fn push(&self, work: Work, wait: Duration) {
        if let Err(work) = self.dispatcher.push(work, wait) {
            self.give_back(work, None);
        }
    }

    /// Queues work at its host for the caller's lane, which asks for its next work at once.
    pub(crate) fn push_quietly(&self, work: Work) {
        if let Err(work) = self.dispatcher.push_quietly(work) {
            self.give_back(work, None);
        }
    }

    /// Puts work back to the head of its host's queue: its lane could not begin with it yet.
    pub(crate) fn put_back(&self, host: HostId, work: Work) {
        if let Work::Item(item) = &work {
            self.parts.park(&item.progress);
        }
        if let Err(work) = self.dispatcher.put_back(host, work) {
            self.give_back(work, None);
        }
    }

    /// Ends work that will not be done, since its host has been given up for this reason; with
    /// `None` since the run is being stopped.
    pub(crate) fn give_back(&self, work: Work, why: Option<&HostUnavailable>) {
        match (work, why) {
            (Work::Item(item), None) => self.cancelled(item),
            (Work::Item(item), Some(why)) => self.failed_with_host(item, why),
            (Work::Segment(segments, at), _) => self.drop_segment(&segments, at),
            (Work::Robots(query), Some(why)) => self.no_robots(&query, why),
            // What waits for it is cancelled at the gate.
            (Work::Robots(_), None) => {}
        }
    }

    /// Lets an item that is about to be queued pass if its host allows that. Otherwise it fails;
    /// and where its host's robots.txt is not known, it waits. Returns `None` in both cases.
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
    pub(crate) fn cancel_obeying(&self) {
        for item in self.robots.close() {
            self.cancelled(item);
        }
    }

    /// A lane has seen its host in trouble: what follows for the host, and for all that wait for
    /// it. `overloaded`: when the request was sent which has shown that it has too much to do.
    /// `false` when it is given up.
    pub(crate) fn host_failed(
        &self,
        host: HostId,
        overloaded: Option<Instant>,
        error: &Error,
    ) -> bool {
        let policy = &self.options.retry;
        let Some((key, waiting)) = self.dispatcher.on_failure(host, overloaded, error, policy)
        else {
            return true;
        };
        let why = HostUnavailable::in_trouble(error, policy.max_time);
        self.spill.give_up(&key, &why);
        for work in waiting {
            self.give_back(work, Some(&why));
        }
        false
    }

    /// An item waited for a host that is given up, for this reason.
    pub(crate) fn failed_with_host(&self, item: Box<Item>, why: &HostUnavailable) {
        self.failed_for_good(item, why.error());
    }

    /// A robots.txt cannot be had, for this reason, and is not asked for again: nothing of its host
    /// may be (RFC 9309 §2.3.1.4).
    pub(crate) fn no_robots(&self, query: &RobotsQuery, why: &HostUnavailable) {
        for item in self.robots.answer(&query.host, None) {
            self.failed_with_host(item, why);
        }
    }

    pub(crate) fn robots_failed(&self, mut query: Box<RobotsQuery>, error: &Error, goes_on: bool) {
        query.rounds += 1;
        let (policy, asked) = (&self.options.retry, error.asked_wait());
        let elapsed = query.since.elapsed();
        let wait = wait_before_retry(policy, query.rounds, elapsed, asked, fastrand::f64());
        match wait.filter(|_| goes_on && error.is_transient()) {
            Some(wait) => self.push(Work::Robots(query), wait),
            None => self.no_robots(&query, &HostUnavailable::without_robots(error)),
        }
    }

    pub(crate) fn robots_found(&self, query: &RobotsQuery, robots: Robots) {
        for item in self.robots.answer(&query.host, Some(robots)) {
            self.queue(item);
        }
    }
}
