//! Responds as a script says: which events happen, and in which order, in any version of HTTP.

use std::future;
use std::ops::Range;

use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::time;

use crate::body::Body;
use crate::log::Ticket;
use crate::request::Request;
use crate::script::{Act, Drip, Ending, Frames, Framing, Script};

/// Maximum bytes that are sent after a request has stopped counting as in flight.
const LAST_PIECE: u64 = 16 << 10;

/// A response that is being sent, in one version of HTTP.
pub(crate) trait ResponseWriter: Send {
    /// Begins the response with its head. If it is `over` with that, neither `send` nor `finish`
    /// follows.
    fn head(
        &mut self,
        script: &Script,
        over: bool,
    ) -> impl Future<Output = Result<(), Over>> + Send;

    /// Returns whether a head consists of bytes that can be released one by one.
    fn head_is_bytes(&self) -> bool;

    /// Sends up to this many bytes of the head that was begun. Returns how many were sent.
    fn release(&mut self, bytes: u64) -> impl Future<Output = Result<u64, Over>> + Send;

    /// Sends a part of the body.
    fn send(
        &mut self,
        body: &Body,
        part: Range<u64>,
    ) -> impl Future<Output = Result<(), Over>> + Send;

    /// Sends the last part of the body, and whatever marks its end.
    fn finish(
        &mut self,
        body: &Body,
        part: Range<u64>,
    ) -> impl Future<Output = Result<(), Over>> + Send;

    /// Flushes: makes sure that what was sent so far has been handed to the kernel.
    fn flush(&mut self) -> impl Future<Output = Result<(), Over>> + Send;

    /// Returns when the client is gone, so that there is nobody left to send to.
    fn gone(&mut self) -> impl Future<Output = ()> + Send;

    /// Returns whether the client finds the end of the body by counting bytes, so that nothing
    /// marks it.
    fn counted(&self) -> bool;

    /// Sends exactly these bytes.
    fn say(&mut self, bytes: &Bytes) -> impl Future<Output = Result<(), Over>> + Send;

    /// Sends this many interim responses (1xx) with this status.
    fn early(
        &mut self,
        status: StatusCode,
        number: u64,
    ) -> impl Future<Output = Result<(), Over>> + Send;

    /// Sends this many of these frames, if this version of HTTP has frames.
    fn flood(
        &mut self,
        frames: Frames,
        number: u64,
    ) -> impl Future<Output = Result<(), Over>> + Send;

    /// Tells the client that no later request will be answered, if there is a way to tell.
    fn last_call(&mut self) -> impl Future<Output = Result<(), Over>> + Send;
}

/// Why a response ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The client is gone.
    Gone,
    /// The script ends it like this.
    Ended(Ending),
}

/// Responds as a script says to its end, and ends the ticket just before the last byte. Fails if
/// the client is gone, or with the ending that the script wants.
pub(crate) async fn respond(
    script: &Script,
    request: &Request,
    writer: &mut impl ResponseWriter,
    mut ticket: Ticket,
) -> Result<(), Over> {
    for act in &script.before {
        perform(act, writer).await?;
    }
    let over = ends_with_its_head(script, request);
    if writer.head_is_bytes() {
        writer.head(script, over).await?;
        within_head(script, writer).await?;
        if over {
            ticket.end();
            return writer.flush().await;
        }
    } else {
        within_head(script, writer).await?;
        if over {
            ticket.end();
            return writer.head(script, over).await;
        }
        writer.head(script, over).await?;
    }
    body(script, writer, ticket).await
}

/// Performs the acts within the head, and sends the head as far as they need it.
async fn within_head(script: &Script, writer: &mut impl ResponseWriter) -> Result<(), Over> {
    let mut sent = 0;
    for (offset, act) in &script.within_head {
        sent += release(script.drip_head, offset.saturating_sub(sent), writer).await?;
        perform(act, writer).await?;
    }
    if let Some(drip) = script.drip_head {
        // A head in frames is not released in pieces, but is delayed too.
        perform(&Act::Delay(drip.every), writer).await?;
        release(script.drip_head, u64::MAX, writer).await?;
    }
    Ok(())
}

