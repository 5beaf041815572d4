//! What becomes of an item under way: begun, saved, sent on, or repeated. How it ends is told in
//! `ended`.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::engine::item::{Item, UnderWay};
use crate::engine::run::Run;
use crate::error::{Error, ErrorKind};
use crate::event::{Event, Transfer};
use crate::fetch::origin;
use crate::fetch::route::Hop;
use crate::plan::head::Entity;
use crate::plan::mirrors;
use crate::sync::lock;
use crate::write::{PartWriter, Saving};

impl Run {
    /// An item's next request is about to be sent.
    pub(crate) fn begin(self: &Arc<Self>, item: &mut Item) {
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
            self.ledger.emit(Event::Started(transfer));
        } else if let Some(under_way) = &item.under_way {
            under_way.transfer.set_waiting(false);
        }
    }

    /// An item's body is whole: gives it its name, and tells. Waits only for a place in memory.
    pub(crate) async fn save(self: &Arc<Self>, item: Box<Item>, part: PartWriter, entity: Entity) {
        let run = Arc::clone(self);
        let saving = Saving {
            target: item.target.clone(),
            given: Arc::clone(&item.request.given),
            existing: self.options.existing,
            promised: entity.length,
            size: item.request.size(),
            modified: entity.modified(),
            done: Box::new(move |saved| match saved {
                Ok(saved) => {
                    if let Some(kept) = &item.progress.partial {
                        run.parts.forget(kept);
                    }
                    run.done(item, entity, saved);
                }
                Err(error) => {
                    let mut item = item;
                    if error.kind() == ErrorKind::Checksum && item.progress.is_mixed() {
                        return run.go_on_with_one(item, &error);
                    }
                    // What the disk has not taken yet may go on in a later run.
                    if error.kind() != ErrorKind::Disk {
                        run.parts.discard(&mut item.progress);
                    }
                    run.failed(item, error);
                }
            }),
        };
        part.commit(saving).await;
    }

    /// All bytes of an item's file have been brought: the same.
    pub(crate) async fn save_kept(self: &Arc<Self>, item: Box<Item>) {
        // Nobody comes here without.
        let Some(kept) = item.progress.partial.clone() else {
            return self.go_on_with(item);
        };
        match self.parts.completed(&item.request, &kept) {
            Ok((part, entity)) => self.save(item, part, entity).await,
            Err(error) => self.failed(item, error),
        }
    }

    /// An item goes on at another URL: queued there, since that host's cap is the one that counts
    /// now. `wait` is what the server has asked for before that.
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
        // Where requests share cookies, the first ones that come back from a login spare the others
        // that way. Behind all of those they would come too late.
        if self.options.cookies.is_some() && wait.is_zero() {
            self.queue_first(item);
        } else {
            self.queue_after(item, wait);
        }
    }

    /// An attempt failed: the item is tried again, or that was its last.
    pub(crate) fn failed(self: &Arc<Self>, item: Box<Item>, error: Error) {
        let may_pass = error.is_transient();
        self.attempt_failed(item, error, may_pass);
    }

    /// The same, where nothing in this run helps but another of its URLs.
    pub(crate) fn failed_for_good(self: &Arc<Self>, item: Box<Item>, error: Error) {
        self.attempt_failed(item, error, false);
    }

    fn attempt_failed(self: &Arc<Self>, mut item: Box<Item>, mut error: Error, may_pass: bool) {
        if error.lacks_descriptors() {
            self.services.dispatcher.on_descriptors_exhausted();
        }
        // What was given away cannot be taken back, for another attempt or for a mirror.
        let is_final =
            error.is_ours() && !error.lacks_descriptors() || self.parts.writer.has_given_away();
        if self.parts.writer.has_given_away() {
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
            // The run is being stopped: it would have been tried again, so it has not failed.
            Some(_) => self.cancelled(item),
            None => {
                let error = self.explained(error);
                self.end_failed(item, error);
            }
        }
    }

    /// An item is asked for again at once, for this reason. That is an attempt of its own, but none
    /// of the repetitions that are counted.
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

    /// How long an item waits for its next attempt, at whichever of its URLs; `None` when that was
    /// the last one.
    fn wait_for_next(
        self: &Arc<Self>,
        item: &mut Item,
        error: &Error,
        may_pass: bool,
    ) -> Option<Duration> {
        let (policy, asked) = (&self.options.retry, error.asked_wait());
        let now = Instant::now();
        item.attempt_failed(now);
        let has_time = item.retries.stalled(now) < policy.max_time;
        if error.lacks_descriptors() {
            // Fewer go on from now on: it is none of its tries.
            return has_time.then(|| policy.base.mul_f64(fastrand::f64()));
        }
        // One that asks for more than anybody waits is as good as gone, and holds up no mirror.
        let is_begun_again = error.kind() == ErrorKind::Checksum
            && !std::mem::replace(&mut item.has_mismatched, true);
        let passes = may_pass || is_begun_again;
        let may_pass = passes && asked.is_none_or(|asked| asked <= policy.max_time);
        let failed = item.mirrors.at();
        match item.next_source(may_pass) {
            mirrors::Next::Nothing => None,
            mirrors::Next::Other => has_time.then_some(Duration::ZERO),
            mirrors::Next::Round => {
                // The wait is for the server that asked for it.
                let asked = asked.filter(|_| item.mirrors.at() == failed);
                item.retries.next_round(policy, now, asked, fastrand::f64())
            }
        }
    }

    /// Whether an item that waits for so long has time for what it waits for.
    fn is_time_left(self: &Arc<Self>, item: &Item, wait: Duration) -> bool {
        let most = self.options.max_time;
        most.is_none_or(|most| item.time_left(most) > wait)
    }

    /// A failure with what a policy of ours has to do with it.
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

    /// What several of an item's URLs have brought together is not its file: one of them has
    /// another. What the one that has brought most has not brought is fetched from there, too. If
    /// the file is right then, it was one of the others.
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

    /// An item's file is right without what these mirrors have brought of it: they get no shares
    /// any more.
    pub(crate) fn distrust(self: &Arc<Self>, item: &Item) {
        let others = item.progress.untrusted_sources.iter();
        for nth in others.filter(|nth| **nth != item.mirrors.at()) {
            lock(&self.services.unsplit).insert(origin::key(item.source(*nth)).into());
        }
    }

    /// More is to be brought of an item's file.
    pub(crate) fn go_on_with(self: &Arc<Self>, mut item: Box<Item>) {
        item.begins_attempt = true;
        self.queue(item);
    }

    /// What was brought of an item's file is of no use, for this reason: asks for all of it.
    /// Without anything that is here, it is not asked so again.
    pub(crate) fn begin_again(self: &Arc<Self>, mut item: Box<Item>, why: Error) {
        self.parts.discard(&mut item.progress);
        item.progress.restart_reason = Some(why.to_string().into());
        self.ask_again(item, why);
    }
}
