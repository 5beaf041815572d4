//! Work that waits for its time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Instant;

use super::HostId;

pub(super) struct Later<W> {
    waiting: BinaryHeap<Reverse<Entry<W>>>,
    pushed: u64,
}

struct Entry<W> {
    at: Instant,
    /// Keeps what is due at one instant in the order in which it came.
    order: u64,
    host: HostId,
    work: W,
}

impl<W> Later<W> {
    pub(super) fn new() -> Self {
        Self {
            waiting: BinaryHeap::new(),
            pushed: 0,
        }
    }

    pub(super) fn push(&mut self, at: Instant, host: HostId, work: W) {
        self.pushed += 1;
        self.waiting.push(Reverse(Entry {
            at,
            order: self.pushed,
            host,
            work,
        }));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse(entry)| entry.at)
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(HostId, W)> {
        if self.next()? > now {
            return None;
        }
        self.waiting
            .pop()
            .map(|Reverse(entry)| (entry.host, entry.work))
    }

    pub(super) fn drain(&mut self) -> Vec<W> {
        self.waiting
            .drain()
            .map(|Reverse(entry)| entry.work)
            .collect()
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
