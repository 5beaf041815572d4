//! What a run tells while it goes on.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::attempt::Attempt;
use crate::error::{Error, ErrorKind};
use crate::outcome::Outcome;

/// Something that happened. For one item they come in order: `Started`, any number of `Attempted`,
/// `Redirected` and `Retrying`, `Ended`; an item that needs no request only ends.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// An item's first request is about to be sent.
    Started(Arc<Transfer>),
    /// The server sent an item elsewhere.
    Redirected {
        /// The item.
        transfer: Arc<Transfer>,
        /// Where to.
        to: String,
    },
    /// An attempt failed and another will follow.
    Retrying {
        /// The item.
        transfer: Arc<Transfer>,
        /// How many attempts there were so far.
        attempts: u32,
        /// Why the last one failed.
        error: Error,
        /// How long it waits.
        wait: Duration,
    },
    /// A request for an item has ended, well or not. Only with
    /// [`RunOptions::attempt_details`](crate::RunOptions::attempt_details).
    Attempted(Box<Attempt>),
    /// From now on another number of requests may be in flight to a host, or in all.
    LimitChanged {
        /// Scheme, name and port; `None` stands for all together.
        host: Option<Arc<str>>,
        /// How many.
        limit: usize,
        /// Why.
        why: LimitChange,
    },
    /// Nothing is sent to a host for a while: it has asked for that, or it is in trouble.
    HostWaits {
        /// Scheme, name and port.
        host: Arc<str>,
        /// For how long, from now on.
        wait: Duration,
        /// The failure that led to it; `None` when no request to the host has failed.
        why: Option<WaitReason>,
    },
    /// The next request to a host that answers well waits for a second or more, since requests to
    /// it are to be some time apart.
    HostPaced {
        /// Scheme, name and port.
        host: Arc<str>,
        /// For how long, from now on.
        wait: Duration,
        /// Why.
        why: Pace,
    },
    /// Nothing is sent through a proxy for a while: it cannot be reached, or does not answer as a
    /// proxy. What goes through it waits.
    ProxyWaits {
        /// Name and port.
        proxy: Arc<str>,
        /// For how long, from now on. Then one request finds out whether it works again.
        wait: Duration,
        /// The failure that led to it.
        why: WaitReason,
    },
    /// An item ended, well or not.
    Ended(Box<Outcome>),
    /// A list broke off: what was read of it goes on, the rest is unknown.
    InputFailed(Error),
    /// The run stops, since this many items have failed
    /// ([`RunOptions::max_errors`](crate::RunOptions::max_errors)).
    TooManyErrors(u64),
    /// The destination became unusable: nothing more is started.
    Stopped(Error),
    /// The run goes on, but something is not as it should be.
    Warned(Warning),
}

/// Something that a run goes on without.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The file system of this destination has no locks: a file in `.haul/` keeps other runs out.
    NoLocks(PathBuf),
    /// A database could not be read. It is kept under this name, and the run knows no more than
    /// what files are there.
    StateDamaged(PathBuf),
    /// A proxy has failed in this way. What goes through it waits until it works again, up to
    /// [`RetryPolicy::max_time`](crate::RetryPolicy::max_time).
    ProxyFails(String),
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLocks(folder) => write!(
                formatter,
                "the file system of {} has no locks; other runs of this machine are kept out by a file in .haul",
                folder.display()
            ),
            Self::StateDamaged(kept) => write!(
                formatter,
                "what earlier runs have recorded is damaged, and was moved to {}; files that are there are looked at as any others",
                kept.display()
            ),
            Self::ProxyFails(error) => write!(formatter, "{error}; haul waits for the proxy"),
        }
    }
}

/// Why another number of requests may be in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitChange {
    /// More have brought more, or are to show whether they do.
    Grows,
    /// More have brought no more.
    NoGain,
    /// With more, the server took longer to answer.
    Slower,
    /// The server refused some, or did not answer.
    Refused,
    /// There are no file descriptors for more.
    NoDescriptors,
}

impl LimitChange {
    /// Returns its stable name, such as `no_gain`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grows => "grows",
            Self::NoGain => "no_gain",
            Self::Slower => "slower",
            Self::Refused => "refused",
            Self::NoDescriptors => "no_descriptors",
        }
    }
}

/// Why requests to a host are some time apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pace {
    /// The options for all hosts, or for that one, want that
    /// ([`EngineOptions::delay`](crate::EngineOptions::delay)).
    Delay,
    /// The robots.txt of the host wants that.
    CrawlDelay,
    /// It has refused requests, and gets less than one at a time until it answers well again.
    Recovering,
}

/// In a few words, for a display: `Crawl-delay`.
impl fmt::Display for Pace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Delay => "delay between requests",
            Self::CrawlDelay => "Crawl-delay of robots.txt",
            Self::Recovering => "recovering",
        })
    }
}

/// Why nothing is sent to a host for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitReason {
    /// How the last request failed.
    pub cause: WaitCause,
    /// The host itself has asked to wait (`Retry-After`, RFC 9110 §10.2.3).
    pub retry_after: bool,
}

/// How a request failed, as far as it says something about its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitCause {
    /// It answered with this status.
    Status(u16),
    /// It refused the connection.
    Refused,
    /// There is no way to it.
    Unreachable,
    /// It sent nothing, or next to nothing, for too long.
    Silent,
    /// It broke the connection.
    Reset,
    /// Its name has no address.
    Dns,
    /// The TLS handshake failed.
    Tls,
    /// What it sends is not HTTP.
    Protocol,
}

