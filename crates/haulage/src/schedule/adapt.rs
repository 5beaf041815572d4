//! What lanes have seen of their hosts, and what follows: how many requests a host may have in
//! flight, and when it is left alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::climb::Came;
use super::health::Verdict;
use super::retry::backoff;
use super::{HostId, Protocol, Schedule};
use crate::event::{LimitChange, WaitReason};
use crate::options::RetryPolicy;

/// Something that people are to know.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// So many may be in flight to it, or in all, now.
    Limit(Option<Arc<str>>, usize, LimitChange),
    /// Nothing is sent to it before this, and why.
    Waits(Arc<str>, Instant, Option<WaitReason>),
    /// Nothing is sent through this proxy before this, and why.
    ProxyWaits(Arc<str>, Instant, WaitReason),
}

/// What a lane has seen of its host during a piece of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// It has answered as it should.
    pub(crate) fine: bool,
    /// How long the first byte of that answer took.
    pub(crate) latency: Option<Duration>,
    pub(crate) now: Instant,
}

impl<W, L: Clone + PartialEq, S: Clone> Schedule<W, L, S> {
    /// Returns what users are to be told of hosts that is new since the last call.
    pub(crate) fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Notes that the head of a response has come, `latency` after its request was sent; its body
    /// has this `length`. The end of this response is not reported as an answer any more.
    pub(crate) fn heard(
        &mut self,
        id: HostId,
        latency: Duration,
        length: Option<u64>,
        now: Instant,
    ) {
        self.prove(id);
        let host = &mut self.hosts[id.0];
        let is_used = host.is_used();
        if host.protocol() == Protocol::Exclusive {
            host.note_head(latency, length, now);
        }
        host.limit.answered(latency, now);
        self.answers += 1;
        self.look(id, is_used, now);
    }

    /// Notes that a host has answered as it should, although the work of the lane has not ended so.
    pub(crate) fn answered(&mut self, id: HostId) {
        self.hosts[id.0].health.fine();
        self.offer(id);
    }

    /// Notes that a request that was sent at `sent` was refused, or not answered, and lowers the
    /// limit of its host. Nothing is sent to the host for `left_alone`.
    pub(crate) fn refused(
        &mut self,
        id: HostId,
        sent: Instant,
        now: Instant,
        left_alone: Duration,
    ) {
        let host = &mut self.hosts[id.0];
        host.ahead.left = 0;
        let before = host.limit.now();
        let change = host.limit.refused(sent, now, left_alone);
        self.tell_limit(id, before, change);
    }

    /// Looks at all hosts, a few times a second: those whose requests take long may change their
    /// limits meanwhile, or be silent.
    pub(crate) fn look_around(&mut self, now: Instant) {
        self.prove_those_heard();
        let hosts = self.hosts.iter_mut();
        let held = hosts.filter_map(|(id, host)| host.listen(now).then_some(HostId(id)));
        let held: Vec<_> = held.collect();
        for id in held {
            self.offer(id);
        }
        let hosts = self.hosts.iter();
        let silent = hosts.filter(|(_, host)| host.is_proven && host.is_silent(now));
        self.silent = silent.map(|(_, host)| host.busy).sum();
        let others_wait = self.others_wait();
        let waits = self.is_full() && others_wait;
        self.held.look(waits, self.answers, now);
        if !others_wait {
            self.held.is_over();
        }
        let used = self.hosts.iter().filter(|(_, host)| host.is_used());
        let used: Vec<_> = used.map(|(id, _)| HostId(id)).collect();
        for id in used {
            self.look(id, true, now);
        }
        self.look_at_all(now);
    }

    /// Looks at what comes from all hosts together.
    pub(super) fn look_at_all(&mut self, now: Instant) {
        let came = Came {
            bytes: self.total.bytes(),
            answers: self.answers,
        };
        let is_used = self.is_full() && self.others_wait();
        let change = self.climb.look(now, came, is_used);
        self.tell_climb(change);
    }

    /// Lowers the limit of work in flight in all, since there are no file descriptors left for it.
    pub(crate) fn lacks_descriptors(&mut self, now: Instant) {
        let change = self.climb.shed(now);
        self.caps.idle = self.caps.idle.min(self.climb.now());
        self.tell_climb(change);
    }

    fn tell_climb(&mut self, change: Option<LimitChange>) {
        let limit = self.climb.now();
        self.news
            .extend(change.map(|why| News::Limit(None, limit, why)));
    }

    pub(super) fn look(&mut self, id: HostId, is_used: bool, now: Instant) {
        let host = &mut self.hosts[id.0];
        let before = host.limit.now();
        let answerable = host.answerable(now);
        host.limit.expects(answerable);
        let change = host.limit.look(now, host.meter.bytes(), is_used);
        if change.is_some() {
            self.tell_limit(id, before, change);
            self.offer(id);
        }
    }

    fn tell_limit(&mut self, id: HostId, before: usize, change: Option<LimitChange>) {
        let host = &self.hosts[id.0];
        let limit = host.limit.now();
        if let Some(why) = change.filter(|_| limit != before) {
            self.news
                .push(News::Limit(Some(Arc::clone(&host.key)), limit, why));
        }
    }

    /// Notes why a host is in trouble, for what is told of it.
    pub(crate) fn note_trouble(&mut self, id: HostId, why: WaitReason) {
        self.hosts[id.0].trouble = Some(why);
    }

    /// Notes that a host is in trouble, and pauses it or gives it up where that is needed. Returns
    /// the work that waited for it if it is given up: the caller has to fail that work. `None`
    /// otherwise. `random` is uniform in `[0, 1)`.
    pub(crate) fn failed(
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
        match host.health.failed(per_host, alone, now, policy, random) {
            Verdict::GoOn => None,
            // One pause for all that failed together.
            Verdict::Pause(_) if host.closed_until.is_some() => None,
            Verdict::Pause(pause) => {
                self.close(id, now + pause);
                None
            }
            Verdict::GiveUp => {
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
