//! Hands out work: the one owner of the schedule, of the workers on which lanes are opened, and of
//! the clock by which delayed work becomes due.
//!
//! What the outside reports (`on_…`) and asks goes to the schedule under its lock; slots that have
//! become free are given away before the lock is released.

mod reports;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

use super::descriptors::within_limits;
use super::handover::{First, LaneHandle, OpenLane};
use super::host_limits::OwnLimits;
use super::in_flight::InFlight;
use super::robots::RobotsGate;
use super::routes::Routes;
use crate::clock;
use crate::fetch::connection::Http2Handle;
use crate::fetch::connector::Connector;
use crate::fetch::origin::{self, Origin};
use crate::http_url::HttpUrl;
use crate::meter::Meter;
use crate::options::{EngineOptions, HttpVersion, RunOptions};
use crate::priority::Priority;
use crate::schedule::{
    self, Caps, Grant, HostId, HostLoad, Lease, Load, Next, Protocol, RunId, Schedule,
    ScheduleEvent, Taken, key,
};
use crate::sync::lock;

/// Idle connections kept, for each request that may be in flight.
const IDLE_PER_JOB: usize = 2;
/// How often hosts are looked at whose requests take long.
const TICK: Duration = Duration::from_millis(250);

type Hosts<W> = Schedule<W, LaneHandle<Lease<W>>, Http2Handle>;

/// Work of some run, as far as the dispatcher has to know it.
pub(crate) trait Dispatched {
    /// Calls a function with the URL that is requested.
    fn with_url<T>(&self, call: impl FnOnce(&HttpUrl) -> T) -> T;
    /// Returns what makes connections on its route.
    fn connector(&self) -> &Arc<Connector>;
    /// Returns how many segments a file of its run may have.
    fn split(&self) -> usize;
    /// Returns what counts its run's work in flight.
    fn in_flight(&self) -> &Arc<InFlight>;
    /// Returns whether it is not to be queued: its run is paused, or being stopped. Pausing and
    /// stopping set this first and then empty the queues, so no work of the run is left there.
    fn is_held_back(&self) -> bool;
}

/// What the dispatcher calls.
pub(crate) struct Hooks {
    /// Is told what becomes of hosts.
    pub(crate) tell: Box<dyn Fn(ScheduleEvent) + Send + Sync>,
    /// Looks at runs, a few times a second while something goes on. Returns whether that is to go
    /// on for their sake.
    pub(crate) look: Box<dyn Fn() -> bool + Send + Sync>,
}

/// Hands out work to lanes.
pub(crate) struct Dispatcher<W> {
    schedule: Mutex<Hosts<W>>,
    workers: Vec<UnboundedSender<OpenLane<W>>>,
    next_worker: AtomicUsize,
    /// Work may be due earlier than the clock thinks.
    clock: Notify,
    per_host: Option<usize>,
    per_proxy: Option<usize>,
    routes: Arc<Routes>,
    hooks: Hooks,
    /// The clock sleeps until it is woken: nothing is in flight.
    clock_sleeps: AtomicBool,
    robots: Arc<RobotsGate<W>>,
    own_limits: OwnLimits,
    /// Hosts are left alone between two requests.
    has_delay: bool,
}

impl<W: Dispatched> Dispatcher<W> {
    /// Returns a dispatcher whose lanes live on these workers. `total` measures what comes in all.
    pub(crate) fn new(
        options: &EngineOptions,
        total: Arc<Meter>,
        workers: Vec<UnboundedSender<OpenLane<W>>>,
        routes: Arc<Routes>,
        hooks: Hooks,
        robots: Arc<RobotsGate<W>>,
    ) -> Self {
        let per_host = options.per_host.unwrap_or(EngineOptions::DEFAULT_PER_HOST);
        let caps = within_limits(Caps {
            jobs: options.jobs,
            per_host,
            streams: options.per_host.unwrap_or(options.jobs),
            start: schedule::first(options.per_host, RunOptions::DEFAULT_SPLIT),
            idle: options.jobs.saturating_mul(IDLE_PER_JOB),
            delay: options.delay,
        });
        let own_limits = OwnLimits::new(options.hosts.clone());
        Self {
            schedule: Mutex::new(Schedule::new(caps, total, clock::now()).connecting_ahead()),
            workers,
            next_worker: AtomicUsize::new(0),
            clock: Notify::new(),
            per_host: options.per_host,
            per_proxy: options.per_proxy,
            routes,
            hooks,
            clock_sleeps: AtomicBool::new(false),
            robots,
            has_delay: !options.delay.is_zero() || own_limits.have_delay(),
            own_limits,
        }
    }

