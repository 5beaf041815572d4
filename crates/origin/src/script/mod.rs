//! What the origin does for one request, as data: easy to write and to read in a test.

mod acts;
mod flood;
mod ranges;

use http::header::LOCATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::body::Body;

pub use acts::Frames;
pub(crate) use acts::{Act, Drip, Ending};
pub use ranges::RangeLie;

/// A response, and its misbehaviour.
///
/// A method with `_at(n)` takes effect once `n` bytes of the body are sent, or all of them if it
/// has fewer. Several at one offset take effect in the order of the calls. A response without a
/// body (to `HEAD`, or with the status 204 or 304) ends with its head, without any of that.
///
/// A method with `_head_at(n)` takes effect once `n` bytes of the head are sent. On HTTP/2 a head
/// is one frame, so all of that happens before it.
///
/// ```
/// use origin::{Body, Script};
/// use std::time::Duration;
///
/// let torn = Script::ok(Body::seeded(7, 5 << 20))
///     .header("etag", "\"one\"")
///     .delay(Duration::from_millis(100))
///     .reset_at(1 << 20);
/// let stalled = Script::entity(Body::seeded(7, 5 << 20), "\"one\"")
///     .drip(64 << 10, Duration::from_millis(10))
///     .stall_at(1 << 20);
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) framing: Framing,
    /// Before the head, in this order.
    pub(crate) before: Vec<Act>,
    /// Within the head, by offset.
    pub(crate) within_head: Vec<(u64, Act)>,
    /// Within the body, by offset.
    pub(crate) during: Vec<(u64, Act)>,
    pub(crate) drip_head: Option<Drip>,
    pub(crate) drip: Option<Drip>,
    /// Number of headers to add to those above.
    pub(crate) headers_more: u64,
    /// Bytes in the value of one more header.
    pub(crate) header_bytes: u64,
    pub(crate) trailers: u64,
    pub(crate) ranges: bool,
    pub(crate) range_lie: Option<RangeLie>,
    /// What happens at the next request on this connection.
    pub(crate) on_reuse: Option<Ending>,
}

/// How the end of a body is marked on HTTP/1.1. HTTP/2 has its own way: only the length may be
/// declared or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    Chunked,
    Close,
    /// The body is sent alone, without a head.
    Raw,
}

impl Script {
    /// Creates a 200 response with this body.
    #[must_use]
    pub fn ok(body: Body) -> Self {
        Self::status(200).body(body)
    }

    /// Creates a 200 response with this body and this `ETag` (quotes included) that supports
    /// [ranges](Self::ranges).
    ///
    /// # Panics
    ///
    /// When the tag is invalid in a response.
    #[must_use]
    pub fn entity(body: Body, etag: &str) -> Self {
        Self::ok(body).etag(etag).ranges()
    }

