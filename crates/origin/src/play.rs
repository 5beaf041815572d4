//! Plays a script: what happens, and in which order, whichever version of HTTP it is told in.

use std::ops::Range;

use http::{Method, StatusCode};
use tokio::time;

use crate::body::Body;
use crate::log::Ticket;
use crate::routes::Request;
use crate::script::{Act, Script};

/// The most that is sent after a request has ceased to count as in flight.
const LAST_PIECE: u64 = 16 << 10;

/// A response on its way, in one version of HTTP.
pub(crate) trait Wire: Send {
    /// Begins the response. When it is `over` with that, neither `send` nor `finish` follows.
    fn head(
        &mut self,
        script: &Script,
        over: bool,
    ) -> impl Future<Output = Result<(), Over>> + Send;

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

    /// Sees to it that what was sent so far has been handed to the kernel.
    fn flush(&mut self) -> impl Future<Output = Result<(), Over>> + Send;

    /// Comes back when there is nobody left to send anything to.
    fn gone(&mut self) -> impl Future<Output = ()> + Send;

    /// Whether the client knows the end of the body by counting, so that nothing marks it.
    fn counted(&self) -> bool;
}

/// Why a response ended before its end.
#[derive(Debug)]
pub(crate) enum Over {
    /// The client is gone.
    Gone,
    /// The script has the connection closed.
    Close,
    /// The script has it reset.
    Reset,
}

/// Plays it to its end, and ends the ticket just before the last byte.
pub(crate) async fn play(
    script: &Script,
    request: &Request,
    wire: &mut impl Wire,
    mut ticket: Ticket,
) -> Result<(), Over> {
    for act in &script.before {
        perform(act, wire).await?;
    }
    // Whoever teaches the origin ranges: here is where it is decided what is sent of the body.
    let body = &script.body;
    let (mut sent, end) = (0, body.len());
    let over = bodiless(script.status, request) || (end == 0 && script.during.is_empty());
    if over {
        ticket.end();
    }
    wire.head(script, over).await?;
    if over {
        return Ok(());
    }
    for (offset, act) in &script.during {
        let next = sent.max(end.min(*offset));
        if next == end && wire.counted() {
            let last = next - LAST_PIECE.min(next - sent);
            wire.send(body, sent..last).await?;
            ticket.end();
            sent = last;
        }
        wire.send(body, sent..next).await?;
        wire.flush().await?;
        sent = next;
        perform(act, wire).await?;
    }
    let last = end - LAST_PIECE.min(end - sent);
    wire.send(body, sent..last).await?;
    ticket.end();
    wire.finish(body, last..end).await
}

async fn perform(act: &Act, wire: &mut impl Wire) -> Result<(), Over> {
    match act {
        // The clock ticks in milliseconds, and makes one even of nothing.
        Act::Delay(time) if time.is_zero() => Ok(()),
        Act::Delay(time) => wait(time::sleep(*time), wire).await,
        Act::Hold(gate) => wait(gate.pass(), wire).await,
        Act::Close => Err(Over::Close),
        Act::Reset => Err(Over::Reset),
    }
}

async fn wait(what: impl Future<Output = ()>, wire: &mut impl Wire) -> Result<(), Over> {
    tokio::select! {
        biased;
        () = what => Ok(()),
        () = wire.gone() => Err(Over::Gone),
    }
}

/// Whether the response ends with its head.
pub(crate) fn bodiless(status: StatusCode, request: &Request) -> bool {
    request.method == Method::HEAD || lengthless(status)
}

/// Whether no response of this status has a body, so that a length of 0 would mean something else.
pub(crate) fn lengthless(status: StatusCode) -> bool {
    status.is_informational()
        || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
}
