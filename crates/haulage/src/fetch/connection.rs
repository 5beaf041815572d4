//! A connection to a server, over HTTP/1.1 or HTTP/2.

use std::net::SocketAddr;
use std::time::Duration;

use super::http1::Http1;
pub(crate) use super::http2::Http2Handle;
use crate::attempt::HttpProtocol;

/// A connection, or a handle of a shared one.
pub(crate) enum Connection {
    /// For one request at a time.
    Http1(Http1),
    Http2(Http2Handle),
}

impl Connection {
    /// Returns whether another request can be sent.
    pub(crate) fn is_open(&mut self) -> bool {
        match self {
            Self::Http1(http1) => http1.is_open(),
            Self::Http2(shared) => shared.is_open(),
        }
    }

    /// Returns what it speaks.
    pub(crate) fn protocol(&self) -> HttpProtocol {
        match self {
            Self::Http1(_) => HttpProtocol::Http1,
            Self::Http2(_) => HttpProtocol::Http2,
        }
    }

    /// Returns the address at the other end, that of a proxy if there is one; `None` where the
    /// system does not tell.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Http1(http1) => http1.peer(),
            Self::Http2(shared) => shared.peer(),
        }
    }

    /// Returns what a round trip took when the connection was opened.
    pub(crate) fn round_trip(&self) -> Duration {
        match self {
            Self::Http1(http1) => http1.round_trip(),
            Self::Http2(shared) => shared.round_trip(),
        }
    }

    /// Returns whether another request could be sent, unless the server has closed it meanwhile.
    pub(crate) fn is_free(&self) -> bool {
        match self {
            Self::Http1(http1) => http1.is_free(),
            Self::Http2(_) => true,
        }
    }

    /// Waits until the server closes an idle connection; for ever if there is none. Drops a
    /// connection that takes no further request at once.
    pub(crate) async fn ended(connection: &mut Option<Self>) {
        if let Some(Self::Http1(http1)) = connection
            && !http1.is_free()
        {
            *connection = None;
        }
        match connection {
            None => std::future::pending().await,
            Some(Self::Http1(http1)) => http1.ended().await,
            Some(Self::Http2(shared)) => shared.ended().await,
        }
    }
}
