//! The network side of a part: a network thread adds bytes, and continues.

use std::io;
use std::net::TcpStream;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::assembly::{Assembly, SegmentClaim};
use super::batch::{Batch, Buffers};
use super::commit::Saving;
use super::committer::Committer;
use super::content::Content;
use super::direct::{self, CopyError, DirectCopy};
use super::disk_budget::DiskBudget;
use super::part::{Part, PartOp};
use super::segment::Segment;
use super::slot::SegmentSlot;
use super::storage::Storage;
use super::strictest::Strictest;
use super::syncs::Syncs;
use crate::error::Error;
use crate::pool::BlockingPool;

/// The most bytes that wait for the disk of one folder, in total.
const BUDGET: usize = 4 << 20;
/// Bytes that are handed to the disk threads at once: a hand-over costs as much as copying 16 KiB.
pub(super) const BATCH: usize = 128 << 10;
/// Bytes that one permit of the budget stands for.
const PERMIT: usize = 1 << 10;

/// Creates parts.
pub(crate) struct Writer {
    storage: Arc<Storage>,
    committer: Arc<Committer>,
    pool: Arc<BlockingPool>,
    budget: Arc<Semaphore>,
    buffers: Arc<Buffers>,
    direct_copies: Arc<Semaphore>,
    parts: AtomicU64,
    /// The number of runs that have something in flight.
    busy: AtomicUsize,
    /// Bytes were handed over that cannot be taken back.
    is_irrevocable: Arc<AtomicBool>,
}

impl Writer {
    pub(crate) fn new(
        storage: Arc<Storage>,
        syncs: Arc<Syncs>,
        pool: Arc<BlockingPool>,
        durability: Arc<Strictest>,
        shared: &DiskBudget,
    ) -> Self {
        Self {
            budget: Arc::new(Semaphore::new(BUDGET / PERMIT)),
            buffers: Arc::clone(&shared.buffers),
            direct_copies: Arc::clone(&shared.direct_copies),
            committer: Arc::new(Committer::new(
                Arc::clone(&storage),
                syncs,
                Arc::clone(&pool),
                durability,
            )),
            parts: AtomicU64::new(storage.first_part()),
            busy: AtomicUsize::new(0),
            is_irrevocable: Arc::default(),
            pool,
            storage,
        }
    }

    /// Notes that a run has something in flight from now on.
    pub(crate) fn run_is_busy(&self) {
        if self.busy.fetch_add(1, Ordering::AcqRel) == 0 {
            self.committer.set_quiet(false);
        }
    }

    /// Notes that a run has nothing in flight any more. If no run has, no other file can join those
    /// that wait for their names: they get them at once.
    pub(crate) fn run_is_quiet(&self) {
        if self.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.committer.set_quiet(true);
        }
    }

    /// Lets files that wait for their names get them at once, since a run is being stopped.
    pub(crate) fn hurry(&self) {
        self.committer.set_quiet(true);
    }

    /// Returns whether bytes of a file have been given away and cannot be taken back, so that it
    /// cannot be restarted. This is so as soon as they are handed over.
    pub(crate) fn is_irrevocable(&self) -> bool {
        self.is_irrevocable.load(Ordering::Acquire)
    }

    /// Creates a new part, with `content` if anything is asked of its bytes besides saving them.
    /// Its file is created with its first bytes.
    pub(crate) fn part(&self, content: Option<Box<Content>>) -> PartWriter {
        self.open(self.next_number(), content, None)
    }

    /// Returns the number of a part that does not exist yet; each call returns another one.
    pub(crate) fn next_number(&self) -> u64 {
        self.parts.fetch_add(1, Ordering::Relaxed)
    }

    /// Begins to write a segment of a part that others may write to as well, with bytes from one of
    /// its item's URLs.
    pub(crate) fn write_segment(
        &self,
        range: Range<u64>,
        source: usize,
        assembly: &Arc<Assembly>,
        content: Option<Box<Content>>,
    ) -> PartWriter {
        let slot = SegmentSlot {
            assembly: Arc::clone(assembly),
            segment: assembly.begin(range, source),
        };
        self.open(assembly.number, content, Some(slot))
    }

    /// Begins to write a segment that was requested, now that there is a response for it; `None` if
    /// nothing is left of it.
    pub(crate) fn write_claimed(&self, claim: SegmentClaim) -> Option<PartWriter> {
        let assembly = Arc::clone(&claim.assembly);
        let slot = SegmentSlot {
            segment: claim.into_segment()?,
            assembly,
        };
        Some(self.open(slot.assembly.number, None, Some(slot)))
    }

    fn open(
        &self,
        number: u64,
        content: Option<Box<Content>>,
        slot: Option<SegmentSlot>,
    ) -> PartWriter {
        if let Some(slot) = &slot {
            slot.assembly.notify_recorder();
        }
        PartWriter {
            // What does not begin the file is hashed at the end, when the file is read again.
            saved_as_it_is: content.is_none()
                || slot.as_ref().is_some_and(|slot| slot.segment.start() > 0),
            slot: slot.clone(),
            sent: 0,
            part: Arc::new(Part::new(
                number,
                Arc::clone(&self.storage),
                Arc::clone(&self.committer),
                Arc::clone(&self.budget),
                Arc::clone(&self.buffers),
                content,
                slot,
            )),
            pool: Arc::clone(&self.pool),
            direct_copies: Arc::clone(&self.direct_copies),
            pending: Batch::default(),
            is_irrevocable: self
                .storage
                .kept()
                .is_none()
                .then(|| Arc::clone(&self.is_irrevocable)),
        }
    }
}

