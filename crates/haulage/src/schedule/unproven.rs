//! Hosts that have not answered anything yet: they get at most half of the slots, however many they
//! are, and take turns in them.
//!
//! Where new hosts answer at once, one after another, and no other host waits, they get more: a
//! list may have one row for each of its hosts.
//!
//! A host is unproven until its first response, whatever that says. Many such hosts may be dead,
//! and each of them would hold its slots until its requests time out. So a request that has no
//! response after a while goes back to its queue when other hosts wait for the slot. With each turn
//! that it gets it may wait four times as long, so that a slow host is heard in the end.

use std::time::{Duration, Instant};

use super::{HostId, Schedule};

/// How long a request to an unproven host may wait at first, for a connection and then for a
/// response, before it gives way to others.
const PATIENCE: Duration = Duration::from_secs(1);
/// With its next turn it may wait this many times as long. What it has waited before is lost, so a
/// slow host should not need many turns.
const GROWTH: u32 = 4;

/// Returns the first patience with a host where unproven hosts have this many `slots` together.
///
/// With one slot, requests that give way delay everything else, so they wait longer at first.
pub(super) fn first_patience(slots: usize) -> Duration {
    if slots == 1 { PATIENCE * 2 } else { PATIENCE }
}

/// Returns how long a request may wait after one that has `waited` in vain.
pub(super) fn grown(waited: Duration) -> Duration {
    waited.saturating_mul(GROWTH)
}

impl<W, L: Clone + PartialEq, S: Clone> Schedule<W, L, S> {
    /// Returns whether there is a slot for a host that has not answered yet.
    pub(super) fn unproven_may(&self) -> bool {
        // The only host there is, and will be, holds up nobody.
        let is_alone = self.runs.have_all() && self.hosts.len() == 1;
        self.unproven < self.most_unproven() || is_alone
    }

    /// Returns how many slots the hosts that have not answered yet get together.
    pub(super) fn most_unproven(&self) -> usize {
        let most = self.global_limit.most();
        let half = (most / 2).max(1);
        if self.runs.has_proven() {
            return half;
        }
        (half + self.proofs / 2).min(most)
    }

    /// Notes that a host has answered something.
    pub(super) fn prove(&mut self, id: HostId) {
        let host = &mut self.hosts[id.0];
        if std::mem::replace(&mut host.is_proven, true) {
            return;
        }
        self.unproven -= host.busy;
        self.proofs += usize::from(host.busy > 0);
        for run in host.queue.turns() {
            self.runs.take_out(run, id);
            self.runs.push(run, id, true);
        }
    }

    /// Proves hosts whose first response is still coming, a few times a second.
    pub(super) fn prove_those_heard(&mut self) {
        self.proofs /= 2;
        let hosts = self.hosts.iter();
        let heard = hosts.filter(|(_, host)| !host.is_proven && host.meter.bytes() > 0);
        let heard: Vec<_> = heard.map(|(id, _)| HostId(id)).collect();
        for id in heard {
            self.prove(id);
        }
    }

    /// Decides whether a request that has `waited` until `now` for a host in vain is to give its
    /// slot to another host. Then the host's next ones wait `GROWTH` times as long.
    pub(crate) fn gives_way(&mut self, id: HostId, waited: Duration, now: Instant) -> bool {
        if self.hosts[id.0].is_proven {
            return false;
        }
        let is_full = self.unproven >= self.most_unproven();
        let own = self.hosts[id.0].queue.turns().count();
        let holds_up_unproven = is_full && self.runs.unproven() > own;
        // Half of one slot is its half of the time.
        let is_over = 2 * self.unproven > self.global_limit.most();
        let holds_up_proven = is_over && self.runs.has_proven();
        let gives_way = holds_up_unproven || holds_up_proven;
        if gives_way {
            let host = &mut self.hosts[id.0];
            host.patience = host.patience.max(grown(waited));
            self.is_due_earlier |= self.proxies.on_gave_way(host.proxy, waited, now);
        }
        gives_way
    }
}
