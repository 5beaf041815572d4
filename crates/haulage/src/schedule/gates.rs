//! Gates: a gate is what several hosts are reached through, such as a proxy. Limits how many
//! requests may be in flight through it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::{HostId, Schedule};

/// The most waiting hosts that are offered a free slot of a gate. A host that does not take it is
/// blocked for another reason.
const OFFERED: usize = 64;

/// All gates.
#[derive(Debug, Default)]
pub(super) struct Gates {
    by_name: HashMap<Arc<str>, usize>,
    all: Vec<Gate>,
}

#[derive(Debug)]
struct Gate {
    most: usize,
    busy: usize,
    /// Hosts that wait for a slot of this gate.
    waiting: VecDeque<HostId>,
}

impl<W, L: Clone + PartialEq, S: Clone> Schedule<W, L, S> {
    /// Lets a new host pass the gate of this name, through which at most so much may be in flight.
    pub(crate) fn pass_gate(&mut self, id: HostId, name: &str, most: usize) {
        let gates = &mut self.gates;
        let gate = gates.by_name.get(name).copied().unwrap_or_else(|| {
            gates.by_name.insert(name.into(), gates.all.len());
            gates.all.push(Gate {
                most,
                busy: 0,
                waiting: VecDeque::new(),
            });
            gates.all.len() - 1
        });
        self.hosts[id.0].gate = Some(gate);
        // A connection without a request would take a slot at the proxy.
        self.open_none_ahead(id);
    }

    /// Returns whether one more may be in flight through the gate of a host. If not, the host is
    /// offered the next place.
    pub(super) fn gate_allows_one(&mut self, id: HostId) -> bool {
        let Some(gate) = self.hosts[id.0].gate else {
            return true;
        };
        let gate = &mut self.gates.all[gate];
        let is_open = gate.busy < gate.most;
        if !is_open && !gate.waiting.contains(&id) {
            gate.waiting.push_back(id);
        }
        is_open
    }

    /// Returns how many more may be in flight through the gate of a host; `None` if it has none.
    pub(super) fn places_at_gate(&self, id: HostId) -> Option<usize> {
        let gate = &self.gates.all[self.hosts[id.0].gate?];
        Some(gate.most.saturating_sub(gate.busy))
    }

    /// Notes that a piece of work of a host is in flight through its gate, if it has one.
    pub(super) fn enter_gate(&mut self, id: HostId) {
        if let Some(gate) = self.hosts[id.0].gate {
            self.gates.all[gate].busy += 1;
        }
    }

    /// Notes that a piece of work of a host is no longer in flight, and offers its place to hosts
    /// that wait for the gate.
    pub(super) fn leave_gate(&mut self, id: HostId) {
        let Some(gate) = self.hosts[id.0].gate else {
            return;
        };
        self.gates.all[gate].busy -= 1;
        let mut offered = 0;
        while offered < OFFERED
            && let Some(other) = self.gates.all[gate].waiting.pop_front()
        {
            let host = self.hosts.get(other.0);
            if host.is_some_and(|host| host.gate == Some(gate) && host.could_start()) {
                offered += 1;
                self.offer(other);
            }
        }
    }
}
