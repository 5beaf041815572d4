//! The network's end of a part: bytes go in on a network thread, which goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::batch::{Batch, Buffers};
use super::commit::Saving;
use super::content::Content;
use super::disk::Disk;
use super::flow::{self, Flow};
use super::part::{Part, Step};
use super::pump::Broken;
use crate::error::Error;
use crate::pool::BlockingPool;

/// Bytes that may wait for the disk in all.
const BUDGET: usize = 6 << 20;
/// Bytes that go to the disk's threads at once: one hand-over costs about as much as copying 16 KiB.
pub(super) const BATCH: usize = 128 << 10;
/// Most bodies that flow to their files directly at once, each with a thread of its own.
const FLOWS: usize = 8;
/// Bytes that one permit of the budget stands for.
const PERMIT: usize = 1 << 10;

/// Makes parts.
pub(crate) struct Writer {
    disk: Arc<dyn Disk>,
    pool: Arc<BlockingPool>,
    budget: Arc<Semaphore>,
    buffers: Arc<Buffers>,
    flows: Arc<Semaphore>,
    parts: AtomicU64,
    /// Bytes were handed over that can never be taken back.
    given_away: Arc<AtomicBool>,
}

impl Writer {
    pub(crate) fn new(disk: Arc<dyn Disk>, pool: Arc<BlockingPool>) -> Self {
        Self {
            disk,
            pool,
            budget: Arc::new(Semaphore::new(BUDGET / PERMIT)),
            buffers: Arc::default(),
            flows: Arc::new(Semaphore::new(FLOWS)),
            parts: AtomicU64::new(0),
            given_away: Arc::default(),
        }
    }

    /// Whether bytes of a file have gone where they cannot be taken back, so that it cannot be begun again. True as soon as
    /// they were handed over.
    pub(crate) fn has_given_away(&self) -> bool {
        self.given_away.load(Ordering::Acquire)
    }

    /// A new part, of whose bytes this is asked. Its file is created with its first bytes.
    pub(crate) fn part(&self, content: Option<Box<Content>>) -> PartWriter {
        PartWriter {
            saved_as_it_is: content.is_none(),
            part: Arc::new(Part::new(
                self.parts.fetch_add(1, Ordering::Relaxed),
                Arc::clone(&self.disk),
                Arc::clone(&self.budget),
                Arc::clone(&self.buffers),
                content,
            )),
            pool: Arc::clone(&self.pool),
            flows: Arc::clone(&self.flows),
            pending: Batch::default(),
            given_away: (!self.disk.keeps_files()).then(|| Arc::clone(&self.given_away)),
        }
    }
}

/// The network's end of a part. Dropped before [`commit`](Self::commit), it takes the part with it.
pub(crate) struct PartWriter {
    part: Arc<Part>,
    pool: Arc<BlockingPool>,
    flows: Arc<Semaphore>,
    /// Nothing is asked of its bytes.
    saved_as_it_is: bool,
    pending: Batch,
    /// Where the destination keeps nothing: told before anything is handed over.
    given_away: Option<Arc<AtomicBool>>,
}

impl PartWriter {
    /// Adds bytes at the end. Waits while the disk is behind.
    ///
    /// # Errors
    /// What an earlier write of this part met.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.pending.push(bytes, self.part.buffers());
        // Whoever reads a stream has each byte as soon as it is there.
        if self.pending.length() < BATCH && self.given_away.is_none() {
            return Ok(());
        }
        self.part.wait_for_room().await?;
        self.give_away();
        let (batch, permits) = self.take_pending().await;
        self.part.push(&self.pool, Step::Write(batch, permits));
        Ok(())
    }

    /// A place for a body that is to flow to its file directly, where the disk can take one and not too many do so already.
    pub(crate) fn place_for_flow(&self) -> Option<OwnedSemaphorePermit> {
        if !self.saved_as_it_is || !self.part.disk().takes_flows() {
            return None;
        }
        Arc::clone(&self.flows).try_acquire_owned().ok()
    }

    /// Adds what comes from a socket, after what has been added so far. It goes to the file on a thread of its own.
    ///
    /// # Errors
    /// What an earlier write of this part met.
    pub(crate) async fn flow(
        &mut self,
        flow: Flow,
        place: OwnedSemaphorePermit,
    ) -> Result<Result<(), Broken>, Error> {
        let (batch, permits) = self.take_pending().await;
        self.part.push(&self.pool, Step::Write(batch, permits));
        self.part.wait_until_idle().await?;
        match flow::order(flow, place) {
            Ok((order, mut told)) => {
                self.part.push_to_own_thread(&self.pool, Step::Flow(order));
                Ok(told.result().await)
            }
            Err(broken) => Ok(Err(broken)),
        }
    }

    /// Says that these were all; `saving` is told what came of it.
    pub(crate) async fn commit(mut self, saving: Saving) {
        self.give_away();
        let (rest, permits) = self.take_pending().await;
        self.part
            .push(&self.pool, Step::Commit(rest, permits, saving));
    }

    fn give_away(&self) {
        if let Some(given_away) = &self.given_away {
            given_away.store(true, Ordering::Release);
        }
    }

    /// Takes what is pending, with its share of the budget.
    async fn take_pending(&mut self) -> (Batch, u32) {
        let permits = (self.pending.held().div_ceil(PERMIT)).min(BUDGET / PERMIT);
        let permits = u32::try_from(permits).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        if let Ok(share) = self.part.budget().acquire_many(permits).await {
            share.forget();
        }
        (std::mem::take(&mut self.pending), permits)
    }
}

impl Drop for PartWriter {
    fn drop(&mut self) {
        // After a commit this finds nothing to do.
        if self.part.is_open() {
            self.part.push(&self.pool, Step::Abandon);
        }
    }
}
