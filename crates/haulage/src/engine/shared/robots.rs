//! What hosts allow in their robots.txt (RFC 9309), and what waits until that is known.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::engine::item::robots_query::RobotsQuery;
use crate::error::{Error, ErrorKind};
use crate::fetch::origin;
use crate::http_url::HttpUrl;
use crate::plan::robots::Robots;
use crate::sync::lock;

/// Most hosts whose robots.txt is kept; beyond that, it is requested anew.
const MAX_KEPT: usize = 8192;

/// Most of those who ask whose answers are kept, as long as they wait for none.
const MAX_ASKERS: usize = 64;

/// Those who ask. What a robots.txt says depends on the name by which it addresses them; whether it
/// can be had, on the route: its proxy may be dead, or its addresses may not be allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asker {
    pub(crate) name: Arc<str>,
    /// The number of their route.
    pub(crate) route: u32,
}

/// The robots.txt of all hosts, and the work of type `T` that waits for one.
pub(crate) struct RobotsGate<T> {
    /// Set when a run has asked for a robots.txt.
    is_used: AtomicBool,
    state: Mutex<State<T>>,
}

/// By the asker, then by the origin: what is withdrawn at several has one order.
type State<T> = BTreeMap<Asker, BTreeMap<Box<str>, Host<T>>>;

enum Host<T> {
    /// It is being requested on behalf of one of these, which wait for it.
    Asked(Vec<T>),
    Known(Robots),
}

/// What becomes of work at the gate.
pub(crate) enum Gate<T> {
    /// It may be requested.
    Go(T),
    /// It waits for the robots.txt of its host, which is being requested.
    Wait,
    /// It waits for the robots.txt of its host, which the caller is to request now.
    Ask(Box<RobotsQuery>),
    /// Its host does not allow it.
    Denied(T, Error),
}

impl<T> Default for RobotsGate<T> {
    fn default() -> Self {
        Self {
            is_used: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }
}

impl<T> RobotsGate<T> {
    /// Returns whether anybody has asked for a robots.txt.
    pub(crate) fn is_used(&self) -> bool {
        self.is_used.load(Ordering::Acquire)
    }

    /// Decides what becomes of work that is about to be queued, whose next request goes to the URL
    /// that `url` returns. What `is_held_back` passes: it is not queued anyway.
    pub(crate) fn check(
        &self,
        asker: &Asker,
        work: T,
        url: impl Fn(&T) -> &HttpUrl,
        is_held_back: impl Fn() -> bool,
    ) -> Gate<T> {
        self.is_used.store(true, Ordering::Release);
        let mut state = lock(&self.state);
        // A run is marked as stopped before this lock is taken to remove its work. So work that is
        // added here is either refused now, or removed then.
        if is_held_back() {
            return Gate::Go(work);
        }
        if !state.contains_key(asker) {
            if state.len() >= MAX_ASKERS {
                let is_asked = |host: &Host<T>| matches!(host, Host::Asked(_));
                state.retain(|_, hosts| hosts.values().any(is_asked));
            }
            state.insert(asker.clone(), BTreeMap::new());
        }
        let Some(hosts) = state.get_mut(asker) else {
            return Gate::Go(work);
        };
        let host = origin::key(url(&work));
        match hosts.get_mut(host) {
            Some(Host::Known(robots)) if robots.allows(url(&work)) => Gate::Go(work),
            Some(Host::Known(_)) => {
                drop(state);
                let what = format!(
                    "its host's robots.txt does not allow {} (--robots)",
                    url(&work)
                );
                Gate::Denied(work, Error::new(ErrorKind::Refused, what))
            }
            Some(Host::Asked(waiting)) => {
                waiting.push(work);
                Gate::Wait
            }
            None => {
                let (host, query) = (host.into(), RobotsQuery::of(url(&work)));
                hosts.insert(host, Host::Asked(vec![work]));
                query.map_or(Gate::Wait, |query| Gate::Ask(Box::new(query)))
            }
        }
    }

    /// Returns whether a segment of a file may be requested from a URL: only where that is known.
    pub(crate) fn is_allowed(&self, asker: &Asker, url: &HttpUrl) -> bool {
        let state = lock(&self.state);
        let host = state
            .get(asker)
            .and_then(|hosts| hosts.get(origin::key(url)));
        match host {
            Some(Host::Known(robots)) => robots.allows(url),
            _ => false,
        }
    }

    /// Returns the longest of the times between two requests that a host asks of any asker; zero if
    /// it asks for none.
    pub(crate) fn delay_of(&self, origin: &str) -> Duration {
        if !self.is_used() {
            return Duration::ZERO;
        }
        let state = lock(&self.state);
        let delays = state.values().map(|hosts| match hosts.get(origin) {
            Some(Host::Known(robots)) => robots.delay.unwrap_or_default(),
            _ => Duration::ZERO,
        });
        delays.max().unwrap_or_default()
    }

    /// Records the robots.txt of a host, or with `None` that it is not to be had. Returns what has
    /// waited for it.
    pub(crate) fn answer(&self, asker: &Asker, host: &str, robots: Option<Robots>) -> Vec<T> {
        let mut state = lock(&self.state);
        let hosts = state.entry(asker.clone()).or_default();
        let waiting = match hosts.remove(host) {
            Some(Host::Asked(waiting)) => waiting,
            _ => Vec::new(),
        };
        if hosts.len() >= MAX_KEPT {
            hosts.retain(|_, host| matches!(host, Host::Asked(_)));
        }
        if let Some(robots) = robots {
            hosts.insert(host.into(), Host::Known(robots));
        }
        waiting
    }

    /// Takes out the work that `is_withdrawn`, since its run is paused or being stopped. Where the
    /// robots.txt was requested on behalf of such work, all that waits for it is taken out: the
    /// caller lets the rest be [checked](Self::check) again.
    pub(crate) fn withdraw(&self, is_withdrawn: impl Fn(&T) -> bool) -> Vec<T> {
        let mut taken = Vec::new();
        for hosts in lock(&self.state).values_mut() {
            hosts.retain(|_, host| {
                let Host::Asked(waiting) = host else {
                    return true;
                };
                // The first one has asked.
                let is_asked_for_others = !waiting.first().is_some_and(&is_withdrawn);
                if is_asked_for_others {
                    taken.extend(waiting.extract_if(.., |work| is_withdrawn(work)));
                } else {
                    taken.append(waiting);
                }
                is_asked_for_others
            });
        }
        taken
    }
}
