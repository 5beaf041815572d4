//! What an engine has in flight now, for those who watch it.

use std::sync::Arc;

use super::Engine;
use crate::schedule::{HostLoad, Load};

/// What an engine has in flight, and what waits, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineSnapshot {
    /// Requests in flight, of all runs.
    pub in_flight: usize,
    /// How many requests may be in flight now, in all.
    pub limit: usize,
    /// Requests that wait for a slot, for their host, or for the time of their retry. Rows that
    /// wait on the disk are not among them.
    pub queued: usize,
    /// Open connections, idle ones included. Those that are being made do not count.
    pub open_connections: usize,
    /// Bytes of bodies received from all hosts so far.
    pub received_bytes: u64,
    /// Hosts that have work or connections.
    pub hosts: usize,
    /// The hosts with most requests in flight, in that order, and then those that only have
    /// requests waiting for a slot.
    pub busiest: Vec<HostSnapshot>,
}

/// What one host has in flight, and what waits for it, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostSnapshot {
    /// Scheme, name and port.
    pub host: Arc<str>,
    /// Requests in flight.
    pub in_flight: usize,
    /// How many requests may be in flight to it now.
    pub limit: usize,
    /// Requests that wait for a slot of it, or until it may be asked again.
    pub queued: usize,
}

impl Engine {
    /// Returns what is in flight now, and of each of the `most` busiest hosts. It takes a moment
    /// for each host that has work: call it a few times a second at most.
    #[must_use]
    pub fn snapshot(&self, most: usize) -> EngineSnapshot {
        let services = &self.0.services;
        let load = services.dispatcher.load(most);
        let open_connections = services.routes.open_connections();
        let received_bytes = services.rates.meter().bytes();
        let Load {
            in_flight,
            limit,
            queued,
            hosts,
            busiest,
        } = load;
        EngineSnapshot {
            in_flight,
            limit,
            queued,
            open_connections,
            received_bytes,
            hosts,
            busiest: busiest.into_iter().map(HostSnapshot::from).collect(),
        }
    }
}

impl From<HostLoad> for HostSnapshot {
    fn from(load: HostLoad) -> Self {
        Self {
            host: load.origin,
            in_flight: load.in_flight,
            limit: load.limit,
            queued: load.queued,
        }
    }
}
