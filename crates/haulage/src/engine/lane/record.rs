//! The record of a request for an item: it is filled in while the lane works.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::attempt::{Attempt, Timings};
use crate::clock;
use crate::error::Error;
use crate::fetch::connection::Connection;
use crate::fetch::connector::{ConnectProgress, ConnectTimings};
use crate::fetch::origin;
use crate::http_url::HttpUrl;

/// A request that is under way.
pub(crate) struct Record {
    attempt: Attempt,
    /// When its lane took it.
    began: Instant,
    connecting: Option<Arc<ConnectProgress>>,
    sent: Option<Instant>,
    answered: Option<Instant>,
    /// Bytes of a body that goes directly to its file; `None` if it does not.
    copied: Option<Arc<AtomicU64>>,
}

/// For what a request is sent.
pub(super) struct Purpose {
    pub(super) row: u64,
    pub(super) label: Arc<str>,
    pub(super) number: u32,
    pub(super) is_segment: bool,
}

impl Record {
    /// Returns the record of a request that its lane takes now, after so long in the queue.
    pub(super) fn new(
        purpose: Purpose,
        url: &HttpUrl,
        proxy: Option<Arc<str>>,
        queue: Option<Duration>,
        now: Instant,
    ) -> Self {
        Self {
            attempt: Attempt {
                row: purpose.row,
                label: purpose.label,
                number: purpose.number,
                is_segment: purpose.is_segment,
                url: url.as_str().into(),
                host: origin::key(url).into(),
                proxy,
                remote: None,
                protocol: None,
                is_reused: false,
                http_status: None,
                error: None,
                bytes: 0,
                started: SystemTime::now(),
                timings: Timings {
                    queue,
                    ..Timings::default()
                },
            },
            began: now,
            connecting: None,
            sent: None,
            answered: None,
            copied: None,
        }
    }

    /// Returns the record of the request that follows this one at once.
    pub(super) fn next(&self, now: Instant) -> Self {
        let attempt = &self.attempt;
        Self {
            attempt: Attempt {
                label: Arc::clone(&attempt.label),
                url: Arc::clone(&attempt.url),
                host: Arc::clone(&attempt.host),
                proxy: attempt.proxy.clone(),
                remote: None,
                protocol: None,
                http_status: None,
                error: None,
                started: SystemTime::now(),
                timings: Timings::default(),
                ..*attempt
            },
            began: now,
            connecting: None,
            sent: None,
            answered: None,
            copied: None,
        }
    }

    /// Notes that a connection is made for it.
    pub(crate) fn on_connecting(&mut self, progress: &Arc<ConnectProgress>) {
        self.connecting = Some(Arc::clone(progress));
    }

    /// Notes that it is sent on this connection now.
    pub(crate) fn on_sending(&mut self, connection: Option<&Connection>, is_reused: bool) {
        self.sent = Some(clock::now());
        self.attempt.is_reused = is_reused;
        self.attempt.remote = connection.and_then(Connection::peer);
        self.attempt.protocol = connection.map(Connection::protocol);
    }

    /// Notes that the head of its response has come.
    pub(crate) fn on_head(&mut self, status: u16) {
        self.answered = Some(clock::now());
        self.attempt.http_status = Some(status);
    }

    /// Returns what counts the bytes of its body that go directly to the file.
    pub(crate) fn count_copied(&mut self) -> Arc<AtomicU64> {
        Arc::clone(self.copied.get_or_insert_default())
    }

    /// Returns what is told of it, with this error, and the number of bytes received.
    pub(super) fn end(
        self: Box<Self>,
        error: Option<&Error>,
        received: u64,
        now: Instant,
    ) -> Attempt {
        let connected = self.connecting.map(|progress| progress.timings());
        let ConnectTimings { dns, connect, tls } = connected.unwrap_or_default();
        let between =
            |from: Option<Instant>, to: Option<Instant>| Some(to?.saturating_duration_since(from?));
        let copied = self.copied.map(|copied| copied.load(Ordering::Relaxed));
        Attempt {
            error: error.map(|error| Error::new(error.kind(), error.to_string())),
            bytes: received + copied.unwrap_or_default(),
            timings: Timings {
                queue: self.attempt.timings.queue,
                dns,
                connect,
                tls,
                first_byte: between(self.sent, self.answered),
                body: between(self.answered, Some(now)),
                total: now.saturating_duration_since(self.began),
            },
            ..self.attempt
        }
    }
}
