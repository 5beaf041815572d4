//! What the writers of an engine share, so that many folders use no more than one.
//!
//! The limit of bytes that wait for the disk is not shared: each folder has its own, so that a disk
//! that hangs delays only its own runs. In total, no more can wait than the requests in flight have
//! received.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::batch::Buffers;

/// The most bodies that are moved directly to their files at once, each on a thread of its own.
const MAX_DIRECT_COPIES: usize = 8;

/// The buffers and the threads of all writers of an engine.
pub(crate) struct DiskBudget {
    pub(super) buffers: Arc<Buffers>,
    pub(super) direct_copies: Arc<Semaphore>,
}

impl Default for DiskBudget {
    fn default() -> Self {
        Self {
            buffers: Arc::default(),
            direct_copies: Arc::new(Semaphore::new(MAX_DIRECT_COPIES)),
        }
    }
}
