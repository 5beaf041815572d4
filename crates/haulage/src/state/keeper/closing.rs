//! What remains of a run's state when the run is over.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Ending, GRACE, State, Waiting, lock};
use crate::error::Error;
use crate::options::StateDir;
use crate::state::record::{Failure, Record};
use crate::state::store::Access;

impl State {
    /// Returns the numbers of all parts that may still be of use.
    fn parts_in_hand(&self) -> Vec<u64> {
        let unfinished = lock(&self.unfinished);
        let earlier = unfinished.values().map(|part| part.number);
        let ours = self.assemblies.all();
        earlier.chain(ours.iter().map(|part| part.number)).collect()
    }

    /// Notes that a run is over, and how it ended.
    pub(crate) fn run_ended(&self, first_row: u64, ending: Ending) {
        self.end_run(first_row, ending.complete);
        if ending.complete {
            lock(&self.lookup).completed(first_row);
        }
    }

    /// Calls `tell` when everything added so far is recorded, or with the error that prevents it:
    /// for a run that ends while others continue. Runs that begin later find it. What runs of URLs
    /// add is needed only if they are interrupted, so for them it is called at once.
    pub(crate) fn when_recorded(&self, tell: impl FnOnce(Result<(), Error>) + Send + 'static) {
        if self.dir != StateDir::Keep || !matches!(self.access, Access::Write(_)) {
            return tell(Ok(()));
        }
        let answer = {
            let mut pending = lock(&self.pending);
            let is_recorded = pending.recorded == pending.added;
            match &pending.failure {
                Some(failure) => Err(failure.to_error()),
                None if is_recorded => {
                    if pending.added > 0 {
                        self.knows.store(true, Ordering::Release);
                    }
                    Ok(())
                }
                None => {
                    let added = pending.added;
                    let tell = Box::new(tell);
                    pending.waiting.push(Waiting { added, tell });
                    self.changed.notify_all();
                    return;
                }
            }
        };
        tell(answer);
    }

    /// Notes that this many records are in the database, or why they are not, and tells the callers
    /// that wait for that.
    pub(super) fn note_recorded(&self, recorded: Result<u64, &Error>) {
        let told = {
            let mut pending = lock(&self.pending);
            let until = match recorded {
                Ok(recorded) => {
                    pending.recorded = recorded;
                    recorded
                }
                Err(error) => {
                    pending.failure = Some(Failure::of(error));
                    u64::MAX
                }
            };
            pending.take_waiting(until)
        };
        self.changed.notify_all();
        if !told.is_empty() && recorded.is_ok() {
            self.knows.store(true, Ordering::Release);
        }
        for waiting in told {
            (waiting.tell)(
                recorded
                    .map(|_| ())
                    .map_err(|error| Failure::of(error).to_error()),
            );
        }
    }

    /// Records the rest when the last run is over. Returns whether a later run needs what is
    /// recorded.
    ///
    /// # Errors
    /// Of kind `disk`, when the rest could not be recorded.
    pub(crate) fn close(&self, ending: Ending) -> Result<bool, Error> {
        if self.access == Access::Read {
            return Ok(true);
        }
        let mut rest = {
            let mut pending = lock(&self.pending);
            pending.closed = true;
            self.changed.notify_all();
            std::mem::take(&mut pending.records)
        };
        if let Some(thread) = lock(&self.thread).take() {
            // If it has panicked, the next run looks again at what it was recording.
            let _ = thread.join();
        }
        self.assemblies.wait_until_idle(GRACE);
        // If they cannot be recorded, the next run may still be able to use them.
        self.retain(self.parts_in_hand());
        let is_needed = match self.dir {
            StateDir::Keep => self.close_list(&mut rest, ending)?,
            StateDir::RemoveWhenDone => self.close_urls(&mut rest, ending)?,
        };
        let is_recorded = lock(&self.store).take().is_some();
        lock(&self.left).close(ending.complete, is_recorded, self.storage.lasting());
        Ok(is_needed)
    }

    /// Records the rest of a run of lists.
    fn close_list(&self, rest: &mut [Record], ending: Ending) -> Result<bool, Error> {
        let recorded = self.record(rest, Duration::ZERO);
        let added = lock(&self.pending).added;
        self.note_recorded(recorded.as_ref().map(|()| added));
        recorded?;
        self.tidy(ending)?;
        self.leave_recorded()?;
        Ok(true)
    }

    /// Records the rest of a run of URLs, if a later run could resume anything of it.
    fn close_urls(&self, rest: &mut [Record], ending: Ending) -> Result<bool, Error> {
        if ending.everything_is_there {
            self.retain(Vec::new());
            return Ok(false);
        }
        // A complete run leaves nothing but parts, and files with which the caller has not done
        // what it does with each: later runs find its other files like any existing file.
        let counts_rows = !ending.complete;
        let progress = lock(&self.recorded).progress(&self.assemblies.all());
        let is_of_use =
            |record: &Record| record.awaits_command() || counts_rows && record.is_done();
        let is_of_use = !progress.moved.is_empty() || rest.iter().any(is_of_use);
        if is_of_use || !progress.is_empty() && lock(&self.store).is_some() {
            self.record(rest, Duration::ZERO)?;
        }
        self.tidy(ending)?;
        let is_needed = self.query(|store| store.is_of_use(counts_rows))? == Some(true);
        if is_needed {
            self.leave_recorded()?;
        } else {
            self.retain(Vec::new());
        }
        Ok(is_needed)
    }

    /// Forgets what belongs to no row any more, in lists of which all rows have been seen.
    fn tidy(&self, ending: Ending) -> Result<(), Error> {
        let parts = self.assemblies.all();
        let in_use: HashSet<u64> = parts.iter().map(|part| part.number).collect();
        let lookup = lock(&self.lookup);
        self.change(|store| {
            store.tidy(lookup.lasts(true), true, &in_use)?;
            store.tidy(lookup.lasts(false), ending.complete, &in_use)
        })
    }

    /// Sets which parts are kept when the run is over.
    fn retain(&self, parts: Vec<u64>) {
        if let Some(lasting) = self.storage.lasting() {
            lasting.retain(parts);
        }
    }

    /// Keeps the parts that are recorded when the run is over.
    fn leave_recorded(&self) -> Result<(), Error> {
        if let Some(recorded) = self.query(|store| store.parts())? {
            self.retain(recorded);
        }
        Ok(())
    }
}
