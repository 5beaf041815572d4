//! A part as its operations see it: the disk threads do them in order.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use tokio::sync::{Notify, Semaphore};

use super::batch::{Batch, Buffers};
use super::body::Body;
use super::commit::Saving;
use super::committer::Committer;
use super::content::Content;
use super::destination::Replace;
use super::direct::{CopyJob, PollJob};
use super::scratch::KeptParts;
use super::slot::SegmentSlot;
use super::storage::Storage;
use super::verify::Verified;
use super::write_error::WriteError;
use crate::error::Error;
use crate::pool::{BlockingPool, Job};
use crate::sync::lock;

/// The most bytes of one part that wait for the disk: one that hangs leaves room for others.
const PART_BUDGET: usize = 512 << 10;
/// A part as its operations see it, on any of the disk threads.
pub(super) struct Part {
    number: u64,
    storage: Arc<Storage>,
    committer: Arc<Committer>,
    budget: Arc<Semaphore>,
    buffers: Arc<Buffers>,
    queue: Mutex<Queue>,
    /// Notified when the disk has caught up.
    room: Notify,
    file: Mutex<File>,
}

#[derive(Default)]
struct Queue {
    ops: PartOps,
    bytes: usize,
    /// It is in the pool's queue, or is being run: so its operations never run at the same time.
    submitted: bool,
    begun: bool,
    /// An operation that ends the part was pushed.
    ended: bool,
    failed: Option<Error>,
}

/// The operations to be done, in order. A small file has only one, for which nothing is allocated.
#[derive(Default)]
struct PartOps {
    /// The one before all others, if there is one.
    first: Option<PartOp>,
    others: VecDeque<PartOp>,
}

impl PartOps {
    fn push(&mut self, op: PartOp) {
        if self.first.is_none() && self.others.is_empty() {
            self.first = Some(op);
        } else {
            self.others.push_back(op);
        }
    }

    fn pop(&mut self) -> Option<PartOp> {
        self.first.take().or_else(|| self.others.pop_front())
    }
}

/// The next operation of a part. A batch has its permits of the budget with it.
pub(super) enum PartOp {
    Write(Batch, u32),
    Commit(Batch, u32, Saving),
    Copy(CopyJob),
    Poll(PollJob),
    /// Closes the file, and keeps it.
    Keep,
    Abandon,
}

struct File {
    body: Body,
    failed: bool,
}

impl File {
    /// Copies the bytes of a socket to the file, until all have come.
    fn copy(&mut self, job: CopyJob) {
        if self.failed {
            job.refuse();
        } else {
            self.body.copy(job);
        }
    }
}

impl Part {
    pub(super) fn new(
        number: u64,
        storage: Arc<Storage>,
        committer: Arc<Committer>,
        budget: Arc<Semaphore>,
        buffers: Arc<Buffers>,
        content: Option<Box<Content>>,
        slot: Option<SegmentSlot>,
    ) -> Self {
        Self {
            number,
            storage,
            committer,
            budget,
            buffers,
            queue: Mutex::default(),
            room: Notify::new(),
            file: Mutex::new(File {
                body: Body::new(content, slot),
                failed: false,
            }),
        }
    }

    /// Returns whether operations have been pushed, but none that ends the part.
    pub(super) fn is_open(&self) -> bool {
        let queue = self.lock();
        queue.begun && !queue.ended
    }

    /// Returns whether the kernel alone can copy from a socket to its file.
    pub(super) fn takes_direct_copies(&self) -> bool {
        let kept = self.storage.kept();
        kept.is_some_and(KeptParts::takes_direct_copies)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Returns whether memory may have been set aside for it before its first byte.
    pub(super) fn is_in_memory(&self) -> bool {
        self.storage.memory.is_some()
    }

    pub(super) fn budget(&self) -> &Semaphore {
        &self.budget
    }

    pub(super) fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }

