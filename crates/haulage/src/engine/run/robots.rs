//! What hosts allow in their robots.txt (RFC 9309), and what waits until that is known.

use std::collections::HashMap;
use std::mem;
use std::sync::Mutex;
use std::time::Duration;

use crate::engine::item::robots_query::RobotsQuery;
use crate::error::{Error, ErrorKind};
use crate::fetch::origin;
use crate::http_url::HttpUrl;
use crate::plan::robots::Robots;
use crate::sync::lock;

/// Most hosts whose robots.txt is kept; beyond that, it is requested anew.
const MAX_KEPT: usize = 8192;

/// The robots.txt of all hosts, and the items of type `T` that wait for one.
pub(crate) struct RobotsGate<T> {
    /// Whether robots.txt is obeyed at all.
    is_enabled: bool,
    state: Mutex<State<T>>,
}

struct State<T> {
    hosts: HashMap<Box<str>, Host<T>>,
    /// The run is being stopped: nothing waits any more.
    is_closed: bool,
}

enum Host<T> {
    /// It is being requested, and these wait for it.
    Asked(Vec<T>),
    Known(Robots),
}

/// What becomes of an item at the gate.
pub(crate) enum Gate<T> {
    /// It may be requested.
    Go(T),
    /// It waits for the robots.txt of its host, which is being requested.
    Wait,
    /// The same, and the robots.txt is to be requested now.
    Ask(Box<RobotsQuery>),
    /// Its host does not allow it.
    Denied(T, Error),
}

impl<T> RobotsGate<T> {
    pub(crate) fn new(is_enabled: bool) -> Self {
        Self {
            is_enabled,
            state: Mutex::new(State {
                hosts: HashMap::new(),
                is_closed: false,
            }),
        }
    }

    /// Decides what becomes of an item that is about to be queued, whose next request goes to the
    /// URL that `url` returns.
    pub(crate) fn check(&self, item: T, url: impl Fn(&T) -> &HttpUrl) -> Gate<T> {
        if !self.is_enabled {
            return Gate::Go(item);
        }
        let mut state = lock(&self.state);
        if state.is_closed {
            return Gate::Go(item);
        }
        let host = origin::key(url(&item));
        match state.hosts.get_mut(host) {
            Some(Host::Known(robots)) if robots.allows(url(&item)) => Gate::Go(item),
            Some(Host::Known(_)) => {
                drop(state);
                let what = format!(
                    "its host's robots.txt does not allow {} (--robots)",
                    url(&item)
                );
                Gate::Denied(item, Error::new(ErrorKind::Refused, what))
            }
            Some(Host::Asked(waiting)) => {
                waiting.push(item);
                Gate::Wait
            }
            None => {
                let (host, query) = (host.into(), RobotsQuery::of(url(&item)));
                state.hosts.insert(host, Host::Asked(vec![item]));
                query.map_or(Gate::Wait, |query| Gate::Ask(Box::new(query)))
            }
        }
    }

    /// Returns whether a segment of a file may be requested from a URL: only where that is known.
    pub(crate) fn is_allowed(&self, url: &HttpUrl) -> bool {
        if !self.is_enabled {
            return true;
        }
        match lock(&self.state).hosts.get(origin::key(url)) {
            Some(Host::Known(robots)) => robots.allows(url),
            _ => false,
        }
    }

    /// Returns the least time between two requests that a host has asked for; zero if it has not.
    pub(crate) fn delay_of(&self, host: &str) -> Duration {
        if !self.is_enabled {
            return Duration::ZERO;
        }
        match lock(&self.state).hosts.get(host) {
            Some(Host::Known(robots)) => robots.delay.unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    /// Records the robots.txt of a host, or with `None` that it is not to be had. Returns what has
    /// waited for it.
    pub(crate) fn answer(&self, host: &str, robots: Option<Robots>) -> Vec<T> {
        let mut state = lock(&self.state);
        let waiting = match state.hosts.remove(host) {
            Some(Host::Asked(waiting)) => waiting,
            _ => Vec::new(),
        };
        if state.hosts.len() >= MAX_KEPT {
            state.hosts.retain(|_, host| matches!(host, Host::Asked(_)));
        }
        if let Some(robots) = robots {
            state.hosts.insert(host.into(), Host::Known(robots));
        }
        waiting
    }

    /// Lets everything pass from now on, since the run is being stopped, and returns what waits.
    pub(crate) fn close(&self) -> Vec<T> {
        let hosts = {
            let mut state = lock(&self.state);
            state.is_closed = true;
            mem::take(&mut state.hosts)
        };
        let waiting = hosts.into_values().filter_map(|host| match host {
            Host::Asked(waiting) => Some(waiting),
            Host::Known(_) => None,
        });
        waiting.flatten().collect()
    }
}
