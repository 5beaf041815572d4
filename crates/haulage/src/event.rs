//! What a run tells while it goes on.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::error::Error;
use crate::outcome::Outcome;

/// Something that happened. For one item they come in order: `Started`, any number of `Redirected` and `Retrying`,
/// `Ended`; an item that needs no request only ends.
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
    },
    /// An item ended, well or not.
    Ended(Box<Outcome>),
    /// A list broke off: what was read of it goes on, the rest is unknown.
    InputFailed(Error),
    /// So many items have failed that the run stops ([`Options::max_errors`](crate::Options::max_errors)).
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
    /// One word for it.
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

/// An item under way. Its counters move while it is fetched, so a progress display reads them when it wants to.
#[derive(Debug)]
pub struct Transfer {
    /// The row's ordinal, which names the item in this run.
    pub row: u64,
    /// What people call it.
    pub label: Arc<str>,
    /// The URL as given, without userinfo.
    pub url: Arc<str>,
    received: AtomicU64,
    length: AtomicU64,
}

/// Stands for a length that the server did not say.
const UNKNOWN: u64 = u64::MAX;

impl Transfer {
    pub(crate) fn new(row: u64, label: Arc<str>, url: Arc<str>) -> Self {
        Self {
            row,
            label,
            url,
            received: AtomicU64::new(0),
            length: AtomicU64::new(UNKNOWN),
        }
    }

    /// Bytes of the body received in the present attempt.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Bytes that the body will have, where the server said so.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        Some(self.length.load(Ordering::Relaxed)).filter(|&length| length != UNKNOWN)
    }

    /// A new attempt begins, with a body of this length.
    pub(crate) fn begin(&self, length: Option<u64>) {
        self.received.store(0, Ordering::Relaxed);
        self.length
            .store(length.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }
}
