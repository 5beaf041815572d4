//! What is in flight, for those who draw it.

use std::sync::Arc;

use super::Schedule;

/// What is in flight to a host, and how much may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostLoad {
    pub(crate) key: Arc<str>,
    pub(crate) in_flight: usize,
    pub(crate) limit: usize,
    /// Work that waits for a slot.
    pub(crate) queued: usize,
}

impl<W, L: Clone + PartialEq, S: Clone> Schedule<W, L, S> {
    /// Returns how much may be in flight in all, and the hosts with the most in flight: at most
    /// `most` of them, and none to which nothing is in flight.
    pub(crate) fn busiest(&self, most: usize) -> (usize, Vec<HostLoad>) {
        let hosts = self.hosts.iter().map(|(_, host)| host);
        let mut hosts: Vec<_> = hosts.filter(|host| host.busy > 0).collect();
        hosts.sort_by(|a, b| b.busy.cmp(&a.busy).then(a.key.cmp(&b.key)));
        hosts.truncate(most);
        let loads = hosts.into_iter().map(|host| HostLoad {
            key: Arc::clone(&host.key),
            in_flight: host.busy,
            limit: host.limit(),
            queued: host.queue.len(),
        });
        (self.jobs(), loads.collect())
    }
}
