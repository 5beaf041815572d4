//! How work gets into the queues of hosts, and what becomes of it when its host fails or does not
//! allow it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock;
use crate::engine::item::Item;
use crate::engine::item::host_unavailable::HostUnavailable;
use crate::engine::item::robots_query::RobotsQuery;
use crate::engine::item::task::Task;
use crate::engine::run::Run;
use crate::engine::run::work::Work;
use crate::engine::shared::robots::Gate;
use crate::error::Error;
use crate::http_url::HttpUrl;
use crate::plan::robots::Robots;
use crate::schedule::HostId;
use crate::schedule::retry::wait_before_retry;

impl Run {
    /// Queues an item at its host.
    pub(crate) fn queue(self: &Arc<Self>, item: Box<Item>) {
        self.queue_after(item, Duration::ZERO);
    }

    /// Queues an item at its host, after this time.
    pub(crate) fn queue_after(self: &Arc<Self>, item: Box<Item>, wait: Duration) {
        if self.control.is_removed(item.row) {
            return self.end_removed(item);
        }
        self.parts.park(&item.progress);
        if let Some(item) = self.obeying(item) {
            self.push(Task::Item(item), wait);
        }
    }

    /// Queues an item at the head of its host's queue.
    pub(crate) fn queue_first(self: &Arc<Self>, item: Box<Item>) {
        if self.control.is_removed(item.row) {
            return self.end_removed(item);
        }
        self.parts.park(&item.progress);
        if let Some(item) = self.obeying(item)
            && let Err(work) = self
                .services
                .dispatcher
                .push_first(self.work(Task::Item(item), Duration::ZERO))
        {
            self.hold_back(work.task, Duration::ZERO);
        }
    }

    /// Queues a task at its host, after this time.
    pub(crate) fn push(self: &Arc<Self>, task: Task, wait: Duration) {
        if let Err(work) = self.services.dispatcher.push(self.work(task, wait), wait) {
            self.hold_back(work.task, wait);
        }
    }

    /// Queues a task at its host for the caller's lane, which asks for its next work at once.
    pub(crate) fn push_quietly(self: &Arc<Self>, task: Task) {
        if let Err(work) = self
            .services
            .dispatcher
            .push_quietly(self.work(task, Duration::ZERO))
        {
            self.hold_back(work.task, Duration::ZERO);
        }
    }

    /// Puts a task back to the head of its host's queue: its lane could not begin with it yet. It
    /// could begin since `ready_at`; `None` if its requests have no records.
    pub(crate) fn put_back(self: &Arc<Self>, host: HostId, task: Task, ready_at: Option<Instant>) {
        if let Task::Item(item) = &task {
            self.parts.park(&item.progress);
        }
        let run = Arc::clone(self);
        let work = Work {
            run,
            task,
            ready_at,
        };
        if let Err(work) = self.services.dispatcher.put_back(host, work) {
            self.hold_back(work.task, Duration::ZERO);
        }
    }

    /// Returns a task as work of the run that can begin after this time.
    fn work(self: &Arc<Self>, task: Task, wait: Duration) -> Work {
        let is_recorded = self.records_attempts();
        Work {
            run: Arc::clone(self),
            task,
            ready_at: is_recorded.then(|| clock::now() + wait),
        }
    }

    /// Ends a task whose host, or its proxy, has been given up for this reason.
    pub(crate) fn give_up(self: &Arc<Self>, task: Task, why: &HostUnavailable) {
        match task {
            Task::Item(item) => self.failed_with_host(item, why),
            Task::Segment(segments, at) => self.drop_segment(&segments, at),
            Task::Robots(query) => self.no_robots(&query, why),
        }
    }

