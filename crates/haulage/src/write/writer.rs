//! The network side of a part: a network thread adds bytes, and continues.

use std::io;
use std::net::TcpStream;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::assembly::{Assembly, Share};
use super::batch::{Batch, Buffers};
use super::commit::Saving;
use super::committer::Committer;
use super::content::Content;
use super::disk_budget::DiskBudget;
use super::draw;
use super::flow::{self, Flow};
use super::part::{Part, Step};
use super::place::Place;
use super::pump::Broken;
use super::storage::Storage;
use super::stretch::Stretch;
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
    flows: Arc<Semaphore>,
    parts: AtomicU64,
    /// The number of runs that have something in flight.
    busy: AtomicUsize,
    /// Bytes were handed over that cannot be taken back.
    given_away: Arc<AtomicBool>,
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
            flows: Arc::clone(&shared.flows),
            committer: Arc::new(Committer::new(
                Arc::clone(&storage),
                syncs,
                Arc::clone(&pool),
                durability,
            )),
            parts: AtomicU64::new(storage.first_part()),
            busy: AtomicUsize::new(0),
            given_away: Arc::default(),
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
    pub(crate) fn has_given_away(&self) -> bool {
        self.given_away.load(Ordering::Acquire)
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
    pub(crate) fn bring(
        &self,
        range: Range<u64>,
        source: usize,
        assembly: &Arc<Assembly>,
        content: Option<Box<Content>>,
    ) -> PartWriter {
        let place = Place {
            assembly: Arc::clone(assembly),
            stretch: assembly.begin(range, source),
        };
        self.open(assembly.number, content, Some(place))
    }

    /// Begins to write a segment that was requested, now that there is a response for it; `None` if
    /// nothing is left of it.
    pub(crate) fn bring_share(&self, share: Share) -> Option<PartWriter> {
        let assembly = Arc::clone(&share.assembly);
        let place = Place {
            stretch: share.take()?,
            assembly,
        };
        Some(self.open(place.assembly.number, None, Some(place)))
    }

    fn open(&self, number: u64, content: Option<Box<Content>>, place: Option<Place>) -> PartWriter {
        if let Some(place) = &place {
            place.assembly.expects_bytes();
        }
        PartWriter {
            // What does not begin the file is hashed at the end, when the file is read again.
            saved_as_it_is: content.is_none()
                || place
                    .as_ref()
                    .is_some_and(|place| place.stretch.start() > 0),
            place: place.clone(),
            sent: 0,
            part: Arc::new(Part::new(
                number,
                Arc::clone(&self.storage),
                Arc::clone(&self.committer),
                Arc::clone(&self.budget),
                Arc::clone(&self.buffers),
                content,
                place,
            )),
            pool: Arc::clone(&self.pool),
            flows: Arc::clone(&self.flows),
            pending: Batch::default(),
            given_away: self
                .storage
                .kept()
                .is_none()
                .then(|| Arc::clone(&self.given_away)),
        }
    }
}

/// The network side of a part. If it is dropped before [`commit`](Self::commit), the part is
/// removed, unless others can resume it.
pub(crate) struct PartWriter {
    part: Arc<Part>,
    pool: Arc<BlockingPool>,
    flows: Arc<Semaphore>,
    /// Its bytes need no decoding or hashing.
    saved_as_it_is: bool,
    pending: Batch,
    place: Option<Place>,
    /// The number of bytes that were added.
    sent: u64,
    /// Set before anything is handed over; `None` if the destination keeps parts.
    given_away: Option<Arc<AtomicBool>>,
}

impl PartWriter {
    /// Adds bytes at the end, but none beyond the end of its segment. Waits while the disk is
    /// behind.
    ///
    /// # Errors
    /// What an earlier write of this part met.
    pub(crate) async fn write(&mut self, mut bytes: Bytes) -> Result<(), Error> {
        if let Some(place) = &self.place {
            let at = place.stretch.start() + self.sent;
            let takes = place.takes(at, bytes.len() as u64);
            bytes.truncate(usize::try_from(takes).unwrap_or(usize::MAX));
            self.sent += takes;
        }
        self.pending.push(bytes, self.part.buffers());
        // The reader of a stream gets each byte at once.
        if self.pending.length() < BATCH && self.given_away.is_none() {
            return Ok(());
        }
        self.part.wait_for_room().await?;
        self.give_away();
        let (batch, permits) = self.take_pending().await;
        self.part.push(&self.pool, Step::Write(batch, permits));
        Ok(())
    }