/// The network side of a part. If it is dropped before [`commit`](Self::commit), the part is
/// removed, unless others can resume it.
pub(crate) struct PartWriter {
    part: Arc<Part>,
    pool: Arc<BlockingPool>,
    direct_copies: Arc<Semaphore>,
    /// Its bytes need no decoding or hashing.
    saved_as_it_is: bool,
    pending: Batch,
    slot: Option<SegmentSlot>,
    /// The number of bytes that were added.
    sent: u64,
    /// Set before anything is handed over; `None` if the destination keeps parts.
    is_irrevocable: Option<Arc<AtomicBool>>,
}

impl PartWriter {
    /// Adds bytes at the end, but none beyond the end of its segment. Waits while the disk is
    /// behind.
    ///
    /// # Errors
    /// What an earlier write of this part met.
    pub(crate) async fn write(&mut self, mut bytes: Bytes) -> Result<(), Error> {
        if let Some(slot) = &self.slot {
            let at = slot.segment.start() + self.sent;
            let admitted = slot.admit(at, bytes.len() as u64);
            bytes.truncate(usize::try_from(admitted).unwrap_or(usize::MAX));
            self.sent += admitted;
            slot.segment.received(self.sent);
        }
        self.pending.push(bytes, self.part.buffers());
        // The reader of a stream gets each byte at once.
        if self.pending.length() < BATCH && self.is_irrevocable.is_none() {
            return Ok(());
        }
        self.part.wait_for_room().await?;
        self.set_irrevocable();
        let (batch, permits) = self.take_pending().await;
        self.part.push(&self.pool, PartOp::Write(batch, permits));
        Ok(())
    }

    /// Returns the part's number.
    pub(crate) fn number(&self) -> u64 {
        self.part.number()
    }

    /// Returns the segment that it writes of a shared part; `None` for a part of its own.
    pub(crate) fn segment(&self) -> Option<Arc<Segment>> {
        self.slot.as_ref().map(|slot| Arc::clone(&slot.segment))
    }

    /// Returns its place in a shared part; `None` for a part of its own.
    pub(crate) fn slot(&self) -> Option<SegmentSlot> {
        self.slot.clone()
    }

    /// Returns whether others deliver the rest of its segment, since nothing of it came for a
    /// while.
    pub(crate) fn is_silent(&self) -> bool {
        let slot = self.slot.as_ref();
        slot.is_some_and(|slot| slot.segment.is_silent())
    }

    /// Returns how many more bytes its segment takes; `None` for a part of its own.
    pub(crate) fn left(&self) -> Option<u64> {
        let segment = &self.slot.as_ref()?.segment;
        Some(segment.end().saturating_sub(segment.start() + self.sent))
    }

    /// Returns whether it takes any more bytes. It does not when others have responses for what
    /// follows.
    pub(crate) fn try_extend(&self) -> bool {
        self.slot.as_ref().is_none_or(|slot| {
            let at = slot.segment.start() + self.sent;
            slot.admit(at, 1) > 0
        })
    }

