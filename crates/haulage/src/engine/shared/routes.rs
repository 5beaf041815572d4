//! The routes to servers: runs whose routes are equal share connections.

use std::sync::{Arc, Mutex};

use crate::fetch::connector::{Connector, Uses, receive_buffer};
use crate::fetch::dns::Resolver;
use crate::fetch::open_count::OpenCount;
use crate::options::{EngineOptions, Route};
use crate::pool::BlockingPool;
use crate::sync::lock;

/// Bytes that the read buffers of all lanes hold together, at most.
const READ_BUFFERS: usize = 8 << 20;
/// The smallest read buffer, in bytes: below it each read costs more than its bytes.
const MIN_READ_BUFFER: usize = 64 << 10;
/// The largest read buffer, in bytes: above it nothing is gained.
const MAX_READ_BUFFER: usize = 256 << 10;
/// Routes that are kept although no run uses them, so that a later run of the same route can use
/// their connections.
const KEPT: usize = 16;

/// The routes of an engine.
pub(crate) struct Routes {
    uses: Uses,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    all: Vec<(Route, Arc<Connector>)>,
    next: u32,
}

impl Routes {
    /// Returns an engine's routes, none of them so far.
    pub(crate) fn new(options: &EngineOptions, pool: Arc<BlockingPool>) -> Self {
        Self {
            uses: Uses {
                resolver: Arc::new(Resolver::new()),
                pool,
                read_buffer: read_buffer(options.jobs),
                receive_buffer: receive_buffer(options),
                budget: Arc::default(),
                open: OpenCount::default(),
            },
            known: Mutex::default(),
        }
    }

    /// Returns how many connections are open, on all routes.
    pub(crate) fn open_connections(&self) -> usize {
        self.uses.open.get()
    }

    /// Returns what makes the connections of a route. The first route has the number 0.
    pub(crate) fn connector(&self, route: &Route) -> Arc<Connector> {
        let mut known = lock(&self.known);
        if let Some((_, connector)) = known.all.iter().find(|(known, _)| known == route) {
            return Arc::clone(connector);
        }
        if known.all.len() >= KEPT {
            known
                .all
                .retain(|(_, connector)| Arc::strong_count(connector) > 1);
        }
        let connector = Arc::new(Connector::new(known.next, route, &self.uses));
        known.next = known.next.wrapping_add(1);
        known.all.push((route.clone(), Arc::clone(&connector)));
        connector
    }

    /// Changes what makes the connections of a route that is not in use yet.
    #[cfg(test)]
    pub(crate) fn change(&self, route: &Route, change: impl FnOnce(Connector) -> Connector) {
        let mut known = lock(&self.known);
        let connector = change(Connector::new(known.next, route, &self.uses));
        known.next = known.next.wrapping_add(1);
        known.all.push((route.clone(), Arc::new(connector)));
    }

    /// Returns what makes the connections of the route of this number; `None` if that has gone.
    pub(crate) fn of_number(&self, number: u32) -> Option<Arc<Connector>> {
        let known = lock(&self.known);
        let mut all = known.all.iter().map(|(_, connector)| connector);
        all.find(|connector| connector.route() == number).cloned()
    }
}

/// Returns the most bytes that one read may bring: with few lanes large, since a read of 256 KiB
/// costs half of four of 64 KiB for each byte; with many smaller, so that together they stay within
/// bounds.
fn read_buffer(jobs: usize) -> usize {
    (READ_BUFFERS / jobs.max(1)).clamp(MIN_READ_BUFFER, MAX_READ_BUFFER)
}
