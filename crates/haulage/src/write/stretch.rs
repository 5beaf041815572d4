//! The bytes of a part that one response brings.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes that one response brings, one after another: how far it has come, and where it is to stop. Read by others while it
/// goes on.
#[derive(Debug)]
pub(crate) struct Stretch {
    start: u64,
    /// All before this, from the start on, has been written.
    at: AtomicU64,
    end: AtomicU64,
}

impl Stretch {
    pub(crate) fn new(range: Range<u64>) -> Self {
        Self {
            start: range.start,
            at: AtomicU64::new(range.start),
            end: AtomicU64::new(range.end),
        }
    }

    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// What has been written.
    pub(crate) fn written(&self) -> Range<u64> {
        self.start..self.at.load(Ordering::Acquire)
    }

    /// So many bytes more have been written.
    pub(super) fn wrote(&self, bytes: u64) {
        self.at.fetch_add(bytes, Ordering::AcqRel);
    }

    /// How many are still to be written.
    pub(crate) fn left(&self) -> u64 {
        self.end().saturating_sub(self.at.load(Ordering::Acquire))
    }

    /// Nothing of it counts: what was written may not be there.
    pub(super) fn void(&self) {
        self.at.store(self.start, Ordering::Release);
    }
}
