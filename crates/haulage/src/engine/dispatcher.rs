//! Hands out work: the one owner of the schedule, of the workers on which lanes are opened, and of
//! the clock by which delayed work becomes due.
//!
//! What the outside reports (`on_…`) and asks goes to the schedule under its lock; slots that have
//! become free are given away before the lock is released.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::descriptors::within_limits;
use super::handover::{First, LaneHandle, OpenLane};
use super::item::Item;
use super::robots_gate::RobotsGate;
use super::work::Work;
use crate::error::Error;
use crate::event::{Event, WaitReason};
use crate::fetch::connect::Connector;
use crate::fetch::connection::{Connection, Shared};
use crate::fetch::origin::{self, Origin};
use crate::http_url::HttpUrl;
use crate::meter::Meter;
use crate::options::{HttpVersion, Options, RetryPolicy};
use crate::schedule::{Caps, Grant, HostId, News, Next, Protocol, START, Schedule, Seen, Way};
use crate::sync::lock;
use crate::write::Writer;

/// Idle connections kept, for each request that may be in flight.
const IDLE_PER_JOB: usize = 2;
/// How often hosts are looked at whose requests take long.
const TICK: Duration = Duration::from_millis(250);

type Hosts = Schedule<Work, LaneHandle, Shared>;

/// Hands out work to lanes.
pub(super) struct Dispatcher {
    schedule: Mutex<Hosts>,
    workers: Vec<UnboundedSender<OpenLane>>,
    next_worker: AtomicUsize,
    /// Work may be due earlier than the clock thinks.
    clock: Notify,
    /// Nothing more is to be started.
    stopping: CancellationToken,
    http: HttpVersion,
    connector: Arc<Connector>,
    robots: Arc<RobotsGate<Box<Item>>>,
    /// Learns when nothing else is in flight.
    writer: Arc<Writer>,
    events: UnboundedSender<Option<Event>>,
}

/// What the dispatcher uses of its run.
pub(super) struct Uses {
    pub(super) stopping: CancellationToken,
    pub(super) connector: Arc<Connector>,
    pub(super) robots: Arc<RobotsGate<Box<Item>>>,
    pub(super) writer: Arc<Writer>,
    pub(super) events: UnboundedSender<Option<Event>>,
}

impl Dispatcher {
    /// Returns a dispatcher whose lanes live on these workers. `total` measures what comes in all.
    pub(super) fn new(
        options: &Options,
        total: Arc<Meter>,
        workers: Vec<UnboundedSender<OpenLane>>,
        uses: Uses,
    ) -> Self {
        let per_host = options.per_host.unwrap_or(Options::DEFAULT_PER_HOST);
        let caps = within_limits(Caps {
            jobs: options.jobs,
            per_host,
            streams: options.per_host.unwrap_or(options.jobs),
            start: START.max(options.split).min(per_host),
            idle: options.jobs.saturating_mul(IDLE_PER_JOB),
            delay: options.delay,
        });
        let schedule = Schedule::new(caps, total, Instant::now());
        let schedule = match options.http {
            HttpVersion::Negotiated | HttpVersion::Http1 => schedule.connecting_ahead(),
            // One connection is enough.
            HttpVersion::Http2PriorKnowledge => schedule,
        };
        Self {
            schedule: Mutex::new(schedule),
            workers,
            next_worker: AtomicUsize::new(0),
            clock: Notify::new(),
            stopping: uses.stopping,
            http: options.http,
            connector: uses.connector,
            robots: uses.robots,
            writer: uses.writer,
            events: uses.events,
        }
    }

    /// Queues work at its host, after this time.
    ///
    /// # Errors
    /// Gives the work back when the run is being stopped.
    pub(super) fn push(&self, work: Work, wait: Duration) -> Result<(), Work> {
        let queued = work.with_url(|url| {
            let mut schedule = self.lock();
            // `drain` takes this lock after the token was cancelled: nothing slips in behind it.
            if self.stopping.is_cancelled() {
                return None;
            }
            let host = self.host_of(&mut schedule, url);
            Some((schedule, host))
        });
        let Some((mut schedule, host)) = queued else {
            return Err(work);
        };
        if wait.is_zero() {
            schedule.push(host, work);
        } else {
            schedule.push_later(host, Instant::now() + wait, work);
        }
        self.hand_out(schedule);
        if !wait.is_zero() {
            self.clock.notify_one();
        }
        Ok(())
    }

    /// Puts work back to the head of its host's queue: its lane could not begin with it yet.
    ///
    /// # Errors
    /// Gives the work back when the run is being stopped.
    pub(super) fn put_back(&self, host: HostId, work: Work) -> Result<(), Work> {
        let mut schedule = self.lock();
        if self.stopping.is_cancelled() {
            return Err(work);
        }
        schedule.put_back(host, work);
        Ok(())
    }

    /// Takes all work from the queues, after the run has been cancelled.
    pub(super) fn drain(&self) -> Vec<Work> {
        self.lock().drain()
    }

