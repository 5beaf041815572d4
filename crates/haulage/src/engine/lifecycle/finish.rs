//! How rows end, each exactly once with an outcome, and how the run is stopped and ends: the only
//! place that does either.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::completed_file::CompletedFile;
use crate::engine::item::existing::FileInfo;
use crate::engine::item::outcome;
use crate::engine::item::{Item, Keys, label};
use crate::engine::run::Run;
use crate::engine::run::control::Phase;
use crate::engine::run::ledger::Consequence;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::outcome::{Outcome, Renamed, Status, Verified};
use crate::plan::head::Entity;
use crate::plan::name::TargetName;
use crate::plan::registry::Settled;
use crate::request::Request;
use crate::state::{Ending, WORTH_RECORDING};
use crate::trace::RUN;
use crate::write::Saved;

impl Run {
    /// Ends an item as cancelled, since the run is being stopped. An item that had not started is
    /// dropped without an outcome.
    pub(crate) fn cancelled(self: &Arc<Self>, item: Box<Item>) {
        if item.under_way.is_some() {
            let error = Error::new(
                ErrorKind::Cancelled,
                "the run was stopped before the file was complete; run the same command again to fetch it",
            );
            self.end_failed(item, error);
        } else {
            let followers = self
                .naming
                .release(item.keys, Settled::Failed(ErrorKind::Cancelled));
            for _ in 0..=followers.len() {
                self.forget();
            }
        }
    }

    /// Ends a row for which no request was sent.
    pub(crate) fn end_without_request(
        self: &Arc<Self>,
        row: u64,
        request: &Request,
        target: &TargetName,
        ended: Status,
        found: FileInfo,
    ) {
        self.end(self.outcome_without_request(row, request, target, ended, found));
    }

    /// Returns the outcome of a row for which no request was sent.
    pub(crate) fn outcome_without_request(
        self: &Arc<Self>,
        row: u64,
        request: &Request,
        target: &TargetName,
        ended: Status,
        found: FileInfo,
    ) -> Box<Outcome> {
        let there = match ended {
            Status::Failed(_) => false,
            Status::Planned => !self.naming.is_named_later(request),
            Status::Done | Status::Skipped | Status::Unchanged => true,
        };
        let renamed = found.renamed.filter(|_| there);
        let path = found.path.unwrap_or_else(|| target.to_shared());
        let mut outcome = Outcome {
            label: label(request, target),
            path: there.then_some(path),
            renamed,
            bytes: found.bytes,
            verified: found.verified,
            hashes: found.hashes,
            // An earlier run may have had a response.
            http_status: match &ended {
                Status::Failed(error) => error.http_status(),
                _ => None,
            },
            ..outcome::of_request(row, request)
        };
        outcome.status = ended;
        Box::new(outcome)
    }

    /// Ends an item as done: its file has its final name.
    pub(crate) fn done(self: &Arc<Self>, item: Box<Item>, entity: Entity, saved: Saved) {
        self.distrust(&item);
        let (keys, target) = (item.keys, item.target.clone());
        let kept = item.progress.partial.as_ref();
        let (content, reservation) = saved.content.unzip();
        let segments = kept.map_or(1, |kept| kept.contributors());
        let from_earlier_runs = kept.map_or(0, |kept| kept.left_by_earlier_runs());
        if let Some(copy) = &saved.renamed {
            self.naming.moved(keys.own, copy.clone());
        }
        let outcome = Outcome {
            status: Status::Done,
            path: self
                .parts
                .storage
                .has_names()
                .then(|| saved.renamed.as_ref().unwrap_or(&target).to_shared()),
            renamed: saved
                .renamed
                .as_ref()
                .map_or(item.renamed, |_| Some(Renamed::AnotherFile)),
            bytes: saved.length,
            content,
            reservation: reservation.flatten(),
            etag: entity.etag,
            last_modified: entity.last_modified,
            content_type: entity.content_type,
            verified: match entity.digest {
                _ if item.request.is_checked() => Verified::Checksum,
                Some(_) => Verified::Digest,
                None => entity.framing,
            },
            hashes: self.parts.asked_for(&item.request, saved.hashes),
            segments,
            from_earlier_runs,
            ..outcome::of_item(item)
        };
        self.complete(keys, target, Box::new(outcome));
    }

    /// Ends a row whose file is complete, when the caller has done what it does with each.
    pub(crate) fn complete(
        self: &Arc<Self>,
        keys: Keys,
        target: TargetName,
        outcome: Box<Outcome>,
    ) {
        let Some(on_complete) = &self.options.on_complete else {
            return self.settle(keys, &target, Settled::Done, outcome);
        };
        self.ledger.note_complete_file(&outcome);
        let run = Arc::clone(self);
        let end = move |outcome: Box<Outcome>| {
            run.settle(keys, &target, outcome::settled(&outcome.status), outcome);
        };
        let stopping = self.stopping.clone();
        on_complete.call(CompletedFile::new(outcome, stopping, end));
    }

