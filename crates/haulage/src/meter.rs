//! Counts the bytes received from one host, for one run, or in total, on any thread.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::rate::Line;

/// Bytes of bodies received so far, and the line of turns to receive more, if that is limited.
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
