//! How an item goes on with what an earlier request of it, or an earlier run, has brought; and how
//! it begins again where that is of no use.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;
use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, IF_RANGE, RANGE};

use super::core::Core;
use super::item::Item;
use super::lane::{Lane, Step};
use super::split::Split;
use super::watch::Whose;
use crate::checksum::Checksum;
use crate::error::{Error, ErrorKind};
use crate::fetch::body::ResponseBody;
use crate::fetch::origin;
use crate::options::Codings;
use crate::plan::content_range::Asked;
use crate::plan::head::{self, Entity, Head};
use crate::plan::resume::{self, Identity, Verdict};
use crate::plan::retry_after;
use crate::plan::size;
use crate::plan::validator::Agreement;
use crate::plan::vouched;
use crate::request::Request;
use crate::sync::lock;
use crate::write::{Assembly, Owner, PartWriter};

/// A shorter file is fetched again in about the time that it takes to ask for the rest. Not more
/// than what counts as progress (see [`RetryState`](crate::schedule::retry::RetryState)): that has
/// to be kept.
const WORTH_KEEPING: u64 = 64 << 10;
/// A response may bring less than was asked for (RFC 9110 §15.3.7). One that brings less than this
/// is short.
const SHORT: u64 = 64 << 10;
/// How many short responses one item may have: a server that sends a few bytes at a time would be
/// asked for ever.
const MOST_SHORT: u32 = 64;

/// What has been brought of an item's file.
#[derive(Default)]
pub(super) struct Brought {
    /// With which its next request can go on.
    pub(super) kept: Option<Arc<Assembly>>,
    /// Whatever there is, the server is to send all of the file.
    pub(super) asks_whole: bool,
    /// Those who fetch it too, while its own response goes on.
    pub(super) split: Option<Arc<Split>>,
    /// How many may be at it at once, where its server has shown that.
    pub(super) most_shares: Option<usize>,
    /// Bytes of it that its last request did not have to bring.
    pub(super) resumed: u64,
    /// How many of the responses that it went on with brought very little.
    pub(super) short: u32,
    /// Why what had been brought was of no use.
    pub(super) restarted: Option<Box<str>>,
    /// Which of its URLs have had a part in a mixture. From then on nothing of one is joined to
    /// anything of another.
    pub(super) distrusted: Vec<usize>,
}

impl Brought {
    /// Whether several of an item's URLs have brought what is here.
    pub(super) fn is_mixed(&self) -> bool {
        let kept = self.kept.as_ref();
        kept.is_some_and(|kept| kept.sources().len() > 1)
    }
}

/// What an item's next request asks for: the rest of a file.
pub(super) struct Rest {
    pub(super) kept: Arc<Assembly>,
    /// As far as the server that is asked can know it.
    identity: Identity,
    asked: Asked,
}

impl Rest {
    /// Adds what makes a request one for the rest, as long as the file is the same.
    pub(super) fn ask(&self, headers: &mut HeaderMap) {
        ask_for(self.asked, &self.identity, headers);
    }
}