/// Sends up to this many bytes of the head, drop by drop if `drip` is set. Returns how many were
/// sent.
async fn release(
    drip: Option<Drip>,
    bytes: u64,
    writer: &mut impl ResponseWriter,
) -> Result<u64, Over> {
    let Some(drip) = drip else {
        return writer.release(bytes).await;
    };
    let mut sent = 0;
    while sent < bytes {
        let released = writer.release(drip.bytes.min(bytes - sent)).await?;
        if released == 0 {
            break;
        }
        sent += released;
        perform(&Act::Delay(drip.every), writer).await?;
    }
    Ok(sent)
}

/// Sends the body, and performs the acts within it at their offsets.
async fn body(
    script: &Script,
    writer: &mut impl ResponseWriter,
    mut ticket: Ticket,
) -> Result<(), Over> {
    let body = &script.body;
    let (mut sent, end) = (0, body.len());
    let piece = script
        .drip
        .map_or(LAST_PIECE, |drip| drip.bytes.min(LAST_PIECE));
    for (offset, act) in &script.during {
        let next = sent.max(end.min(*offset));
        if next == end && writer.counted() {
            let last = next - piece.min(next - sent);
            pour(script, sent..last, writer).await?;
            ticket.end();
            sent = last;
        }
        pour(script, sent..next, writer).await?;
        if !matches!(act, Act::Say(_)) {
            writer.flush().await?;
        }
        sent = next;
        perform(act, writer).await?;
    }
    let last = end - piece.min(end - sent);
    pour(script, sent..last, writer).await?;
    ticket.end();
    writer.finish(body, last..end).await
}

/// Sends a part of the body, drop by drop if the script says so.
async fn pour(
    script: &Script,
    part: Range<u64>,
    writer: &mut impl ResponseWriter,
) -> Result<(), Over> {
    let Some(Drip { bytes, every }) = script.drip else {
        return writer.send(&script.body, part).await;
    };
    let mut start = part.start;
    while start < part.end {
        let end = part.end.min(start.saturating_add(bytes));
        writer.send(&script.body, start..end).await?;
        writer.flush().await?;
        perform(&Act::Delay(every), writer).await?;
        start = end;
    }
    Ok(())
}

async fn perform(act: &Act, writer: &mut impl ResponseWriter) -> Result<(), Over> {
    match act {
        // The timer has a resolution of 1 ms, and would wait that long even for zero.
        Act::Delay(time) if time.is_zero() => Ok(()),
        Act::Delay(time) => wait(time::sleep(*time), writer).await,
        Act::Hold(gate) => wait(gate.pass(), writer).await,
        Act::Stall => wait(future::pending(), writer).await,
        Act::End(ending) => Err(Over::Ended(*ending)),
        Act::LastCall => writer.last_call().await,
        Act::Early(status, number) => writer.early(*status, *number).await,
        Act::Flood(frames, number) => writer.flood(*frames, *number).await,
        Act::Say(bytes) => writer.say(bytes).await,
    }
}

async fn wait(
    what: impl Future<Output = ()>,
    writer: &mut impl ResponseWriter,
) -> Result<(), Over> {
    tokio::select! {
        biased;
        () = what => Ok(()),
        () = writer.gone() => Err(Over::Gone),
    }
}

fn ends_with_its_head(script: &Script, request: &Request) -> bool {
    let nothing = script.body.is_empty() && script.during.is_empty() && script.trailers == 0;
    script.framing != Framing::Raw && (nothing || bodiless(script.status, request))
}

/// Returns whether the response to this request ends with its head.
pub(crate) fn bodiless(status: StatusCode, request: &Request) -> bool {
    request.method == Method::HEAD || lengthless(status)
}

/// Returns whether no response of this status has a body, so that a length of 0 would mean
/// something else.
pub(crate) fn lengthless(status: StatusCode) -> bool {
    status.is_informational()
        || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
}
