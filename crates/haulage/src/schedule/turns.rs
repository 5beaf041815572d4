//! The hosts that wait for a slot for work of one run, in two lines. Pure.

use std::collections::VecDeque;

use super::HostId;

/// Hosts that wait for a slot. Proven ones, which have responded, take turns with unproven ones, so
/// that neither group delays the other.
#[derive(Debug, Default)]
pub(super) struct Turns {
    proven: VecDeque<HostId>,
    unproven: VecDeque<HostId>,
    /// The last turn was that of an unproven host.
    unproven_was_last: bool,
}

impl Turns {
    /// Puts a host at the end of its line.
    pub(super) fn push(&mut self, id: HostId, is_proven: bool) {
        if is_proven {
            self.proven.push_back(id);
        } else {
            self.unproven.push_back(id);
        }
    }

    /// Takes a host out of whichever line it waits in. Returns whether that is the one of proven
    /// hosts, and `None` if it waits in none.
    pub(super) fn remove(&mut self, id: HostId) -> Option<bool> {
        for (line, is_proven) in [(&mut self.proven, true), (&mut self.unproven, false)] {
            if let Some(at) = line.iter().position(|&other| other == id) {
                line.remove(at);
                return Some(is_proven);
            }
        }
        None
    }

    /// Returns whether no host waits.
    pub(super) fn is_empty(&self) -> bool {
        self.proven.is_empty() && self.unproven.is_empty()
    }

    /// Takes the host whose turn it is, and returns whether it is proven. `unproven_may`: there is
    /// a slot for a host that has not answered yet.
    pub(super) fn pop(&mut self, unproven_may: bool) -> Option<(HostId, bool)> {
        let is_unprovens = unproven_may && (!self.unproven_was_last || self.proven.is_empty());
        let unproven = is_unprovens.then(|| self.unproven.pop_front()).flatten();
        self.unproven_was_last = unproven.is_some();
        let unproven = unproven.map(|id| (id, false));
        unproven.or_else(|| self.proven.pop_front().map(|id| (id, true)))
    }

    /// Returns whether a host waits that could have the next slot.
    pub(super) fn are_due(&self, unproven_may: bool) -> bool {
        !self.proven.is_empty() || unproven_may && !self.unproven.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(turns: &mut Turns, unproven_may: bool) -> Vec<usize> {
        let ids = std::iter::from_fn(|| turns.pop(unproven_may));
        ids.map(|(id, _)| id.0).collect()
    }

    fn filled() -> Turns {
        let mut turns = Turns::default();
        for nth in 0..3 {
            turns.push(HostId(nth), true);
            turns.push(HostId(10 + nth), false);
        }
        turns
    }

    #[test]
    fn proven_and_unproven_hosts_alternate() {
        assert_eq!(all(&mut filled(), true), [10, 0, 11, 1, 12, 2]);
    }

    #[test]
    fn without_a_slot_for_them_unproven_hosts_keep_their_places() {
        let mut turns = filled();
        assert_eq!(all(&mut turns, false), [0, 1, 2]);
        assert!(!turns.are_due(false) && turns.are_due(true));
        turns.remove(HostId(11));
        assert_eq!(all(&mut turns, true), [10, 12]);
    }
}
