//! A connection to a server, whichever version of HTTP it speaks.

use super::http1::Http1;
pub(crate) use super::http2::Shared;

/// A connection, or a handle of one that is shared.
pub(crate) enum Connection {
    /// For one request at a time.
    Http1(Http1),
    Http2(Shared),
}

impl Connection {
    /// Whether a request could still be sent.
    pub(crate) fn is_open(&mut self) -> bool {
        match self {
            Self::Http1(http1) => http1.is_open(),
            Self::Http2(shared) => shared.is_open(),
        }
    }
}
