//! Receives bodies: from the network to a part, directly where that is worth it.

use bytes::Bytes;

use super::Attempt;
use super::link::Link;
use super::monitor::BodyOwner;
use crate::engine::item::Item;
use crate::engine::item::attempt::AttemptEnd;
use crate::error::Error;
use crate::fetch::body::ResponseBody;
use crate::fetch::classify;
use crate::fetch::connection::Connection;
use crate::options::ContentEncoding;
use crate::plan::coding;
use crate::plan::head::{Entity, Head};
use crate::plan::size;
use crate::throttle::{Permit, Throttle};
use crate::write::PartWriter;

/// The fewest bytes in the kernel that are handed over to a disk thread: with fewer, that costs as
/// much as it saves.
const MIN_READY_BYTES: usize = 64 << 10;
/// The most bytes left of a body that is received like that. Of a longer one, it is better to
/// receive some while some is written.
const SHORT: u64 = 1 << 20;
/// Expected bytes of a file for each byte of a response whose coding is decoded.
const EXPANSION: u64 = 8;

impl Attempt<'_> {
    /// Receives a file from its first byte on.
    pub(crate) async fn receive_whole(
        &mut self,
        item: &mut Item,
        head: &Head,
        body: &mut ResponseBody,
        mut entity: Entity,
    ) -> Result<AttemptEnd, Error> {
        entity.digest = self.run.parts.digest_of(&item.request, head);
        // Bytes received before do not belong to this response.
        self.run.parts.discard(&mut item.progress);
        if let Some(under_way) = &item.under_way {
            under_way.transfer.begin(entity.length);
        }
        let content = self
            .run
            .parts
            .content_of(&item.request, &entity, &head.fields)?;
        // The next run does not know a name that the server gives before its response.
        let is_findable = !self.run.naming.is_named_later(&item.request);
        let source = item.source(item.mirrors.at());
        item.progress.partial =
            self.run
                .parts
                .begin(&item.request, source, head, &entity, is_findable);
        let part = match &item.progress.partial {
            Some(kept) => self.run.parts.writer.write_segment(
                0..kept.identity.total,
                item.mirrors.at(),
                kept,
                content,
            ),
            None => self.run.parts.writer.part(content),
        };
        self.reserve_memory(&part, head, &entity).await?;
        let part = self
            .receive(BodyOwner::Item(item), body, entity.length, part)
            .await?;
        match item.segments.clone() {
            Some(segments) => {
                part.keep_if_shared().await?;
                Ok(AttemptEnd::Segmented(segments))
            }
            None => Ok(AttemptEnd::Received(part, entity)),
        }
    }

    /// Waits for memory for a file that is kept there.
    async fn reserve_memory(
        &mut self,
        part: &PartWriter,
        head: &Head,
        entity: &Entity,
    ) -> Result<(), Error> {
        let Some(memory) = &self.run.parts.storage.memory else {
            return Ok(());
        };
        let undoes = self.run.options.content_encoding == ContentEncoding::Decode;
        let is_coded = !coding::to_undo(&head.fields, undoes)?.is_empty();
        let scale = if is_coded { EXPANSION } else { 1 };
        let reserved = memory.reserve(part.number(), entity.length, scale);
        self.link.idle.paused(reserved).await
    }

    /// Receives a body of `length` bytes, or as many of them as its part still takes.
    ///
    /// # Errors
    /// A part with which others can go on is kept then.
    pub(crate) async fn receive(
        &mut self,
        owner: BodyOwner<'_>,
        body: &mut ResponseBody,
        length: Option<u64>,
        mut part: PartWriter,
    ) -> Result<PartWriter, Error> {
        let received = self.receive_into(owner, body, length, &mut part).await;
        match received {
            Ok(()) => Ok(part),
            Err(error) => {
                // A disk error occurs again when the download is resumed.
                let _ = part.keep_if_shared().await;
                Err(error)
            }
        }
    }

    async fn receive_into(
        &mut self,
        mut owner: BodyOwner<'_>,
        body: &mut ResponseBody,
        length: Option<u64>,
        part: &mut PartWriter,
    ) -> Result<(), Error> {
        let mut watch = self.watch(&owner, part);
        if self
            .receive_directly(&mut owner, body, length, part, &mut watch)
            .await?
        {
            return Ok(());
        }
        while part.try_extend() {
            let copied = self.copy_ready(body, part).await?;
            if copied > 0 {
                self.link.received += copied;
                self.check_size(self.link.received, &owner)?;
                if let Some(transfer) = owner.transfer() {
                    transfer.add(copied);
                }
                continue;
            }
            let next = next(body, self.link, self.throttle);
            let next = match &mut watch {
                None => Some(next.await?),
                // One wait across all checks: a new wait for each would restart the timeout.
                Some(watch) => watch.while_needed(next, self.run, &mut owner).await?,
            };
            let Some(next) = next else { break };
            let Some((bytes, permit)) = next else {
                return Ok(());
            };
            self.link.received += bytes.len() as u64;
            self.check_size(self.link.received, &owner)?;
            if let Some(memory) = &self.run.parts.storage.memory {
                let grows = memory.grow(part.number(), self.link.received);
                self.link.idle.paused(grows).await?;
            }
            let length = bytes.len() as u64;
            self.throttle.consumed(&permit, length);
            self.link.idle.paused(part.write(bytes)).await?;
            if let Some(transfer) = owner.transfer() {
                transfer.add(length);
            }
        }
        // The rest of the body belongs to other segments.
        if part.is_silent() {
            // It may not come for long.
            self.link.trace_closed("its response was silent");
            self.link.connection = None;
        } else {
            self.link.drain_or_close(body).await;
        }
        Ok(())
    }

    /// Checks the bytes of a response that have come so far.
    fn check_size(&self, received: u64, owner: &BodyOwner<'_>) -> Result<(), Error> {
        size::check(received, self.run.options.max_size)?;
        match owner {
            // A decoded file is usually longer than its response.
            BodyOwner::Item(item) => size::check_so_far(received, item.request.size()),
            BodyOwner::Segment(_) => Ok(()),
        }
    }
}

