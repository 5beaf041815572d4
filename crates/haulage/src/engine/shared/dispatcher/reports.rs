//! What lanes ask of the schedule, and what they report to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Dispatched, Dispatcher, Hosts, InFlight, count};
use crate::clock;
use crate::engine::shared::handover::LaneHandle;
use crate::error::Error;
use crate::event::WaitReason;
use crate::fetch::connection::{Connection, Http2Handle};
use crate::options::RetryPolicy;
use crate::plan::ramp;
use crate::schedule::{ConnectPlan, GivenUp, HostId, Lease, Next, Observation, Path, Protocol};

impl<W: Dispatched> Dispatcher<W> {
    /// Returns what a lane does next whose last piece of work, of the run that counts it in
    /// `ended`, has shown this of its host. `streams` is what its connection allows, if that is
    /// new.
    pub(crate) fn next(
        &self,
        host: HostId,
        ended: &Arc<InFlight>,
        lane: &LaneHandle<Lease<W>>,
        is_turn_over: bool,
        observed: Observation,
        streams: Option<usize>,
    ) -> Next<W> {
        let mut schedule = self.lock();
        if let Some(streams) = streams {
            schedule.on_max_streams(host, streams);
        }
        let next = schedule.next(host, ended.run(), lane, is_turn_over, observed);
        count(ended, &next);
        self.hand_out(schedule);
        next
    }

    /// Ends an idle lane. Returns `false` if it has been given work in this very moment.
    pub(crate) fn leave(&self, host: HostId, lane: &LaneHandle<Lease<W>>) -> bool {
        self.lock().leave(host, lane)
    }

    /// Ends a lane in the middle of its work, of the run that counts it in `ended`.
    pub(crate) fn abandon(&self, host: HostId, ended: &Arc<InFlight>) {
        let mut schedule = self.lock();
        schedule.abandon(host, ended.run());
        ended.end();
        self.hand_out(schedule);
    }

    /// Returns when a host may be sent the next request.
    pub(crate) fn may_send(&self, host: HostId) -> Instant {
        self.lock().may_send(host, clock::now())
    }

    /// Returns whether a request that has `waited` for this host has to give way to other hosts.
    pub(crate) fn gives_way(&self, host: HostId, waited: Duration) -> bool {
        self.lock().gives_way(host, waited, clock::now())
    }

    /// Returns how a lane without a connection gets one.
    pub(crate) fn plan_connect(&self, host: HostId) -> ConnectPlan<Http2Handle> {
        self.lock().plan_connect(host)
    }

    /// Records that a lane makes a connection for work that it has.
    pub(crate) fn on_connecting(&self, host: HostId) {
        self.lock().on_connecting(host);
    }

    /// Records that a lane has made the connection for work that it has. Opens as many others as
    /// the `segments` of a large file need, if this may be one that is far away.
    pub(crate) fn on_connected(&self, host: HostId, connection: &Connection, segments: usize) {
        let mut schedule = self.lock();
        let trip = connection.round_trip();
        schedule.on_proxy_reached(host);
        schedule.on_connected(host, trip, clock::now());
        match connection {
            Connection::Http1(_) => schedule.on_protocol_known(host, Protocol::Exclusive, None),
            Connection::Http2(shared) => {
                let shared = (shared.number, shared.clone());
                schedule.on_protocol_known(host, Protocol::Shared, Some(shared));
            }
        }
        if ramp::is_far(trip) && matches!(connection, Connection::Http1(_)) {
            schedule.connect_for_segments(host, segments.saturating_sub(1));
        }
        self.hand_out(schedule);
    }

    /// Records that a lane could not make the connection that it was to make, though it may have
    /// reached the proxy of the host.
    pub(crate) fn on_connect_failed(&self, host: HostId, is_proxy_reached: bool) {
        let mut schedule = self.lock();
        if is_proxy_reached {
            schedule.on_proxy_reached(host);
        }
        schedule.on_connect_failed(host);
        self.hand_out(schedule);
    }

    /// Records that the proxy of a host could not be reached by a request that was sent at `sent`.
    ///
    /// Returns the work that waited for the proxy, with the keys of its hosts, if the proxy is
    /// given up now; the caller has to fail that work.
    pub(crate) fn on_proxy_failed(
        &self,
        host: HostId,
        sent: Instant,
        error: &Error,
        policy: &RetryPolicy,
    ) -> Option<GivenUp<W>> {
        let (now, why) = (clock::now(), WaitReason::of(error, false));
        let mut schedule = self.lock();
        let given_up = schedule.on_proxy_failed(host, sent, now, why, policy, fastrand::f64());
        self.hand_out(schedule);
        given_up
    }

