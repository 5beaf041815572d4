//! HTTP/2, with `h2`: a task per stream, and one that drives the connection.

use std::future::poll_fn;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, SendStream};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Response, Version};
use tokio::sync::{mpsc, oneshot};

use crate::body::Body;
use crate::leash::Leash;
use crate::log;
use crate::play::{Over, Wire, lengthless, play};
use crate::routes::Request;
use crate::script::{Framing, Script};
use crate::server::Shared;
use crate::socket::{self, Socket};

/// How much of a body is handed to a stream at once.
const BLOCK: u64 = 64 << 10;
/// How much of a stream may wait to be written.
const SEND_BUFFER: usize = 256 << 10;
const STREAM_LIMIT: u32 = 1000;

/// Answers the requests of one connection until either side has enough.
pub(crate) async fn serve<S: Socket>(socket: S, shared: Arc<Shared>, connection: log::Connection) {
    let (orders, inbox) = mpsc::unbounded_channel();
    let leash = Leash::new(socket);
    let handshake = Builder::new()
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_streams(STREAM_LIMIT)
        .handshake(leash.clone());
    let Ok(h2) = handshake.await else { return };
    let mut driver = Driver {
        h2,
        leash: leash.clone(),
        inbox,
        unflushed: Vec::new(),
    };

    while let Some((request, respond)) = poll_fn(|cx| driver.poll(cx)).await {
        let (head, _) = request.into_parts();
        let mut request = Request {
            method: head.method,
            target: head
                .uri
                .path_and_query()
                .map_or_else(String::new, ToString::to_string),
            headers: head.headers,
            version: Version::HTTP_2,
            connection: connection.number,
            nth: 0,
        };
        let (script, ticket) = shared.asked(&mut request);
        let mut wire = Http2 {
            respond,
            stream: None,
            orders: orders.clone(),
        };
        tokio::spawn(async move {
            let over = play(&script, &request, &mut wire, ticket).await;
            wire.end(over.as_ref().err());
        });
    }
    drop(driver);
    drop(connection);
    if let Some(socket) = leash.slip() {
        socket::close(socket).await;
    }
}

/// What a stream asks of its connection.
enum Order {
    /// Say when everything handed over so far has been written.
    Flush(oneshot::Sender<()>),
    /// Close the connection under all streams.
    Close,
}

/// Drives the connection, and does what the streams ask for.
struct Driver<S: Socket> {
    h2: Connection<Leash<S>, Bytes>,
    leash: Leash<S>,
    inbox: mpsc::UnboundedReceiver<Order>,
    unflushed: Vec<oneshot::Sender<()>>,
}

type Arrival = (http::Request<h2::RecvStream>, SendResponse<Bytes>);

impl<S: Socket> Driver<S> {
    /// The next request; `None` when the connection is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Arrival>> {
        // Before h2 has its turn: whatever was handed to h2 before the order is what is meant by it.
        while let Poll::Ready(Some(order)) = self.inbox.poll_recv(cx) {
            match order {
                Order::Flush(done) => self.unflushed.push(done),
                Order::Close => return Poll::Ready(None),
            }
        }
        // While h2 has nothing for us it writes all it can. Only the socket makes it stop sooner.
        let arrival = self.h2.poll_accept(cx);
        if arrival.is_pending() && !self.leash.blocked() {
            for done in self.unflushed.drain(..) {
                // A stream that has died meanwhile does not mind.
                let _ = done.send(());
            }
        }
        arrival.map(|arrival| arrival.and_then(Result::ok))
    }
}

struct Http2 {
    respond: SendResponse<Bytes>,
    /// Once the head is sent.
    stream: Option<SendStream<Bytes>>,
    orders: mpsc::UnboundedSender<Order>,
}

impl Http2 {
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

    fn end(mut self, over: Option<&Over>) {
        match over {
            // Without a reset h2 would send one that says CANCEL.
            Some(Over::Reset) => match &mut self.stream {
                Some(stream) => stream.send_reset(Reason::INTERNAL_ERROR),
                None => self.respond.send_reset(Reason::INTERNAL_ERROR),
            },
            // When the connection is over already, so be it.
            Some(Over::Close) => drop(self.orders.send(Order::Close)),
            Some(Over::Gone) | None => {}
        }
    }
}

impl Wire for Http2 {
    async fn head(&mut self, script: &Script, over: bool) -> Result<(), Over> {
        let mut response = Response::new(());
        *response.status_mut() = script.status;
        let headers = response.headers_mut();
        headers.clone_from(&script.headers);
        // Those belong to HTTP/1.1.
        headers.remove(CONNECTION);
        headers.remove(TRANSFER_ENCODING);
        if script.framing == Framing::Length
            && !lengthless(script.status)
            && !headers.contains_key(CONTENT_LENGTH)
        {
            headers.insert(CONTENT_LENGTH, script.body.len().into());
        }
        let stream = self
            .respond
            .send_response(response, over)
            .map_err(|_| Over::Gone)?;
        self.stream = Some(stream);
        Ok(())
    }

    async fn send(&mut self, body: &Body, part: Range<u64>) -> Result<(), Over> {
        self.send(body, part, false).await
    }

    async fn finish(&mut self, body: &Body, part: Range<u64>) -> Result<(), Over> {
        self.send(body, part, true).await
    }

    async fn flush(&mut self) -> Result<(), Over> {
        let (done, flushed) = oneshot::channel();
        self.orders
            .send(Order::Flush(done))
            .map_err(|_| Over::Gone)?;
        flushed.await.map_err(|_| Over::Gone)
    }

    async fn gone(&mut self) {
        // Whether it is a reset of the stream or the end of the connection.
        let _ = poll_fn(|cx| match &mut self.stream {
            Some(stream) => stream.poll_reset(cx),
            None => self.respond.poll_reset(cx),
        })
        .await;
    }

    fn counted(&self) -> bool {
        false
    }
}

/// Waits until the client lets us send something, and at most `wanted`.
async fn capacity(stream: &mut SendStream<Bytes>, wanted: usize) -> Result<usize, Over> {
    stream.reserve_capacity(wanted);
    loop {
        // To be looked at first: what is there already is not announced again.
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
