//! Resumes an item from the partial file of an earlier request or run, and restarts it if that file
//! is of no use.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;

use super::Attempt;
use super::monitor::BodyOwner;
use crate::engine::item::Item;
use crate::engine::item::attempt::AttemptEnd;
use crate::engine::item::range_request::RangeRequest;
use crate::error::{Error, ErrorKind};
use crate::fetch::body::ResponseBody;
use crate::plan::head::Head;
use crate::plan::resume::Verdict;
use crate::plan::retry_after;
use crate::plan::size;
use crate::plan::validator::Agreement;
use crate::write::Assembly;

/// A response may deliver fewer bytes than requested (RFC 9110 §15.3.7). With fewer than this, it
/// is short.
const SHORT: u64 = 64 << 10;
/// How many short responses one item may have: a server that sends a few bytes at a time would be
/// requested for ever.
const MOST_SHORT: u32 = 64;

impl Attempt<'_> {
    /// Ends an attempt without a request if the partial file is complete already: the run that
    /// received its last bytes ended before it could name the file. `None` if bytes are missing.
    pub(crate) fn whole_already(&self, item: &mut Item) -> Option<AttemptEnd> {
        let kept = item
            .progress
            .partial
            .clone()
            .filter(|kept| kept.is_whole())?;
        if let Some(key) = &mut item.request.key {
            key.recorded = None;
        }
        Some(self.complete(item, &kept))
    }

    fn complete(&self, item: &mut Item, kept: &Arc<Assembly>) -> AttemptEnd {
        item.progress.resumed = kept.identity.total;
        match self.run.parts.completed(&item.request, kept) {
            Ok((part, entity)) => AttemptEnd::Received(part, entity),
            Err(error) => AttemptEnd::Failed(error),
        }
    }

    /// Looks at the answer to a request for the rest of a file. Continues where it is to be read
    /// like any other.
    pub(crate) async fn judge(
        &mut self,
        item: &mut Item,
        rest: RangeRequest,
        head: &Head,
        body: &mut ResponseBody,
    ) -> ControlFlow<Result<AttemptEnd, Error>> {
        let RangeRequest {
            partial: kept,
            identity,
            asked,
        } = rest;
        let verdict = identity.judge(Some(asked), head.status, &head.fields, body.length());
        let step = match verdict {
            Verdict::Continue(range) => self.go_on(item, kept, range, body).await,
            Verdict::Complete => {
                self.link.drain_or_close(body).await;
                Ok(self.complete(item, &kept))
            }
            Verdict::StartAgain(agreement) => {
                item.progress.restart_reason = Some(why_whole(agreement).into());
                return ControlFlow::Continue(());
            }
            Verdict::Changed => {
                self.link.drain_or_close(body).await;
                Ok(AttemptEnd::Restart(Error::new(ErrorKind::Changed, CHANGED)))
            }
            Verdict::Refused(refusal) => {
                self.link.drain_or_close(body).await;
                let why = format!("the server {}", refusal.what());
                Ok(AttemptEnd::Restart(Error::new(ErrorKind::Protocol, why)))
            }
            Verdict::NotAnAnswer if may_refuse_ranges(head) => {
                self.link.drain_or_close(body).await;
                item.progress.ignores_partial = true;
                Ok(AttemptEnd::Resume)
            }
            Verdict::NotAnAnswer => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(step)
    }

    /// Receives these bytes of a file of which others are here.
    async fn go_on(
        &mut self,
        item: &mut Item,
        kept: Arc<Assembly>,
        range: Range<u64>,
        body: &mut ResponseBody,
    ) -> Result<AttemptEnd, Error> {
        let total = kept.identity.total;
        let is_of_size = size::check(total, self.run.options.max_size)
            .and_then(|()| size::check_expected(total, item.request.size()));
        if let Err(error) = is_of_size {
            self.link.drain_or_close(body).await;
            return Ok(AttemptEnd::Failed(error));
        }
        if let Some(place) = self.is_there(item, &kept.entity, None).await {
            self.link.drain_or_close(body).await;
            return Ok(AttemptEnd::Exists(kept.entity.clone(), place));
        }
        let here = kept.range_set();
        item.progress.resumed = here.covered();
        if let Some(under_way) = &item.under_way {
            let total = Some(kept.identity.total);
            let earlier = kept.left_by_earlier_runs();
            under_way
                .transfer
                .begin_with(here.covered(), earlier, total);
        }
        let length = range.end - range.start;
        let content = self.run.parts.plain_content(&item.request, &kept.entity)?;
        let part =
            self.run
                .parts
                .writer
                .write_segment(range.clone(), item.mirrors.at(), &kept, content);
        let part = self
            .receive(BodyOwner::Item(item), body, Some(length), part)
            .await?;
        if let Some(segments) = item.segments.clone() {
            part.keep_if_shared().await?;
            return Ok(AttemptEnd::Segmented(segments));
        }
        let missing = part.left();
        let mut after = here;
        after.add(range);
        if missing == Some(0) && after.is_whole(kept.identity.total) {
            return Ok(AttemptEnd::Received(part, kept.entity.clone()));
        }
        part.keep_if_shared().await?;
        item.progress.short_responses += u32::from(length < SHORT);
        if missing == Some(0) && item.progress.short_responses <= MOST_SHORT {
            return Ok(AttemptEnd::Resume);
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

/// Returns whether a status may mean that a server does not support ranges, or takes a range
/// request for abuse. Only a response with the whole file tells, so the partial file is kept until
/// one comes. A server that asks to wait does not refuse the range.
fn may_refuse_ranges(head: &Head) -> bool {
    let may_be_for_ranges = matches!(
        head.status,
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::NOT_IMPLEMENTED
    );
    may_be_for_ranges && retry_after::later(head.status, &head.fields, SystemTime::now()).is_none()
}

const CHANGED: &str = "the file has changed on the server, so it is fetched from its beginning";

/// Returns why a response has the whole file though only the rest was requested.
fn why_whole(agreement: Agreement) -> &'static str {
    match agreement {
        Agreement::Different => CHANGED,
        Agreement::Same => "the server sends no part of the file, so it came from its beginning",
        Agreement::Unknown => {
            "the server did not say whether the file is still the same, so it came from its beginning"
        }
    }
}
