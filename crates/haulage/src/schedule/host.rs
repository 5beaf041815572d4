//! One host: its queue, its lanes, what it speaks, and how much it may have in flight.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::breaker::Breaker;
use super::host_caps::HostCaps;
use super::host_limit::ANSWER;
use super::host_limit::HostLimit;
use super::idle::IdleLanes;
use super::lines::Lines;
use super::overcommit::Overcommit;
use super::pacer::Pacer;
use super::pipe::Pipe;
use super::runs::RunId;
use super::spread::Spread;
use super::underway::Underway;
use super::{HostId, Lease};
use crate::event::{Pace, WaitReason};
use crate::meter::Meter;

/// What a host speaks, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// The handshake will tell (ALPN, RFC 7301): until then one lane connects alone.
    Unknown,
    /// One request at a time on a connection (HTTP/1.1): each lane has its own.
    Exclusive,
    /// Many requests at a time on one connection (HTTP/2): the lanes share it.
    Shared,
}

/// How a lane that has work but no connection gets one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ConnectPlan<S> {
    /// It uses this one.
    Reuse(S),
    /// It makes one, and reports what came of it.
    Connect,
    /// Another lane is making the one that they will share: its work goes back to the queue.
    Wait,
}

/// The connections of a host that are opened ahead of its requests.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Lanes that open one.
    pub(super) lanes: usize,
    /// How many more of them it may get.
    pub(super) left: usize,
    /// How many of those are for the segments of a file that may be large.
    pub(super) for_segments: usize,
    /// It is noted as one that may be worth another.
    pub(super) is_considered: bool,
}

/// A host that is closed for longer than this is set aside.
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// A host from which nothing has come for this long is silent: it gets no extra requests.
const SILENT_AFTER: Duration = Duration::from_secs(1);
/// A host from which nothing has come for this long has stalled, and is set aside.
const STALLED_AFTER: Duration = Duration::from_secs(3);

/// Detects that nothing of use comes from a host, though it was asked.
#[derive(Debug, Default)]
pub(super) struct StallDetector {
    /// What had come by the last observation.
    progress: u64,
    /// When something came last, or the host was asked; `None` while it is not asked.
    since: Option<Instant>,
}

impl StallDetector {
    /// Records how much has come by `now`. `is_asked`: a request is in flight.
    fn observe(&mut self, is_asked: bool, progress: u64, now: Instant) {
        if !is_asked {
            self.since = None;
        } else if std::mem::replace(&mut self.progress, progress) != progress {
            self.since = Some(now);
        } else {
            self.since.get_or_insert(now);
        }
    }

    /// Returns whether nothing has come for [`SILENT_AFTER`], though the host was asked.
    fn is_silent(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now >= since + SILENT_AFTER)
    }

    /// Returns whether nothing has come for [`STALLED_AFTER`], though the host was asked.
    fn is_stalled(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now >= since + STALLED_AFTER)
    }
}

pub(super) struct Host<W, L, S> {
    pub(super) key: Arc<str>,
    pub(super) queue: Lines<W>,
    /// Lanes that wait with their connection, the most recent last: it is the likeliest to be open
    /// still.
    pub(super) idle: IdleLanes<L>,
    /// Hosts of the same origin, by other routes.
    pub(super) siblings: Vec<HostId>,
    /// What it has in common with other hosts on the way to them; `None` if nothing.
    pub(super) gate: Option<usize>,
    /// The proxy through which it is reached; `None` if directly.
    pub(super) proxy: Option<usize>,
    /// It is in the line of those that wait until the proxy works.
    pub(super) waits_for_proxy: bool,
    /// Lanes in all.
    pub(super) lanes: usize,
    pub(super) ahead: Ahead,
    /// What a round trip to it takes; zero where that is not known.
    pub(super) trip: Duration,
    /// Work in flight.
    pub(super) busy: usize,
    pub(super) underway: Underway,
    pub(super) pipe: Pipe,
    /// Work that waits for its time.
    pub(super) later: usize,
    pub(super) breaker: Breaker,
    /// The last trouble that it was in, if there was any.
    pub(super) trouble: Option<WaitReason>,
    pub(super) stall: StallDetector,
    pub(super) overcommit: Overcommit,
    pub(super) caps: HostCaps,
    pub(super) limit: HostLimit,
    pub(super) pacer: Pacer,
    /// Until when the next request waits for its pace, and why, if that is long and not told yet.
    pub(super) untold_pace: Option<(Instant, Pace)>,
    /// The least time between two requests.
    pub(super) delay: Duration,
    pub(super) meter: Arc<Meter>,
    /// Nothing is started before this.
    pub(super) closed_until: Option<Instant>,
    /// It has answered something.
    pub(super) is_proven: bool,
    /// How long its requests wait for a first response before they give way to others.
    pub(super) patience: Duration,
    /// Whether a lane is finding out what it speaks.
    pub(super) connecting: bool,
    protocol: Protocol,
    /// The connections that lanes share, with their numbers.
    shared: Vec<(u64, S)>,
    /// How many requests at once each of them takes.
    pub(super) streams_each: usize,
    /// How many requests at once make it worth having several of them.
    pub(super) least_streams: usize,
    /// How many there are to be.
    pub(super) spread: Spread,
    /// How many more are being opened.
    pub(super) opening: usize,
}