/// Adds what makes a request one for these bytes, as long as the file is the same.
pub(super) fn ask_for(asked: Asked, identity: &Identity, headers: &mut HeaderMap) {
    let validator = identity.validator.as_ref();
    let if_range = validator.and_then(|own| HeaderValue::from_str(own.if_range()).ok());
    headers.extend(asked.header().map(|range| (RANGE, range)));
    headers.extend(if_range.map(|if_range| (IF_RANGE, if_range)));
    // Ranges count encoded bytes (RFC 9110 §14.1.2).
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

impl Item {
    /// What is asked for next, where something has been brought that the server which is asked can
    /// go on with.
    pub(super) fn rest(&self) -> Option<Rest> {
        let kept = self
            .brought
            .kept
            .as_ref()
            .filter(|_| !self.brought.asks_whole)?;
        let identity = self.identity_here(kept)?;
        match identity.step(&kept.taken()) {
            resume::Step::Rest(asked) => Some(Rest {
                kept: Arc::clone(kept),
                identity,
                asked,
            }),
            resume::Step::Whole | resume::Step::Nothing => None,
        }
    }

    /// The identity of what was brought, in the eyes of the server that is asked, if that may go on
    /// with it.
    fn identity_here(&self, kept: &Assembly) -> Option<Identity> {
        let at = self.mirrors.at();
        let is_of_others = |(source, _): &(usize, u64)| *source != at;
        if !self.brought.distrusted.is_empty() && kept.sources().iter().any(is_of_others) {
            return None;
        }
        kept.identity.seen_from(self.source(at).as_str())
    }
}

impl Lane {
    /// An item whose bytes have all been brought, by a run that ended before it could name them,
    /// needs no request.
    pub(super) fn whole_already(&self, item: &mut Item) -> Option<Step> {
        let kept = item.brought.kept.clone().filter(|kept| kept.is_whole())?;
        if let Some(ask) = &mut item.request.ask {
            ask.recorded = None;
        }
        Some(self.complete(item, &kept))
    }

    fn complete(&self, item: &mut Item, kept: &Arc<Assembly>) -> Step {
        item.brought.resumed = kept.identity.total;
        match self.core.completed(&item.request, kept) {
            Ok((part, entity)) => Step::Received(part, entity),
            Err(error) => Step::Failed(error),
        }
    }

    /// Looks at the answer to a request for the rest of a file. Continues where it is to be read
    /// like any other.
    pub(super) async fn judge(
        &mut self,
        item: &mut Item,
        rest: Rest,
        head: &Head,
        body: &mut ResponseBody,
    ) -> ControlFlow<Result<Step, Error>> {
        let Rest {
            kept,
            identity,
            asked,
        } = rest;
        let verdict = identity.judge(Some(asked), head.status, &head.fields, body.length());
        let step = match verdict {
            Verdict::Continue(range) => self.go_on(item, kept, range, body).await,
            Verdict::Complete => {
                self.put_aside(body).await;
                Ok(self.complete(item, &kept))
            }
            Verdict::StartAgain(agreement) => {
                item.brought.restarted = Some(why_whole(agreement).into());
                return ControlFlow::Continue(());
            }
            Verdict::Changed => {
                self.put_aside(body).await;
                Ok(Step::Again(Error::new(ErrorKind::Changed, CHANGED)))
            }
            Verdict::Refused(refusal) => {
                self.put_aside(body).await;
                let why = format!("the server {}", refusal.what());
                Ok(Step::Again(Error::new(ErrorKind::Protocol, why)))
            }
            Verdict::NotAnAnswer if may_refuse_ranges(head) => {
                self.put_aside(body).await;
                item.brought.asks_whole = true;
                Ok(Step::More)
            }
            Verdict::NotAnAnswer => return ControlFlow::Continue(()),
        };
        if head::is_framed_twice(&head.fields) {
            self.connection = None;
        }
        ControlFlow::Break(step)
    }

    /// Receives these bytes of a file of which others are here.
    async fn go_on(
        &mut self,
        item: &mut Item,
        kept: Arc<Assembly>,
        range: Range<u64>,
        body: &mut ResponseBody,
    ) -> Result<Step, Error> {
        if let Err(error) = size::check(kept.identity.total, self.core.options.max_size) {
            self.put_aside(body).await;
            return Ok(Step::Failed(error));
        }
        if let Some(place) = self.is_there(item, &kept.entity, None).await {
            self.put_aside(body).await;
            return Ok(Step::There(kept.entity.clone(), place));
        }
        let here = kept.pieces();
        item.brought.resumed = here.covered();
        if let Some(under_way) = &item.under_way {
            let total = Some(kept.identity.total);
            let earlier = kept.left_by_earlier_runs();
            under_way
                .transfer
                .begin_with(here.covered(), earlier, total);
        }
        let length = range.end - range.start;
        let content = self.core.plain_content(&item.request, &kept.entity)?;
        let part = self
            .core
            .writer
            .bring(range.clone(), item.mirrors.at(), &kept, content);
        let part = self
            .receive(Whose::Item(item), body, Some(length), part)
            .await?;
        if let Some(split) = item.brought.split.clone() {
            part.keep_if_shared().await?;
            return Ok(Step::Shared(split));
        }
        let missing = part.left();
        let mut after = here;
        after.add(range);
        if missing == Some(0) && after.is_whole(kept.identity.total) {
            return Ok(Step::Received(part, kept.entity.clone()));
        }
        part.keep_if_shared().await?;
        item.brought.short += u32::from(length < SHORT);
        if missing == Some(0) && item.brought.short <= MOST_SHORT {
            return Ok(Step::More);
        }
        Err(Error::new(
            ErrorKind::Incomplete,
            format!(
                "the server sent {} bytes of the {length} that it had announced, and more are missing",
                length - missing.unwrap_or(0)
            ),
        ))
    }
}

impl Core {
    /// Takes up what an earlier run has brought of an item's file.
    pub(super) fn take_up(&self, item: &mut Item) {
        let (Some(state), Some(ask), None) = (&self.state, &item.request.ask, &item.brought.kept)
        else {
            return;
        };
        let is_checked = !item.request.checksums.is_empty();
        let place = item.request.place.as_ref();
        let input = place.map_or_else(Arc::default, |place| Arc::clone(&place.input));
        item.brought.kept = state.take_up(ask, &input, item.request.url(), is_checked);
    }

    /// What a response says itself that its file comes to, where nobody who knows better has said
    /// that. Where codings are undone, that is another file than it speaks of.
    pub(super) fn digest_of(&self, request: &Request, head: &Head) -> Option<Checksum> {
        if !request.checksums.is_empty() {
            return None;
        }
        let vouched = vouched::read(head.status, &head.fields);
        if vouched.is_encoded && self.options.codings == Codings::Undone {
            return None;
        }
        vouched.checksums.into_iter().next()
    }

    /// The part for a file which this response begins, if another one could go on with it.
    pub(super) fn assembly(
        &self,
        item: &Item,
        head: &Head,
        entity: &Entity,
    ) -> Option<Arc<Assembly>> {
        let length = entity.length.filter(|length| *length >= WORTH_KEEPING)?;
        if !self.disk.keeps_files() {
            return None;
        }
        let is_checked = !item.request.checksums.is_empty();
        let identity = Identity::of(
            item.source(item.mirrors.at()).as_str(),
            head.status,
            &head.fields,
            Some(length),
            is_checked,
        )?;
        // A name that its server gives is not known to the next run before it is asked.
        let ask = item.request.ask.as_ref();
        let ask = ask.filter(|_| !self.is_named_later(&item.request));
        let owner = ask.map(|ask| Owner {
            input: match &item.request.place {
                Some(place) => Arc::clone(&place.input),
                None => "".into(),
            },
            ask: ask.key,
            url: Arc::clone(&item.request.given),
        });
        let number = self.writer.next_number();
        let assembly = Arc::new(Assembly::new(number, identity, entity.clone(), owner));
        self.assemblies.add(&assembly);
        Some(assembly)
    }

    /// A part of which all bytes have been brought, ready to become the file.
    pub(super) fn completed(
        &self,
        request: &Request,
        kept: &Arc<Assembly>,
    ) -> Result<(PartWriter, Entity), Error> {
        let content = self.plain_content(request, &kept.entity)?;
        let total = kept.identity.total;
        let part = self.writer.bring(total..total, 0, kept, content);
        Ok((part, kept.entity.clone()))
    }

    /// Returns how many bytes of an item's unfinished file are kept for the next run. What has been
    /// handed to the disk counts: it is written before the run is over.
    pub(super) fn kept_for_next_run(&self, item: &Item) -> u64 {
        let (Some(_), Some(kept)) = (&self.state, &item.brought.kept) else {
            return 0;
        };
        if kept.owner.is_none() {
            return 0;
        }
        let received = item
            .under_way
            .as_ref()
            .map_or(0, |under_way| under_way.transfer.received());
        let kept = kept.pieces().covered().max(received);
        if kept >= WORTH_KEEPING { kept } else { 0 }
    }

    /// What was brought of an item's file is of no use.
    pub(super) fn discard(&self, item: &mut Item) {
        let Some(kept) = item.brought.kept.take() else {
            return;
        };
        item.brought.resumed = 0;
        item.brought.asks_whole = false;
        self.assemblies.forget(&kept);
        let disk = Arc::clone(&self.disk);
        // What cannot be removed now goes when the next run cleans up.
        self.pool.call(move || drop(disk.remove_part(kept.number)));
    }

    /// What several of an item's URLs have brought together is not its file: one of them has
    /// another. What the one that has brought most has not brought is fetched from there, too. If
    /// the file is right then, it was one of the others.
    pub(super) fn go_on_with_one(&self, mut item: Box<Item>, error: &Error) {
        let kept = item.brought.kept.clone();
        let sources = kept.as_ref().map(|kept| kept.sources());
        let mut sources = sources.unwrap_or_default().into_iter();
        if let (Some(kept), Some((one, _))) = (kept, sources.next()) {
            kept.keep_only(one);
            item.brought
                .distrusted
                .extend(sources.map(|(other, _)| other));
            item.go_to_source(one);
        }
        let why = format!(
            "one of its URLs has another file, so all of it is fetched from {}: {error}",
            item.source(item.mirrors.at())
        );
        item.brought.restarted = Some(why.as_str().into());
        self.ask_again(item, Error::new(error.kind(), why));
    }

    /// An item's file is right without what these mirrors have brought of it: they get no shares
    /// any more.
    pub(super) fn distrust(&self, item: &Item) {
        let others = item.brought.distrusted.iter();
        for nth in others.filter(|nth| **nth != item.mirrors.at()) {
            lock(&self.unsplit).insert(origin::key(item.source(*nth)).into());
        }
    }

    /// More is to be brought of an item's file.
    pub(super) fn go_on_with(&self, mut item: Box<Item>) {
        item.begins_attempt = true;
        self.queue(item);
    }

    /// What was brought of an item's file is of no use, for this reason: asks for all of it.
    /// Without anything that is here, it is not asked so again.
    pub(super) fn begin_again(&self, mut item: Box<Item>, why: Error) {
        self.discard(&mut item);
        item.brought.restarted = Some(why.to_string().into());
        self.ask_again(item, why);
    }
}

/// Whether a status may mean that a server knows no ranges, or takes whoever asks for one for a
/// nuisance. The whole file tells: what is here is kept until that comes. A server that asks to
/// wait does not refuse the range.
fn may_refuse_ranges(head: &Head) -> bool {
    let may_be_for_ranges = matches!(
        head.status,
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_IMPLEMENTED
    );
    may_be_for_ranges && retry_after::later(head.status, &head.fields, SystemTime::now()).is_none()
}

const CHANGED: &str = "the file has changed on the server, so it is fetched from its beginning";

/// Why a file came whole though only its rest was asked for.
fn why_whole(agreement: Agreement) -> &'static str {
    match agreement {
        Agreement::Different => CHANGED,
        Agreement::Same => "the server sends no part of the file, so it came from its beginning",
        Agreement::Unknown => {
            "the server did not say whether the file is still the same, so it came from its beginning"
        }
    }
}
