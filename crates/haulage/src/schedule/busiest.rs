//! What is in flight, for those who draw it.

use std::sync::Arc;

use super::host::Host;
use super::{Schedule, key};

/// What is in flight to an origin, by all routes, and how much may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostLoad {
    /// Scheme, name and port.
    pub(crate) origin: Arc<str>,
    pub(crate) in_flight: usize,
    pub(crate) limit: usize,
    /// Work that waits for a slot.
    pub(crate) queued: usize,
}

impl<W, L: Clone + PartialEq, S: Clone> Schedule<W, L, S> {
    /// Returns how much may be in flight in all, and the origins with the most in flight: at most
    /// `most` of them, and none to which nothing is in flight.
    pub(crate) fn busiest(&self, most: usize) -> (usize, Vec<HostLoad>) {
        let loads = self.loads(most, |load| load.in_flight > 0);
        (self.jobs(), loads)
    }

    /// Returns the origins with the most in flight, and then those for which most work waits for a
    /// slot: at most `most` of them.
    pub(super) fn busy_or_queued(&self, most: usize) -> Vec<HostLoad> {
        self.loads(most, |load| load.in_flight > 0 || load.queued > 0)
    }

    fn loads(&self, most: usize, is_wanted: impl Fn(&HostLoad) -> bool) -> Vec<HostLoad> {
        // Of siblings, the first one stands for all.
        let is_first =
            |(id, host): &(usize, &Host<W, L, S>)| host.siblings.iter().all(|other| other.0 > *id);
        let origins = self.hosts.iter().filter(is_first);
        let loads = origins.map(|(_, host)| self.load_of_origin(host));
        let mut loads: Vec<_> = loads.filter(is_wanted).collect();
        loads.sort_by(|a, b| {
            let [left, right] = [a, b].map(|load| (load.in_flight, load.queued));
            right.cmp(&left).then_with(|| a.origin.cmp(&b.origin))
        });
        loads.truncate(most);
        loads
    }

    /// Returns what is in flight to a host and its siblings, for which one cap holds.
    fn load_of_origin(&self, host: &Host<W, L, S>) -> HostLoad {
        let siblings = host.siblings.iter().map(|id| &self.hosts[id.0]);
        let all = || siblings.clone().chain([host]);
        let limit: usize = all().map(Host::limit).sum();
        let (route, origin) = key::split(&host.key);
        HostLoad {
            origin: match route {
                0 => Arc::clone(&host.key),
                _ => origin.into(),
            },
            in_flight: all().map(|host| host.busy).sum(),
            limit: limit.min(host.limit.most()),
            queued: all().map(|host| host.queue.len()).sum(),
        }
    }
}
