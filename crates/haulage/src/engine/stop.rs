//! How a run is stopped, and how it ends: the only place that does either.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::core::Core;
use super::ledger::Consequence;
use crate::error::Error;
use crate::event::Event;
use crate::outcome::Outcome;
use crate::state::Ending;

impl Core {
    /// Ends a row: the only way out of a run.
    pub(super) fn end(&self, outcome: Box<Outcome>) {
        self.follow(self.ledger.record(outcome));
    }

    /// Tells of a row that has ended, now that it is recorded.
    pub(super) fn recorded(&self, outcome: Box<Outcome>) {
        self.follow(self.ledger.recorded(outcome));
    }

    /// Drops a row without a word: it had not started when the run was stopped.
    pub(super) fn forget(&self) {
        self.follow(self.ledger.forget());
    }

    /// Does what follows the end of a row.
    pub(super) fn follow(&self, consequence: Consequence) {
        match consequence {
            Consequence::GoOn => {}
            Consequence::TooManyErrors => {
                self.cancel();
                self.follow(self.ledger.settle());
            }
            Consequence::RunOver => self.wrap_up(),
        }
    }

    /// Stops the run: nothing more is started.
    pub(super) fn cancel(&self) {
        self.stopping.cancel();
        self.rates.lift();
        // In this order: no more rows come in while the queues are emptied.
        self.follow(self.ledger.close());
        // What is whole has its name before the run is over.
        self.parts.writer.set_quiet(true);
        for work in self.dispatcher.drain() {
            self.give_back(work, None);
        }
        self.cancel_obeying();
        self.discard_spill();
    }

    /// Stops the run, since the destination cannot be used; says so once.
    pub(super) fn stop(&self, error: Error) {
        if !self.stopped_by_disk.swap(true, Ordering::AcqRel) {
            self.ledger.emit(Event::Stopped(error));
            self.cancel();
        }
    }

    /// Cleans up, since the run is over, off the network's threads, and says so.
    fn wrap_up(&self) {
        let (storage, state) = (Arc::clone(&self.parts.storage), self.state.clone());
        let (events, over) = (self.ledger.events(), self.over.clone());
        let has_stopped = self.stopped_by_disk.load(Ordering::Acquire);
        let complete = !self.stopping.is_cancelled();
        let ending = Ending {
            complete,
            everything_is_there: complete && self.ledger.all_present(),
        };
        self.parts.pool.call(move || {
            let is_needed = match state.map(|state| state.close(ending)).transpose() {
                Ok(is_needed) => is_needed.unwrap_or(false),
                Err(error) => {
                    if !has_stopped {
                        let _ = events.send(Some(Event::Stopped(error)));
                    }
                    true
                }
            };
            storage.destination.close(!is_needed);
            // Nobody may listen any more.
            let _ = events.send(None);
            over.cancel();
        });
    }
}
