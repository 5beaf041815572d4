//! How a row ends: exactly once, with an outcome.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::core::Core;
use super::item::{Item, Keys, label};
use super::present::Found;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::outcome::{Outcome, Renamed, Status, Verified};
use crate::plan::head::Entity;
use crate::plan::name::TargetName;
use crate::plan::registry::Settled;
use crate::request::Request;
use crate::sync::lock;
use crate::write::Saved;

impl Core {
    /// The run is being stopped. An item that had started ends; of one that had not nothing is
    /// said.
    pub(super) fn cancelled(&self, item: Box<Item>) {
        if item.under_way.is_some() {
            let error = Error::new(
                ErrorKind::Cancelled,
                "the run was stopped before the file was complete; run the same command again to fetch it",
            );
            self.end_failed(item, error);
        } else {
            let followers = self.release(item.keys, Settled::Failed(ErrorKind::Cancelled));
            for _ in 0..=followers.len() {
                self.forget();
            }
        }
    }

    /// A row ended without any request.
    pub(super) fn end_without_request(
        &self,
        row: u64,
        request: &Request,
        target: &TargetName,
        ended: Status,
        found: Found,
    ) {
        let there = match ended {
            Status::Failed(_) => false,
            Status::Planned => !self.is_named_later(request),
            Status::Done | Status::Skipped | Status::Unchanged => true,
        };
        let renamed = found.renamed.filter(|_| there);
        let path = found.path.unwrap_or_else(|| target.to_shared());
        let mut outcome = Outcome {
            place: request.place.clone(),
            ask: request.ask.clone(),
            url: Arc::clone(&request.given),
            path: there.then_some(path),
            renamed,
            bytes: found.bytes,
            verified: found.verified,
            hashes: found.hashes,
            ..unstarted(row, label(request, target), SystemTime::now())
        };
        outcome.status = ended;
        self.end(Box::new(outcome));
    }

    /// A row has ended: the only way out of a run.
    pub(super) fn end(&self, outcome: Box<Outcome>) {
        let outcome = match &self.state {
            Some(state) => match state.add(outcome) {
                Some(outcome) => outcome,
                // It is told once it is recorded.
                None => return,
            },
            None => outcome,
        };
        self.tell_end(outcome);
    }

    /// Tells of a row that has ended.
    pub(super) fn tell_end(&self, outcome: Box<Outcome>) {
        let failed = outcome.error().is_some();
        if failed {
            self.every_item_is_there.store(false, Ordering::Release);
        }
        self.tell(Event::Ended(outcome));
        if failed {
            self.count_failure();
        }
        if self.window.settle() {
            self.wrap_up();
        }
    }

