//! What waits for hosts that are set aside need not wait in memory.

use std::sync::Arc;
use std::time::Instant;

use super::{RunId, Schedule};

impl<W, L: Clone + PartialEq, S: Clone> Schedule<W, L, S> {
    /// Takes back work of a run that waits for hosts that are set aside, but for the first `keep`
    /// of each and what may not go: with each host's key.
    pub(crate) fn take_back(
        &mut self,
        run: RunId,
        now: Instant,
        keep: usize,
        may_go: impl Fn(&W) -> bool,
    ) -> Vec<(Arc<str>, Vec<W>)> {
        let proxies = &self.proxies;
        let hosts = self.hosts.iter_mut().map(|(_, host)| host);
        let long = hosts.filter(|host| {
            let waits = host.is_set_aside(now) || proxies.is_down(host.proxy);
            host.queue.len() > keep && waits
        });
        let taken = long.map(|host| {
            let gone = host.queue.extract(run, keep, &may_go);
            (Arc::clone(&host.key), gone)
        });
        taken.filter(|(_, gone)| !gone.is_empty()).collect()
    }

    /// Returns whether fewer than `enough` pieces of work wait for the host of this key, and it is
    /// not set aside.
    pub(crate) fn is_asked_for_little(&self, key: &str, now: Instant, enough: usize) -> bool {
        self.by_key.get(key).is_none_or(|id| {
            let host = &self.hosts[id.0];
            let waits = host.is_set_aside(now) || self.proxies.is_down(host.proxy);
            host.queue.len() + host.later < enough && !waits
        })
    }

    /// Returns the key of a host.
    pub(crate) fn key(&self, id: super::HostId) -> Arc<str> {
        Arc::clone(&self.hosts[id.0].key)
    }
}
