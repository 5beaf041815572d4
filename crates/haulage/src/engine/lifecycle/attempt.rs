//! What happens to an item with its attempts: it is begun, saved, redirected or retried. How it
//! ends is in `finish`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::clock;
use crate::engine::item::{Item, UnderWay};
use crate::engine::run::Run;
use crate::error::{Error, ErrorKind};
use crate::event::{Event, Transfer};
use crate::fetch::origin;
use crate::fetch::request_target::Hop;
use crate::plan::head::Entity;
use crate::plan::mirrors;
use crate::sync::lock;
use crate::write::{PartWriter, Saving};

impl Run {
    /// Notes that an item's next request is about to be sent, and reports the start of its first
    /// one.
    pub(crate) fn begin(self: &Arc<Self>, item: &mut Item) {
        // Its outcome is to be recorded anew.
        if let Some(key) = &mut item.request.key {
            key.recorded = None;
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
                clock: clock::now(),
            });
            self.ledger.emit(Event::Started(transfer));
        } else if let Some(under_way) = &item.under_way {
            under_way.transfer.set_waiting(false);
        }
    }

    /// Commits an item's file, whose body is complete, then ends or retries the item. Waits only
    /// for a place in memory.
    pub(crate) async fn save(self: &Arc<Self>, item: Box<Item>, part: PartWriter, entity: Entity) {
        let run = Arc::clone(self);
        let saving = Saving {
            target: item.target.clone(),
            given: Arc::clone(&item.request.given),
            existing: self.options.existing,
            promised: entity.length,
            size: item.request.size(),
            modified: self
                .options
                .server_times
                .then(|| entity.modified())
                .flatten(),
            repairs: item.progress.repairs.as_deref().copied(),
            done: Box::new(move |saved| match saved {
                Ok(saved) => {
                    if let Some(kept) = &item.progress.partial {
                        run.parts.forget(kept);
                    }
                    run.done(item, entity, saved);
                }
                Err(error) => {
                    if error.kind() == ErrorKind::Checksum {
                        let not_saved = |item, error| run.not_saved(item, error);
                        return run.keep_right_pieces(item, error, not_saved);
                    }
                    run.not_saved(item, error);
                }
            }),
        };
        part.commit(saving).await;
    }

    /// Goes on with an item whose file was received, but is not the right one, or cannot be named.
    fn not_saved(self: &Arc<Self>, mut item: Box<Item>, error: Error) {
        if error.kind() == ErrorKind::Checksum && item.progress.is_mixed() {
            return self.go_on_with_one(item, &error);
        }
        // After a disk error, a later run can resume the partial file.
        if error.kind() != ErrorKind::Disk {
            self.parts.discard(&mut item.progress);
        }
        self.failed(item, error);
    }

    /// Commits an item's partial file, which is complete now, as [`save`](Self::save) does.
    pub(crate) async fn save_kept(self: &Arc<Self>, item: Box<Item>) {
        // There is always one here.
        let Some(kept) = item.progress.partial.clone() else {
            return self.go_on_with(item);
        };
        match self.parts.completed(&item.request, &kept) {
            Ok((part, entity)) => self.save(item, part, entity).await,
            Err(error) => self.failed(item, error),
        }
    }

    /// Queues an item for the host of another URL, since the limit of that host is the one that
    /// counts now. `wait` is what the server has asked for before that. The item fails after too
    /// many redirects, or if there is no time for the wait.
    pub(crate) fn redirected(self: &Arc<Self>, mut item: Box<Item>, hop: Box<Hop>, wait: Duration) {
        let to = &hop.url;
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
        if !wait.is_zero() && !self.is_time_left(&item, wait) {
            let what = "the server asks to wait before its redirect is followed; there is no time for that (--max-time)";
            return self.failed(item, Error::new(ErrorKind::Redirect, what));
        }
        if let Some(under_way) = &item.under_way {
            under_way.transfer.set_waiting(true);
            self.ledger.emit(Event::Redirected {
                transfer: Arc::clone(&under_way.transfer),
                to: to.to_string(),
            });
        }
        item.hop = Some(hop);
        // With shared cookies, the first items that return from a login spare the others the
        // redirects. At the end of the queue they would return too late for that.
        if self.options.cookies.is_some() && wait.is_zero() {
            self.queue_first(item);
        } else {
            self.queue_after(item, wait);
        }
    }

    /// Retries an item whose attempt failed, or ends it if that was its last attempt.
    pub(crate) fn failed(self: &Arc<Self>, item: Box<Item>, error: Error) {
        let may_pass = error.is_transient();
        self.attempt_failed(item, error, may_pass);
    }

    /// Does the same as [`failed`](Self::failed), but the URL that failed is not asked again in
    /// this run: only another URL of the item can help.
    pub(crate) fn failed_for_good(self: &Arc<Self>, item: Box<Item>, error: Error) {
        self.attempt_failed(item, error, false);
    }

    fn attempt_failed(self: &Arc<Self>, mut item: Box<Item>, mut error: Error, may_pass: bool) {
        if error.lacks_descriptors() {
            self.services.dispatcher.on_descriptors_exhausted();
        }
        // Bytes that were given away cannot be taken back for another attempt or a mirror.
        let is_final =
            error.is_ours() && !error.lacks_descriptors() || self.parts.writer.is_irrevocable();
        if self.parts.writer.is_irrevocable() {
            error = error.not_retryable_after_output();
        }
        if error.ends_the_run() {
            // In this order: the run may be over once this item ends.
            self.stop(Error::new(error.kind(), error.to_string()));
            return self.end_failed(item, error);
        }
        if is_final {
            return self.end_failed(item, error);
        }
        let wait = self.wait_for_next(&mut item, &error, may_pass);
        if wait.is_some_and(|wait| !self.is_time_left(&item, wait)) {
            let error = error.and("there is no time for another attempt (--max-time)");
            return self.end_failed(item, error);
        }
        match wait {
            Some(wait) if !self.stopping.is_cancelled() => {
                if let Some(under_way) = &item.under_way {
                    under_way.transfer.begin(None);
                    under_way.transfer.set_waiting(true);
                    self.ledger.emit(Event::Retrying {
                        transfer: Arc::clone(&under_way.transfer),
                        attempts: item.attempts,
                        error,
                        wait,
                    });
                }
                self.queue_after(item, wait);
            }
            // The run is being stopped. The item would have been retried, so it has not failed.
            Some(_) => self.cancelled(item),
            None => {
                let error = self.explained(error);
                self.end_failed(item, error);
            }
        }
    }

    /// Queues an item again at once, and reports why. That is a new attempt, but does not count as
    /// one of the retries.
    pub(crate) fn ask_again(self: &Arc<Self>, mut item: Box<Item>, why: Error) {
        item.begins_attempt = true;
        if let Some(under_way) = &item.under_way {
            under_way.transfer.begin(None);
            under_way.transfer.set_waiting(true);
            self.ledger.emit(Event::Retrying {
                transfer: Arc::clone(&under_way.transfer),
                attempts: item.attempts,
                error: why,
                wait: Duration::ZERO,
            });
        }
        self.queue(item);
    }

    /// Moves an item to the URL of its next attempt, and returns how long it waits for that; `None`
    /// if there is to be no other attempt.
    fn wait_for_next(
        self: &Arc<Self>,
        item: &mut Item,
        error: &Error,
        may_pass: bool,
    ) -> Option<Duration> {
        let (policy, asked) = (&self.options.retry, error.asked_wait());
        let now = clock::now();
        item.attempt_failed(now);
        let has_time = item.retries.stalled(now) < policy.max_time;
        if error.lacks_descriptors() {
            // Fewer requests are in flight from now on, so this does not count as a retry.
            return has_time.then(|| policy.base.mul_f64(fastrand::f64()));
        }
        // A wait longer than `max_time` counts as a permanent failure, and delays no mirror.
        let is_begun_again = error.kind() == ErrorKind::Checksum
            && !std::mem::replace(&mut item.has_mismatched, true);
        let passes = may_pass || is_begun_again;
        let may_pass = passes && asked.is_none_or(|asked| asked <= policy.max_time);
        let failed = item.mirrors.at();
        match item.next_source(may_pass) {
            mirrors::NextUrl::Nothing => None,
            mirrors::NextUrl::Other => has_time.then_some(Duration::ZERO),
            mirrors::NextUrl::Round => {
                // The wait is for the server that asked for it.
                let asked = asked.filter(|_| item.mirrors.at() == failed);
                item.retries.next_round(policy, now, asked, fastrand::f64())
            }
        }
    }

    /// Returns whether an item has time left after so long a wait.
    fn is_time_left(self: &Arc<Self>, item: &Item, wait: Duration) -> bool {
        let most = self.options.max_time;
        most.is_none_or(|most| item.time_left(most) > wait)
    }

    /// Returns an error, with a note if the server asks for a longer wait than `--retry-max-time`
    /// allows.
    fn explained(self: &Arc<Self>, error: Error) -> Error {
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

    /// Fetches an item's file from one URL, since the bytes that several URLs have brought together
    /// are not the file: one of them has another one. Keeps the bytes of the URL that has brought
    /// most, and fetches the others from there, too. If the file is right then, one of the other
    /// URLs was wrong.
    pub(crate) fn go_on_with_one(self: &Arc<Self>, mut item: Box<Item>, error: &Error) {
        let kept = item.progress.partial.clone();
        let sources = kept.as_ref().map(|kept| kept.sources());
        let mut sources = sources.unwrap_or_default().into_iter();
        if let (Some(kept), Some((one, _))) = (kept, sources.next()) {
            kept.keep_only(one);
            item.progress
                .untrusted_sources
                .extend(sources.map(|(other, _)| other));
            item.go_to_source(one);
        }
        let why = format!(
            "one of its URLs has another file, so all of it is fetched from {}: {error}",
            item.source(item.mirrors.at())
        );
        item.progress.restart_reason = Some(why.as_str().into());
        self.ask_again(item, Error::new(error.kind(), why));
    }

    /// Requests no more segments from the hosts of the mirrors whose bytes were given up: the
    /// item's file is right without them.
    pub(crate) fn distrust(self: &Arc<Self>, item: &Item) {
        let untrusted = item.progress.untrusted_sources.iter();
        let others = untrusted.chain(&item.progress.damaging_sources);
        for nth in others.filter(|nth| **nth != item.mirrors.at()) {
            lock(&self.services.unsplit).insert(origin::key(item.source(*nth)).into());
        }
    }

    /// Queues an item for its next attempt, which fetches more of its file.
    pub(crate) fn go_on_with(self: &Arc<Self>, mut item: Box<Item>) {
        item.begins_attempt = true;
        self.queue(item);
    }

    /// Discards the partial file of an item, which is of no use for the reason `why`, and restarts
    /// the download. The next request has no range, so it does not fail in the same way again.
    pub(crate) fn begin_again(self: &Arc<Self>, mut item: Box<Item>, why: Error) {
        self.parts.discard(&mut item.progress);
        item.progress.restart_reason = Some(why.to_string().into());
        self.ask_again(item, why);
    }
}
