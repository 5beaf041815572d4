//! Siblings: hosts of one origin on several routes. To their server they are one host, so its cap
//! and its `Retry-After` hold for all of them together.

use std::time::Instant;

use super::{HostId, Schedule, key};

impl<W, L: Clone + PartialEq, S: Clone> Schedule<W, L, S> {
    /// Makes a new host known to those of the same origin.
    pub(super) fn join_siblings(&mut self, id: HostId) {
        let (route, own) = key::split(&self.hosts[id.0].key);
        self.has_routes |= route > 0;
        if !self.has_routes {
            return;
        }
        let others = self
            .hosts
            .iter()
            .filter(|(_, host)| key::split(&host.key).1 == own);
        let others = others.map(|(other, _)| HostId(other));
        let siblings: Vec<_> = others.filter(|other| *other != id).collect();
        let mut closed_until = None;
        for other in &siblings {
            self.hosts[other.0].siblings.push(id);
            closed_until = closed_until.max(self.hosts[other.0].closed_until);
        }
        self.hosts[id.0].siblings = siblings;
        if let Some(until) = closed_until {
            self.close_one(id, until);
        }
    }

    /// Forgets a host that has gone.
    pub(super) fn leave_siblings(&mut self, gone: HostId, siblings: &[HostId]) {
        for other in siblings {
            self.hosts[other.0].siblings.retain(|id| *id != gone);
        }
    }

    /// Returns whether the siblings of a host leave it room for one more request.
    pub(super) fn siblings_allow_one(&self, id: HostId) -> bool {
        let host = &self.hosts[id.0];
        let others = host.siblings.iter().map(|other| self.hosts[other.0].busy);
        host.siblings.is_empty() || host.busy + others.sum::<usize>() < host.limit.most()
    }

    /// Lets the siblings of a host go on that may have waited for it.
    pub(super) fn offer_siblings(&mut self, id: HostId) {
        for nth in 0..self.hosts[id.0].siblings.len() {
            let other = self.hosts[id.0].siblings[nth];
            self.offer(other);
        }
    }

    /// Starts nothing at the siblings of a host until then.
    pub(super) fn close_siblings(&mut self, id: HostId, until: Instant) {
        for nth in 0..self.hosts[id.0].siblings.len() {
            let other = self.hosts[id.0].siblings[nth];
            self.close_one(other, until);
        }
    }
}
