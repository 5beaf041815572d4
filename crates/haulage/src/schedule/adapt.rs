//! What lanes have observed of their hosts, and what follows: how many requests a host may have in
//! flight, and when it is left alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::breaker::BreakerVerdict;
use super::global_limit::Received;
use super::retry::backoff;
use super::{HostId, Protocol, Schedule};
use crate::event::{LimitChange, Pace, WaitReason};
use crate::options::RetryPolicy;

/// Something that users are to be told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ScheduleEvent {
    /// The number of requests that may be in flight to a host, or in all (`None`), has changed.
    LimitChanged(Option<Arc<str>>, usize, LimitChange),
    /// Nothing is sent to it before this, and why.
    HostWaits(Arc<str>, Instant, Option<WaitReason>),
    /// The next request to it is not sent before this, and why.
    HostPaced(Arc<str>, Instant, Pace),
    /// Nothing is sent through this proxy before this, and why.
    ProxyWaits(Arc<str>, Instant, WaitReason),
}

/// What a lane has observed of its host during a piece of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observation {
    /// It has answered as it should.
    pub(crate) is_ok: bool,
    /// Its connection takes another request.
    pub(crate) is_open: bool,
    /// How long the first byte of that answer took.
    pub(crate) latency: Option<Duration>,
    pub(crate) now: Instant,
}

impl<W, L: Clone + PartialEq, S: Clone> Schedule<W, L, S> {
    /// Takes the events since the last call, in their order.
    pub(crate) fn poll_events(&mut self) -> Vec<ScheduleEvent> {
        std::mem::take(&mut self.events)
    }

    /// Records that the head of a response has come, `latency` after its request was sent; its body
    /// has this `length`. The end of this response is not reported as an answer any more.
    pub(crate) fn on_first_response(
        &mut self,
        id: HostId,
        latency: Duration,
        length: Option<u64>,
        now: Instant,
    ) {
        self.prove(id);
        let host = &mut self.hosts[id.0];
        let is_saturated = host.is_saturated();
        if host.protocol() == Protocol::Exclusive {
            host.on_head(latency, length, now);
        }
        host.limit.on_response(latency, now);
        self.answers += 1;
        self.observe_host(id, is_saturated, now);
    }

    /// Records that a host has answered as it should, although the work of the lane has not ended
    /// so.
    pub(crate) fn on_success(&mut self, id: HostId) {
        self.hosts[id.0].breaker.on_success();
        self.offer(id);
    }

    /// Records that a request that was sent at `sent` was refused, or not answered, and lowers the
    /// limit of its host. Nothing is sent to the host for `left_alone`.
    pub(crate) fn on_refused(
        &mut self,
        id: HostId,
        sent: Instant,
        now: Instant,
        left_alone: Duration,
    ) {
        let host = &mut self.hosts[id.0];
        host.ahead.left = 0;
        let before = host.limit.now();
        let change = host.limit.on_refused(sent, now, left_alone);
        self.emit_limit(id, before, change);
    }

    /// Looks at all hosts: those whose requests take long may change their limits meanwhile, or be
    /// silent.
    pub(super) fn observe_hosts(&mut self, now: Instant) {
        self.prove_those_heard();
        let hosts = self.hosts.iter_mut();
        let blocked = hosts.filter_map(|(id, host)| host.observe(now).then_some(HostId(id)));
        let blocked: Vec<_> = blocked.collect();
        for id in blocked {
            self.offer(id);
        }
        let hosts = self.hosts.iter();
        let silent = hosts.filter(|(_, host)| host.is_proven && host.is_silent(now));
        self.silent = silent.map(|(_, host)| host.busy).sum();
        let others_wait = self.others_wait();
        let waits = self.is_full() && others_wait;
        self.overcommit.observe(waits, self.answers, now);
        if !others_wait {
            self.overcommit.reset();
        }
        let used = self.hosts.iter().filter(|(_, host)| host.is_saturated());
        let used: Vec<_> = used.map(|(id, _)| HostId(id)).collect();
        for id in used {
            self.observe_host(id, true, now);
        }
        self.observe_total(now);
    }

    /// Looks at what comes from all hosts together.
    pub(super) fn observe_total(&mut self, now: Instant) {
        let came = Received {
            bytes: self.total.bytes(),
            answers: self.answers,
        };
        let is_saturated = self.is_full() && self.others_wait();
        let change = self.global_limit.update(now, came, is_saturated);
        self.emit_global_limit(change);
    }

    /// Records that there are no file descriptors left for the work in flight, and lowers the
    /// global limit.
    pub(crate) fn on_descriptors_exhausted(&mut self, now: Instant) {
        let change = self.global_limit.on_descriptors_exhausted(now);
        self.caps.idle = self.caps.idle.min(self.global_limit.now());
        self.emit_global_limit(change);
    }

    fn emit_global_limit(&mut self, change: Option<LimitChange>) {
        let limit = self.global_limit.now();
        self.events
            .extend(change.map(|why| ScheduleEvent::LimitChanged(None, limit, why)));
    }

    /// Looks at what comes from a host.
    pub(super) fn observe_host(&mut self, id: HostId, is_saturated: bool, now: Instant) {
        let host = &mut self.hosts[id.0];
        let before = host.limit.now();
        let answerable = host.answerable(now);
        host.limit.expect_responses(answerable);
        let change = host.limit.update(now, host.meter.bytes(), is_saturated);
        if change.is_some() {
            self.emit_limit(id, before, change);
            self.offer(id);
        }
    }

    fn emit_limit(&mut self, id: HostId, before: usize, change: Option<LimitChange>) {
        let host = &self.hosts[id.0];
        let limit = host.limit.now();
        if let Some(why) = change.filter(|_| limit != before) {
            self.events.push(ScheduleEvent::LimitChanged(
                Some(Arc::clone(&host.key)),
                limit,
                why,
            ));
        }
    }

    /// Records why a host is in trouble, for what is told of it.
    pub(crate) fn on_trouble(&mut self, id: HostId, why: WaitReason) {
        self.hosts[id.0].trouble = Some(why);
    }

    /// Records that a host is in trouble, and pauses it or gives it up where that is needed.
    /// `random` is uniform in `[0, 1)`.
    ///
    /// Returns the work that waited for it if it is given up: the caller has to fail that work.
    /// `None` otherwise.
    pub(crate) fn on_failure(
        &mut self,
        id: HostId,
        now: Instant,
        policy: &RetryPolicy,
        random: f64,
    ) -> Option<Vec<W>> {
        let host = &mut self.hosts[id.0];
        host.ahead.left = 0;
        let per_host = host.limit.most();
        let alone = host.busy <= 1;
        match host
            .breaker
            .on_failure(per_host, alone, now, policy, random)
        {
            BreakerVerdict::Continue => None,
            // One pause for all that failed together.
            BreakerVerdict::Pause(_) if host.closed_until.is_some() => None,
            BreakerVerdict::Pause(pause) => {
                self.close(id, now + pause);
                None
            }
            BreakerVerdict::GiveUp => {
                let mut waiting = host.queue.drain();
                let later = self.later.take(|host| host == id);
                host.later -= later.len();
                waiting.extend(later.into_iter().map(|(_, work)| work));
                // Rows that come later wait together for one probe.
                self.close(id, now + backoff(policy, 1, random));
                Some(waiting)
            }
        }
    }
}
