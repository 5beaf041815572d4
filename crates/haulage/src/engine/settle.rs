//! What becomes of an item: saved, sent on, repeated, or ended.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use url::Url;

use super::core::Core;
use super::ended::{under_way, unstarted};
use super::item::{Item, Keys, UnderWay, label};
use super::lock;
use super::present::Found;
use super::work::{Work, credentials_at};
use crate::error::{Error, ErrorKind};
use crate::event::{Event, Transfer};
use crate::outcome::{Outcome, Status, Verified};
use crate::plan::head::Entity;
use crate::plan::mirrors;
use crate::plan::name::TargetName;
use crate::plan::registry::Settled;
use crate::request::{Credentials, Request};
use crate::schedule::HostId;
use crate::schedule::retry::wait_before_retry;
use crate::write::{PartWriter, Saved, Saving};

impl Core {
    /// An item's next request is about to be sent.
    pub(super) fn begin(&self, item: &mut Item) {
        // Whatever comes of it is to be recorded anew.
        if let Some(ask) = &mut item.request.ask {
            ask.recorded = None;
        }
        item.attempts += u32::from(std::mem::take(&mut item.begins_attempt));
        if item.under_way.is_none() {
            let transfer = Arc::new(Transfer::new(
                item.row,
                item.label(),
                Arc::clone(&item.request.given),
            ));
            item.under_way = Some(UnderWay {
                transfer: Arc::clone(&transfer),
                at: SystemTime::now(),
                clock: Instant::now(),
            });
            self.tell(Event::Started(transfer));
        }
    }

    /// An item's body is whole: gives it its name, and tells. Waits only for a place in memory.
    pub(super) async fn save(self: &Arc<Self>, item: Box<Item>, part: PartWriter, entity: Entity) {
        let core = Arc::clone(self);
        let saving = Saving {
            target: item.target.clone(),
            existing: self.options.existing,
            promised: entity.length,
            modified: entity.modified(),
            done: Box::new(move |saved| match saved {
                Ok(saved) => {
                    if let Some(kept) = &item.brought.kept {
                        core.assemblies.forget(kept);
                    }
                    core.done(item, entity, saved);
                }
                Err(error) => {
                    let mut item = item;
                    if error.kind() == ErrorKind::Checksum && item.brought.is_mixed() {
                        return core.go_on_with_one(item, &error);
                    }
                    // What the disk has not taken yet may go on in a later run.
                    if error.kind() != ErrorKind::Disk {
                        core.discard(&mut item);
                    }
                    core.failed(item, error);
                }
            }),
        };
        part.commit(saving).await;
    }

    /// All bytes of an item's file have been brought: the same.
    pub(super) async fn save_kept(self: &Arc<Self>, item: Box<Item>) {
        // Nobody comes here without.
        let Some(kept) = item.brought.kept.clone() else {
            return self.go_on_with(item);
        };
        match self.completed(&item.request, &kept) {
            Ok((part, entity)) => self.save(item, part, entity).await,
            Err(error) => self.failed(item, error),
        }
    }

    /// An item goes on at another URL: queued there, since that host's cap is the one that counts now.
    pub(super) fn redirected(&self, mut item: Box<Item>, mut to: Url) {
        let credentials =
            Credentials::take_from(&mut to).or_else(|| credentials_at(item.hop.as_deref(), &to));
        item.hops += 1;
        if item.hops > self.options.max_redirects {
            let error = Error::new(
                ErrorKind::Redirect,
                format!(
                    "more than {} redirects (--max-redirects); the last one leads to {to}",
                    self.options.max_redirects
                ),
            );
            return self.failed(item, error);
        }
        if let Some(under_way) = &item.under_way {
            self.tell(Event::Redirected {
                transfer: Arc::clone(&under_way.transfer),
                to: to.to_string(),
            });
        }
        item.hop = Some(Box::new((to, credentials)));
        self.queue(item);
    }

