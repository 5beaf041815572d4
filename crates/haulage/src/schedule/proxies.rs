//! Proxies: hosts that are reached through one wait together while it is down.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

use super::outage::{Outage, Verdict};
use super::{HostId, Schedule, ScheduleEvent, unproven};
use crate::event::WaitReason;
use crate::options::RetryPolicy;

/// How long a host that may send a probe has time to do so, before another one may, too: it may be
/// blocked for another reason.
const OFFERED: Duration = Duration::from_secs(1);

/// All proxies.
#[derive(Debug, Default)]
pub(super) struct Proxies {
    by_name: HashMap<Arc<str>, usize>,
    all: Slab<Proxy>,
    /// When one of them failed, or something was due, for the last time.
    last: Option<Instant>,
}

#[derive(Debug)]
struct Proxy {
    /// Tells it from others.
    name: Arc<str>,
    /// What people call it.
    label: Arc<str>,
    outage: Outage,
    /// How many hosts are reached through it.
    hosts: usize,
    /// Work in flight to them.
    busy: usize,
    /// Hosts that may send nothing for now.
    waiting: VecDeque<HostId>,
    /// The host whose work is the probe.
    probing: Option<HostId>,
    /// When its pause is over, or another host may send a probe.
    due: Option<Instant>,
    /// How long a request waits for a connection before it may have to give way. Zero until one has
    /// given way.
    patience: Duration,
    /// Until when other routes have the slots, since a request has waited in vain; `None` if they
    /// have not.
    rests_until: Option<Instant>,
}

impl Proxy {
    /// Returns whether it lets one more request pass. After one has waited in vain, one at a time
    /// finds out whether it answers at all.
    fn lets_pass(&self) -> bool {
        let is_slow = !self.patience.is_zero() && self.busy > 0;
        self.rests_until.is_none() && !is_slow && self.outage.lets_pass(self.busy)
    }

    /// Lets other routes have the slots for as long as a request has `waited` in vain until `now`.
    fn rest(&mut self, waited: Duration, now: Instant) {
        self.rests_until = self.rests_until.max(Some(now + waited));
    }
}

/// All work that waited for a proxy that is given up, by the keys of its hosts.
pub(crate) type GivenUp<W> = Vec<(Arc<str>, Vec<W>)>;

impl Proxies {
    /// Returns when something is due of any.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.all.iter().filter_map(|(_, proxy)| proxy.due).min()
    }

    /// Returns whether a host's proxy is down.
    pub(super) fn is_down(&self, proxy: Option<usize>) -> bool {
        self.of(proxy).is_some_and(|proxy| proxy.outage.is_down())
    }

    /// Returns whether connections through a host's proxy may be opened ahead of requests.
    pub(super) fn may_connect_ahead(&self, proxy: Option<usize>) -> bool {
        self.of(proxy).is_none_or(|proxy| proxy.outage.works())
    }

    /// Returns whether a host's proxy lets one more request pass.
    pub(super) fn let_pass(&self, proxy: Option<usize>) -> bool {
        let proxy = self.of(proxy);
        proxy.is_none_or(Proxy::lets_pass)
    }

    /// Returns how long the requests of a host wait at least before they give way, as far as its
    /// proxy is the reason.
    pub(super) fn patience(&self, proxy: Option<usize>) -> Duration {
        let proxy = self.of(proxy).filter(|proxy| !proxy.outage.works());
        proxy.map_or(Duration::ZERO, |proxy| proxy.patience)
    }

    /// Records that a request to a host behind a proxy has `waited` in vain. Unless the proxy
    /// works, other routes now have the slots for as long as this one had, and its next requests
    /// wait longer. Returns whether something is due earlier than before.
    pub(super) fn on_gave_way(
        &mut self,
        proxy: Option<usize>,
        waited: Duration,
        now: Instant,
    ) -> bool {
        let Some(proxy) = proxy.and_then(|at| self.all.get_mut(at)) else {
            return false;
        };
        if proxy.outage.works() {
            return false;
        }
        proxy.patience = proxy.patience.max(unproven::grown(waited));
        proxy.rest(waited, now);
        self.last = Some(now);
        let is_due = proxy.due.is_some();
        proxy.due = proxy.due.or(proxy.rests_until);
        !is_due
    }

    /// Notes that a host behind a proxy has been forgotten. The proxy is forgotten with the last
    /// host behind it, unless it is down.
    pub(super) fn leave(&mut self, proxy: Option<usize>) {
        let Some(at) = proxy else { return };
        let Some(proxy) = self.all.get_mut(at) else {
            return;
        };
        proxy.hosts -= 1;
        // What is known against it is kept: rows that come later are to find it.
        if proxy.hosts == 0 && !proxy.outage.is_down() {
            let proxy = self.all.remove(at);
            self.by_name.remove(&proxy.name);
        }
    }

    fn of(&self, proxy: Option<usize>) -> Option<&Proxy> {
        self.all.get(proxy?)
    }
}

