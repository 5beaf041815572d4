//! Work that waits for its time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Instant;

use super::HostId;
use super::runs::RunId;

/// What happens when a time has come.
pub(super) enum Due<W> {
    /// This work of a run goes to its host's queue.
    Work(RunId, W),
    /// A host that was closed may be asked again.
    Reopen,
}

pub(super) struct Later<W> {
    waiting: BinaryHeap<Reverse<Entry<W>>>,
    pushed: u64,
}

struct Entry<W> {
    at: Instant,
    /// Keeps what is due at one instant in the order in which it came.
    order: u64,
    host: HostId,
    due: Due<W>,
}

impl<W> Later<W> {
    pub(super) fn new() -> Self {
        Self {
            waiting: BinaryHeap::new(),
            pushed: 0,
        }
    }

    pub(super) fn push(&mut self, at: Instant, host: HostId, due: Due<W>) {
        self.pushed += 1;
        self.waiting.push(Reverse(Entry {
            at,
            order: self.pushed,
            host,
            due,
        }));
    }

    /// Returns how much work waits for its time.
    pub(super) fn works(&self) -> usize {
        let is_work = |entry: &&Reverse<Entry<W>>| matches!(entry.0.due, Due::Work(..));
        self.waiting.iter().filter(is_work).count()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse(entry)| entry.at)
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(HostId, Due<W>)> {
        if self.next()? > now {
            return None;
        }
        self.waiting
            .pop()
            .map(|Reverse(entry)| (entry.host, entry.due))
    }

    /// Takes the work of the hosts out that are meant, with its host.
    pub(super) fn take(&mut self, is_meant: impl Fn(HostId) -> bool) -> Vec<(HostId, W)> {
        let mut taken = Vec::new();
        for Reverse(entry) in std::mem::take(&mut self.waiting) {
            match entry.due {
                Due::Work(_, work) if is_meant(entry.host) => taken.push((entry.host, work)),
                due => self.waiting.push(Reverse(Entry { due, ..entry })),
            }
        }
        taken
    }
}

impl<W> Later<W> {
    /// Takes the work of one run out that `is_meant`: with its host, and when it is due.
    pub(super) fn extract(
        &mut self,
        run: RunId,
        is_meant: impl Fn(&W) -> bool,
    ) -> Vec<(HostId, Instant, W)> {
        let mut taken = Vec::new();
        for Reverse(entry) in std::mem::take(&mut self.waiting).into_sorted_vec() {
            match entry.due {
                Due::Work(of, work) if of == run && is_meant(&work) => {
                    taken.push((entry.host, entry.at, work));
                }
                due => self.waiting.push(Reverse(Entry { due, ..entry })),
            }
        }
        taken.reverse();
        taken
    }
}

impl<W> Entry<W> {
    fn key(&self) -> (Instant, u64) {
        (self.at, self.order)
    }
}

impl<W> PartialEq for Entry<W> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<W> Eq for Entry<W> {}

impl<W> PartialOrd for Entry<W> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<W> Ord for Entry<W> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}
