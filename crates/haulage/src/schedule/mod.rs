//! Who may go now: hosts' queues of work, and the caps that hold at every instant.
//!
//! Everything that waits is a work item in its host's queue: a first request, a redirect's next
//! hop, a repetition with its not-before time. So one rule, the host's, covers them all. This
//! station knows nothing of HTTP or of files, holds no lock and no socket, and asks for the time as
//! a parameter: it is a data structure, and tests drive it as one.

mod adapt;
mod ahead;
mod aside;
mod breaker;
mod busiest;
mod gates;
mod global_limit;
mod host;
mod host_caps;
mod host_limit;
mod idle;
pub(crate) mod key;
mod later;
mod lines;
mod load;
mod members;
mod outage;
mod overcommit;
mod pacer;
mod pipe;
mod proxies;
pub(crate) mod retry;
mod runs;
mod shared;
mod siblings;
mod spread;
mod turns;
mod underway;
mod unproven;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

use self::gates::Gates;
use self::global_limit::GlobalLimit;
use self::host::Host;
use self::host_caps::HostCaps;
use self::host_limit::HostLimit;
use self::later::{Due, Later};
use self::lines::Lines;
use self::overcommit::Overcommit;
use self::proxies::Proxies;
use self::runs::Runs;
use self::unproven::first_patience;
use crate::event::Pace;
use crate::meter::Meter;

pub(crate) use self::adapt::{Observation, ScheduleEvent};
pub(crate) use self::busiest::HostLoad;
pub(crate) use self::host::{ConnectPlan, Protocol};
pub(crate) use self::host_caps::OwnCaps;
pub(crate) use self::host_limit::first;
pub(crate) use self::load::Load;
pub(crate) use self::members::Taken;
pub(crate) use self::proxies::GivenUp;
pub(crate) use self::runs::RunId;
pub(crate) use self::shared::Path;

/// A pause of a host is reported again if it became longer by at least this.
const WORTH_TELLING: Duration = Duration::from_millis(500);

/// The pace of a host is reported if its requests are at least this far apart.
const LONG_PACE: Duration = Duration::from_secs(1);

/// A host (scheme, name and port) that has work, lanes, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct HostId(usize);

/// The limits that hold at every instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caps {
    /// Work in flight in all.
    pub(crate) jobs: usize,
    /// Work in flight at one host, and its lanes, idle ones included.
    pub(crate) per_host: usize,
    /// Work in flight at one host over HTTP/2, below what its server allows.
    pub(crate) streams: usize,
    /// How many of them a host of which nothing is known gets.
    pub(crate) start: usize,
    /// Idle lanes in all.
    pub(crate) idle: usize,
    /// The least time between two requests to one host.
    pub(crate) delay: Duration,
}

/// Hosts, their queues and their lanes. `W` is what waits, `L` is how an idle lane is called, `S`
/// is a connection that several lanes share.
pub(crate) struct Schedule<W, L, S> {
    caps: Caps,
    hosts: Slab<Host<W, L, S>>,
    by_key: HashMap<Arc<str>, HostId>,
    /// Some hosts are reached by another route than the first.
    has_routes: bool,
    gates: Gates,
    proxies: Proxies,
    /// Runs, and their hosts that could use another slot.
    runs: Runs,
    later: Later<W>,
    busy: usize,
    /// What of that is in flight to hosts that have not answered yet.
    unproven: usize,
    /// How many hosts have answered for the first time of late.
    proofs: usize,
    idle: usize,
    /// Whether connections are opened ahead.
    connects_ahead: bool,
    /// Lanes that open one.
    ahead: usize,
    /// Hosts that may be worth one.
    considered: Vec<HostId>,
    /// How many may be busy now.
    global_limit: GlobalLimit,
    overcommit: Overcommit,
    /// What is in flight to hosts that have answered before, and have been silent for a while.
    silent: usize,
    /// Counts what comes from all hosts.
    total: Arc<Meter>,
    /// How often any host has answered as it should.
    answers: u64,
    events: Vec<ScheduleEvent>,
    /// Something is due earlier than anybody who was told when may think.
    is_due_earlier: bool,
}

