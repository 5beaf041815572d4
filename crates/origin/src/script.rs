//! What the origin does for one request, as data: a test writes it down and reads it at a glance.

use std::time::Duration;

use http::header::LOCATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::body::Body;
use crate::gate::Gate;

/// A response, and the misbehaviour that goes with it.
///
/// What `_at(n)` names happens once `n` bytes of the body are sent, or all of them if it has fewer;
/// several at one offset happen in the order in which they were written. A response without a body
/// (to `HEAD`, or with the status 204 or 304) ends with its head, and nothing of that happens.
///
/// ```
/// use origin::{Body, Script};
/// use std::time::Duration;
///
/// let torn = Script::ok(Body::seeded(7, 5 << 20))
///     .header("etag", "\"one\"")
///     .delay(Duration::from_millis(100))
///     .reset_at(1 << 20);
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) framing: Framing,
    /// Before the head, in this order.
    pub(crate) before: Vec<Act>,
    /// Within the body, by offset.
    pub(crate) during: Vec<(u64, Act)>,
}

/// How the end of a body is told, on HTTP/1.1. HTTP/2 has its own way, and only the length is
/// declared or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    Chunked,
    Close,
}

/// Something that happens at a point of the response.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Delay(Duration),
    Hold(Gate),
    Close,
    Reset,
}

impl Script {
    /// 200 with this body.
    #[must_use]
    pub fn ok(body: Body) -> Self {
        Self::status(200).body(body)
    }

    /// This status, without a body.
    ///
    /// # Panics
    ///
    /// When `status` is not between 100 and 999.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "a script is written by whoever reads the panic"
    )]
    pub fn status(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("a status code has three digits"),
            headers: HeaderMap::new(),
            body: Body::empty(),
            framing: Framing::Length,
            before: Vec::new(),
            during: Vec::new(),
        }
    }

    /// Sends the client elsewhere: to a path of this origin, or to a whole URL.
    ///
    /// # Panics
    ///
    /// When `status` or `location` cannot stand in a response.
    #[must_use]
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).header(LOCATION.as_str(), location)
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// With one more header. One that the origin would have written itself (`Content-Length`,
    /// `Transfer-Encoding`, `Connection`) takes the place of the origin's, true or not.
    ///
    /// # Panics
    ///
    /// When it cannot stand in a response.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "a script is written by whoever reads the panic"
    )]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("the name of a header");
        let value = HeaderValue::from_str(value).expect("the value of a header");
        self.headers.append(name, value);
        self
    }

    /// Does not tell the length: the body ends as the connection does.
    #[must_use]
    pub fn without_length(mut self) -> Self {
        self.framing = Framing::Close;
        self
    }

    /// Sends the body in chunks, without its length.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

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

    /// Closes the connection cleanly instead of answering.
    #[must_use]
    pub fn close(self) -> Self {
        self.before(Act::Close)
    }

    /// Closes the connection cleanly within the body: with FIN, after TLS's own farewell. On HTTP/2
    /// that ends the other streams too.
    #[must_use]
    pub fn close_at(self, offset: u64) -> Self {
        self.during(offset, Act::Close)
    }

    /// Resets the connection instead of answering; on HTTP/2 the stream alone.
    #[must_use]
    pub fn reset(self) -> Self {
        self.before(Act::Reset)
    }

    /// Resets the connection within the body: with RST. On HTTP/2 the stream alone, with
    /// `RST_STREAM`.
    ///
    /// The bytes before it have arrived at the client's kernel by then (on Linux; elsewhere a client
    /// that reads slowly may get fewer).
    #[must_use]
    pub fn reset_at(self, offset: u64) -> Self {
        self.during(offset, Act::Reset)
    }

    fn before(mut self, act: Act) -> Self {
        self.before.push(act);
        self
    }

    fn during(mut self, offset: u64, act: Act) -> Self {
        let place = self
            .during
            .partition_point(|(earlier, _)| *earlier <= offset);
        self.during.insert(place, (offset, act));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    #[should_panic(expected = "three digits")]
    fn nonsense_is_not_a_status() {
        let _ = Script::status(7);
    }
}
