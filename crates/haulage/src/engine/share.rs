//! A share of a file that other lanes fetch too: one more request for it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::header::{IF_MATCH, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderValue};

use super::lane::Lane;
use super::resume::ask_for;
use super::split::Split;
use super::watch::Whose;
use crate::error::{Error, ErrorKind};
use crate::fetch::body::ResponseBody;
use crate::plan::content_range::Asked;
use crate::plan::head::{self, Answer};
use crate::plan::resume::{Identity, Verdict};
use crate::write::Share;

impl Lane {
    /// Takes a share of a file and brings it. Whatever it meets, the file is others' to get.
    pub(super) async fn share(
        &mut self,
        split: &Arc<Split>,
        connects: bool,
        stopping: impl Future<Output = ()>,
    ) -> ControlFlow<(), bool> {
        self.connecting = connects;
        let Some(share) = split.take_share() else {
            self.stop_connecting();
            self.core.drop_share(split);
            return ControlFlow::Continue(true);
        };
        self.answered = None;
        let brought = tokio::select! {
            biased;
            () = stopping => {
                self.core.leave_stopped(split);
                return ControlFlow::Break(());
            }
            brought = self.bring_in_time(split, share, connects) => brought,
        };
        let fine = brought.is_ok();
        if let Err(error) = brought {
            self.stop_connecting();
            self.connection = None;
            self.core.no_share(split, self.host, error);
        }
        self.core.leave(split, None, None).await;
        ControlFlow::Continue(fine)
    }

    async fn bring_in_time(
        &mut self,
        split: &Arc<Split>,
        share: Share,
        connects: bool,
    ) -> Result<(), Error> {
        let Some(deadline) = split.deadline else {
            return self.bring(split, share, connects).await;
        };
        let brought = tokio::time::timeout_at(deadline.into(), self.bring(split, share, connects));
        let over = |_| Err(Error::new(ErrorKind::Timeout, "its time is over"));
        brought.await.unwrap_or_else(over)
    }

    async fn bring(
        &mut self,
        split: &Arc<Split>,
        share: Share,
        connects: bool,
    ) -> Result<(), Error> {
        let identity = &split.kept.identity;
        let asked = Asked::from(share.range());
        let mut headers = HeaderMap::new();
        ask_for(asked, identity, &mut headers);
        only_if_unchanged(identity, &mut headers);
        split.requests.fetch_add(1, Ordering::Relaxed);
        let response = self.answer(split.to(), &headers, &mut 0, connects).await?;
        let Some(response) = response else {
            return Err(Error::new(
                ErrorKind::Connect,
                "there is no connection for it yet",
            ));
        };
        let (head, body) = response.into_parts();
        let mut body = ResponseBody::new(body, head.version);
        let length = body.length();
        let Verdict::Continue(range) =
            identity.judge(Some(asked), head.status, &head.headers, length)
        else {
            // At once: the one before may go on to it before it comes there.
            drop(share);
            self.put_aside(&mut body).await;
            return Err(refused(&head, length));
        };
        // It may be shorter than what was asked for; the rest is free again.
        share.ends_at(range.end);
        let Some(part) = self.core.writer.bring_share(share) else {
            return Ok(());
        };
        let length = range.end - range.start;
        let part = self
            .receive(Whose::Share(split), &mut body, Some(length), part)
            .await?;
        if head::is_framed_twice(&head.headers) {
            self.connection = None;
        }
        let missing = part.left();
        part.keep_if_shared().await?;
        match missing {
            Some(0) | None => Ok(()),
            Some(missing) => Err(Error::new(
                ErrorKind::Incomplete,
                format!("of a share of {length} bytes {missing} did not come"),
            )),
        }
    }
}

/// A file that has changed costs no body so (RFC 9110 §13.1.1, §13.1.4).
fn only_if_unchanged(identity: &Identity, headers: &mut HeaderMap) {
    let Some(validator) = &identity.validator else {
        return;
    };
    let text = |text: Option<&str>| text.and_then(|text| HeaderValue::from_str(text).ok());
    headers.extend(text(validator.if_match()).map(|tag| (IF_MATCH, tag)));
    headers.extend(text(validator.if_unmodified_since()).map(|date| (IF_UNMODIFIED_SINCE, date)));
}

fn refused(head: &http::response::Parts, length: Option<u64>) -> Error {
    match head::read(
        head.status,
        head.version,
        &head.headers,
        length,
        head::Asked::Always,
    ) {
        Answer::Fail(error) => error,
        _ => Error::new(
            ErrorKind::Protocol,
            "the server did not send the part of the file that was asked for",
        ),
    }
}
