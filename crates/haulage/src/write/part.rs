//! A part: bytes go in on a network thread, and are written in order on the disk's threads.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::batch::{Batch, Buffers};
use super::body::Body;
use super::content::Content;
use super::disk::{Disk, Replace};
use super::flow::{self, Flow};
use super::pump::Broken;
use super::trouble::Trouble;
use super::verify::Verified;
use crate::checksum::Checksum;
use crate::error::{Error, ErrorKind};
use crate::options::Existing;
use crate::plan::name::TargetName;
use crate::pool::{BlockingPool, Job};

/// Bytes that may wait for the disk in all.
const BUDGET: usize = 6 << 20;
/// Bytes of one part that may wait for the disk: one that hangs keeps no more from the others.
const PART_BUDGET: usize = 512 << 10;
/// Bytes that go to the disk's threads at once: one hand-over costs about as much as copying 16 KiB.
const BATCH: usize = 128 << 10;
/// Most bodies that flow to their files directly at once, each with a thread of its own.
const FLOWS: usize = 8;
/// Most copies of one name, as in aria2.
const COPIES: u32 = 9999;
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

/// How a part becomes a file.
pub(crate) struct Saving {
    pub(crate) target: TargetName,
    pub(crate) existing: Existing,
    /// The length that the response promised.
    pub(crate) promised: Option<u64>,
    pub(crate) modified: Option<SystemTime>,
    /// Told, on a thread of the disk's, once the file has its final name or will not get it.
    pub(crate) done: Box<dyn FnOnce(Result<Saved, Error>) + Send>,
}

/// What became of a part that has its final name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    /// The file's length in bytes.
    pub(crate) length: u64,
    /// The name it got, where its own was taken.
    pub(crate) renamed: Option<TargetName>,
    /// What it hashes to, by each algorithm that was asked for.
    pub(crate) hashes: Vec<Checksum>,
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
            part: Arc::new(Part {
                number: self.parts.fetch_add(1, Ordering::Relaxed),
                disk: Arc::clone(&self.disk),
                budget: Arc::clone(&self.budget),
                buffers: Arc::clone(&self.buffers),
                queue: Mutex::default(),
                room: Notify::new(),
                file: Mutex::new(File {
                    body: Body::new(content),
                    failed: false,
                }),
            }),
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
        self.pending.push(bytes, &self.part.buffers);
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
        if !self.saved_as_it_is || !self.part.disk.takes_flows() {
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
        if let Ok(share) = self.part.budget.acquire_many(permits).await {
            share.forget();
        }
        (std::mem::take(&mut self.pending), permits)
    }
}

impl Drop for PartWriter {
    fn drop(&mut self) {
        // After a commit this finds nothing to do.
        if self.part.lock().begun_and_open() {
            self.part.push(&self.pool, Step::Abandon);
        }
    }
}

/// A part as its steps see it, on whichever of the disk's threads.
struct Part {
    number: u64,
    disk: Arc<dyn Disk>,
    budget: Arc<Semaphore>,
    buffers: Arc<Buffers>,
    queue: Mutex<Queue>,
    /// Told when the disk has caught up.
    room: Notify,
    file: Mutex<File>,
}

#[derive(Default)]
struct Queue {
    steps: VecDeque<Step>,
    bytes: usize,
    /// Whether it stands in the pool's queue or is being run: so its steps are never run side by side.
    submitted: bool,
    begun: bool,
    /// A commit or an abandon was pushed.
    ended: bool,
    failed: Option<Error>,
}

impl Queue {
    fn begun_and_open(&self) -> bool {
        self.begun && !self.ended
    }
}

/// What is to be done with a part next. A batch comes with its permits of the budget.
enum Step {
    Write(Batch, u32),
    Commit(Batch, u32, Saving),
    Flow(flow::Order),
    Abandon,
}

struct File {
    body: Body,
    failed: bool,
}

impl File {
    /// Lets a flow add what it brings.
    fn take(&mut self, order: flow::Order) {
        if self.failed {
            order.refuse();
        } else {
            self.body.take(order);
        }
    }
}

impl Part {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait_for_room(&self) -> Result<(), Error> {
        loop {
            {
                let mut queue = self.lock();
                if let Some(error) = queue.failed.take() {
                    return Err(error);
                }
                if queue.bytes < PART_BUDGET {
                    return Ok(());
                }
            }
            self.room.notified().await;
        }
    }

    /// Waits until all its steps have been done.
    async fn wait_until_idle(&self) -> Result<(), Error> {
        loop {
            {
                let mut queue = self.lock();
                if let Some(error) = queue.failed.take() {
                    return Err(error);
                }
                if !queue.submitted {
                    return Ok(());
                }
            }
            self.room.notified().await;
        }
    }

