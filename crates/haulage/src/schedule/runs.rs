//! The runs that share the slots, and whose turn it is for the next one. Pure.

use std::collections::VecDeque;

use slab::Slab;

use super::HostId;
use super::turns::Turns;
use crate::priority::Priority;

/// Identifies a run in the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RunId(pub(super) usize);

impl RunId {
    /// Stands for no run.
    pub(super) const NONE: Self = Self(usize::MAX);
}

/// The runs, and the hosts that wait for a slot on behalf of each. Runs of a higher priority come
/// first; runs of equal priority take turns, and so do the hosts of each.
#[derive(Default)]
pub(super) struct Runs {
    all: Slab<Run>,
    /// Runs for which hosts wait, by priority.
    waiting: [VecDeque<RunId>; Priority::COUNT],
    /// How many proven hosts wait; a host counts once for each run.
    proven: usize,
    /// How many unproven hosts wait, counted likewise.
    unproven: usize,
    /// How many runs may still queue rows.
    reading: usize,
}

struct Run {
    priority: Priority,
    /// The most work of it that may be in flight.
    jobs: usize,
    busy: usize,
    turns: Turns,
    /// Whether it is among the waiting runs.
    is_waiting: bool,
    has_all: bool,
    /// Whether it has ended: it is removed once none of its work is in flight.
    is_over: bool,
    /// Hosts with work of it that wait because `jobs` pieces of its work are in flight.
    held_up: Vec<HostId>,
}

impl Runs {
    /// Adds a run, which may have so much work in flight.
    pub(super) fn add(&mut self, priority: Priority, jobs: usize) -> RunId {
        self.reading += 1;
        RunId(self.all.insert(Run {
            priority,
            jobs,
            busy: 0,
            turns: Turns::default(),
            is_waiting: false,
            has_all: false,
            is_over: false,
            held_up: Vec::new(),
        }))
    }

    /// Forgets a run of which nothing waits, once nothing of it is in flight. Returns the hosts
    /// that stood in its line.
    pub(super) fn remove(&mut self, run: RunId) -> Vec<HostId> {
        self.note_all(run);
        let left = self.leave(run);
        if let Some(known) = self.all.get_mut(run.0) {
            known.is_over = true;
            if known.busy == 0 {
                self.all.remove(run.0);
            }
        }
        left
    }

    /// Notes that all rows of a run have been queued.
    pub(super) fn note_all(&mut self, run: RunId) {
        if let Some(run) = self.all.get_mut(run.0)
            && !std::mem::replace(&mut run.has_all, true)
        {
            self.reading -= 1;
        }
    }

    /// Returns whether all rows of all runs have been queued.
    pub(super) fn have_all(&self) -> bool {
        self.reading == 0
    }

    /// Returns how urgent a run is; `None` if none of its work may be begun.
    pub(super) fn rank(&self, run: RunId) -> Option<Priority> {
        let run = self.all.get(run.0)?;
        (run.busy < run.jobs).then_some(run.priority)
    }

    /// Counts work of a run that is in flight from now on.
    pub(super) fn begin(&mut self, run: RunId) {
        if let Some(run) = self.all.get_mut(run.0) {
            run.busy += 1;
        }
    }

    /// Counts work of a run that is no longer in flight. Returns the hosts that may go on with
    /// other work of it.
    pub(super) fn end(&mut self, run: RunId) -> Vec<HostId> {
        let Some(known) = self.all.get_mut(run.0) else {
            return Vec::new();
        };
        known.busy -= 1;
        let held_up = std::mem::take(&mut known.held_up);
        if known.is_over && known.busy == 0 {
            self.all.remove(run.0);
        }
        held_up
    }

    /// Notes that a host could go on with work of a run, had that not as much in flight as it may.
    pub(super) fn hold_up(&mut self, run: RunId, host: HostId) {
        if let Some(run) = self.all.get_mut(run.0)
            && !run.held_up.contains(&host)
        {
            run.held_up.push(host);
        }
    }