    /// Closes a part that others can resume, once all added bytes are written; any other part is
    /// removed.
    ///
    /// # Errors
    /// The error of a write of this part; what has been written is known all the same.
    pub(crate) async fn keep_if_shared(mut self) -> Result<(), Error> {
        if self.slot.is_none() {
            return Ok(());
        }
        if self.pending.length() > 0 {
            let (rest, permits) = self.take_pending().await;
            self.part.push(&self.pool, PartOp::Write(rest, permits));
        }
        self.part.push(&self.pool, PartOp::Keep);
        let mut written = Ok(());
        loop {
            match self.part.wait_until_idle().await {
                Ok(()) => return written,
                Err(error) => written = Err(error),
            }
        }
    }

    /// Returns a permit for a body whose bytes are moved directly to its file; `None` if the disk
    /// cannot do that, if the bytes need decoding or hashing, or if too many bodies do so already.
    pub(crate) fn direct_copy_permit(&self) -> Option<OwnedSemaphorePermit> {
        if !self.saved_as_it_is || !self.part.takes_direct_copies() {
            return None;
        }
        Arc::clone(&self.direct_copies).try_acquire_owned().ok()
    }

    /// Adds bytes that come from a socket, after those added so far. A thread of its own writes
    /// them to the file.
    ///
    /// # Errors
    /// What an earlier write of this part met.
    pub(crate) async fn copy_directly(
        &mut self,
        copy: DirectCopy,
        permit: OwnedSemaphorePermit,
    ) -> Result<Result<(), CopyError>, Error> {
        let (batch, permits) = self.take_pending().await;
        self.part.push(&self.pool, PartOp::Write(batch, permits));
        self.part.wait_until_idle().await?;
        match direct::job(copy, permit) {
            Ok((job, mut handle)) => {
                self.part.push_to_own_thread(&self.pool, PartOp::Copy(job));
                let copied = handle.result().await;
                if let Some(slot) = &self.slot {
                    // All that was added before, and all that was copied, has been written.
                    let written = slot.segment.written();
                    self.sent = written.end - written.start;
                }
                Ok(copied)
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Returns whether it can take bytes directly from a socket.
    pub(crate) fn can_copy_ready(&self) -> bool {
        self.saved_as_it_is && self.part.takes_direct_copies() && self.is_irrevocable.is_none()
    }

    /// Adds what a socket has, at most `most` bytes, after what has been added so far. Returns how
    /// many there were; the inner error is the one of the socket.
    ///
    /// # Errors
    /// What a write of this part met.
    pub(crate) async fn copy_ready(
        &mut self,
        socket: TcpStream,
        most: usize,
    ) -> Result<io::Result<u64>, Error> {
        // This creates the file, even without any bytes.
        let (batch, permits) = self.take_pending().await;
        self.part.push(&self.pool, PartOp::Write(batch, permits));
        let (job, told) = direct::poll_job(socket, most);
        self.part.push(&self.pool, PartOp::Poll(job));
        let Ok(copied) = told.await else {
            self.part.wait_until_idle().await?;
            return Err(Error::disk("cannot write", io::ErrorKind::Other.into()));
        };
        if let (Ok(copied), Some(_)) = (&copied, &self.slot) {
            self.sent += copied;
        }
        Ok(copied)
    }

    /// Saves the part, of which all bytes have been added; `saving` is told the result.
    pub(crate) async fn commit(mut self, saving: Saving) {
        self.set_irrevocable();
        let (rest, permits) = self.take_pending().await;
        self.part
            .push(&self.pool, PartOp::Commit(rest, permits, saving));
    }

    fn set_irrevocable(&self) {
        if let Some(is_irrevocable) = &self.is_irrevocable {
            is_irrevocable.store(true, Ordering::Release);
        }
    }

    /// Takes what is pending, with its permits of the budget.
    async fn take_pending(&mut self) -> (Batch, u32) {
        let permits = (self.pending.held().div_ceil(PERMIT)).min(BUDGET / PERMIT);
        let permits = u32::try_from(permits).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        if let Ok(granted) = self.part.budget().acquire_many(permits).await {
            granted.forget();
        }
        (std::mem::take(&mut self.pending), permits)
    }
}

impl Drop for PartWriter {
    fn drop(&mut self) {
        // After a commit, there is nothing to do.
        if self.slot.is_some() && !self.part.has_ended() {
            // Here it is not possible to wait for the budget.
            let rest = std::mem::take(&mut self.pending);
            if rest.length() > 0 {
                self.part.push(&self.pool, PartOp::Write(rest, 0));
            }
            self.part.push(&self.pool, PartOp::Keep);
        } else if self.part.is_open() || self.part.is_in_memory() && !self.part.has_ended() {
            self.part.push(&self.pool, PartOp::Abandon);
        }
    }
}
