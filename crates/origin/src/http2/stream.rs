//! Sends a response on one HTTP/2 stream.

use std::future::poll_fn;
use std::ops::Range;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use tokio::sync::{mpsc, oneshot};

use crate::body::Body;
use crate::frames;
use crate::http2::driver::{Between, Order};
use crate::http2::frame_flood::FrameFlood;
use crate::respond::{Over, ResponseWriter, lengthless};
use crate::script::{Ending, Frames, Framing, Script};

/// Number of bytes of a body that are handed to a stream at once.
const BLOCK: u64 = 64 << 10;
/// Maximum number of headers: a `HeaderMap` holds hardly more.
const HEADER_LIMIT: u64 = 20_000;
const VALUE_LIMIT: u64 = 16 << 20;

pub(super) struct Http2 {
    respond: SendResponse<Bytes>,
    /// `None` until the head is sent.
    stream: Option<SendStream<Bytes>>,
    orders: mpsc::UnboundedSender<Order>,
    framing: Framing,
    trailers: u64,
}

impl Http2 {
    pub(super) fn new(
        script: &Script,
        respond: SendResponse<Bytes>,
        orders: mpsc::UnboundedSender<Order>,
    ) -> Self {
        Self {
            respond,
            stream: None,
            orders,
            framing: script.framing,
            trailers: script.trailers,
        }
    }

    /// Does what is left to do after the script has been played. `over` is the reason if it ended
    /// early, and `None` if it was played to its end.
    pub(super) async fn end(mut self, over: Option<Over>) {
        let id = self.id();
        let orders = self.orders.clone();
        let order = match over {
            None if self.framing == Framing::Raw => Order::Keep(self.respond),
            None | Some(Over::Gone) => return,
            Some(Over::Ended(Ending::Reset(reason))) => return self.reset(reason),
            Some(Over::Ended(Ending::Refuse)) => {
                // Client streams have odd numbers, so this is the one before.
                let frame = frames::goaway(id.saturating_sub(2), Reason::NO_ERROR);
                Order::LastCall(frame, Some(self.respond))
            }
            Some(Over::Ended(Ending::Abandon(reason))) => {
                let _ = self.write(frames::goaway(id, reason)).await;
                Order::End(Ending::Close)
            }
            Some(Over::Ended(ending)) => Order::End(ending),
        };
        // It fails if the connection has ended already.
        let _ = orders.send(order);
    }

    fn id(&self) -> u32 {
        self.respond.stream_id().as_u32()
    }

    /// Resets the stream with this reason; otherwise `h2` would reset it with CANCEL.
    fn reset(&mut self, reason: Reason) {
        match &mut self.stream {
            Some(stream) => stream.send_reset(reason),
            None => self.respond.send_reset(reason),
        }
    }

    async fn send(&mut self, body: &Body, part: Range<u64>, last: bool) -> Result<(), Over> {
        let stream = self.stream.as_mut().ok_or(Over::Gone)?;
        let mut start = part.start;
        while start < part.end {
            let wanted = BLOCK.min(part.end - start);
            let granted = capacity(stream, usize::try_from(wanted).unwrap_or(0)).await?;
            let end = start + wanted.min(granted as u64);
            let last = last && end == part.end;
            stream
                .send_data(body.part(start..end), last)
                .map_err(|_| Over::Gone)?;
            start = end;
        }
        if last && part.is_empty() {
            stream
                .send_data(Bytes::new(), true)
                .map_err(|_| Over::Gone)?;
        }
        Ok(())
    }

    fn order(&self, order: Order) -> Result<(), Over> {
        self.orders.send(order).map_err(|_| Over::Gone)
    }

    /// Writes frames of our own between those of `h2`.
    async fn write(&self, frames: Bytes) -> Result<(), Over> {
        let (done, written) = oneshot::channel();
        self.order(Order::Between(Between::Write(frames, Some(done))))?;
        written.await.map_err(|_| Over::Gone)
    }

    async fn repeat(&self, frame: Bytes, number: u64) -> Result<(), Over> {
        for frames in frames::repeated(&frame, number) {
            self.write(frames).await?;
        }
        Ok(())
    }

    /// Hands the connection over to a flood of frames, and waits for the end of the stream. Never
    /// succeeds.
    async fn take_over(&mut self, first: Bytes, again: Bytes, number: u64) -> Result<(), Over> {
        let flood = FrameFlood {
            first,
            again,
            number,
        };
        self.order(Order::Between(Between::Flood(flood)))?;
        self.gone().await;
        Err(Over::Gone)
    }
}