/// A slot given to a piece of work: it counts as in flight from now on.
#[derive(Debug)]
pub(crate) enum Grant<W, L, S> {
    /// An idle lane goes on with it.
    Resume { lane: L, lease: Lease<W> },
    /// A new lane is needed; where the host has a shared connection, on that.
    Open {
        host: HostId,
        shared: Option<S>,
        meter: Arc<Meter>,
        lease: Lease<W>,
    },
    /// A new lane is to open a connection before there is work for it.
    Ahead {
        host: HostId,
        key: Arc<str>,
        meter: Arc<Meter>,
    },
}

/// A piece of work whose time has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lease<W> {
    pub(crate) work: W,
    /// Whether the protocol of the host is not known yet: the lane with this lease connects and
    /// reports it, and until then no other lane gets a lease.
    pub(crate) connects: bool,
    /// After how long without a response it may have to [give way](Schedule::gives_way). `None`
    /// where its host has answered before.
    pub(crate) patience: Option<Duration>,
}

/// What a lane does after a piece of work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<W> {
    /// This.
    Work(Lease<W>),
    /// Wait, with its connection: it has been noted as idle.
    Idle,
    /// End: it has been forgotten.
    Close,
}

impl<W, L: Clone + PartialEq, S: Clone> Schedule<W, L, S> {
    pub(crate) fn new(caps: Caps, total: Arc<Meter>, now: Instant) -> Self {
        Self {
            caps,
            hosts: Slab::new(),
            by_key: HashMap::new(),
            has_routes: false,
            gates: Gates::default(),
            proxies: Proxies::default(),
            runs: Runs::default(),
            later: Later::new(),
            busy: 0,
            unproven: 0,
            proofs: 0,
            idle: 0,
            connects_ahead: false,
            ahead: 0,
            considered: Vec::new(),
            global_limit: GlobalLimit::new(caps.jobs, caps.per_host, now),
            overcommit: Overcommit::default(),
            silent: 0,
            total,
            answers: 0,
            events: Vec::new(),
            is_due_earlier: false,
        }
    }

    /// Puts work of a run at the end of its host's queue.
    pub(crate) fn push(&mut self, id: HostId, run: RunId, work: W) {
        self.hosts[id.0].queue.push_back(run, work);
        self.tell_pace(id);
        self.offer(id);
    }

    /// Puts work of a run at the head of its host's queue.
    pub(crate) fn push_first(&mut self, id: HostId, run: RunId, work: W) {
        self.hosts[id.0].queue.push_front(run, work);
        self.offer(id);
    }

    /// Puts work of a run aside until `at`; then it goes to the end of its host's queue.
    pub(crate) fn push_later(&mut self, id: HostId, at: Instant, run: RunId, work: W) {
        self.hosts[id.0].later += 1;
        self.later.push(at, id, Due::Work(run, work));
    }

    /// Starts nothing at a host until `until`, by whatever route; what waits for it waits on.
    pub(crate) fn close(&mut self, id: HostId, until: Instant) {
        self.close_siblings(id, until);
        self.close_one(id, until);
    }

    fn close_one(&mut self, id: HostId, until: Instant) {
        let host = &mut self.hosts[id.0];
        let is_known = |before: Instant| until < before + WORTH_TELLING;
        if !host.closed_until.is_some_and(is_known) {
            let key = Arc::clone(&host.key);
            self.events
                .push(ScheduleEvent::HostWaits(key, until, host.trouble));
        }
        host.closed_until = host.closed_until.max(Some(until));
        self.look_again(id, until);
    }

    /// Sets the least time between two requests to a host, which is never less than its limits say.
    pub(crate) fn keep_delay(&mut self, id: HostId, delay: Duration) {
        let host = &mut self.hosts[id.0];
        host.delay = delay.max(host.caps.delay);
    }

