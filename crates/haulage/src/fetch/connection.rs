//! A connection to a server, whichever version of HTTP it speaks.

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http2;

use super::http1::Http1;

/// What every request of ours has for a body.
pub(super) type NoBody = Empty<Bytes>;

/// A connection, or a handle of one that is shared.
pub(crate) enum Connection {
    /// For one request at a time.
    Http1(Http1),
    Http2(Shared),
}

/// A handle of an HTTP/2 connection.
#[derive(Clone)]
pub(crate) struct Shared {
    /// Tells one connection from the next to the same host.
    pub(crate) number: u64,
    /// The worker thread that it lives on.
    pub(crate) worker: usize,
    pub(crate) sender: http2::SendRequest<NoBody>,
}

impl Connection {
    /// Whether a request could still be sent.
    pub(crate) fn is_open(&mut self) -> bool {
        match self {
            Self::Http1(http1) => http1.is_open(),
            Self::Http2(shared) => !shared.sender.is_closed(),
        }
    }
}