    /// Records that a lane has made a connection ahead of any work, with its round trip, or with
    /// `None` that it has none of use. Returns whether the lane waits for work from now on;
    /// otherwise it is to end.
    pub(crate) fn on_connected_ahead(
        &self,
        host: HostId,
        lane: &LaneHandle<Lease<W>>,
        round_trip: Option<Duration>,
    ) -> bool {
        let mut schedule = self.lock();
        let waits = if let Some(round_trip) = round_trip {
            schedule.on_proxy_reached(host);
            schedule.on_round_trip(host, round_trip);
            schedule.on_connected_ahead(host, lane)
        } else {
            schedule.on_connect_ahead_failed(host);
            false
        };
        self.hand_out(schedule);
        waits
    }

    /// Returns the key of a host that may get another shared connection, if it may, and what `pick`
    /// chooses of those that it has.
    pub(crate) fn spread(
        &self,
        host: HostId,
        path: Path,
        now: Instant,
        pick: impl FnOnce(&[(u64, Http2Handle)]) -> Option<Http2Handle>,
    ) -> (Option<Arc<str>>, Option<Http2Handle>) {
        let mut schedule = self.lock();
        let wanted = schedule.wants_connection(host, path, now);
        (wanted, pick(schedule.shared(host)))
    }

    /// Records what came of opening another shared connection; `None` if it could not be had.
    pub(crate) fn on_another_opened(&self, host: HostId, shared: Option<(u64, Http2Handle)>) {
        let mut schedule = self.lock();
        schedule.on_another_opened(host, shared, clock::now());
        self.hand_out(schedule);
    }

    /// Records that a shared connection is of no use any more.
    pub(crate) fn on_connection_lost(&self, host: HostId, connection: u64) {
        self.lock().on_connection_lost(host, connection);
    }

    /// Records when the head of a lane's first response came, how long it took, and how long its
    /// body is.
    pub(crate) fn on_first_response(
        &self,
        host: HostId,
        latency: Duration,
        length: Option<u64>,
        now: Instant,
        streams: Option<usize>,
    ) {
        let mut schedule = self.lock();
        if let Some(streams) = streams {
            schedule.on_max_streams(host, streams);
        }
        schedule.on_first_response(host, latency, length, now);
        self.hand_out(schedule);
    }

    /// Records that a host has answered as it should, although it has failed now.
    pub(crate) fn on_success(&self, host: HostId) {
        self.lock().on_success(host);
    }

    /// Records that a host is in trouble. `overloaded` is when the request was sent that has shown
    /// that it has too much to do, if one has.
    ///
    /// Returns the key of the host and all its queued work, if the host is given up now; the caller
    /// has to fail that work.
    pub(crate) fn on_failure(
        &self,
        host: HostId,
        overloaded: Option<Instant>,
        error: &Error,
        policy: &RetryPolicy,
    ) -> Option<(Arc<str>, Vec<W>)> {
        let now = clock::now();
        let mut schedule = self.lock();
        step_back(&mut schedule, host, overloaded, error, policy);
        let waiting = schedule.on_failure(host, now, policy, fastrand::f64());
        let given_up = waiting.map(|waiting| (schedule.key(host), waiting));
        drop(schedule);
        self.clock.notify_one();
        given_up
    }

    /// Records that a host has refused a segment: it is not in trouble for that, but may have
    /// enough to do.
    pub(crate) fn on_segment_refused(
        &self,
        host: HostId,
        overloaded: Option<Instant>,
        error: &Error,
        policy: &RetryPolicy,
    ) {
        let mut schedule = self.lock();
        step_back(&mut schedule, host, overloaded, error, policy);
        self.hand_out(schedule);
    }

    /// Records that there are too few descriptors for what is in flight.
    pub(crate) fn on_descriptors_exhausted(&self) {
        let mut schedule = self.lock();
        schedule.on_descriptors_exhausted(clock::now());
        self.hand_out(schedule);
    }
}

/// Leaves a host alone for as long as it has asked for, unless that is longer than rows wait at
/// all, and requests less from it at once.
fn step_back<W>(
    schedule: &mut Hosts<W>,
    host: HostId,
    overloaded: Option<Instant>,
    error: &Error,
    policy: &RetryPolicy,
) {
    let now = clock::now();
    let asked = error.asked_wait_of_host();
    let asked = asked.filter(|asked| *asked <= policy.max_time);
    schedule.on_trouble(host, WaitReason::of(error, asked.is_some()));
    if let Some(asked) = asked {
        schedule.close(host, now + asked);
    }
    if let Some(sent) = overloaded {
        schedule.on_refused(host, sent, now, asked.unwrap_or_default());
    }
}