    /// Creates a response with this status and no body.
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
            within_head: Vec::new(),
            during: Vec::new(),
            drip_head: None,
            drip: None,
            headers_more: 0,
            header_bytes: 0,
            trailers: 0,
            ranges: false,
            range_lie: None,
            on_reuse: None,
        }
    }

    /// Creates a redirect: to a path of this origin, or to a whole URL.
    ///
    /// # Panics
    ///
    /// When `status` or `location` is invalid in a response.
    #[must_use]
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).header(LOCATION.as_str(), location)
    }

    /// Creates a script that sends these bytes as they are, in place of a whole response, head
    /// included. On HTTP/2 they are frames.
    ///
    /// The connection stays open: `raw(…).close_at(u64::MAX)` closes it behind them.
    #[must_use]
    pub fn raw(bytes: impl Into<bytes::Bytes>) -> Self {
        Self::ok(Body::empty()).unframed(bytes)
    }

    /// Sends these bytes as they are, in place of both head and body.
    pub(crate) fn unframed(mut self, bytes: impl Into<bytes::Bytes>) -> Self {
        self.framing = Framing::Raw;
        self.body(Body::of(bytes))
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Adds a header. One that the origin would have written itself (`Content-Length`,
    /// `Transfer-Encoding`, `Connection`) replaces the origin's, true or not. Several of the same
    /// name are all sent.
    ///
    /// # Panics
    ///
    /// When the name or the value is invalid in a response.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.header_raw(name, value.as_bytes())
    }

    /// Adds a header whose value need not be text: any bytes except control characters.
    ///
    /// # Panics
    ///
    /// When the name or the value is invalid in a response.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "a script is written by whoever reads the panic"
    )]
    pub fn header_raw(mut self, name: &str, value: &[u8]) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("the name of a header");
        let value = HeaderValue::from_bytes(value).expect("the value of a header");
        self.headers.append(name, value);
        self
    }

    /// Sends no length: the body ends when the connection does.
    #[must_use]
    pub fn without_length(mut self) -> Self {
        self.framing = Framing::Close;
        self
    }

    /// Sends the body in chunks, without its length. A `Content-Length` given by hand is sent too.
    ///
    /// `chunked().close_at(n)` with all `n` bytes closes instead of sending the last chunk, and
    /// `chunked().raw_at(n, "zz\r\n")` sends the size of a chunk that is none.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    /// Returns whether a client that follows HTTP can get the whole body from this response to a
    /// plain `GET`.
    ///
    /// If not, no client may claim to have it, over any version of HTTP: the response says so, ends
    /// too early, or never ends. If it can, a client may still refuse it, for example because of a
    /// flood; and over HTTP/2 it may fail in ways that HTTP/1.1 does not have.
    #[must_use]
    pub fn may_deliver(&self) -> bool {
        self.status == StatusCode::OK
            && self.framing != Framing::Raw
            && self.range_lie != Some(RangeLie::Unasked)
            && self.lengths_hold()
            && !self.before.iter().any(Act::spoils)
            && !self.within_head.iter().any(|(_, act)| act.spoils())
            && !self.during.iter().any(|at| self.cuts(at))
    }

    /// Returns whether the length that the head gives is true, or does not count (RFC 9112 §6.3).
    fn lengths_hold(&self) -> bool {
        let mut lengths = self.headers.get_all("content-length").iter();
        let chunked = self.framing == Framing::Chunked;
        let length = self.body.len().to_string();
        let coded = self.headers.contains_key("transfer-encoding");
        chunked || (!coded && lengths.all(|said| said.as_bytes() == length.as_bytes()))
    }

    /// Returns whether this act keeps a client from getting the end of the body.
    fn cuts(&self, (offset, act): &(u64, Act)) -> bool {
        let inside = *offset < self.body.len();
        let ends = matches!(act, Act::End(Ending::Close | Ending::Truncate));
        match self.framing {
            Framing::Length => inside && act.spoils(),
            Framing::Close if self.headers.contains_key("content-length") => inside && act.spoils(),
            // Such a body normally ends with the connection.
            Framing::Close if ends => inside,
            Framing::Close | Framing::Chunked | Framing::Raw => act.spoils(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[should_panic(expected = "three digits")]
    fn nonsense_is_not_a_status() {
        let _ = Script::status(7);
    }

    #[test]
    fn what_may_deliver_the_whole_body() {
        let ok = || Script::ok(Body::of("abc"));
        for script in [
            ok(),
            ok().chunked().header("content-length", "7"),
            ok().header("content-length", "3")
                .header("content-length", "3"),
            ok().without_length().close_at(3),
            ok().without_length()
                .header("content-length", "3")
                .reset_at(3),
            ok().stall_at(3),
            ok().raw_at(3, "more"),
            ok().delay_at(1, Duration::ZERO)
                .drip(1, Duration::ZERO)
                .goaway_at(1),
        ] {
            assert!(script.may_deliver(), "{script:?}");
        }
        for script in [
            Script::status(503),
            Script::raw("HTTP/1.1 200 OK\r\n\r\n"),
            ok().close(),
            ok().stall_head_at(3),
            ok().reset_at(2),
            ok().chunked().close_at(3),
            ok().chunked().raw_at(1, "zz\r\n"),
            ok().without_length().stall_at(3),
            ok().without_length().close_at(2),
            ok().header("content-length", "2"),
            ok().header("content-length", "3")
                .header("content-length", "4"),
            ok().range_lie(RangeLie::Unasked),
        ] {
            assert!(!script.may_deliver(), "{script:?}");
        }
    }
}