    /// An attempt failed: the item is tried again, or that was its last.
    pub(super) fn failed(&self, mut item: Box<Item>, mut error: Error) {
        // What was given away cannot be taken back, for another attempt or for a mirror.
        let is_final =
            error.is_ours() && !error.lacks_descriptors() || self.writer.has_given_away();
        if self.writer.has_given_away() {
            error = error.after_giving_away();
        }
        if error.ends_the_run() {
            // In this order: with this item's end the run may be over.
            self.stop(Error::new(error.kind(), error.to_string()));
            return self.end_failed(item, error);
        }
        if is_final {
            return self.end_failed(item, error);
        }
        let wait = self.wait_for_next(&mut item, &error);
        if wait.is_some_and(|wait| !self.is_time_left(&item, wait)) {
            let error = error.and("there is no time for another attempt (--max-time)");
            return self.end_failed(item, error);
        }
        match wait {
            Some(wait) if !self.stopping.is_cancelled() => {
                if let Some(under_way) = &item.under_way {
                    under_way.transfer.begin(None);
                    self.tell(Event::Retrying {
                        transfer: Arc::clone(&under_way.transfer),
                        attempts: item.attempts,
                        error,
                        wait,
                    });
                }
                if wait.is_zero() {
                    self.queue(item);
                } else {
                    self.queue_after(item, wait);
                }
            }
            _ => {
                let error = self.explained(error);
                self.end_failed(item, error);
            }
        }
    }

    /// An item is asked for again at once, for this reason. That is an attempt of its own, but none of the repetitions that are counted.
    pub(super) fn ask_again(&self, mut item: Box<Item>, why: Error) {
        item.begins_attempt = true;
        if let Some(under_way) = &item.under_way {
            under_way.transfer.begin(None);
            self.tell(Event::Retrying {
                transfer: Arc::clone(&under_way.transfer),
                attempts: item.attempts,
                error: why,
                wait: Duration::ZERO,
            });
        }
        self.queue(item);
    }

    /// How long an item waits for its next attempt, at whichever of its URLs; `None` when that was the last one.
    fn wait_for_next(&self, item: &mut Item, error: &Error) -> Option<Duration> {
        let (policy, asked) = (&self.options.retry, error.asked_wait());
        // One that asks for more than anybody waits is as good as gone, and holds up no mirror.
        let is_begun_again = error.kind() == ErrorKind::Checksum
            && !std::mem::replace(&mut item.has_mismatched, true);
        let passes = error.is_transient() || is_begun_again || error.lacks_descriptors();
        let may_pass = passes && asked.is_none_or(|asked| asked <= policy.max_time);
        let failed = item.mirrors.at();
        match item.next_source(may_pass) {
            mirrors::Next::Nothing => None,
            mirrors::Next::Other => (item.elapsed() < policy.max_time).then_some(Duration::ZERO),
            mirrors::Next::Round => {
                item.rounds += 1;
                // The wait is for the server that asked for it.
                let asked = asked.filter(|_| item.mirrors.at() == failed);
                wait_before_retry(policy, item.rounds, item.elapsed(), asked, fastrand::f64())
            }
        }
    }

    /// Whether an item that waits for so long has time for what it waits for.
    fn is_time_left(&self, item: &Item, wait: Duration) -> bool {
        let most = self.options.max_time;
        most.is_none_or(|most| item.time_left(most) > wait)
    }

    /// A failure with what a policy of ours has to do with it.
    fn explained(&self, error: Error) -> Error {
        let longest = self.options.retry.max_time;
        match error.asked_wait() {
            Some(asked) if asked > longest => {
                let (asked, longest) = (asked.as_secs(), longest.as_secs_f64());
                error.and(&format!(
                    "it asks to wait {asked} s, and --retry-max-time allows {longest} s"
                ))
            }
            _ => error,
        }
    }