    /// Lets an item that is about to be queued pass if its host allows that. Otherwise it fails;
    /// and where its host's robots.txt is not known, it waits. Returns `None` in both cases.
    fn obeying(self: &Arc<Self>, item: Box<Item>) -> Option<Box<Item>> {
        let Some(asker) = &self.robots_asker else {
            return Some(item);
        };
        let work = self.work(Task::Item(item), Duration::ZERO);
        let gate = &self.services.robots;
        match gate.check(asker, work, item_url, || self.control.is_held_back()) {
            Gate::Go(work) => return work.task.into_item(),
            Gate::Wait => {}
            Gate::Ask(query) => self.push(Task::Robots(query), Duration::ZERO),
            Gate::Denied(work, error) => {
                if let Some(item) = work.task.into_item() {
                    self.failed(item, error);
                }
            }
        }
        None
    }

    /// Returns whether a segment of a file may be requested from a URL.
    pub(crate) fn is_allowed(&self, url: &HttpUrl) -> bool {
        let asker = self.robots_asker.as_ref();
        asker.is_none_or(|asker| self.services.robots.is_allowed(asker, url))
    }

    /// Notes that a lane has seen its host in trouble. If the host is given up, gives up all work
    /// that waits for it, of whichever run, and returns `false`. `overloaded` is when the request
    /// was sent that has shown that the host has too much to do; `None` if none has.
    pub(crate) fn host_failed(
        self: &Arc<Self>,
        host: HostId,
        overloaded: Option<Instant>,
        error: &Error,
    ) -> bool {
        let policy = &self.options.retry;
        let dispatcher = &self.services.dispatcher;
        let Some((key, waiting)) = dispatcher.on_failure(host, overloaded, error, policy) else {
            return true;
        };
        let why = HostUnavailable::in_trouble(error, policy.max_time);
        let keys = HashSet::from([key]);
        for run in self.runs.all() {
            run.spill.give_up(&keys, &why);
        }
        for work in waiting {
            work.run.give_up(work.task, &why);
        }
        false
    }

    /// Fails an item that waited for a host that is given up, for the reason `why`. Only another
    /// URL of the item can help.
    pub(crate) fn failed_with_host(self: &Arc<Self>, item: Box<Item>, why: &HostUnavailable) {
        self.failed_for_good(item, why.error());
    }

    /// Gives up all work that waited for a robots.txt that cannot be had, for the reason `why`. It
    /// is not asked for again: nothing of its host may be requested (RFC 9309 §2.3.1.4).
    pub(crate) fn no_robots(self: &Arc<Self>, query: &RobotsQuery, why: &HostUnavailable) {
        for work in self.answer_robots(query, None) {
            work.run.give_up(work.task, why);
        }
    }

    pub(crate) fn robots_failed(
        self: &Arc<Self>,
        mut query: Box<RobotsQuery>,
        error: &Error,
        goes_on: bool,
    ) {
        query.rounds += 1;
        let (policy, asked) = (&self.options.retry, error.asked_wait());
        let elapsed = clock::elapsed(query.since);
        let wait = wait_before_retry(policy, query.rounds, elapsed, asked, fastrand::f64());
        match wait.filter(|_| goes_on && error.is_transient()) {
            Some(wait) => self.push(Task::Robots(query), wait),
            None => self.no_robots(&query, &HostUnavailable::without_robots(error)),
        }
    }

    pub(crate) fn robots_found(self: &Arc<Self>, query: &RobotsQuery, robots: Robots) {
        for work in self.answer_robots(query, Some(robots)) {
            if let Some(item) = work.task.into_item() {
                work.run.queue(item);
            }
        }
    }

    /// Returns what has waited for a robots.txt, of whichever run.
    fn answer_robots(&self, query: &RobotsQuery, robots: Option<Robots>) -> Vec<Work> {
        let Some(asker) = &self.robots_asker else {
            return Vec::new();
        };
        self.services.robots.answer(asker, &query.host, robots)
    }
}

/// Returns where the next request of work goes that waits at the gate: items alone do.
fn item_url(work: &Work) -> &HttpUrl {
    match &work.task {
        Task::Item(item) => item.url(),
        Task::Robots(query) => &query.hop.url,
        Task::Segment(segments, _) => segments.given(),
    }
}
