//! Counts what comes from one host, or from all, on whichever thread.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::rate::Line;

/// Bytes of bodies that have come, and whose turn it is to receive more, where that is limited.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    bytes: AtomicU64,
    line: Line,
}

impl Meter {
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }
}