    /// A lane has seen its host in trouble: what follows for the host, and for all that wait for it. `overloaded`: when the request was
    /// sent which has shown that it has too much to do. `false` when it is given up.
    pub(super) fn host_failed(
        &self,
        host: HostId,
        overloaded: Option<Instant>,
        error: &Error,
    ) -> bool {
        let (now, policy) = (Instant::now(), &self.options.retry);
        let mut schedule = self.schedule();
        if let Some(asked) = error.asked_wait().filter(|asked| *asked <= policy.max_time) {
            schedule.close(host, now + asked);
        }
        if let Some(sent) = overloaded {
            schedule.refused(host, sent, now);
        }
        let given_up = schedule.failed(host, now, policy, fastrand::f64());
        drop(schedule);
        self.clock.notify_one();
        let Some(waiting) = given_up else {
            return true;
        };
        for work in waiting {
            let item = match work {
                Work::Item(item) => item,
                Work::Share(split, at) => {
                    self.drop_share(&split, at);
                    continue;
                }
            };
            let error = Error::new(error.kind(), error.to_string()).and(&format!(
                "its host has been in trouble for {} s (--retry-max-time)",
                policy.max_time.as_secs_f64()
            ));
            self.failed(item, error.transient(false));
        }
        false
    }

    /// The run is being stopped. An item that had started ends; of one that had not nothing is said.
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
        let path = found.path.unwrap_or_else(|| target.to_shared());
        let mut outcome = Outcome {
            place: request.place.clone(),
            ask: request.ask.clone(),
            url: Arc::clone(&request.given),
            path: there.then_some(path),
            bytes: found.bytes,
            verified: found.verified,
            hashes: found.hashes,
            ..unstarted(row, label(request, target))
        };
        outcome.status = ended;
        self.end(outcome);
    }

    /// A row has ended: the only way out of a run.
    pub(super) fn end(&self, outcome: Outcome) {
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
    pub(super) fn tell_end(&self, outcome: Outcome) {
        let failed = outcome.error().is_some();
        if failed {
            self.every_item_is_there.store(false, Ordering::Release);
        }
        self.tell(Event::Ended(Box::new(outcome)));
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

    fn done(&self, item: Box<Item>, entity: Entity, saved: Saved) {
        self.distrust(&item);
        let (keys, target) = (item.keys, item.target.clone());
        let segments = item
            .brought
            .kept
            .as_ref()
            .map_or(1, |kept| kept.brought_by());
        if let Some(copy) = &saved.renamed {
            lock(&self.names).moved(keys.own, copy.clone());
        }
        let outcome = Outcome {
            status: Status::Done,
            path: self
                .disk
                .keeps_files()
                .then(|| saved.renamed.as_ref().unwrap_or(&target).to_shared()),
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
            ..under_way(item)
        };
        self.settle(keys, &target, Settled::Done, outcome);
    }

    fn end_failed(&self, item: Box<Item>, error: Error) {
        let kind = error.kind();
        let (keys, target) = (item.keys, item.target.clone());
        let outcome = Outcome {
            status: Status::Failed(error),
            ..under_way(item)
        };
        self.settle(keys, &target, Settled::Failed(kind), outcome);
    }

    /// Ends an item, and the rows that asked for the same.
    pub(super) fn settle(
        &self,
        keys: Keys,
        target: &TargetName,
        settled: Settled,
        outcome: Outcome,
    ) {
        let followers = self.release(keys, settled);
        if followers.is_empty() {
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
        // In this order, as where a row is admitted: a row becomes a follower or sees how this one ended.
        let mut names = lock(&self.names);
        let mut followers = lock(&self.followers);
        let mut released = Vec::new();
        for key in [Some(keys.own), keys.by_server].into_iter().flatten() {
            names.settle(key, settled);
            released.extend(followers.remove(&key).into_iter().flatten());
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

    /// The destination is unusable: says so once, and stops.
    pub(super) fn stop(&self, error: Error) {
        if !self.stopped_by_disk.swap(true, Ordering::AcqRel) {
            self.tell(Event::Stopped(error));
            self.cancel();
        }
    }
}