    pub(super) async fn wait_for_room(&self) -> Result<(), Error> {
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

    /// Waits until all its operations have been done.
    pub(super) async fn wait_until_idle(&self) -> Result<(), Error> {
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

    /// Does the same as [`push`](Self::push), for a part that is idle and an operation that takes
    /// long: that runs on a thread of its own.
    pub(super) fn push_to_own_thread(self: &Arc<Self>, pool: &BlockingPool, op: PartOp) {
        let mut queue = self.lock();
        queue.ops.push(op);
        queue.submitted = true;
        drop(queue);
        let part = Arc::clone(self);
        let name = format!("haulage-flow-{}", self.number);
        let thread = thread::Builder::new().name(name);
        if thread.spawn(move || part.run()).is_err() {
            // No more threads: one of the pool runs it, and the pool starts another when needed.
            pool.submit(Arc::clone(self) as Arc<dyn Job>);
        }
    }

    pub(super) fn push(self: &Arc<Self>, pool: &BlockingPool, op: PartOp) {
        let mut queue = self.lock();
        queue.begun = true;
        queue.ended |= matches!(op, PartOp::Commit(..) | PartOp::Keep | PartOp::Abandon);
        queue.bytes += match &op {
            PartOp::Write(batch, _) | PartOp::Commit(batch, ..) => batch.length(),
            PartOp::Copy(_) | PartOp::Poll(_) | PartOp::Keep | PartOp::Abandon => 0,
        };
        queue.ops.push(op);
        if !std::mem::replace(&mut queue.submitted, true) {
            drop(queue);
            pool.submit(Arc::clone(self) as Arc<dyn Job>);
        }
    }

    /// Returns whether an operation that ends the part has been pushed.
    pub(super) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    fn write(&self, file: &mut File, batch: &Batch, at_once: bool) -> Result<(), WriteError> {
        file.body.write(batch, &self.storage, self.number, at_once)
    }

    /// Writes the last of its bytes, and verifies the file.
    fn finish(&self, file: &mut File, batch: &Batch, saving: &Saving) -> Result<Verified, Error> {
        let what = || format!("cannot write {}", saving.target.as_str());
        if file.failed {
            let earlier = self.lock().failed.take();
            return Err(
                earlier.unwrap_or_else(|| Error::disk(&what(), io::ErrorKind::Other.into()))
            );
        }
        self.write(file, batch, saving.replaces() == Replace::Never)
            .and_then(|()| {
                file.body.finish(
                    (saving.promised, saving.size),
                    saving.modified,
                    &self.storage,
                )
            })
            .map_err(|error| error.into_error(&what()))
    }

    fn remove(&self, file: &mut File) {
        file.body.give_up();
        // If this fails, the next run removes the part.
        let _ = self.storage.scratch.remove(self.number);
    }
}

impl Job for Part {
    fn run(self: Arc<Self>) {
        let mut file = lock(&self.file);
        loop {
            let op = {
                let mut queue = self.lock();
                let Some(op) = queue.ops.pop() else {
                    queue.submitted = false;
                    drop(queue);
                    self.room.notify_one();
                    return;
                };
                op
            };
            match op {
                PartOp::Write(batch, permits) => {
                    let result = if file.failed {
                        Ok(())
                    } else {
                        self.write(&mut file, &batch, false)
                    };
                    let mut queue = self.lock();
                    queue.bytes -= batch.length();
                    if let Err(error) = result {
                        file.failed = true;
                        queue.failed = Some(error.into_error("cannot write"));
                    }
                    drop(queue);
                    self.release(batch, permits);
                    self.room.notify_one();
                }
                PartOp::Commit(batch, permits, saving) => {
                    let finished = self.finish(&mut file, &batch, &saving);
                    self.release(batch, permits);
                    match finished {
                        Ok(verified) => self.committer.add(self.number, verified, saving),
                        Err(error) => {
                            if file.body.is_shared() {
                                // The item knows whether the shared part is still of use.
                                file.body.keep();
                            } else {
                                self.remove(&mut file);
                            }
                            (saving.done)(Err(error));
                        }
                    }
                }
                PartOp::Copy(job) => file.copy(job),
                PartOp::Poll(job) => {
                    if file.failed {
                        job.refuse();
                    } else if let Err(error) = file.body.copy_ready(job) {
                        file.failed = true;
                        self.lock().failed =
                            Some(WriteError::from(error).into_error("cannot write"));
                    }
                }
                PartOp::Keep => file.body.keep(),
                PartOp::Abandon => self.remove(&mut file),
            }
        }
    }
}

impl Part {
    /// Gives a batch's memory back first, then its permits of the budget.
    fn release(&self, batch: Batch, permits: u32) {
        batch.recycle(&self.buffers);
        self.budget.add_permits(permits as usize);
    }
}

#[cfg(test)]
mod tests;
