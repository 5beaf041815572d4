//! Hands out work: the one owner of the schedule, of the workers on which lanes are opened, and of
//! the clock by which delayed work becomes due.
//!
//! What the outside reports (`on_…`) and asks goes to the schedule under its lock; slots that have
//! become free are given away before the lock is released.

mod reports;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::descriptors::within_limits;
use super::handover::{First, LaneHandle, OpenLane};
use super::robots::RobotsGate;
use crate::engine::item::Item;
use crate::engine::item::work::Work;
use crate::event::Event;
use crate::fetch::connect::Connector;
use crate::fetch::connection::Shared;
use crate::fetch::origin::{self, Origin};
use crate::http_url::HttpUrl;
use crate::meter::Meter;
use crate::options::{HttpVersion, Options};
use crate::schedule::{self, Caps, Grant, HostId, News, Protocol, Schedule};
use crate::sync::lock;
use crate::write::Writer;

/// Idle connections kept, for each request that may be in flight.
const IDLE_PER_JOB: usize = 2;
/// How often hosts are looked at whose requests take long.
const TICK: Duration = Duration::from_millis(250);

type Hosts = Schedule<Work, LaneHandle, Shared>;

/// Hands out work to lanes.
pub(crate) struct Dispatcher {
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
pub(crate) struct Uses {
    pub(crate) stopping: CancellationToken,
    pub(crate) connector: Arc<Connector>,
    pub(crate) robots: Arc<RobotsGate<Box<Item>>>,
    pub(crate) writer: Arc<Writer>,
    pub(crate) events: UnboundedSender<Option<Event>>,
}

impl Dispatcher {
    /// Returns a dispatcher whose lanes live on these workers. `total` measures what comes in all.
    pub(crate) fn new(
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
            start: schedule::first(options.per_host, options.split),
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
    pub(crate) fn push(&self, work: Work, wait: Duration) -> Result<(), Work> {
        let Some((mut schedule, host)) = self.host_of_work(&work) else {
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

    /// Queues work at its host, and gives no slot away: the caller's lane asks for its next work at
    /// once.
    ///
    /// # Errors
    /// Gives the work back when the run is being stopped.
    pub(crate) fn push_quietly(&self, work: Work) -> Result<(), Work> {
        let Some((mut schedule, host)) = self.host_of_work(&work) else {
            return Err(work);
        };
        schedule.push(host, work);
        Ok(())
    }

    /// Returns the host of some work; `None` when the run is being stopped.
    fn host_of_work(&self, work: &Work) -> Option<(MutexGuard<'_, Hosts>, HostId)> {
        work.with_url(|url| {
            let mut schedule = self.lock();
            // `drain` takes this lock after the token was cancelled: nothing slips in behind it.
            if self.stopping.is_cancelled() {
                return None;
            }
            let host = self.host_of(&mut schedule, url);
            Some((schedule, host))
        })
    }

    /// Puts work back to the head of its host's queue: its lane could not begin with it yet.
    ///
    /// # Errors
    /// Gives the work back when the run is being stopped.
    pub(crate) fn put_back(&self, host: HostId, work: Work) -> Result<(), Work> {
        let mut schedule = self.lock();
        if self.stopping.is_cancelled() {
            return Err(work);
        }
        schedule.put_back(host, work);
        Ok(())
    }

    /// Takes all work from the queues, after the run has been cancelled.
    pub(crate) fn drain(&self) -> Vec<Work> {
        self.lock().drain()
    }

    /// Takes work that `may_go` from the queues of hosts from which nothing is requested now, all
    /// but the first `keep` of each host.
    pub(crate) fn take_back(
        &self,
        keep: usize,
        may_go: impl Fn(&Work) -> bool,
    ) -> Vec<(Arc<str>, Vec<Work>)> {
        self.lock().take_back(Instant::now(), keep, may_go)
    }

    /// Returns those of the hosts that have less than `enough` work queued, and may be requested.
    pub(crate) fn below_watermark<'a>(
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
    pub(crate) fn idle_lanes<'a>(&self, hosts: impl Iterator<Item = &'a str>) -> Vec<usize> {
        let schedule = self.lock();
        hosts.map(|host| schedule.spare(host)).collect()
    }

    /// Returns whether more may be in flight than there is work for.
    pub(crate) fn has_room(&self) -> bool {
        self.lock().has_room()
    }

    /// Notes that no more rows will come.
    pub(crate) fn input_ended(&self) {
        let mut schedule = self.lock();
        schedule.has_all();
        self.hand_out(schedule);
    }

    /// Queues delayed work when its time has come, for ever.
    pub(crate) async fn keep_time(&self) {
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