    /// The same as [`push`](Self::push) for a part that is idle, and for a step that takes long.
    fn push_to_own_thread(self: &Arc<Self>, pool: &BlockingPool, step: Step) {
        let mut queue = self.lock();
        queue.steps.push_back(step);
        queue.submitted = true;
        drop(queue);
        let part = Arc::clone(self);
        let name = format!("haulage-flow-{}", self.number);
        let thread = thread::Builder::new().name(name);
        if thread.spawn(move || part.run()).is_err() {
            // No more threads: one of the pool's then, which gets help when it is needed.
            pool.submit(Arc::clone(self) as Arc<dyn Job>);
        }
    }

    fn push(self: &Arc<Self>, pool: &BlockingPool, step: Step) {
        let mut queue = self.lock();
        queue.begun = true;
        queue.ended |= matches!(step, Step::Commit(..) | Step::Abandon);
        queue.bytes += match &step {
            Step::Write(batch, _) | Step::Commit(batch, ..) => batch.length(),
            Step::Flow(_) | Step::Abandon => 0,
        };
        queue.steps.push_back(step);
        if !std::mem::replace(&mut queue.submitted, true) {
            drop(queue);
            pool.submit(Arc::clone(self) as Arc<dyn Job>);
        }
    }

    fn write(&self, file: &mut File, batch: &Batch) -> Result<(), Trouble> {
        file.body.write(batch, &*self.disk, self.number)
    }

    fn commit(&self, file: &mut File, batch: &Batch, saving: &Saving) -> Result<Saved, Error> {
        let what = || format!("cannot write {}", saving.target.as_str());
        if file.failed {
            let earlier = self.lock().failed.take();
            return Err(
                earlier.unwrap_or_else(|| Error::disk(&what(), io::ErrorKind::Other.into()))
            );
        }
        let verified = self
            .write(file, batch)
            .and_then(|()| file.body.finish(saving.promised, saving.modified))
            .map_err(|trouble| trouble.on(&what()))?;
        self.name(verified, saving)
    }

    /// Gives the part its final name: takes a `Verified`, so nothing else gets one.
    fn name(&self, verified: Verified, saving: &Saving) -> Result<Saved, Error> {
        let replace = match saving.existing {
            Existing::Overwrite => Replace::Files,
            Existing::Skip | Existing::Rename | Existing::Fail => Replace::Never,
        };
        let commit = |target: &TargetName| self.disk.commit(self.number, target, replace);
        let mut renamed = None;
        let mut named = commit(&saving.target);
        let mut copies = 0;
        while saving.existing == Existing::Rename
            && copies < COPIES
            && named.as_ref().is_err_and(is_taken)
        {
            copies += 1;
            named = commit(renamed.insert(saving.target.copy(copies)));
        }
        named.map_err(|cause| unnamed(&saving.target, cause))?;
        let arrived = verified.into_inner();
        Ok(Saved {
            length: arrived.length,
            renamed,
            hashes: arrived.hashes,
        })
    }

    fn remove(&self, file: &mut File) {
        file.body.give_up();
        // What cannot be removed now goes when the next run cleans up.
        let _ = self.disk.remove_part(self.number);
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::IsADirectory
    )
}

/// Why a part did not get its name.
fn unnamed(target: &TargetName, cause: io::Error) -> Error {
    let target = target.as_str();
    let exists = |what: String| Error::new(ErrorKind::Exists, what);
    match cause.kind() {
        _ if is_taken(&cause) => exists(format!(
            "{target} appeared while it was being fetched; move it away and run again"
        ))
        .caused_by(cause),
        io::ErrorKind::NotADirectory => exists(format!(
            "a file or a link stands where a folder of {target} should; move it away and run again"
        ))
        .caused_by(cause),
        _ => Error::disk(&format!("cannot give {target} its name"), cause),
    }
}

impl Job for Part {
    fn run(self: Arc<Self>) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let step = {
                let mut queue = self.lock();
                let Some(step) = queue.steps.pop_front() else {
                    queue.submitted = false;
                    drop(queue);
                    self.room.notify_one();
                    return;
                };
                step
            };
            match step {
                Step::Write(batch, permits) => {
                    let result = if file.failed {
                        Ok(())
                    } else {
                        self.write(&mut file, &batch)
                    };
                    let mut queue = self.lock();
                    queue.bytes -= batch.length();
                    if let Err(trouble) = result {
                        file.failed = true;
                        queue.failed = Some(trouble.on("cannot write"));
                    }
                    drop(queue);
                    self.release(batch, permits);
                    self.room.notify_one();
                }
                Step::Commit(batch, permits, saving) => {
                    let result = self.commit(&mut file, &batch, &saving);
                    self.release(batch, permits);
                    if result.is_err() {
                        self.remove(&mut file);
                    }
                    (saving.done)(result);
                }
                Step::Flow(order) => file.take(order),
                Step::Abandon => self.remove(&mut file),
            }
        }
    }
}

impl Part {
    /// Gives a batch's memory back first, then its share of the budget.
    fn release(&self, batch: Batch, permits: u32) {
        batch.recycle(&self.buffers);
        self.budget.add_permits(permits as usize);
    }
}

#[cfg(test)]
mod tests;