    pub(crate) fn end_failed(self: &Arc<Self>, mut item: Box<Item>, error: Error) {
        if self.parts.storage.lasting().is_none() {
            // No later run can resume it.
            self.parts.discard(&mut item.progress);
        }
        let kind = error.kind();
        let (keys, target) = (item.keys, item.target.clone());
        let under_way = item.under_way.as_ref();
        let received = under_way.map_or(0, |under_way| under_way.transfer.received());
        let kept = self.parts.kept(&item.progress, received);
        if kept > 0 {
            self.parts.leave(&item.progress);
        }
        let outcome = Outcome {
            // The next process finds only what is recorded.
            kept: if kept >= WORTH_RECORDING { kept } else { 0 },
            status: Status::Failed(error),
            ..outcome::of_item(item)
        };
        self.settle(keys, &target, Settled::Failed(kind), Box::new(outcome));
    }

    /// Ends an item, and the rows that asked for the same.
    pub(crate) fn settle(
        self: &Arc<Self>,
        keys: Keys,
        target: &TargetName,
        settled: Settled,
        outcome: Box<Outcome>,
    ) {
        let followers = self.naming.release(keys, settled);
        if followers.is_empty() {
            return self.end(outcome);
        }
        if settled == Settled::Failed(ErrorKind::Cancelled) && self.stopping.is_cancelled() {
            // They had not started, so they have no outcome.
            for _ in followers {
                self.forget();
            }
            return self.end(outcome);
        }
        let found = FileInfo::same_as(&outcome);
        self.end(outcome);
        for (row, request) in followers {
            self.end_as_same(row, &request, target, settled, found.clone());
        }
    }

    /// Ends a row that asks for the same as an earlier one: as skipped, or as failed if that one
    /// failed.
    pub(crate) fn end_as_same(
        self: &Arc<Self>,
        row: u64,
        request: &Request,
        target: &TargetName,
        settled: Settled,
        found: FileInfo,
    ) {
        let status = match settled {
            Settled::Done | Settled::Pending => Status::Skipped,
            Settled::Failed(kind) => Status::Failed(Error::new(
                kind,
                format!(
                    "an earlier row asks for the same file, {}, and failed",
                    target.as_str()
                ),
            )),
        };
        self.end_without_request(row, request, target, status, found);
    }

    /// Ends a row: the only way out of a run.
    pub(crate) fn end(self: &Arc<Self>, outcome: Box<Outcome>) {
        self.follow(self.ledger.record(outcome));
    }

    /// Tells of a row that has ended, now that it is recorded.
    pub(crate) fn recorded(self: &Arc<Self>, outcome: Box<Outcome>) {
        self.follow(self.ledger.recorded(outcome));
    }

    /// Drops a row without a word: it had not started when the run was stopped.
    pub(crate) fn forget(self: &Arc<Self>) {
        self.follow(self.ledger.forget());
    }

    /// Does what follows the end of a row.
    pub(crate) fn follow(self: &Arc<Self>, consequence: Consequence) {
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
    pub(crate) fn cancel(self: &Arc<Self>) {
        if self.over.is_cancelled() {
            return;
        }
        let parked = {
            let mut parked = self.control.lock();
            parked.set_phase(Phase::Stopped);
            parked.take()
        };
        self.stopping.cancel();
        self.throttle.lift();
        self.control.interrupt();
        self.sources.stop();
        // In this order: no more rows come in while the queues are emptied.
        self.follow(self.ledger.close());
        // Complete files get their names before the run is over.
        self.parts.writer.hurry();
        for parked in parked {
            self.cancelled(parked.item);
        }
        self.withdraw();
        self.discard_spill();
    }

    /// Stops the run, since the destination cannot be used; says so once.
    pub(crate) fn stop(self: &Arc<Self>, error: Error) {
        if !self.stopped_by_disk.swap(true, Ordering::AcqRel) {
            self.ledger.emit(Event::Stopped(error));
            self.cancel();
        }
    }

    /// Cleans up, since the run is over, off the network's threads, and says so.
    fn wrap_up(self: &Arc<Self>) {
        tracing::debug!(target: RUN, run = self.number, "all rows have ended");
        let run = Arc::clone(self);
        self.services.dispatcher.run_ends(self.id);
        self.sample_end();
        let has_stopped = self.stopped_by_disk.load(Ordering::Acquire);
        let complete = !self.stopping.is_cancelled();
        let ending = Ending {
            complete,
            everything_is_there: complete && self.ledger.all_present(),
        };
        let told = Arc::clone(self);
        let left = move |closed: Result<(), Error>| {
            if let Err(error) = closed
                && !has_stopped
            {
                told.ledger.emit(Event::Stopped(error));
            }
            told.ledger.end_events();
            told.over.cancel();
            told.runs.remove(told.number);
        };
        self.parts.pool.call(move || run.place.leave(ending, left));
    }
}
