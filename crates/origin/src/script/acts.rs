//! What can happen at a point of a response: waits, early ends, unexpected messages.

use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::StatusCode;

use crate::gate::Gate;
use crate::script::Script;

/// HTTP/2 frames without content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frames {
    /// PING: the client must respond to each.
    Ping,
    /// SETTINGS: the client must acknowledge each. The connection closes after them.
    Settings,
    /// Empty DATA frames on this stream, within the body.
    Data,
    /// Instead of the head, HEADERS with endless CONTINUATION frames. The connection closes after
    /// them.
    Continuation,
}

/// An event at a point of the response.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Delay(Duration),
    Hold(Gate),
    Stall,
    End(Ending),
    /// GOAWAY, after which this response is still completed.
    LastCall,
    /// This many interim responses with this status, 1xx.
    Early(StatusCode, u64),
    /// This many of these frames.
    Flood(Frames, u64),
    /// These bytes, as they are.
    Say(Bytes),
}

/// How a script ends a response early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// FIN, after `close_notify` of TLS.
    Close,
    /// FIN alone.
    Truncate,
    /// RST; on HTTP/2 `RST_STREAM`.
    Reset(Reason),
    /// GOAWAY with an error, then the end of the connection.
    Abandon(Reason),
    /// GOAWAY that does not cover this request, so that the client may resend it elsewhere.
    Refuse,
}

/// Sends this many bytes at once, and then pauses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drip {
    pub(crate) bytes: u64,
    pub(crate) every: Duration,
}

impl Act {
    /// Returns whether this spoils the body in which it happens, in every version of HTTP.
    pub(crate) fn spoils(&self) -> bool {
        match self {
            // HTTP/1.1 has no frames.
            Self::Delay(_) | Self::Hold(_) | Self::LastCall | Self::Flood(..) => false,
            Self::Stall | Self::End(_) | Self::Say(_) => true,
            Self::Early(_, times) => *times == u64::MAX,
        }
    }
}

/// Waits.
impl Script {
    /// Waits before the head.
    #[must_use]
    pub fn delay(self, time: Duration) -> Self {
        self.before(Act::Delay(time))
    }

    /// Waits within the body.
    #[must_use]
    pub fn delay_at(self, offset: u64, time: Duration) -> Self {
        self.during(offset, Act::Delay(time))
    }

    /// Waits before the head until the test opens the gate.
    #[must_use]
    pub fn hold(self, gate: &Gate) -> Self {
        self.before(Act::Hold(gate.clone()))
    }

    /// Waits within the body until the test opens the gate.
    #[must_use]
    pub fn hold_at(self, offset: u64, gate: &Gate) -> Self {
        self.during(offset, Act::Hold(gate.clone()))
    }

    /// Sends nothing at all until the client leaves.
    #[must_use]
    pub fn stall(self) -> Self {
        self.before(Act::Stall)
    }

    /// Stalls within the head until the client leaves.
    #[must_use]
    pub fn stall_head_at(self, offset: u64) -> Self {
        self.within_head(offset, Act::Stall)
    }

    /// Stalls within the body until the client leaves.
    #[must_use]
    pub fn stall_at(self, offset: u64) -> Self {
        self.during(offset, Act::Stall)
    }

    /// Sends the body drop by drop: this many bytes at once (at least one), with this pause after
    /// each drop.
    #[must_use]
    pub fn drip(mut self, bytes: u64, every: Duration) -> Self {
        let bytes = bytes.max(1);
        self.drip = Some(Drip { bytes, every });
        self
    }

    /// Sends the head drop by drop, like [`drip`](Self::drip). On HTTP/2 it waits once, before the
    /// head.
    #[must_use]
    pub fn drip_head(mut self, bytes: u64, every: Duration) -> Self {
        let bytes = bytes.max(1);
        self.drip_head = Some(Drip { bytes, every });
        self
    }
}

/// Early ends.
impl Script {
    /// Closes the connection cleanly instead of answering.
    #[must_use]
    pub fn close(self) -> Self {
        self.before(Act::End(Ending::Close))
    }

    /// Closes the connection cleanly within the head.
    #[must_use]
    pub fn close_head_at(self, offset: u64) -> Self {
        self.within_head(offset, Act::End(Ending::Close))
    }

    /// Closes the connection cleanly within the body: with FIN, after TLS's own farewell. On HTTP/2
    /// that ends the other streams too.
    #[must_use]
    pub fn close_at(self, offset: u64) -> Self {
        self.during(offset, Act::End(Ending::Close))
    }

    /// Closes the connection within the head as a middleman would: with FIN, without TLS's
    /// farewell.
    #[must_use]
    pub fn truncate_head_at(self, offset: u64) -> Self {
        self.within_head(offset, Act::End(Ending::Truncate))
    }

    /// Closes the connection within the body as a middleman would: with FIN, without TLS's farewell
    /// (`close_notify`). At the end of a body [without length](Self::without_length) that is all
    /// that tells the two apart (RFC 9112 §9.8).
    #[must_use]
    pub fn truncate_at(self, offset: u64) -> Self {
        self.during(offset, Act::End(Ending::Truncate))
    }