impl<W, L, S> Host<W, L, S> {
    pub(super) fn new(
        key: Arc<str>,
        protocol: Protocol,
        caps: HostCaps,
        limit: HostLimit,
        patience: Duration,
    ) -> Self {
        Self {
            key,
            queue: Lines::new(),
            idle: IdleLanes::default(),
            siblings: Vec::new(),
            gate: None,
            proxy: None,
            waits_for_proxy: false,
            lanes: 0,
            ahead: Ahead::default(),
            trip: Duration::ZERO,
            busy: 0,
            underway: Underway::default(),
            pipe: Pipe::default(),
            later: 0,
            breaker: Breaker::default(),
            trouble: None,
            stall: StallDetector::default(),
            overcommit: Overcommit::default(),
            caps,
            limit,
            pacer: Pacer::default(),
            untold_pace: None,
            delay: Duration::ZERO,
            meter: Arc::default(),
            closed_until: None,
            is_proven: false,
            patience,
            connecting: false,
            protocol,
            shared: Vec::new(),
            streams_each: usize::MAX,
            least_streams: 0,
            spread: Spread::default(),
            opening: 0,
        }
    }

    /// Returns how many requests it may have in flight.
    pub(super) fn limit(&self) -> usize {
        let most = self.limit.most();
        let now = self.limit.now().max(self.least_streams) + self.overcommit.extra();
        self.breaker.limit(most).min(now.min(most))
    }

    /// Returns what has come from it so far, in bytes.
    pub(super) fn came(&self) -> u64 {
        self.meter.bytes() + ANSWER * self.limit.answers()
    }

    /// Returns whether it has work that may start, on an idle lane or on a new one.
    pub(super) fn could_start(&self) -> bool {
        // What a connection is being opened for waits for that one, unless nothing else goes on:
        // a server that allows one connection may never accept it.
        let has_room = self.busy == 0 || self.claimed() < self.limit();
        self.may_start() && (!self.idle.is_empty() || has_room)
    }

    /// Returns whether it has work that may start on an open lane, and may have one more request in
    /// flight.
    fn may_start(&self) -> bool {
        !self.queue.is_empty()
            && self.may_be_asked()
            && self.busy < self.limit()
            && !(self.protocol == Protocol::Unknown && self.connecting)
    }

    /// Returns whether it has work that may start at once or soon: only the time between requests,
    /// or a short pause, is in the way.
    pub(super) fn wants_a_slot_soon(&self, now: Instant) -> bool {
        !self.queue.is_empty() && self.busy < self.limit() && !self.is_set_aside(now)
    }

    /// Returns how many requests are in flight, with the lanes that will take one when their
    /// connection is open.
    fn claimed(&self) -> usize {
        match self.protocol {
            Protocol::Exclusive => self.busy + self.ahead.lanes,
            Protocol::Unknown | Protocol::Shared => self.busy,
        }
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(super) fn may_be_asked(&self) -> bool {
        self.closed_until.is_none() && !self.pacer.waits()
    }

    /// Returns how many more requests it may have in flight; 0 if some wait already, or none may be
    /// sent now.
    pub(super) fn spare(&self) -> usize {
        if !self.queue.is_empty() || !self.may_be_asked() {
            return 0;
        }
        self.limit().saturating_sub(self.busy)
    }

    /// Takes the next piece of work that `pop` takes out of the queue, with its run. It is in
    /// flight from now on.
    pub(super) fn take(
        &mut self,
        pop: impl FnOnce(&mut Lines<W>) -> Option<(RunId, W)>,
    ) -> Option<(RunId, Lease<W>)> {
        if !self.may_start() {
            return None;
        }
        let (run, work) = pop(&mut self.queue)?;
        self.busy += 1;
        let connects = self.protocol == Protocol::Unknown;
        self.connecting = connects;
        let patience = (!self.is_proven).then_some(self.patience);
        let lease = Lease {
            work,
            connects,
            patience,
        };
        Some((run, lease))
    }

    /// Returns whether work that waits for it is likely to wait for long, so that other work should
    /// not wait behind it.
    pub(super) fn is_set_aside(&self, now: Instant) -> bool {
        let is_closed = self
            .closed_until
            .is_some_and(|until| until > now + LONG_PAUSE);
        is_closed || self.breaker.is_half_open(self.limit.most()) || self.stall.is_stalled(now)
    }

    /// Returns whether nothing of use has come from it for at least a second, though it was asked.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        self.stall.is_silent(now)
    }

