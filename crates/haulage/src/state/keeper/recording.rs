//! The thread that records: it starts when there is something to record, and ends when there has
//! been nothing for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::{GATHER, PROGRESS, Pending, State, TOGETHER, Told};
use crate::error::Error;
use crate::options::Durability;
use crate::outcome::Outcome;
use crate::state::store::Access;
use crate::sync::lock;
use crate::trace::STATE;

impl State {
    /// Records from now on, until [`close`](Self::close), on a thread that runs while there is
    /// something to record. Calls `failed` once if that fails, and `ended` with each outcome that
    /// was held until it was recorded.
    pub(crate) fn start(
        self: &Arc<Self>,
        failed: impl FnOnce(Error) + Send + 'static,
        ended: impl Fn(u64, Outcome) + Send + Sync + 'static,
    ) {
        if self.access == Access::Read {
            return;
        }
        let _ = self.told.set(Told {
            failed: Mutex::new(Some(Box::new(failed))),
            ended: Box::new(ended),
        });
        let state = Arc::downgrade(self);
        self.assemblies.set_recorder(move || {
            if let Some(state) = state.upgrade() {
                state.expect_progress();
            }
        });
    }

    /// Notes that a response begins to deliver bytes of a part, which have to be recorded.
    fn expect_progress(self: &Arc<Self>) {
        let started = {
            let mut pending = lock(&self.pending);
            pending.expects_progress = true;
            self.see_to_thread(&mut pending)
        };
        if let Err(error) = started {
            self.fail(error);
        }
    }

    /// Starts a thread that records, unless there is one.
    ///
    /// # Errors
    /// Of kind `disk`, when none can be started.
    pub(super) fn see_to_thread(self: &Arc<Self>, pending: &mut Pending) -> Result<(), Error> {
        if pending.has_thread || pending.closed || self.told.get().is_none() {
            return Ok(());
        }
        let state = Arc::clone(self);
        let thread = thread::Builder::new().name("haulage-state".into());
        let thread = thread.spawn(move || {
            if let Err(error) = state.keep() {
                state.fail(error);
            }
        });
        let thread =
            thread.map_err(|cause| Error::disk("cannot start the thread that records", cause))?;
        pending.has_thread = true;
        if let Some(before) = lock(&self.thread).replace(thread) {
            // It has ended, or has nothing left to do.
            let _ = before.join();
        }
        Ok(())
    }

    /// Stops recording, with an error.
    pub(super) fn fail(&self, error: Error) {
        // Files that have their final names are done all the same.
        let held = {
            let mut pending = lock(&self.pending);
            pending.closed = true;
            std::mem::take(&mut pending.held)
        };
        self.note_recorded(Err(&error));
        let failed = self.told.get().and_then(|told| lock(&told.failed).take());
        if let Some(failed) = failed {
            failed(error);
        }
        self.tell(held);
    }

    fn tell(&self, held: Vec<(u64, Outcome)>) {
        if let Some(told) = self.told.get() {
            for (first_row, outcome) in held {
                (told.ended)(first_row, outcome);
            }
        }
    }

    /// Returns whether the thread that records ends: it has found nothing to record for a while,
    /// and no response delivers bytes that would have to be recorded.
    fn ends_thread(&self) -> bool {
        let mut pending = lock(&self.pending);
        let is_idle = pending.records.is_empty()
            && pending.waiting.is_empty()
            && !pending.expects_progress
            && !pending.closed
            && self.assemblies.all().iter().all(|part| part.is_settled());
        pending.has_thread &= !is_idle;
        is_idle
    }

    /// Records groups, until there has been nothing to record for a while.
    fn keep(&self) -> Result<(), Error> {
        let mut group = Vec::new();
        loop {
            let pending = lock(&self.pending);
            let pending = self.wait_while(pending, PROGRESS, |waiting| waiting.records.is_empty());
            let gather = match self.durability.get() {
                Durability::None | Durability::Batch => GATHER,
                // A group is what was added while the group before was being recorded.
                Durability::Each => Duration::ZERO,
            };
            let mut pending = self.wait_while(pending, gather, Pending::gathers);
            if pending.closed {
                return Ok(());
            }
            // The memory of the last group is used again.
            std::mem::swap(&mut pending.records, &mut group);
            let recorded = pending.added;
            let together = if pending.waiting.is_empty() {
                TOGETHER
            } else {
                Duration::ZERO
            };
            let mut held = std::mem::take(&mut pending.held);
            pending.expects_progress = false;
            let is_idle = group.is_empty();
            drop(pending);
            let rows = group.len();
            let recorded_now = self.record(&mut group, together);
            tracing::debug!(target: STATE, rows, ok = recorded_now.is_ok(), "recorded");
            if let Err(error) = recorded_now {
                held.append(&mut lock(&self.pending).held);
                lock(&self.pending).held = held;
                return Err(error);
            }
            self.tell(held);
            group.clear();
            self.note_recorded(Ok(recorded));
            if is_idle && self.ends_thread() {
                return Ok(());
            }
        }
    }

    /// Waits while `holds` is true, but at most for `most`, and only until recording ends.
    fn wait_while<'a>(
        &self,
        pending: MutexGuard<'a, Pending>,
        most: Duration,
        holds: impl Fn(&Pending) -> bool,
    ) -> MutexGuard<'a, Pending> {
        let still = |pending: &mut Pending| holds(pending) && !pending.closed;
        let waited = self.changed.wait_timeout_while(pending, most, still);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
