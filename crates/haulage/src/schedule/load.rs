//! How much is in flight and waits now, for those who watch an engine.

use super::Schedule;
use super::busiest::HostLoad;

/// What is in flight and waits, in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Load {
    /// Work in flight.
    pub(crate) in_flight: usize,
    /// How much may be.
    pub(crate) limit: usize,
    /// Work that waits, for its time too.
    pub(crate) queued: usize,
    /// Hosts that have work or lanes.
    pub(crate) hosts: usize,
    /// The hosts that have most in flight, in that order.
    pub(crate) busiest: Vec<HostLoad>,
}

impl<W, L: Clone + PartialEq, S: Clone> Schedule<W, L, S> {
    /// Returns how much is in flight and waits now, and of each of the `most` busiest hosts.
    pub(crate) fn load(&self, most: usize) -> Load {
        let ready: usize = self.hosts.iter().map(|(_, host)| host.queue.len()).sum();
        Load {
            in_flight: self.busy,
            limit: self.jobs(),
            queued: ready + self.later.works(),
            hosts: self.hosts.len(),
            busiest: self.busy_or_queued(most),
        }
    }
}