impl Attempt<'_> {
    /// Lets the disk's threads take what the kernel holds of a body, where that is enough to be
    /// worth it: how many bytes that was.
    async fn copy_ready(
        &mut self,
        body: &mut ResponseBody,
        part: &mut PartWriter,
    ) -> Result<u64, Error> {
        let is_worth_a_look = |left| (MIN_READY_BYTES as u64..=SHORT).contains(&left);
        if !body.length().is_some_and(is_worth_a_look) || !part.can_copy_ready() {
            return Ok(0);
        }
        let held = body.held(self.link.connection.as_ref());
        let (true, Some(Connection::Http1(http1))) =
            (held >= MIN_READY_BYTES, &mut self.link.connection)
        else {
            return Ok(0);
        };
        // Without a descriptor for it, the body is received the usual way.
        let Ok(socket) = http1.socket() else {
            return Ok(0);
        };
        let permit = self.link.idle.paused(self.throttle.acquire()).await;
        let left = body.length().unwrap_or_default().min(permit.max_bytes());
        let left = part.left().map_or(left, |most| left.min(most));
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let copied = self.link.idle.paused(part.copy_ready(socket, most)).await;
        let bytes = match &copied {
            Ok(Ok(bytes)) => *bytes,
            _ => 0,
        };
        self.throttle.consumed(&permit, bytes);
        body.took(&mut self.link.connection, bytes);
        self.link
            .idle
            .received(usize::try_from(bytes).unwrap_or(usize::MAX));
        copied?.map_err(classify::connection)
    }
}

/// Returns what a body brings next, once its lane has a permit; `None` at its end.
async fn next(
    body: &mut ResponseBody,
    link: &mut Link,
    throttle: &Throttle,
) -> Result<Option<(Bytes, Permit)>, Error> {
    if body.is_at_end() {
        return Ok(None);
    }
    let permit = link.idle.paused(throttle.acquire()).await;
    match link.next(body).await {
        Ok(Some(bytes)) => Ok(Some((bytes, permit))),
        other => {
            throttle.consumed(&permit, 0);
            other.map(|_| None)
        }
    }
}
