//! A request that was sent for an item, or could not be: what it took, and how it ended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::Error;

/// One request for an item, with its times. Each hop of a redirect is one of its own, and so is
/// each segment of a file, and each request that was resent. Told as
/// [`Event::Attempted`](crate::Event::Attempted) if
/// [`RunOptions::attempt_details`](crate::RunOptions::attempt_details) asks for it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// The row's ordinal, which names the item in its run.
    pub row: u64,
    /// What people call the item.
    pub label: Arc<str>,
    /// Which attempt at the item it belongs to, from 1; which request for a segment, if it
    /// [`is_segment`](Self::is_segment).
    pub number: u32,
    /// Whether it is for a segment of a file that other requests fetch too.
    pub is_segment: bool,
    /// The URL that was requested, without userinfo.
    pub url: Arc<str>,
    /// Scheme, name and port; a default port is left out.
    pub host: Arc<str>,
    /// Name and port of the proxy; `None` if the host is reached directly.
    pub proxy: Option<Arc<str>>,
    /// The address at the other end of the connection, that of the proxy if there is one; `None` if
    /// there was no connection.
    pub remote: Option<SocketAddr>,
    /// What the connection speaks; `None` if there was no connection.
    pub protocol: Option<HttpProtocol>,
    /// Whether the connection had been there before: used, shared with others, or opened ahead.
    pub is_reused: bool,
    /// The status of the response; `None` if none came.
    pub http_status: Option<u16>,
    /// How it failed; `None` if it brought what it was to bring, or a redirect. A file that arrives
    /// and is not the right one is no failure of its request.
    pub error: Option<Error>,
    /// Bytes of the body that were received for the file.
    pub bytes: u64,
    /// When a connection took it.
    pub started: SystemTime,
    /// What it took.
    pub timings: Timings,
}

/// How long the phases of a request took; `None` for one that it did not come to, or did not need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timings {
    /// From when it could have been sent until a connection took it. It waits for a slot, or for
    /// its turn at the host. `None` if it follows another one on the same connection at once.
    pub queue: Option<Duration>,
    /// The look-up of the name. `None` if the connection was there, or the address is known.
    pub dns: Option<Duration>,
    /// The connection; with a proxy, what that took to answer, too. `None` if the connection was
    /// there.
    pub connect: Option<Duration>,
    /// The TLS handshake with the server. `None` if the connection was there, or without TLS.
    pub tls: Option<Duration>,
    /// From when the request was sent until the head of its response had come.
    pub first_byte: Option<Duration>,
    /// From then on until the end of the body, or its failure.
    pub body: Option<Duration>,
    /// From when a connection took it until its end.
    pub total: Duration,
}

/// What a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpProtocol {
    /// HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2 (RFC 9113).
    Http2,
}

impl HttpProtocol {
    /// Returns its stable name, that of ALPN: `http/1.1` or `h2`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http/1.1",
            Self::Http2 => "h2",
        }
    }
}

impl Timings {
    /// Returns the phases that it came to, in their order, with their stable names. The total is
    /// not among them.
    pub fn phases(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        let all = [
            ("queue", self.queue),
            ("dns", self.dns),
            ("connect", self.connect),
            ("tls", self.tls),
            ("first_byte", self.first_byte),
            ("body", self.body),
        ];
        all.into_iter()
            .filter_map(|(name, time)| Some((name, time?)))
    }
}