impl WaitReason {
    pub(crate) fn of(error: &Error, retry_after: bool) -> Self {
        Self {
            cause: WaitCause::of(error),
            retry_after,
        }
    }
}

impl WaitCause {
    /// Returns the cause of a wait after this failure.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match (error.kind(), error.http_status()) {
            (_, Some(status)) => Self::Status(status),
            (ErrorKind::Connect, _) if error.is_refusal() => Self::Refused,
            (ErrorKind::Connect, _) => Self::Unreachable,
            (ErrorKind::Timeout, _) => Self::Silent,
            (ErrorKind::Dns, _) => Self::Dns,
            (ErrorKind::Tls, _) => Self::Tls,
            (ErrorKind::Reset | ErrorKind::Incomplete, _) => Self::Reset,
            _ => Self::Protocol,
        }
    }

    /// Returns its stable name, such as `refused`; that of any status is `status`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Silent => "silent",
            Self::Reset => "reset",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
        }
    }
}

/// In a few words, for a display: `503`, `refused`, `connection reset`.
impl fmt::Display for WaitCause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Status(status) => return status.fmt(formatter),
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Silent => "silent",
            Self::Reset => "connection reset",
            Self::Dns => "no address",
            Self::Tls => "TLS failed",
            Self::Protocol => "not HTTP",
        })
    }
}

/// The cause, and whether the host has asked to wait: `503, Retry-After`.
impl fmt::Display for WaitReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(formatter)?;
        if self.retry_after {
            formatter.write_str(", Retry-After")?;
        }
        Ok(())
    }
}

/// An item under way. Its counters move while it is fetched, so a progress display reads them when
/// it wants to.
#[derive(Debug)]
pub struct Transfer {
    /// The row's ordinal, which names the item in this run.
    pub row: u64,
    /// What people call it.
    pub label: Arc<str>,
    /// The URL as given, without userinfo.
    pub url: Arc<str>,
    /// Bytes from the network, over all attempts.
    fetched: AtomicU64,
    /// Added to `fetched`, modulo 2^64, it gives the bytes of the file that are here in the present
    /// attempt.
    offset: AtomicU64,
    /// Bytes of the file that an earlier run has left.
    resumed: AtomicU64,
    length: AtomicU64,
    is_waiting: AtomicBool,
}

/// Stands for a length that the server did not say.
const UNKNOWN: u64 = u64::MAX;

impl Transfer {
    pub(crate) fn new(row: u64, label: Arc<str>, url: Arc<str>) -> Self {
        Self {
            row,
            label,
            url,
            fetched: AtomicU64::new(0),
            offset: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            is_waiting: AtomicBool::new(false),
            length: AtomicU64::new(UNKNOWN),
        }
    }

    /// Returns how many bytes of the file are here in the present attempt, resumed ones included.
    #[must_use]
    pub fn received(&self) -> u64 {
        // In this order: the offset was made from what had been fetched then.
        let offset = self.offset.load(Ordering::Acquire);
        offset.wrapping_add(self.fetched())
    }

    /// Returns how many bytes have come from the network in this run, over all attempts.
    #[must_use]
    pub fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// Returns how many of the bytes that are here were left by an earlier run.
    #[must_use]
    pub fn resumed(&self) -> u64 {
        self.resumed.load(Ordering::Relaxed)
    }

    /// Returns whether it waits for its next attempt, or for its turn at a host.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.is_waiting.load(Ordering::Relaxed)
    }

    /// Returns the length of the file in bytes; `None` if the server has not told it.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        Some(self.length.load(Ordering::Relaxed)).filter(|&length| length != UNKNOWN)
    }

    /// Notes that a file of this length is fetched from its first byte on.
    pub(crate) fn begin(&self, length: Option<u64>) {
        self.begin_with(0, 0, length);
    }

    /// Notes that a file of this length is resumed: `here` bytes of it are here, `resumed` of them
    /// from an earlier run.
    pub(crate) fn begin_with(&self, here: u64, resumed: u64, length: Option<u64>) {
        self.resumed.store(resumed, Ordering::Relaxed);
        self.length
            .store(length.unwrap_or(UNKNOWN), Ordering::Relaxed);
        let offset = here.wrapping_sub(self.fetched());
        self.offset.store(offset, Ordering::Release);
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.fetched.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes whether it waits.
    pub(crate) fn set_waiting(&self, is_waiting: bool) {
        self.is_waiting.store(is_waiting, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn fetched_bytes_exclude_resumed_ones() {
        let transfer = Transfer::new(0, "a".into(), "u".into());
        transfer.begin_with(700, 700, Some(1000));
        transfer.add(100);
        assert_eq!((transfer.received(), transfer.fetched()), (800, 100));
        assert_eq!(transfer.resumed(), 700);
        transfer.begin(Some(1000));
        transfer.add(50);
        assert_eq!((transfer.received(), transfer.fetched()), (50, 150));
        assert_eq!(transfer.resumed(), 0);
    }

    #[test]
    fn a_wait_says_its_cause() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let refused = Error::new(ErrorKind::Connect, "no").caused_by(refused);
        let busy = Error::http(http::StatusCode::SERVICE_UNAVAILABLE, "busy");
        for (error, asked, text) in [
            (&refused, false, "refused"),
            (&busy, true, "503, Retry-After"),
            (&busy, false, "503"),
            (&Error::new(ErrorKind::Timeout, "x"), false, "silent"),
            (&Error::new(ErrorKind::Connect, "x"), false, "unreachable"),
            (
                &Error::new(ErrorKind::Reset, "x"),
                false,
                "connection reset",
            ),
        ] {
            assert_eq!(WaitReason::of(error, asked).to_string(), text);
        }
    }
}
