//! How a row ends: exactly once, with an outcome.

use std::sync::Arc;
use std::time::SystemTime;

use super::core::Core;
use super::existing::FileInfo;
use super::item::{Item, Keys, label};
use super::outcome;
use crate::error::{Error, ErrorKind};
use crate::outcome::{Outcome, Renamed, Status, Verified};
use crate::plan::head::Entity;
use crate::plan::name::TargetName;
use crate::plan::registry::Settled;
use crate::request::Request;
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
            let followers = self
                .naming
                .release(item.keys, Settled::Failed(ErrorKind::Cancelled));
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
        found: FileInfo,
    ) {
        let there = match ended {
            Status::Failed(_) => false,
            Status::Planned => !self.naming.is_named_later(request),
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
            ..outcome::of_row(row, label(request, target), SystemTime::now())
        };
        outcome.status = ended;
        self.end(Box::new(outcome));
    }

    /// An item's file has its name.
    pub(super) fn done(&self, item: Box<Item>, entity: Entity, saved: Saved) {
        self.distrust(&item);
        let (keys, target) = (item.keys, item.target.clone());
        let kept = item.progress.partial.as_ref();
        let (content, reservation) = saved.content.unzip();
        let segments = kept.map_or(1, |kept| kept.brought_by());
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
                _ if !item.request.checksums.is_empty() => Verified::Checksum,
                Some(_) => Verified::Digest,
                None => entity.framing,
            },
            hashes: self.parts.asked_for(&item.request, saved.hashes),
            segments,
            from_earlier_runs,
            ..outcome::of_item(item)
        };
        self.settle(keys, &target, Settled::Done, Box::new(outcome));
    }

    pub(super) fn end_failed(&self, mut item: Box<Item>, error: Error) {
        if self.parts.storage.lasting().is_none() {
            // No later run can resume it.
            self.parts.discard(&mut item.progress);
        }
        let kind = error.kind();
        let (keys, target) = (item.keys, item.target.clone());
        let under_way = item.under_way.as_ref();
        let received = under_way.map_or(0, |under_way| under_way.transfer.received());
        let outcome = Outcome {
            kept: self.parts.kept_for_next_run(&item.progress, received),
            status: Status::Failed(error),
            ..outcome::of_item(item)
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
        let followers = self.naming.release(keys, settled);
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
        let found = FileInfo::same_as(&outcome);
        self.end(outcome);
        for (row, request) in followers {
            self.end_as_same(row, &request, target, settled, found.clone());
        }
    }

    /// A row that asks for the same as an earlier one ends as that did.
    pub(super) fn end_as_same(
        &self,
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
}
