//! A segment of a file that other lanes fetch too: one more request for it.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use http::header::{IF_MATCH, IF_UNMODIFIED_SINCE, LOCATION};
use http::{HeaderMap, HeaderValue};

use super::Attempt;
use super::interruption::Interruption;
use super::monitor::BodyOwner;
use crate::engine::item::Segments;
use crate::engine::item::range_request::add_range;
use crate::engine::segments::sources::Source;
use crate::error::{Error, ErrorKind};
use crate::fetch::redirect;
use crate::fetch::request_target::Hop;
use crate::http_url::HttpUrl;
use crate::plan::content_range::RequestedRange;
use crate::plan::head::{self, Answer, Head};
use crate::plan::resume::{Identity, Verdict};
use crate::write::SegmentClaim;

impl Attempt<'_> {
    /// Takes a segment of a file and brings it from one of its sources. Whatever it meets, the file
    /// is others' to get.
    pub(crate) async fn segment(
        &mut self,
        segments: &Segments,
        at: usize,
        connects: bool,
        interruption: &mut Interruption,
    ) -> ControlFlow<(), bool> {
        self.link.connecting = connects;
        let is_worth_it = self.link.is_open() || segments.pays_to_connect();
        let Some(claim) = is_worth_it.then(|| segments.claim(at)).flatten() else {
            self.link.stop_connecting();
            self.run.drop_segment(segments, at);
            return ControlFlow::Continue(true);
        };
        self.link.begin_request(connects);
        let (run, row) = (self.run, Some(segments.transfer.row));
        let brought = tokio::select! {
            biased;
            () = interruption.of(run, row) => None,
            brought = self.bring_in_time(segments, at, claim, connects) => Some(brought),
        };
        let Some(brought) = brought else {
            self.tell_stopped();
            let is_stopped = self.stop();
            run.segment_interrupted(segments, at).await;
            return is_stopped;
        };
        self.tell_record(brought.as_ref().err());
        let fine = brought.is_ok();
        match brought {
            Ok(None) => {}
            Ok(Some(elsewhere)) => segments.redirect(at, elsewhere),
            Err(error) => {
                self.link.stop_connecting();
                self.link.connection = None;
                let (run, overloaded) = (&self.run, self.link.overloaded(&error));
                if error.is_proxy_outage() {
                    run.proxy_failed(self.link.host, self.link.asked_at(), &error);
                } else {
                    run.services.dispatcher.on_segment_refused(
                        self.link.host,
                        overloaded,
                        &error,
                        &run.options.retry,
                    );
                }
                self.run.segment_failed(segments, at, error);
            }
        }
        let is_open = self.link.is_open();
        self.run.end_segment(segments, at, is_open).await;
        ControlFlow::Continue(fine)
    }

    async fn bring_in_time(
        &mut self,
        segments: &Segments,
        at: usize,
        claim: SegmentClaim,
        connects: bool,
    ) -> Result<Option<Source>, Error> {
        let bring = self.bring(segments, at, claim, connects);
        let Some(deadline) = segments.deadline else {
            return bring.await;
        };
        let brought = tokio::time::timeout_at(deadline.into(), bring);
        let over = |_| Err(Error::new(ErrorKind::Timeout, "its time is over"));
        brought.await.unwrap_or_else(over)
    }

    /// Downloads a segment, or says where its source has led.
    async fn bring(
        &mut self,
        segments: &Segments,
        at: usize,
        claim: SegmentClaim,
        connects: bool,
    ) -> Result<Option<Source>, Error> {
        let source = segments.source(at);
        let identity = segments.partial.identity.seen_from(source.listed.as_str());
        let Some(identity) = identity else {
            return Err(Error::new(
                ErrorKind::Protocol,
                "nothing would tell its file from another",
            ));
        };
        let asked = RequestedRange::from(claim.range());
        let mut headers = HeaderMap::new();
        add_range(asked, &identity, &mut headers);
        only_if_unchanged(&identity, &mut headers);
        let number = segments.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let to = segments.request_target(&source);
        self.record_segment(segments, number, to.url());
        let response = self
            .link
            .request(self.run, to, &headers, &mut 0, connects)
            .await?;
        let Some((head, mut body)) = response else {
            // Nothing was sent.
            self.link.record = None;
            return Err(Error::new(
                ErrorKind::Connect,
                "there is no connection for it yet",
            ));
        };
        let length = body.length();
        let Verdict::Continue(range) =
            identity.judge(Some(asked), head.status, &head.fields, length)
        else {
            // At once: the one before may go on to it before it comes there.
            drop(claim);
            self.link.drain_or_close(&mut body).await;
            return match refused(&head, length) {
                Some(error) => Err(error),
                None => self.led_from(&source, to.url(), &head).map(Some),
            };
        };
        // It may be shorter than what was asked for; the rest is free again.
        claim.limit_to(range.end);
        let Some(part) = self.run.parts.writer.write_claimed(claim) else {
            // The one before was there first.
            self.link.drain_or_close(&mut body).await;
            return Ok(None);
        };
        let length = range.end - range.start;
        let part = self
            .receive(BodyOwner::Segment(segments), &mut body, Some(length), part)
            .await?;
        let missing = part.left();
        let segment = part.segment();
        part.keep_if_shared().await?;
        if let Some(segment) = segment
            && segment.end() < range.end
        {
            // Others have taken over some of it.
            segments.drop_if_slow(at, segment.speed());
        }
        match missing {
            Some(0) | None => Ok(None),
            Some(missing) => Err(Error::new(
                ErrorKind::Incomplete,
                format!("of a share of {length} bytes {missing} did not come"),
            )),
        }
    }

    /// Returns the source that a redirect leads to. Fails if the redirect cannot be followed, is
    /// one too many, or leads to where requests are not known to be allowed.
    fn led_from(&self, source: &Source, from: &HttpUrl, head: &Head) -> Result<Source, Error> {
        let options = &self.run.options;
        let location = head.fields.get(LOCATION);
        let to = redirect::next_hop(from, location, options.plain_http)?;
        if source.hops >= options.max_redirects {
            return Err(Error::new(
                ErrorKind::Redirect,
                "it is led elsewhere too often",
            ));
        }
        if !self.run.is_allowed(&to.0) {
            return Err(Error::new(
                ErrorKind::Refused,
                "it is not known to be allowed there",
            ));
        }
        let mut hop = Hop::follow(to, source.hop.as_ref());
        if options.cookies.is_none() {
            hop = hop.learning(from, &head.fields);
        }
        Ok(Source {
            nth: source.nth,
            listed: source.listed.clone(),
            hop: Some(hop),
            hops: source.hops + 1,
        })
    }
}