impl<W, L: Clone + PartialEq, S: Clone> Schedule<W, L, S> {
    /// Lets a new host be reached through the proxy of this name, which people know by `label`.
    pub(crate) fn go_through(&mut self, id: HostId, name: &str, label: impl FnOnce() -> Arc<str>) {
        let proxies = &mut self.proxies;
        let at = proxies.by_name.get(name).copied().unwrap_or_else(|| {
            let name: Arc<str> = name.into();
            let at = proxies.all.insert(Proxy {
                name: Arc::clone(&name),
                label: label(),
                outage: Outage::default(),
                hosts: 0,
                busy: 0,
                waiting: VecDeque::new(),
                probing: None,
                due: None,
                patience: Duration::ZERO,
                rests_until: None,
            });
            proxies.by_name.insert(name, at);
            at
        });
        proxies.all[at].hosts += 1;
        self.hosts[id.0].proxy = Some(at);
    }

    /// Returns whether the proxy of a host lets one more request pass. If not, the host waits for
    /// it.
    pub(super) fn proxy_allows_one(&mut self, id: HostId) -> bool {
        let host = &mut self.hosts[id.0];
        if self.proxies.let_pass(host.proxy) {
            return true;
        }
        if let Some(at) = host.proxy
            && !std::mem::replace(&mut host.waits_for_proxy, true)
        {
            self.proxies.all[at].waiting.push_back(id);
        }
        false
    }

    /// Notes that a piece of work of a host is in flight, through its proxy if it has one.
    pub(super) fn enter_proxy(&mut self, id: HostId) {
        if let Some(at) = self.hosts[id.0].proxy {
            let proxy = &mut self.proxies.all[at];
            proxy.busy += 1;
            if proxy.outage.on_sent() {
                (proxy.probing, proxy.due) = (Some(id), None);
            }
        }
    }

    /// Notes that a piece of work of a host is no longer in flight, and lets the next host send if
    /// its proxy has room.
    pub(super) fn leave_proxy(&mut self, id: HostId) {
        let Some(at) = self.hosts[id.0].proxy else {
            return;
        };
        let proxy = &mut self.proxies.all[at];
        proxy.busy -= 1;
        if proxy.probing == Some(id) {
            proxy.probing = None;
            proxy.outage.on_probe_ended();
        }
        if proxy.lets_pass() {
            self.offer_waiting(at, 1);
            self.offer_again_later(at, self.proxies.last);
        }
    }

    /// Lets another host that waits for a proxy send after a while, unless the one that may send
    /// now does: its work may be withdrawn before. `now` is `None` as long as the proxy has not
    /// failed; then several may send.
    fn offer_again_later(&mut self, at: usize, now: Option<Instant>) {
        let proxy = &mut self.proxies.all[at];
        if !proxy.waiting.is_empty() && proxy.probing.is_none() && proxy.due.is_none() {
            proxy.due = now.map(|now| now + OFFERED);
            self.is_due_earlier |= now.is_some();
        }
    }

    /// Records that the proxy of a host has been reached.
    pub(crate) fn on_proxy_reached(&mut self, id: HostId) {
        let Some(at) = self.hosts[id.0].proxy else {
            return;
        };
        let proxy = &mut self.proxies.all[at];
        if proxy.outage.on_reached() {
            (proxy.probing, proxy.due, proxy.patience) = (None, None, Duration::ZERO);
            proxy.rests_until = None;
            self.offer_waiting(at, usize::MAX);
        }
    }