    /// Takes work that `may_go` from the queues of hosts from which nothing is requested now, all
    /// but the first `keep` of each host.
    pub(super) fn take_back(
        &self,
        keep: usize,
        may_go: impl Fn(&Work) -> bool,
    ) -> Vec<(Arc<str>, Vec<Work>)> {
        self.lock().take_back(Instant::now(), keep, may_go)
    }

    /// Returns those of the hosts that have less than `enough` work queued, and may be requested.
    pub(super) fn below_watermark<'a>(
        &self,
        hosts: impl Iterator<Item = &'a str>,
        enough: usize,
    ) -> Vec<bool> {
        let (now, schedule) = (Instant::now(), self.lock());
        hosts
            .map(|host| schedule.is_asked_for_little(host, now, enough))
            .collect()
    }

    /// Returns how many lanes that no other work waits for are idle at each of the hosts.
    pub(super) fn idle_lanes<'a>(&self, hosts: impl Iterator<Item = &'a str>) -> Vec<usize> {
        let schedule = self.lock();
        hosts.map(|host| schedule.spare(host)).collect()
    }

    /// Returns whether more may be in flight than there is work for.
    pub(super) fn has_room(&self) -> bool {
        self.lock().has_room()
    }

    /// Notes that no more rows will come.
    pub(super) fn input_ended(&self) {
        let mut schedule = self.lock();
        schedule.has_all();
        self.hand_out(schedule);
    }

    /// Returns what a lane does next whose last piece of work has shown this of its host. `streams`
    /// is what its connection allows, if that is new.
    pub(super) fn next(
        &self,
        host: HostId,
        lane: &LaneHandle,
        is_turn_over: bool,
        seen: Seen,
        streams: Option<usize>,
    ) -> Next<Work> {
        let mut schedule = self.lock();
        if let Some(streams) = streams {
            schedule.allows_streams(host, streams);
        }
        let next = schedule.next(host, lane, is_turn_over, seen);
        self.hand_out(schedule);
        next
    }

    /// Ends an idle lane. Returns `false` if it has been given work in this very moment.
    pub(super) fn leave(&self, host: HostId, lane: &LaneHandle) -> bool {
        self.lock().leave(host, lane)
    }

    /// Ends a lane in the middle of its work.
    pub(super) fn abandon(&self, host: HostId) {
        self.lock().abandon(host);
    }

    /// Returns when a host may be sent the next request.
    pub(super) fn may_send(&self, host: HostId) -> Instant {
        self.lock().may_send(host, Instant::now())
    }

    /// Returns whether a request that has `waited` for this host has to give way to other hosts.
    pub(super) fn gives_way(&self, host: HostId, waited: Duration) -> bool {
        self.lock().gives_way(host, waited)
    }

    /// Returns how a lane without a connection gets one.
    pub(super) fn plan_connect(&self, host: HostId) -> Way<Shared> {
        self.lock().way(host)
    }

    /// Records that a lane has made a connection for work that it has.
    pub(super) fn on_connected(&self, host: HostId, connection: &Connection) {
        let mut schedule = self.lock();
        match connection {
            Connection::Http1(_) => schedule.learned(host, Protocol::Exclusive, None),
            Connection::Http2(shared) => {
                let shared = (shared.number, shared.clone());
                schedule.learned(host, Protocol::Shared, Some(shared));
            }
        }
        self.hand_out(schedule);
    }

    /// Records that a lane could not make the connection that it was to make.
    pub(super) fn on_connect_failed(&self, host: HostId) {
        let mut schedule = self.lock();
        schedule.could_not_connect(host);
        self.hand_out(schedule);
    }

    /// Records that a lane has made a connection ahead of any work, or with `false` that it has
    /// none of use. Returns whether the lane waits for work from now on; otherwise it is to end.
    pub(super) fn on_connected_ahead(
        &self,
        host: HostId,
        lane: &LaneHandle,
        is_connected: bool,
    ) -> bool {
        let mut schedule = self.lock();
        let waits = is_connected && schedule.connected_ahead(host, lane);
        if !is_connected {
            schedule.gave_up_ahead(host);
        }
        self.hand_out(schedule);
        waits
    }

    /// Records that a shared connection is of no use any more.
    pub(super) fn on_connection_lost(&self, host: HostId, connection: u64) {
        self.lock().lost_shared(host, connection);
    }

    /// Records when the head of a lane's first response came, and how long it took.
    pub(super) fn on_first_response(
        &self,
        host: HostId,
        latency: Duration,
        now: Instant,
        streams: Option<usize>,
    ) {
        let mut schedule = self.lock();
        if let Some(streams) = streams {
            schedule.allows_streams(host, streams);
        }
        schedule.heard(host, latency, now);
        self.hand_out(schedule);
    }

    /// Records that a host has answered as it should, although it has failed now.
    pub(super) fn on_success(&self, host: HostId) {
        self.lock().answered(host);
    }

    /// Records that a host is in trouble. `overloaded` is when the request was sent that has shown
    /// that it has too much to do, if one has.
    ///
    /// Returns the key of the host and all its queued work, if the host is given up now; the caller
    /// has to fail that work.
    pub(super) fn on_failure(
        &self,
        host: HostId,
        overloaded: Option<Instant>,
        error: &Error,
        policy: &RetryPolicy,
    ) -> Option<(Arc<str>, Vec<Work>)> {
        let now = Instant::now();
        let mut schedule = self.lock();
        step_back(&mut schedule, host, overloaded, error, policy);
        let waiting = schedule.failed(host, now, policy, fastrand::f64());
        let given_up = waiting.map(|waiting| (schedule.key(host), waiting));
        drop(schedule);
        self.clock.notify_one();
        given_up
    }

    /// Records that a host has refused a segment: it is not in trouble for that, but may have
    /// enough to do.
    pub(super) fn on_segment_refused(
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
    pub(super) fn on_descriptors_exhausted(&self) {
        let mut schedule = self.lock();
        schedule.lacks_descriptors(Instant::now());
        self.hand_out(schedule);
    }

    /// Queues delayed work when its time has come, for ever.
    pub(super) async fn keep_time(&self) {
        loop {
            let now = Instant::now();
            let next = {
                let mut schedule = self.lock();
                schedule.release_due(now);
                schedule.look_around(now);
                let next = schedule.next_due();
                self.hand_out(schedule);
                next
            };
            let tick = now + TICK;
            let next = next.map_or(tick, |next| next.min(tick));
            tokio::select! {
                () = tokio::time::sleep_until(next.into()) => {}
                () = self.clock.notified() => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Hosts> {
        lock(&self.schedule)
    }

    /// Returns the host of a URL, for the next push.
    fn host_of(&self, schedule: &mut Hosts, url: &HttpUrl) -> HostId {
        // What is known of one that was never connected to.
        let protocol = match self.http {
            HttpVersion::Negotiated if origin::is_https(url) => Protocol::Unknown,
            HttpVersion::Negotiated | HttpVersion::Http1 => Protocol::Exclusive,
            HttpVersion::Http2PriorKnowledge => Protocol::Unknown,
        };
        let hosts = schedule.hosts();
        let host = schedule.host(origin::key(url), protocol, Instant::now);
        if schedule.hosts() > hosts && schedule.makes_new_hosts_wait() {
            self.connector.look_up_ahead(&Origin::of(url));
        }
        schedule.keep_delay(host, self.robots.delay_of(origin::key(url)));
        host
    }

    /// Gives free slots to those whose turn it is, and tells what has become of hosts.
    fn hand_out(&self, mut schedule: MutexGuard<'_, Hosts>) {
        self.give_away_slots(&mut schedule);
        if schedule.is_due_earlier() {
            self.clock.notify_one();
        }
        for news in schedule.news() {
            let event = match news {
                News::Limit(host, limit, why) => Event::LimitChanged { host, limit, why },
                News::Waits(host, until, why) => Event::HostWaits {
                    host,
                    why,
                    wait: until.saturating_duration_since(Instant::now()),
                },
            };
            // Nobody may listen any more.
            let _ = self.events.send(Some(event));
        }
        let is_quiet = schedule.is_quiet() || self.stopping.is_cancelled();
        self.writer.set_quiet(is_quiet);
    }

    fn give_away_slots(&self, schedule: &mut Hosts) {
        while let Some(grant) = schedule.grant(Instant::now) {
            let open = match grant {
                Grant::Resume { lane, lease } => {
                    lane.give(lease);
                    continue;
                }
                Grant::Open {
                    host,
                    shared,
                    meter,
                    lease,
                } => OpenLane {
                    host,
                    shared,
                    meter,
                    first: First::Work(lease),
                },
                Grant::Ahead { host, key, meter } => OpenLane {
                    host,
                    shared: None,
                    meter,
                    first: First::Connect(key),
                },
            };
            let worker = match &open.shared {
                Some(shared) => shared.worker,
                None => self.next_worker.fetch_add(1, Ordering::Relaxed) % self.workers.len(),
            };
            // A worker ends only when the run is over.
            let _ = self.workers[worker].send(open);
        }
    }
}

/// Leaves a host alone for as long as it has asked for, unless that is longer than rows wait at
/// all, and requests less from it at once.
fn step_back(
    schedule: &mut Hosts,
    host: HostId,
    overloaded: Option<Instant>,
    error: &Error,
    policy: &RetryPolicy,
) {
    let now = Instant::now();
    let asked = error.asked_wait_of_host();
    let asked = asked.filter(|asked| *asked <= policy.max_time);
    schedule.note_trouble(host, WaitReason::of(error, asked.is_some()));
    if let Some(asked) = asked {
        schedule.close(host, now + asked);
    }
    if let Some(sent) = overloaded {
        schedule.refused(host, sent, now, asked.unwrap_or_default());
    }
}