/// Adds the conditions under which a file that has changed is refused, which saves its body (RFC
/// 9110 §13.1.1, §13.1.4).
fn only_if_unchanged(identity: &Identity, headers: &mut HeaderMap) {
    let Some(validator) = &identity.validator else {
        return;
    };
    let text = |text: Option<&str>| text.and_then(|text| HeaderValue::from_str(text).ok());
    headers.extend(text(validator.if_match()).map(|tag| (IF_MATCH, tag)));
    headers.extend(text(validator.if_unmodified_since()).map(|date| (IF_UNMODIFIED_SINCE, date)));
}

/// Returns why a response to the request for a segment is of no use; `None` if it is a redirect to
/// be followed at once. A segment waits for nothing: another request brings it.
fn refused(head: &Head, length: Option<u64>) -> Option<Error> {
    match head::read(
        head.status,
        head.version,
        &head.fields,
        length,
        head::RequestKind::Unconditional,
        SystemTime::now(),
    ) {
        Answer::Fail(error) => Some(error),
        Answer::Redirect(None | Some(Duration::ZERO)) => None,
        Answer::Redirect(Some(_)) => Some(Error::http(
            head.status,
            "the server asks to wait before its redirect is followed",
        )),
        Answer::Save(_) | Answer::Unchanged(_) => Some(Error::new(
            ErrorKind::Protocol,
            "the server did not send the part of the file that was asked for",
        )),
    }
}
