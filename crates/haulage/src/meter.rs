//! Counts the bytes received from one host, for one run, or in total, on any thread.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::rate::VirtualQueue;

/// Bytes of bodies received so far, and the queue for receiving more, if that is limited.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    bytes: AtomicU64,
    queue: VirtualQueue,
}

impl Meter {
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn queue(&self) -> &VirtualQueue {
        &self.queue
    }
}