    /// Returns when a lane may send the request that it has ready, and reserves that time for it.
    pub(crate) fn may_send(&mut self, id: HostId, now: Instant) -> Instant {
        let host = &mut self.hosts[id.0];
        host.pacer.may_send(now, host.delay)
    }

    /// Returns whether something has become due earlier than what was due next, since the last
    /// call, and forgets it.
    pub(crate) fn take_due_earlier(&mut self) -> bool {
        std::mem::take(&mut self.is_due_earlier)
    }

    /// Notes that a host may be requested again at `at`.
    fn look_again(&mut self, id: HostId, at: Instant) {
        self.hosts[id.0].later += 1;
        self.is_due_earlier |= self.later.next().is_none_or(|next| at < next);
        self.later.push(at, id, Due::Reopen);
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is to be called at the latest: when
    /// work that was put aside, a host that was left alone, or a probe of a proxy is due. `None` if
    /// nothing is. While requests are in flight, it is to be called a few times a second besides.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.later
            .next()
            .into_iter()
            .chain(self.proxies.poll_timeout())
            .min()
    }

    /// Queues what was put aside until `now`, and looks at all hosts: those whose requests take
    /// long may change their limits meanwhile, or be silent.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.release_due(now);
        self.observe_hosts(now);
    }

    /// Queues what was put aside until `now`.
    fn release_due(&mut self, now: Instant) {
        self.release_proxies(now);
        while let Some((id, due)) = self.later.pop_due(now) {
            let host = &mut self.hosts[id.0];
            host.later -= 1;
            match due {
                Due::Work(run, work) => host.queue.push_back(run, work),
                Due::Reopen => {
                    host.closed_until = host.closed_until.filter(|&until| until > now);
                    host.pacer.handle_timeout(now);
                }
            }
            self.offer(id);
            self.forget_if_unused(id);
        }
    }

    /// Returns how many more pieces of work the host of this key could have in flight without a
    /// slot that others wait for.
    pub(crate) fn spare(&self, key: &str) -> usize {
        if self.others_wait() {
            return 0;
        }
        let mut slots = self.jobs().saturating_sub(self.busy);
        let host = self.by_key.get(key).map(|id| &self.hosts[id.0]);
        if !host.is_some_and(|host| host.is_proven) {
            slots = slots.min(self.most_unproven().saturating_sub(self.unproven));
        }
        let places = self.by_key.get(key).and_then(|id| self.places_at_gate(*id));
        slots = slots.min(places.unwrap_or(slots));
        if host.is_some_and(|host| !self.proxies.let_pass(host.proxy)) {
            return 0;
        }
        let spare = host.map(Host::spare);
        spare.unwrap_or(self.caps.start).min(slots)
    }

    /// Returns whether the host of this key has an idle lane with a connection that takes one more
    /// piece of work.
    pub(crate) fn has_idle(&self, key: &str) -> bool {
        let host = self.by_key.get(key).map(|id| &self.hosts[id.0]);
        host.is_some_and(|host| host.idle.have_open()) && self.spare(key) > 0
    }

    /// Returns whether nothing is in flight.
    pub(crate) fn is_quiet(&self) -> bool {
        self.busy == 0
    }

    /// Returns whether more could be in flight, if there were work for it.
    pub(crate) fn has_room(&self) -> bool {
        !self.is_full()
    }

    /// Returns how much work may be in flight in all. Slots of hosts that are silent, or have not
    /// answered yet, are added up to the maximum, so that these hold up no other hosts.
    fn jobs(&self) -> usize {
        let now = self.global_limit.now() + self.overcommit.extra() + self.silent + self.unproven;
        now.min(self.global_limit.most())
    }

    fn is_full(&self) -> bool {
        self.busy >= self.jobs()
    }

    /// Returns how many hosts have work, or lanes.
    pub(crate) fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// Returns whether a host that has never been asked would wait for a slot now.
    pub(crate) fn makes_new_hosts_wait(&self) -> bool {
        self.is_full() || !self.unproven_may() || self.others_wait()
    }

    /// Returns whether a host waits for a slot that it could have.
    fn others_wait(&self) -> bool {
        self.runs.are_due(self.unproven_may())
    }

    /// Gives the next slot away, if there is one and somebody who may use it. To be called until it
    /// gives none after anything that may have made room or brought work.
    pub(crate) fn poll_grant(&mut self, now: impl Fn() -> Instant) -> Option<Grant<W, L, S>> {
        while !self.is_full() {
            let Some((run, id)) = self.runs.pop(self.unproven_may()) else {
                if !self.runs.are_due(true) && self.wake_slow_proxies(&now) {
                    continue;
                }
                break;
            };
            self.hosts[id.0].queue.end_turn(run);
            if !self.hosts[id.0].could_start() {
                continue;
            }
            if self.runs.rank(run).is_none() {
                self.runs.hold_up(run, id);
                continue;
            }
            let pop = |lines: &mut Lines<W>, _: &Runs| Some((run, lines.pop_of(run)?));
            let Some(lease) = self.take(id, pop, &now) else {
                continue;
            };
            let host = &mut self.hosts[id.0];
            let grant = if let Some(lane) = host.idle.pop() {
                self.idle -= 1;
                Grant::Resume { lane, lease }
            } else {
                host.lanes += 1;
                Grant::Open {
                    host: id,
                    shared: host.shared().cloned(),
                    meter: Arc::clone(&host.meter),
                    lease,
                }
            };
            self.offer(id);
            return Some(grant);
        }
        self.grant_ahead()
    }

    /// Takes the piece of a host's work that `pop` takes out of its queue, if it may start.
    fn take(
        &mut self,
        id: HostId,
        pop: impl FnOnce(&mut Lines<W>, &Runs) -> Option<(RunId, W)>,
        now: impl Fn() -> Instant,
    ) -> Option<Lease<W>> {
        if !self.hosts[id.0].is_proven && !self.unproven_may()
            || !self.siblings_allow_one(id)
            || !self.gate_allows_one(id)
            || !self.proxy_allows_one(id)
        {
            return None;
        }
        let (run, mut lease) = self.hosts[id.0].take(|lines| pop(lines, &self.runs))?;
        self.runs.begin(run);
        self.busy += 1;
        self.enter_gate(id);
        self.enter_proxy(id);
        let host = &mut self.hosts[id.0];
        let patience = self.proxies.patience(host.proxy);
        lease.patience = lease.patience.map(|own| own.max(patience));
        self.unproven += usize::from(!host.is_proven);
        let (gap, delay) = (host.limit.gap(), host.delay);
        if gap.is_some() || !delay.is_zero() {
            let now = now();
            if let Some(next) = host.pacer.on_started(now, gap, delay) {
                self.note_pace(id, next, now);
                self.look_again(id, next);
            }
        }
        Some(lease)
    }

    /// Notes that the next request to a host waits until `next`, which is told if that takes long,
    /// once there is such a request.
    fn note_pace(&mut self, id: HostId, next: Instant, now: Instant) {
        let host = &mut self.hosts[id.0];
        let why = if next > now + host.delay {
            Pace::Recovering
        } else if host.delay > host.caps.delay {
            Pace::CrawlDelay
        } else {
            Pace::Delay
        };
        host.untold_pace = (next >= now + LONG_PACE).then_some((next, why));
        self.tell_pace(id);
    }

    /// Tells how long the next request to a host waits, if that is not told yet, and there is one.
    fn tell_pace(&mut self, id: HostId) {
        let host = &mut self.hosts[id.0];
        if !host.queue.is_empty()
            && let Some((next, why)) = host.untold_pace.take()
        {
            let key = Arc::clone(&host.key);
            self.events.push(ScheduleEvent::HostPaced(key, next, why));
        }
    }

    /// Ends a piece of work of `run`, and returns what its lane does next. The lane gets the next
    /// piece, unless others wait for its slot and its turn is used up, its host has not answered
    /// yet, or their work is more urgent.
    pub(crate) fn next(
        &mut self,
        id: HostId,
        run: RunId,
        lane: &L,
        turn_is_used_up: bool,
        observed: Observation,
    ) -> Next<W> {
        if observed.latency.is_some() {
            self.prove(id);
        }
        let host = &mut self.hosts[id.0];
        let is_saturated = host.is_saturated();
        if let Some(latency) = observed.latency.filter(|_| observed.is_ok) {
            host.limit.on_response(latency, observed.now);
            self.answers += 1;
        }
        // While it still counts as in flight.
        self.observe_total(observed.now);
        self.end_one(id, run);
        let others_wait = self.others_wait();
        let host = &mut self.hosts[id.0];
        if observed.is_ok && !host.breaker.is_healthy() {
            host.breaker.on_success();
            self.offer(id);
        }
        self.observe_host(id, is_saturated, observed.now);
        let is_proven = self.hosts[id.0].is_proven;
        let gives_way = others_wait && (turn_is_used_up || !is_proven || self.is_less_urgent(id));
        let next = |lines: &mut Lines<W>, runs: &Runs| lines.pop(|run| runs.rank(run));
        if !gives_way
            && !self.is_full()
            && let Some(lease) = self.take(id, next, || observed.now)
        {
            return Next::Work(lease);
        }
        let host = &mut self.hosts[id.0];
        if is_proven && self.idle < self.caps.idle && host.lanes <= host.most_lanes() {
            host.idle.push(lane.clone(), observed.is_open);
            self.idle += 1;
            self.offer(id);
            Next::Idle
        } else {
            self.close_lane(id);
            Next::Close
        }
    }

    /// Ends an idle lane. Returns `false` if it was given work in the meantime, and goes on.
    pub(crate) fn leave(&mut self, id: HostId, lane: &L) -> bool {
        // The id may have been given to another host if the lane is gone; a lane asks only while it
        // is noted.
        let Some(host) = self.hosts.get_mut(id.0) else {
            return false;
        };
        if !host.idle.remove(lane) {
            return false;
        }
        self.idle -= 1;
        self.close_lane(id);
        true
    }

    /// Ends a busy lane together with its work, which was of `run`.
    pub(crate) fn abandon(&mut self, id: HostId, run: RunId) {
        self.end_one(id, run);
        self.close_lane(id);
    }

    /// Returns whether more urgent work than all that a host has waits for a slot.
    fn is_less_urgent(&self, id: HostId) -> bool {
        let ranks = self.hosts[id.0]
            .queue
            .runs()
            .filter_map(|run| self.runs.rank(run));
        let rank = ranks.max();
        rank.is_some_and(|rank| self.runs.are_more_urgent_due(rank, self.unproven_may()))
    }

    /// Notes that a piece of work of a run is no longer in flight.
    fn end_one(&mut self, id: HostId, run: RunId) {
        for other in self.runs.end(run) {
            if other != id && self.hosts.contains(other.0) {
                self.offer(other);
            }
        }
        let host = &mut self.hosts[id.0];
        self.busy -= 1;
        host.busy -= 1;
        self.unproven -= usize::from(!host.is_proven);
        self.offer_siblings(id);
        self.leave_gate(id);
        self.leave_proxy(id);
    }

    /// Records what a host speaks, as a connection has shown. `shared` is that connection, with its
    /// number, if lanes share it.
    pub(crate) fn on_protocol_known(
        &mut self,
        id: HostId,
        protocol: Protocol,
        shared: Option<(u64, S)>,
    ) {
        let host = &mut self.hosts[id.0];
        if protocol == Protocol::Exclusive {
            host.limit.set_most(host.caps.per_host);
        } else if protocol == Protocol::Shared {
            host.limit.shares_a_connection();
        }
        host.on_protocol_known(protocol, shared);
        self.offer(id);
    }

    /// Records that a lane is making a connection for work that it has.
    pub(crate) fn on_connecting(&mut self, id: HostId) {
        self.hosts[id.0].underway.begin();
    }

    /// Records that a lane has made its connection; a round trip takes `trip`.
    pub(crate) fn on_connected(&mut self, id: HostId, trip: Duration, now: Instant) {
        self.on_round_trip(id, trip);
        self.hosts[id.0].underway.succeed(trip, now);
    }

    /// Records that a lane could not connect. If it was to find out what the host speaks, another
    /// lane may try.
    pub(crate) fn on_connect_failed(&mut self, id: HostId) {
        self.hosts[id.0].underway.fail();
        self.hosts[id.0].connecting = false;
        self.offer(id);
    }

    /// Decides how a lane that has work but no connection gets one.
    pub(crate) fn plan_connect(&mut self, id: HostId) -> ConnectPlan<S> {
        self.hosts[id.0].plan_connect()
    }

    /// Puts work back at the head of its host's queue; its lane then asks for the
    /// [`next`](Self::next).
    pub(crate) fn put_back(&mut self, id: HostId, run: RunId, work: W) {
        self.hosts[id.0].queue.push_front(run, work);
    }

    /// Returns the host of this key, which is added if it is new, for the next push: one that is
    /// never pushed to is not forgotten. `protocol` is what is known of it beforehand.
    pub(crate) fn host(
        &mut self,
        key: &str,
        protocol: Protocol,
        now: impl Fn() -> Instant,
    ) -> HostId {
        if let Some(&id) = self.by_key.get(key) {
            return id;
        }
        let caps = HostCaps::from(&self.caps);
        let limit = HostLimit::new(caps.start, caps.per_host, now());
        let key: Arc<str> = key.into();
        let patience = first_patience(self.most_unproven());
        let mut host = Host::new(Arc::clone(&key), protocol, caps, limit, patience);
        if self.connects_ahead {
            host.ahead.left = self.caps.per_host;
        }
        let id = HostId(self.hosts.insert(host));
        self.keep_delay(id, Duration::ZERO);
        self.by_key.insert(key, id);
        self.join_siblings(id);
        id
    }

    /// Lets a host begin with this many requests, of which nothing is known yet.
    pub(crate) fn start_with(&mut self, id: HostId, start: usize, now: Instant) {
        let host = &mut self.hosts[id.0];
        host.limit = HostLimit::new(start, host.caps.per_host, now);
    }

    /// Lines a host up for a turn, if it could use one.
    fn offer(&mut self, id: HostId) {
        if self.hosts[id.0].could_start() {
            if !self.proxy_allows_one(id) {
                return;
            }
            let host = &mut self.hosts[id.0];
            let (runs, is_proven) = (&mut self.runs, host.is_proven);
            host.queue.take_turns(|run| runs.push(run, id, is_proven));
        } else {
            self.consider_ahead(id);
        }
    }

    fn close_lane(&mut self, id: HostId) {
        self.hosts[id.0].lanes -= 1;
        if !self.forget_if_unused(id) {
            self.offer(id);
        }
    }

    fn forget_if_unused(&mut self, id: HostId) -> bool {
        let host = &mut self.hosts[id.0];
        let unused = host.is_forgettable();
        if unused {
            // It may still stand in the line for a turn; with an empty queue that says nothing, but
            // its number may be given to another host.
            for run in host.queue.turns() {
                self.runs.take_out(run, id);
            }
            let host = self.hosts.remove(id.0);
            self.by_key.remove(&host.key);
            self.leave_siblings(id, &host.siblings);
            self.proxies.leave(host.proxy);
        }
        unused
    }
}

#[cfg(test)]
mod tests;