    /// Resets the connection instead of answering; on HTTP/2 the stream alone.
    #[must_use]
    pub fn reset(self) -> Self {
        self.reset_stream(Reason::INTERNAL_ERROR)
    }

    /// Resets the connection within the head: with RST.
    #[must_use]
    pub fn reset_head_at(self, offset: u64) -> Self {
        self.within_head(offset, Act::End(Ending::Reset(Reason::INTERNAL_ERROR)))
    }

    /// Resets the connection within the body: with RST. On HTTP/2 the stream alone, with
    /// `RST_STREAM`.
    ///
    /// The bytes before it have arrived at the client's kernel by then (on Linux; elsewhere a
    /// client that reads slowly may get fewer).
    #[must_use]
    pub fn reset_at(self, offset: u64) -> Self {
        self.reset_stream_at(offset, Reason::INTERNAL_ERROR)
    }

    /// Resets like [`reset`](Self::reset), with a reason for HTTP/2.
    #[must_use]
    pub fn reset_stream(self, reason: Reason) -> Self {
        self.before(Act::End(Ending::Reset(reason)))
    }

    /// Resets like [`reset_at`](Self::reset_at), with a reason for HTTP/2.
    #[must_use]
    pub fn reset_stream_at(self, offset: u64, reason: Reason) -> Self {
        self.during(offset, Act::End(Ending::Reset(reason)))
    }

    /// Refuses this request and all later ones, on HTTP/2, with GOAWAY without an error, so that
    /// they may be sent again elsewhere (RFC 9113 §6.8). Earlier ones come to their end, then the
    /// connection closes. On HTTP/1.1 it closes the connection instead of answering.
    #[must_use]
    pub fn goaway(self) -> Self {
        self.before(Act::End(Ending::Refuse))
    }

    /// Sends GOAWAY within the body, on HTTP/2. This response and earlier ones still come to their
    /// end; later requests are refused. On HTTP/1.1 nothing happens.
    #[must_use]
    pub fn goaway_at(self, offset: u64) -> Self {
        self.during(offset, Act::LastCall)
    }

    /// Closes the connection instead of answering; on HTTP/2 it sends GOAWAY with this error first.
    #[must_use]
    pub fn abandon(self, reason: Reason) -> Self {
        self.before(Act::End(Ending::Abandon(reason)))
    }

    /// Closes the connection like [`abandon`](Self::abandon), but within the body.
    #[must_use]
    pub fn abandon_at(self, offset: u64, reason: Reason) -> Self {
        self.during(offset, Act::End(Ending::Abandon(reason)))
    }

    /// Answers, keeps the connection, and closes it as the first byte of the next request arrives
    /// on it, which gets no answer: the race that each client of a kept connection loses now and
    /// then. On HTTP/2 it is the head of the next request, even when this response is not over.
    #[must_use]
    pub fn close_on_reuse(mut self) -> Self {
        self.on_reuse = Some(Ending::Close);
        self
    }

    /// Answers like [`close_on_reuse`](Self::close_on_reuse), but resets the connection: with RST,
    /// on HTTP/2 too.
    #[must_use]
    pub fn reset_on_reuse(mut self) -> Self {
        self.on_reuse = Some(Ending::Reset(Reason::INTERNAL_ERROR));
        self
    }
}

/// Unexpected messages.
impl Script {
    /// Puts these bytes into the body as they are: on HTTP/1.1 outside of any chunk, on HTTP/2 as
    /// frames. At `u64::MAX` they follow the body.
    #[must_use]
    pub fn raw_at(self, offset: u64, bytes: impl Into<Bytes>) -> Self {
        self.during(offset, Act::Say(bytes.into()))
    }

    pub(crate) fn before(mut self, act: Act) -> Self {
        self.before.push(act);
        self
    }

    fn within_head(mut self, offset: u64, act: Act) -> Self {
        insert(&mut self.within_head, offset, act);
        self
    }

    pub(crate) fn during(mut self, offset: u64, act: Act) -> Self {
        insert(&mut self.during, offset, act);
        self
    }
}

/// Inserts an act behind all others at the same offset.
fn insert(acts: &mut Vec<(u64, Act)>, offset: u64, act: Act) {
    let place = acts.partition_point(|(earlier, _)| *earlier <= offset);
    acts.insert(place, (offset, act));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Body;

    #[test]
    fn what_happens_within_the_body_is_in_order() {
        let script = Script::ok(Body::empty())
            .reset_at(9)
            .delay_at(3, Duration::ZERO)
            .hold_at(3, &Gate::new())
            .close_at(0);
        let offsets: Vec<u64> = script.during.iter().map(|(offset, _)| *offset).collect();
        assert_eq!(offsets, [0, 3, 3, 9]);
        assert!(matches!(script.during[1].1, Act::Delay(_)));
    }
}
