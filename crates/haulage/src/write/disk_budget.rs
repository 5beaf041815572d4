//! What the writers of an engine share, so that many folders take no more than one.
//!
//! How many bytes may wait for the disk is not among it: each folder has its own bound, so that a
//! disk that hangs holds up nobody but its own runs. In all, no more than what the requests in
//! flight have brought can wait.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::batch::Buffers;

/// Most bodies that flow to their files directly at once, each with a thread of its own.
const FLOWS: usize = 8;

/// The buffers and the threads of all writers of an engine.
pub(crate) struct DiskBudget {
    pub(super) buffers: Arc<Buffers>,
    pub(super) flows: Arc<Semaphore>,
}

impl Default for DiskBudget {
    fn default() -> Self {
        Self {
            buffers: Arc::default(),
            flows: Arc::new(Semaphore::new(FLOWS)),
        }
    }
}