impl ResponseWriter for Http2 {
    async fn head(&mut self, script: &Script, over: bool) -> Result<(), Over> {
        if self.framing == Framing::Raw {
            return Ok(());
        }
        let mut response = Response::new(());
        *response.status_mut() = script.status;
        *response.headers_mut() = headers(script);
        let stream = self
            .respond
            .send_response(response, over)
            .map_err(|_| Over::Gone)?;
        self.stream = Some(stream);
        Ok(())
    }

    fn head_is_bytes(&self) -> bool {
        false
    }

    async fn release(&mut self, _: u64) -> Result<u64, Over> {
        Ok(0)
    }

    async fn send(&mut self, body: &Body, part: Range<u64>) -> Result<(), Over> {
        if self.framing == Framing::Raw {
            return self.write(body.part(part)).await;
        }
        self.send(body, part, false).await
    }

    async fn finish(&mut self, body: &Body, part: Range<u64>) -> Result<(), Over> {
        if self.framing == Framing::Raw {
            return self.write(body.part(part)).await;
        }
        self.send(body, part, self.trailers == 0).await?;
        match &mut self.stream {
            Some(stream) if self.trailers > 0 => stream
                .send_trailers(numbered("x-trailer", self.trailers))
                .map_err(|_| Over::Gone),
            _ => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<(), Over> {
        let (done, flushed) = oneshot::channel();
        self.order(Order::Between(Between::Flush(done)))?;
        flushed.await.map_err(|_| Over::Gone)
    }

    async fn gone(&mut self) {
        // Ends with a reset of the stream, or with the connection.
        let _ = poll_fn(|cx| match &mut self.stream {
            Some(stream) => stream.poll_reset(cx),
            None => self.respond.poll_reset(cx),
        })
        .await;
    }

    fn counted(&self) -> bool {
        false
    }

    async fn say(&mut self, bytes: &Bytes) -> Result<(), Over> {
        self.write(bytes.clone()).await
    }

    async fn early(&mut self, status: StatusCode, number: u64) -> Result<(), Over> {
        self.repeat(frames::headers(self.id(), status), number)
            .await
    }

    async fn flood(&mut self, frames: Frames, number: u64) -> Result<(), Over> {
        let id = self.id();
        match frames {
            Frames::Ping => self.repeat(frames::ping(), number).await,
            Frames::Data => self.repeat(frames::data(id), number).await,
            Frames::Settings => {
                self.take_over(Bytes::new(), frames::settings(), number)
                    .await
            }
            Frames::Continuation => {
                self.take_over(frames::open_headers(id), frames::continuation(id), number)
                    .await
            }
        }
    }

    async fn last_call(&mut self) -> Result<(), Over> {
        let frame = frames::goaway(self.id(), Reason::NO_ERROR);
        self.order(Order::LastCall(frame, None))
    }
}

fn headers(script: &Script) -> HeaderMap {
    let mut headers = script.headers.clone();
    // These fields belong to HTTP/1.1.
    headers.remove(CONNECTION);
    headers.remove(TRANSFER_ENCODING);
    if script.framing == Framing::Length
        && !lengthless(script.status)
        && !headers.contains_key(CONTENT_LENGTH)
    {
        headers.insert(CONTENT_LENGTH, script.body.len().into());
    }
    headers.extend(numbered("x-flood", script.headers_more));
    let long = script.header_bytes.min(VALUE_LIMIT);
    let long = "x".repeat(usize::try_from(long).unwrap_or(0));
    if let (false, Ok(value)) = (long.is_empty(), HeaderValue::try_from(long)) {
        headers.insert(HeaderName::from_static("x-long"), value);
    }
    headers
}

fn numbered(name: &str, number: u64) -> HeaderMap {
    (0..number.min(HEADER_LIMIT))
        .filter_map(|nth| Some((format!("{name}-{nth}").parse().ok()?, nth.into())))
        .collect()
}

/// Waits until the client lets us send something, and at most `wanted`.
async fn capacity(stream: &mut SendStream<Bytes>, wanted: usize) -> Result<usize, Over> {
    stream.reserve_capacity(wanted);
    loop {
        // Checked first: capacity that is available already is not announced again.
        let granted = stream.capacity();
        if granted > 0 {
            return Ok(granted);
        }
        match poll_fn(|cx| stream.poll_capacity(cx)).await {
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(Over::Gone),
        }
    }
}