    /// Returns the part's number.
    pub(crate) fn number(&self) -> u64 {
        self.part.number()
    }

    /// Returns the segment that it writes of a shared part; `None` for a part of its own.
    pub(crate) fn stretch(&self) -> Option<Arc<Stretch>> {
        self.place.as_ref().map(|place| Arc::clone(&place.stretch))
    }

    /// Returns its place in a shared part; `None` for a part of its own.
    pub(crate) fn place(&self) -> Option<Place> {
        self.place.clone()
    }

    /// Returns how many more bytes its segment takes; `None` for a part of its own.
    pub(crate) fn left(&self) -> Option<u64> {
        let stretch = &self.place.as_ref()?.stretch;
        Some(stretch.end().saturating_sub(stretch.start() + self.sent))
    }

    /// Returns whether it takes any more bytes. It does not when others have responses for what
    /// follows.
    pub(crate) fn takes_more(&self) -> bool {
        self.place.as_ref().is_none_or(|place| {
            let at = place.stretch.start() + self.sent;
            place.takes(at, 1) > 0
        })
    }

    /// Closes a part that others can resume, once all added bytes are written; any other part is
    /// removed.
    ///
    /// # Errors
    /// The error of a write of this part; what has been written is known all the same.
    pub(crate) async fn keep_if_shared(mut self) -> Result<(), Error> {
        if self.place.is_none() {
            return Ok(());
        }
        if self.pending.length() > 0 {
            let (rest, permits) = self.take_pending().await;
            self.part.push(&self.pool, Step::Write(rest, permits));
        }
        self.part.push(&self.pool, Step::Keep);
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
    pub(crate) fn place_for_flow(&self) -> Option<OwnedSemaphorePermit> {
        if !self.saved_as_it_is || !self.part.takes_direct_copies() {
            return None;
        }
        Arc::clone(&self.flows).try_acquire_owned().ok()
    }

    /// Adds bytes that come from a socket, after those added so far. A thread of its own writes
    /// them to the file.
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
                let flowed = told.result().await;
                if let Some(place) = &self.place {
                    // All that was added before, and all that has flowed, has been written.
                    let written = place.stretch.written();
                    self.sent = written.end - written.start;
                }
                Ok(flowed)
            }
            Err(broken) => Ok(Err(broken)),
        }
    }

    /// Returns whether it can take bytes directly from a socket.
    pub(crate) fn draws(&self) -> bool {
        self.saved_as_it_is && self.part.takes_direct_copies() && self.given_away.is_none()
    }

    /// Adds what a socket has, at most `most` bytes, after what has been added so far. Returns how
    /// many there were; the inner error is the one of the socket.
    ///
    /// # Errors
    /// What a write of this part met.
    pub(crate) async fn draw(
        &mut self,
        socket: TcpStream,
        most: usize,
    ) -> Result<io::Result<u64>, Error> {
        // This creates the file, even without any bytes.
        let (batch, permits) = self.take_pending().await;
        self.part.push(&self.pool, Step::Write(batch, permits));
        let (order, told) = draw::order(socket, most);
        self.part.push(&self.pool, Step::Draw(order));
        let Ok(drawn) = told.await else {
            self.part.wait_until_idle().await?;
            return Err(Error::disk("cannot write", io::ErrorKind::Other.into()));
        };
        if let (Ok(drawn), Some(_)) = (&drawn, &self.place) {
            self.sent += drawn;
        }
        Ok(drawn)
    }

    /// Saves the part, of which all bytes have been added; `saving` is told the result.
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

    /// Takes what is pending, with its permits of the budget.
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
        // After a commit, there is nothing to do.
        if self.place.is_some() && !self.part.has_ended() {
            // Here it is not possible to wait for the budget.
            let rest = std::mem::take(&mut self.pending);
            if rest.length() > 0 {
                self.part.push(&self.pool, Step::Write(rest, 0));
            }
            self.part.push(&self.pool, Step::Keep);
        } else if self.part.is_open() || self.part.is_in_memory() && !self.part.has_ended() {
            self.part.push(&self.pool, Step::Abandon);
        }
    }
}
