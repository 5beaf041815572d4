//! Drives an HTTP/2 connection, and carries out the orders of its streams.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::server::{Connection, SendResponse};
use http::request;
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, oneshot};

use crate::http2::frame_flood::FrameFlood;
use crate::lent_socket::LentSocket;
use crate::script::Ending;
use crate::socket::Socket;

/// An order of a stream to its connection.
pub(super) enum Order {
    /// Do this when everything handed to `h2` so far has been written.
    Between(Between),
    /// Write this frame, take no further requests, and close when the earlier ones have their
    /// responses. The stream that is given, if any, gets no response.
    LastCall(Bytes, Option<SendResponse<Bytes>>),
    /// Send nothing more on this stream, which was answered without `h2`.
    Keep(SendResponse<Bytes>),
    /// End the connection at once, under all streams.
    End(Ending),
}

/// An action between two frames.
pub(super) enum Between {
    /// Report that all earlier bytes are written.
    Flush(oneshot::Sender<()>),
    /// Write these frames, and report that.
    Write(Bytes, Option<oneshot::Sender<()>>),
    /// Hand the connection to this flood.
    Flood(FrameFlood),
}

/// The next event of a connection.
pub(super) enum Next {
    /// A request, with the channel for its orders.
    Request(
        Box<request::Parts>,
        SendResponse<Bytes>,
        mpsc::UnboundedSender<Order>,
    ),
    /// The connection is over.
    End(Ending),
    /// The connection is only needed for this flood of frames.
    Flood(FrameFlood),
}

pub(super) struct Driver<S: Socket> {
    h2: Connection<LentSocket<S>, Bytes>,
    lent: LentSocket<S>,
    /// Cloned for each stream; `None` when no further streams are served.
    orders: Option<mpsc::UnboundedSender<Order>>,
    inbox: mpsc::UnboundedReceiver<Order>,
    between: VecDeque<Between>,
    /// Whether frames were written in part: the rest has to be written before `h2` writes again.
    begun: bool,
    /// Streams that get no response. They are kept, since `h2` resets a stream that is dropped.
    unanswered: Vec<SendResponse<Bytes>>,
    /// Whether no stream is left that could give orders.
    alone: bool,
}

impl<S: Socket> Driver<S> {
    pub(super) fn new(h2: Connection<LentSocket<S>, Bytes>, lent: LentSocket<S>) -> Self {
        let (orders, inbox) = mpsc::unbounded_channel();
        Self {
            h2,
            lent,
            orders: Some(orders),
            inbox,
            between: VecDeque::new(),
            begun: false,
            unanswered: Vec::new(),
            alone: false,
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        loop {
            // Orders are read before h2 runs: an order refers to everything that was handed to h2
            // before it.
            if let Some(ending) = self.take_orders(cx) {
                return Poll::Ready(Next::End(ending));
            }
            if self.begun
                && let Some(next) = ready!(self.between_frames(cx))
            {
                return Poll::Ready(next);
            }
            // `Pending` means that h2 has written all that it has, unless the socket blocks it.
            match self.h2.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => match &self.orders {
                    Some(orders) => {
                        let head = Box::new(request.into_parts().0);
                        return Poll::Ready(Next::Request(head, respond, orders.clone()));
                    }
                    None => self.unanswered.push(respond),
                },
                Poll::Ready(_) => return Poll::Ready(Next::End(Ending::Close)),
                Poll::Pending if self.lent.blocked() => return Poll::Pending,
                Poll::Pending => match ready!(self.between_frames(cx)) {
                    Some(next) => return Poll::Ready(next),
                    None => return Poll::Pending,
                },
            }
        }
    }

    fn take_orders(&mut self, cx: &mut Context<'_>) -> Option<Ending> {
        while let Poll::Ready(order) = self.inbox.poll_recv(cx) {
            match order {
                Some(Order::Between(between)) => self.between.push_back(between),
                Some(Order::LastCall(frame, unanswered)) => {
                    self.orders = None;
                    self.between.push_back(Between::Write(frame, None));
                    self.unanswered.extend(unanswered);
                }
                Some(Order::Keep(respond)) => self.unanswered.push(respond),
                Some(Order::End(ending)) => return Some(ending),
                None => {
                    self.alone = true;
                    return None;
                }
            }
        }
        None
    }

    /// Does what had to wait until `h2` is between two frames. Returns what the connection comes
    /// to, or `None` if it goes on.
    fn between_frames(&mut self, cx: &mut Context<'_>) -> Poll<Option<Next>> {
        while let Some(between) = self.between.pop_front() {
            match between {
                // The stream may have ended meanwhile.
                Between::Flush(done) => drop(done.send(())),
                Between::Flood(flood) => return Poll::Ready(Some(Next::Flood(flood))),
                Between::Write(mut bytes, done) => {
                    let written = write(&mut self.lent, &mut bytes, cx);
                    self.begun = written.is_pending();
                    match written {
                        Poll::Ready(true) => drop(done.map(|done| done.send(()))),
                        Poll::Ready(false) => {
                            return Poll::Ready(Some(Next::End(Ending::Close)));
                        }
                        Poll::Pending => {
                            self.between.push_front(Between::Write(bytes, done));
                            return Poll::Pending;
                        }
                    }
                }
            }
        }
        Poll::Ready(self.alone.then_some(Next::End(Ending::Close)))
    }
}

/// Writes and flushes all bytes. Returns whether that succeeded.
fn write<S: Socket>(
    socket: &mut LentSocket<S>,
    bytes: &mut Bytes,
    cx: &mut Context<'_>,
) -> Poll<bool> {
    while bytes.has_remaining() {
        match ready!(Pin::new(&mut *socket).poll_write(cx, bytes)) {
            Ok(written) if written > 0 => bytes.advance(written),
            _ => return Poll::Ready(false),
        }
    }
    Pin::new(socket)
        .poll_flush(cx)
        .map(|flushed| flushed.is_ok())
}