    /// Records that the proxy of a host could not be reached, with a request that was sent at
    /// `sent`. `random` is uniform in `[0, 1)`.
    ///
    /// Returns what waited for it, if it is given up: that has to fail.
    pub(crate) fn on_proxy_failed(
        &mut self,
        id: HostId,
        sent: Instant,
        now: Instant,
        why: WaitReason,
        policy: &RetryPolicy,
        random: f64,
    ) -> Option<GivenUp<W>> {
        let at = self.hosts[id.0].proxy?;
        let proxy = &mut self.proxies.all[at];
        let (until, is_given_up) = match proxy.outage.on_failed(sent, now, policy, random) {
            Verdict::Known => return None,
            Verdict::Pause(until) => (until, false),
            Verdict::GiveUp(until) => (until, true),
        };
        (proxy.probing, proxy.due) = (None, Some(until));
        proxy.rest(now.saturating_duration_since(sent), now);
        self.proxies.last = Some(now);
        self.is_due_earlier = true;
        let label = Arc::clone(&proxy.label);
        self.events
            .push(ScheduleEvent::ProxyWaits(label, until, why));
        is_given_up.then(|| self.take_behind(at))
    }

    /// Lets hosts send probes through proxies whose pause is over.
    pub(super) fn release_proxies(&mut self, now: Instant) {
        let proxies = self.proxies.all.iter_mut();
        let due = proxies.filter(|(_, proxy)| proxy.due.is_some_and(|due| due <= now));
        let due: Vec<_> = due
            .map(|(at, proxy)| {
                proxy.outage.on_pause_over();
                proxy.rests_until = proxy.rests_until.filter(|until| *until > now);
                proxy.due = proxy.rests_until;
                at
            })
            .collect();
        for at in due {
            if self.proxies.all[at].rests_until.is_none() {
                self.offer_waiting(at, 1);
                self.offer_again_later(at, Some(now));
            }
        }
        self.proxies.last = Some(now);
    }

    /// Ends the rest of all slow proxies early, if no other route wants the slots. Returns whether
    /// a host may go on.
    pub(super) fn wake_slow_proxies(&mut self, now: impl Fn() -> Instant) -> bool {
        let rests = |proxy: &Proxy| proxy.rests_until.is_some() && !proxy.waiting.is_empty();
        let resting = self.proxies.all.iter();
        let resting: Vec<_> = resting
            .filter(|(_, proxy)| rests(proxy) && !proxy.outage.is_paused())
            .map(|(at, _)| at)
            .collect();
        if resting.is_empty() {
            return false;
        }
        let now = now();
        let mut hosts = self.hosts.iter();
        if hosts.any(|(_, host)| self.proxies.let_pass(host.proxy) && host.wants_a_slot_soon(now)) {
            return false;
        }
        for at in &resting {
            let proxy = &mut self.proxies.all[*at];
            (proxy.rests_until, proxy.due) = (None, None);
            if proxy.lets_pass() {
                self.offer_waiting(*at, 1);
            }
            self.offer_again_later(*at, Some(now));
        }
        true
    }

    /// Lines up at most `most` of the hosts that wait for a proxy.
    fn offer_waiting(&mut self, at: usize, most: usize) {
        let mut offered = 0;
        while offered < most
            && let Some(id) = self.proxies.all[at].waiting.pop_front()
        {
            // It may have been forgotten, and its number given to another host.
            let host = self.hosts.get_mut(id.0);
            if let Some(host) = host.filter(|host| host.proxy == Some(at))
                && std::mem::take(&mut host.waits_for_proxy)
                && host.could_start()
            {
                offered += 1;
                self.offer(id);
            }
        }
    }

    /// Takes out all work that waits behind a proxy.
    fn take_behind(&mut self, at: usize) -> GivenUp<W> {
        let mut taken = Vec::new();
        let mut of_host = HashMap::new();
        self.proxies.all[at].waiting.clear();
        for (id, host) in &mut self.hosts {
            if host.proxy == Some(at) {
                host.waits_for_proxy = false;
                of_host.insert(HostId(id), taken.len());
                taken.push((Arc::clone(&host.key), host.queue.drain()));
            }
        }
        for (id, work) in self.later.take(|id| of_host.contains_key(&id)) {
            self.hosts[id.0].later -= 1;
            taken[of_host[&id]].1.push(work);
        }
        self.forget_unused();
        taken
    }
}