    /// Queues work at its host, after this time.
    ///
    /// # Errors
    /// Gives the work back when its run takes none: it is paused, or being stopped.
    pub(crate) fn push(&self, work: W, wait: Duration) -> Result<(), W> {
        let Some((mut schedule, host)) = self.host_of_work(&work) else {
            return Err(work);
        };
        if wait.is_zero() {
            schedule.push(host, work.in_flight().run(), work);
        } else {
            let run = work.in_flight().run();
            schedule.push_later(host, clock::now() + wait, run, work);
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
    /// Gives the work back when its run takes none: it is paused, or being stopped.
    pub(crate) fn push_quietly(&self, work: W) -> Result<(), W> {
        let Some((mut schedule, host)) = self.host_of_work(&work) else {
            return Err(work);
        };
        schedule.push(host, work.in_flight().run(), work);
        Ok(())
    }

    /// Queues work at the head of its host's queue.
    ///
    /// # Errors
    /// Gives the work back when its run takes none: it is paused, or being stopped.
    pub(crate) fn push_first(&self, work: W) -> Result<(), W> {
        let Some((mut schedule, host)) = self.host_of_work(&work) else {
            return Err(work);
        };
        schedule.push_first(host, work.in_flight().run(), work);
        self.hand_out(schedule);
        Ok(())
    }

    /// Returns the host of some work; `None` when its run takes none.
    fn host_of_work(&self, work: &W) -> Option<(MutexGuard<'_, Hosts<W>>, HostId)> {
        work.with_url(|url| {
            let mut schedule = self.lock();
            // A run is marked as stopped before its work is removed under this lock, so no work
            // is added after that.
            if work.is_held_back() {
                return None;
            }
            let host = self.host_of(&mut schedule, work, url);
            Some((schedule, host))
        })
    }

    /// Puts work back to the head of its host's queue: its lane could not begin with it yet.
    ///
    /// # Errors
    /// Gives the work back when its run takes none: it is paused, or being stopped.
    pub(crate) fn put_back(&self, host: HostId, work: W) -> Result<(), W> {
        let mut schedule = self.lock();
        if work.is_held_back() {
            return Err(work);
        }
        schedule.put_back(host, work.in_flight().run(), work);
        Ok(())
    }

    /// Takes all work of a run out of the queues.
    pub(crate) fn take_run(&self, run: RunId) -> Vec<Taken<W>> {
        let mut schedule = self.lock();
        let taken = schedule.take_run(run);
        self.hand_out(schedule);
        taken
    }

    /// Takes that work of a run out of the queues which `is_meant`.
    pub(crate) fn remove(&self, run: RunId, is_meant: impl Fn(&W) -> bool) -> Vec<W> {
        let mut schedule = self.lock();
        let taken = schedule.remove(run, is_meant);
        self.hand_out(schedule);
        taken
    }

    /// Adds a run, which may have so much work in flight at once; `None` sets no limit of its own.
    pub(crate) fn run_begins(&self, priority: Priority, jobs: Option<usize>) -> RunId {
        self.lock().run_begins(priority, jobs)
    }

    /// Notes that nothing of a run will be queued any more.
    pub(crate) fn run_ends(&self, run: RunId) {
        let mut schedule = self.lock();
        schedule.run_ends(run);
        self.hand_out(schedule);
    }

    /// Changes the priority of a run's work.
    pub(crate) fn set_priority(&self, run: RunId, priority: Priority) {
        let mut schedule = self.lock();
        schedule.set_priority(run, priority);
        self.hand_out(schedule);
    }

    /// Takes work of a run that `may_go` from the queues of hosts from which nothing is requested
    /// now, all but the first `keep` of each host.
    pub(crate) fn take_back(
        &self,
        run: RunId,
        keep: usize,
        may_go: impl Fn(&W) -> bool,
    ) -> Vec<(Arc<str>, Vec<W>)> {
        self.lock().take_back(run, clock::now(), keep, may_go)
    }

    /// Returns those of the hosts that have less than `enough` work queued, and may be requested.
    pub(crate) fn below_watermark<'a>(
        &self,
        hosts: impl Iterator<Item = &'a str>,
        enough: usize,
    ) -> Vec<bool> {
        let (now, schedule) = (clock::now(), self.lock());
        hosts
            .map(|host| schedule.is_asked_for_little(host, now, enough))
            .collect()
    }

    /// Returns how many lanes that no other work waits for are idle at each of the hosts.
    pub(crate) fn idle_lanes(&self, hosts: impl Iterator<Item = impl AsRef<str>>) -> Vec<usize> {
        let schedule = self.lock();
        hosts.map(|host| schedule.spare(host.as_ref())).collect()
    }

    /// Returns whether an open connection to a host has nothing to do, and nothing waits for it.
    pub(crate) fn has_idle_connection(&self, host: &str) -> bool {
        self.lock().has_idle(host)
    }

    /// Returns whether hosts may have to be left alone between two requests.
    pub(crate) fn has_delays(&self) -> bool {
        self.has_delay || self.robots.is_used()
    }

    /// Returns how much is in flight and waits now, and of each of the `most` busiest hosts.
    pub(crate) fn load(&self, most: usize) -> Load {
        self.lock().load(most)
    }

    /// Returns whether more of a run may be in flight than there is work for.
    pub(crate) fn has_room(&self, run: RunId) -> bool {
        self.lock().run_has_room(run)
    }

    /// Notes that all rows of a run have been queued.
    pub(crate) fn input_ended(&self, run: RunId) {
        let mut schedule = self.lock();
        schedule.on_input_ended(run);
        self.hand_out(schedule);
    }

    /// Returns how much may be in flight in all, and what is in flight to the busiest hosts.
    pub(crate) fn busiest(&self, most: usize) -> (usize, Vec<HostLoad>) {
        self.lock().busiest(most)
    }

    /// Queues delayed work when its time has come, and looks at hosts and runs a few times a second
    /// while something goes on, for ever.
    pub(crate) async fn keep_time(&self) {
        loop {
            let now = clock::now();
            let (due, is_busy) = {
                let mut schedule = self.lock();
                schedule.handle_timeout(now);
                let (due, is_busy) = (schedule.poll_timeout(), !schedule.is_quiet());
                self.clock_sleeps.store(!is_busy, Ordering::Relaxed);
                self.hand_out(schedule);
                (due, is_busy)
            };
            let ticks = (self.hooks.look)() || is_busy;
            let next = ticks.then(|| now + TICK).into_iter().chain(due).min();
            let is_time = async {
                match next {
                    Some(next) => tokio::time::sleep_until(next.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = is_time => {}
                () = self.clock.notified() => {}
            }
        }
    }

    /// Makes the clock look at hosts and runs.
    pub(crate) fn wake_clock(&self) {
        self.clock.notify_one();
    }

    /// Returns whether a slot is free for work that may begin: then somebody has forgotten to give
    /// it away.
    #[cfg(test)]
    pub(crate) fn has_forgotten_work(&self) -> bool {
        self.lock().poll_grant(clock::now).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Hosts<W>> {
        lock(&self.schedule)
    }

    /// Returns the host of a URL, for the next push.
    fn host_of(&self, schedule: &mut Hosts<W>, work: &W, url: &HttpUrl) -> HostId {
        let connector = work.connector();
        // What is known of one that was never connected to.
        let http = connector.http();
        let protocol = match http {
            HttpVersion::Negotiated if origin::is_https(url) => Protocol::Unknown,
            HttpVersion::Negotiated | HttpVersion::Http1 => Protocol::Exclusive,
            HttpVersion::Http2PriorKnowledge => Protocol::Unknown,
        };
        let hosts = schedule.hosts();
        let key = key::of(connector.route(), origin::key(url));
        let host = schedule.host(&key, protocol, clock::now);
        if schedule.hosts() > hosts {
            let own = self.own_limits.of(url);
            if let Some(own) = own {
                schedule.give_caps(host, own, clock::now());
            }
            if http == HttpVersion::Http2PriorKnowledge {
                // One connection is enough.
                schedule.open_none_ahead(host);
            }
            if work.split() > RunOptions::DEFAULT_SPLIT {
                let per_host = own.and_then(|own| own.per_host).or(self.per_host);
                let start = schedule::first(per_host, work.split());
                schedule.start_with(host, start, clock::now());
            }
            let origin = Origin::of(url);
            if let Some(proxy) = connector.proxy_of(&origin) {
                let label = proxy.to_string();
                if let Some(most) = self.per_proxy {
                    schedule.pass_gate(host, &label, most);
                }
                // Another route may reach it another way, and speak something else with it.
                let name = format!("{} {proxy:?}", connector.route());
                schedule.go_through(host, &name, || label.into());
            }
            if schedule.makes_new_hosts_wait() {
                connector.look_up_ahead(&origin);
            }
        }
        schedule.keep_delay(host, self.robots.delay_of(origin::key(url)));
        host
    }

    /// Gives free slots to those whose turn it is, and tells what has become of hosts.
    fn hand_out(&self, mut schedule: MutexGuard<'_, Hosts<W>>) {
        self.give_away_slots(&mut schedule);
        // Both are changed under the lock alone.
        let wakes = self.clock_sleeps.load(Ordering::Relaxed) && !schedule.is_quiet();
        if wakes {
            self.clock_sleeps.store(false, Ordering::Relaxed);
        }
        if schedule.take_due_earlier() || wakes {
            self.clock.notify_one();
        }
        let events = schedule.poll_events();
        drop(schedule);
        for event in events {
            (self.hooks.tell)(event);
        }
    }

    fn give_away_slots(&self, schedule: &mut Hosts<W>) {
        while let Some(grant) = schedule.poll_grant(clock::now) {
            let open = match grant {
                Grant::Resume { lane, lease } => {
                    lease.work.in_flight().begin();
                    lane.give(lease);
                    continue;
                }
                Grant::Open {
                    host,
                    shared,
                    meter,
                    lease,
                } => {
                    lease.work.in_flight().begin();
                    OpenLane {
                        host,
                        connector: Arc::clone(lease.work.connector()),
                        shared,
                        meter,
                        first: First::Work(lease),
                    }
                }
                Grant::Ahead { host, key, meter } => {
                    let (route, origin) = key::split(&key);
                    let Some(connector) = self.routes.of_number(route) else {
                        schedule.on_connect_ahead_failed(host);
                        continue;
                    };
                    OpenLane {
                        host,
                        connector,
                        shared: None,
                        meter,
                        first: First::Connect(origin.into()),
                    }
                }
            };
            let worker = match &open.shared {
                Some(shared) => shared.worker,
                None => self.next_worker.fetch_add(1, Ordering::Relaxed) % self.workers.len(),
            };
            // A worker ends only when the engine is over.
            let _ = self.workers[worker].send(open);
        }
    }
}

/// Counts what a lane has ended, and what it goes on with.
fn count<W: Dispatched>(ended: &Arc<InFlight>, next: &Next<W>) {
    match next {
        Next::Work(lease) if Arc::ptr_eq(lease.work.in_flight(), ended) => {}
        Next::Work(lease) => {
            lease.work.in_flight().begin();
            ended.end();
        }
        Next::Idle | Next::Close => ended.end(),
    }
}