    /// One more item has failed: that may be enough.
    fn count_failure(&self) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if Some(failures) == self.options.max_errors && !self.stopping.is_cancelled() {
            self.tell(Event::TooManyErrors(failures));
            self.cancel();
        }
    }

    /// A row goes without a word: it had not started when the run was stopped.
    pub(super) fn forget(&self) {
        self.every_item_is_there.store(false, Ordering::Release);
        self.window.leave(1);
        if self.window.settle() {
            self.wrap_up();
        }
    }

    /// An item's file has its name.
    pub(super) fn done(&self, item: Box<Item>, entity: Entity, saved: Saved) {
        self.distrust(&item);
        let (keys, target) = (item.keys, item.target.clone());
        let kept = item.brought.kept.as_ref();
        let segments = kept.map_or(1, |kept| kept.brought_by());
        let from_earlier_runs = kept.map_or(0, |kept| kept.left_by_earlier_runs());
        if let Some(copy) = &saved.renamed {
            lock(&self.names).moved(keys.own, copy.clone());
        }
        let outcome = Outcome {
            status: Status::Done,
            path: self
                .disk
                .keeps_files()
                .then(|| saved.renamed.as_ref().unwrap_or(&target).to_shared()),
            renamed: saved
                .renamed
                .as_ref()
                .map_or(item.renamed, |_| Some(Renamed::AnotherFile)),
            bytes: saved.length,
            etag: entity.etag,
            last_modified: entity.last_modified,
            content_type: entity.content_type,
            verified: match entity.digest {
                _ if !item.request.checksums.is_empty() => Verified::Checksum,
                Some(_) => Verified::Digest,
                None => entity.framing,
            },
            hashes: self.asked_for(&item.request, saved.hashes),
            segments,
            from_earlier_runs,
            ..under_way(item)
        };
        self.settle(keys, &target, Settled::Done, Box::new(outcome));
    }

    pub(super) fn end_failed(&self, item: Box<Item>, error: Error) {
        let kind = error.kind();
        let (keys, target) = (item.keys, item.target.clone());
        let outcome = Outcome {
            kept: self.kept_for_next_run(&item),
            status: Status::Failed(error),
            ..under_way(item)
        };
        self.settle(keys, &target, Settled::Failed(kind), Box::new(outcome));
    }

    /// Ends an item, and the rows that asked for the same.
    pub(super) fn settle(
        &self,
        keys: Keys,
        target: &TargetName,
        settled: Settled,
        outcome: Box<Outcome>,
    ) {
        let followers = self.release(keys, settled);
        if followers.is_empty() {
            return self.end(outcome);
        }
        if settled == Settled::Failed(ErrorKind::Cancelled) {
            // They had not started, so nothing is said of them.
            for _ in followers {
                self.forget();
            }
            return self.end(outcome);
        }
        let found = Found::same_as(&outcome);
        self.end(outcome);
        for (row, request) in followers {
            self.end_as_same(row, &request, target, settled, found.clone());
        }
    }

    /// Notes how the item of these names ended, and gives the rows that waited for it.
    pub(super) fn release(&self, keys: Keys, settled: Settled) -> Vec<(u64, Request)> {
        // In this order, as where a row is admitted: a row becomes a follower or sees how this one
        // ended.
        let mut names = lock(&self.names);
        let mut followers = lock(&self.followers);
        let mut released = Vec::new();
        for key in [Some(keys.own), keys.by_server].into_iter().flatten() {
            names.settle(key, settled);
            // As a rule there are none at all.
            if !followers.is_empty() {
                released.extend(followers.remove(&key).into_iter().flatten());
            }
        }
        released
    }

    /// A row that asks for the same as an earlier one ends as that did.
    pub(super) fn end_as_same(
        &self,
        row: u64,
        request: &Request,
        target: &TargetName,
        settled: Settled,
        found: Found,
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
}

/// The outcome of an item as far as it has come; how it ended is for the caller to say.
pub(super) fn under_way(item: Box<Item>) -> Outcome {
    let label = item.label();
    let (started, duration, fetched) = match &item.under_way {
        Some(under_way) => (
            under_way.at,
            under_way.clock.elapsed(),
            under_way.transfer.fetched(),
        ),
        None => (SystemTime::now(), Duration::ZERO, 0),
    };
    let final_url = item.hop.map_or(item.request.url, |hop| hop.0);
    Outcome {
        place: item.request.place,
        ask: item.request.ask,
        url: item.request.given,
        final_url: item.http_status.map(|_| final_url.into()),
        http_status: item.http_status,
        attempts: item.attempts,
        resumed: item.brought.resumed,
        restarted: item.brought.restarted,
        duration,
        fetched,
        ..unstarted(item.row, label, started)
    }
}

/// The outcome of a row of which nothing else is known.
pub(super) fn unstarted(row: u64, label: Arc<str>, started: SystemTime) -> Outcome {
    Outcome {
        row,
        place: None,
        url: Arc::clone(&label),
        final_url: None,
        label,
        status: Status::Skipped,
        path: None,
        renamed: None,
        bytes: 0,
        http_status: None,
        attempts: 0,
        started,
        duration: Duration::ZERO,
        etag: None,
        last_modified: None,
        content_type: None,
        verified: Verified::Nothing,
        hashes: Vec::new(),
        segments: 0,
        resumed: 0,
        fetched: 0,
        from_earlier_runs: 0,
        kept: 0,
        restarted: None,
        ask: None,
        has_counts: true,
    }
}