    /// Puts a host at the end of the line of a run.
    pub(super) fn push(&mut self, run: RunId, host: HostId, is_proven: bool) {
        let Some(known) = self.all.get_mut(run.0) else {
            return;
        };
        known.turns.push(host, is_proven);
        *count(&mut self.proven, &mut self.unproven, is_proven) += 1;
        if !std::mem::replace(&mut known.is_waiting, true) {
            self.waiting[known.priority as usize].push_back(run);
        }
    }

    /// Takes a host out of the line of a run.
    pub(super) fn take_out(&mut self, run: RunId, host: HostId) {
        let known = self.all.get_mut(run.0);
        if let Some(is_proven) = known.and_then(|known| known.turns.remove(host)) {
            *count(&mut self.proven, &mut self.unproven, is_proven) -= 1;
        }
    }

    /// Takes the host whose turn it is, and the run for whose work. `unproven_may`: there is a slot
    /// for a host that has not answered yet.
    pub(super) fn pop(&mut self, unproven_may: bool) -> Option<(RunId, HostId)> {
        for waiting in self.waiting.iter_mut().rev() {
            for _ in 0..waiting.len() {
                let run = waiting.pop_front()?;
                let Some(known) = self.all.get_mut(run.0) else {
                    continue;
                };
                let popped = known.turns.pop(unproven_may);
                known.is_waiting = !known.turns.is_empty();
                if known.is_waiting {
                    waiting.push_back(run);
                }
                if let Some((host, is_proven)) = popped {
                    *count(&mut self.proven, &mut self.unproven, is_proven) -= 1;
                    return Some((run, host));
                }
            }
        }
        None
    }

    /// Returns whether a host waits that could have the next slot.
    pub(super) fn are_due(&self, unproven_may: bool) -> bool {
        self.proven > 0 || unproven_may && self.unproven > 0
    }

    /// Returns whether a host waits that could have the next slot, for work that is more urgent
    /// than this.
    pub(super) fn are_more_urgent_due(&self, than: Priority, unproven_may: bool) -> bool {
        let more_urgent = &self.waiting[than as usize + 1..];
        let mut runs = more_urgent.iter().flatten();
        runs.any(|run| {
            let run = self.all.get(run.0);
            run.is_some_and(|run| run.turns.are_due(unproven_may))
        })
    }

    /// Returns whether a host waits that has answered.
    pub(super) fn has_proven(&self) -> bool {
        self.proven > 0
    }

    /// Returns how many hosts wait that have not answered yet, counted for each run.
    pub(super) fn unproven(&self) -> usize {
        self.unproven
    }

    /// Changes how urgent a run is.
    pub(super) fn set_priority(&mut self, run: RunId, priority: Priority) {
        let Some(known) = self.all.get_mut(run.0) else {
            return;
        };
        let before = std::mem::replace(&mut known.priority, priority);
        if before != priority && known.is_waiting {
            self.waiting[before as usize].retain(|other| *other != run);
            self.waiting[priority as usize].push_back(run);
        }
    }

    /// Takes all hosts out of the line of a run, and returns them.
    pub(super) fn leave(&mut self, run: RunId) -> Vec<HostId> {
        let Some(known) = self.all.get_mut(run.0) else {
            return Vec::new();
        };
        known.held_up.clear();
        if std::mem::take(&mut known.is_waiting) {
            self.waiting[known.priority as usize].retain(|other| *other != run);
        }
        let mut left = Vec::new();
        while let Some((host, is_proven)) = known.turns.pop(true) {
            *count(&mut self.proven, &mut self.unproven, is_proven) -= 1;
            left.push(host);
        }
        left
    }
}

fn count<'a>(proven: &'a mut usize, unproven: &'a mut usize, is_proven: bool) -> &'a mut usize {
    if is_proven { proven } else { unproven }
}