    /// Observes what has come from it. Returns whether one more request may be in flight, since no
    /// response has ended for too long.
    pub(super) fn observe(&mut self, now: Instant) -> bool {
        let progress = self.limit.answers() + self.meter.bytes();
        // One that has given way to others is silent all the same.
        let is_asked = self.busy > 0 || !self.is_proven && self.stall.since.is_some();
        self.stall.observe(is_asked, progress, now);
        if self.queue.is_empty() || !self.limit.is_calm(now) {
            self.overcommit.reset();
            return false;
        }
        let waits = self.is_saturated() && !self.stall.is_silent(now);
        self.overcommit.observe(waits, self.limit.answers(), now)
    }

    /// Returns how many of the requests in flight may have been answered by `now`.
    pub(super) fn answerable(&mut self, now: Instant) -> usize {
        let not_yet = self.underway.unanswerable(self.trip, now);
        self.busy.saturating_sub(not_yet)
    }

    /// Records the head of a lane's first response.
    pub(super) fn on_head(&mut self, latency: Duration, length: Option<u64>, now: Instant) {
        self.pipe
            .note_head(latency, now, self.meter.bytes(), length);
        let filled = self.pipe.filled(self.trip, self.busy, ANSWER);
        self.limit.set_filled(filled);
    }

    /// Returns whether more work waits than may start now: its limit is reached, or its requests
    /// are spread over time.
    pub(super) fn is_saturated(&self) -> bool {
        let is_full = self.claimed() >= self.limit() || self.limit.gap().is_some();
        is_full && !self.queue.is_empty()
    }

    /// Records what the host speaks, as a connection has shown.
    pub(super) fn on_protocol_known(&mut self, protocol: Protocol, shared: Option<(u64, S)>) {
        self.connecting = false;
        self.protocol = protocol;
        self.shared.clear();
        self.shared.extend(shared);
    }

    pub(super) fn add_shared(&mut self, shared: (u64, S)) {
        self.shared.push(shared);
    }

    /// Gives up the latest of the shared connections.
    pub(super) fn keep_shared(&mut self, most: usize) {
        self.shared.truncate(most.max(1));
    }

    /// Records that the shared connection with this number can no longer be used.
    pub(super) fn on_connection_lost(&mut self, connection: u64) {
        let before = self.shared.len();
        self.shared.retain(|(number, _)| *number != connection);
        if before > 0 && self.shared.is_empty() {
            self.protocol = Protocol::Unknown;
            self.connecting = false;
        }
    }

    pub(super) fn shared_all(&self) -> &[(u64, S)] {
        &self.shared
    }

    /// Returns the shared connection for the next lane: lanes take the connections in turn. `None`
    /// if there is none.
    pub(super) fn shared(&self) -> Option<&S> {
        let at = self.lanes.checked_rem(self.shared.len())?;
        self.shared.get(at).map(|(_, shared)| shared)
    }

    /// Decides how a lane without a connection gets one.
    pub(super) fn plan_connect(&mut self) -> ConnectPlan<S>
    where
        S: Clone,
    {
        match (self.protocol, self.shared()) {
            (_, Some(shared)) => ConnectPlan::Reuse(shared.clone()),
            (Protocol::Exclusive, None) => ConnectPlan::Connect,
            (Protocol::Unknown | Protocol::Shared, None) => {
                if std::mem::replace(&mut self.connecting, true) {
                    ConnectPlan::Wait
                } else {
                    ConnectPlan::Connect
                }
            }
        }
    }

    pub(super) fn is_forgettable(&self) -> bool {
        // What is known against it is kept: rows that come later are to find it.
        let is_idle = self.lanes == 0 && self.opening == 0;
        is_idle && self.queue.is_empty() && self.later == 0 && self.breaker.is_healthy()
    }
}
