//! What became of one item.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::checksum::Checksum;
use crate::error::Error;
use crate::request::Place;
use crate::row_key::Ask;
use crate::write::Reservation;

/// What became of one item: every row of the input gets exactly one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The row's ordinal in the input, from 0; bad rows count.
    pub row: u64,
    /// Where the row was read, if in a list.
    pub place: Option<Place>,
    /// The URL as given, without userinfo.
    pub url: Arc<str>,
    /// The URL that answered, after redirects; `None` when no request was sent.
    pub final_url: Option<String>,
    /// What people call it: the row's label, else the file's name, else the URL.
    pub label: Arc<str>,
    /// How it ended.
    pub status: Status,
    /// Where the file is, relative to the destination; `None` when it failed.
    pub path: Option<Arc<str>>,
    /// Why the file is not at the name that its row or URL asks for; `None` where it is, or where
    /// that is not known.
    pub renamed: Option<Renamed>,
    /// The file's length in bytes; 0 when it failed.
    pub bytes: u64,
    /// The file's bytes, where the destination is memory
    /// ([`Destination::Memory`](crate::Destination)); `None` elsewhere, and when it failed.
    pub content: Option<Bytes>,
    /// The status of the last response.
    pub http_status: Option<u16>,
    /// Requests sent for it; redirects and silent re-sends on a stale connection are not counted.
    pub attempts: u32,
    /// When its first request was about to be sent (or it was looked at, where none was).
    pub started: SystemTime,
    /// From then until it ended.
    pub duration: Duration,
    /// The response's `ETag`.
    pub etag: Option<Arc<str>>,
    /// The response's `Last-Modified`.
    pub last_modified: Option<Arc<str>>,
    /// The response's `Content-Type`.
    pub content_type: Option<Arc<str>>,
    /// What vouches for the bytes.
    pub verified: Verified,
    /// What the file's bytes hash to, by each algorithm that was asked for; none when it failed.
    pub hashes: Vec<Checksum>,
    /// How many requests of this run have brought bytes of the file; 0 when there is none, or it
    /// was there.
    pub segments: u32,
    /// Bytes of the file that an earlier attempt or run had brought, and that were not fetched
    /// again.
    pub resumed: u64,
    /// Bytes that came over the network for it in this run, over all attempts; 0 for a recorded
    /// outcome.
    pub fetched: u64,
    /// Bytes of the file that earlier runs had left, and that this one did not fetch again; 0 for a
    /// recorded outcome.
    pub from_earlier_runs: u64,
    /// Bytes of its unfinished file that are kept for the next run; 0 when it is complete, or when
    /// nothing is kept.
    pub kept: u64,
    /// Why what an earlier attempt or run had brought was of no use, so that the file was begun
    /// again.
    pub restart_reason: Option<Box<str>>,
    /// What its [`Request`](crate::Request::carrying) carried: names and values.
    pub carried: Vec<(Arc<str>, Arc<str>)>,
    /// What the row asks for, where that is to be recorded for later runs.
    pub(crate) ask: Option<Ask>,
    /// The engine's memory that `content` takes, until the outcome is received.
    pub(crate) reservation: Option<Arc<Reservation>>,
    /// Whether `segments` and `resumed` are known: older versions did not record them.
    pub(crate) has_counts: bool,
}

impl Outcome {
    /// Returns the fields that follow the URL in a text list that asks for the same, separated by
    /// TABs: mirrors, the name, checksums, the label, but nothing secret. Known for recorded
    /// outcomes ([`results`](crate::results)); `None` where there are no such fields, or where they
    /// are not known.
    #[must_use]
    pub fn fields(&self) -> Option<&str> {
        self.ask.as_ref().and_then(|ask| ask.fields.as_deref())
    }

    /// Returns [`segments`](Self::segments); `None` for an outcome that an older version recorded
    /// without them.
    #[must_use]
    pub fn known_segments(&self) -> Option<u32> {
        self.has_counts.then_some(self.segments)
    }

    /// Returns [`resumed`](Self::resumed); `None` for an outcome that an older version recorded
    /// without it.
    #[must_use]
    pub fn known_resumed(&self) -> Option<u64> {
        self.has_counts.then_some(self.resumed)
    }

    /// Returns the error of an item that failed; `None` for any other outcome.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        match &self.status {
            Status::Failed(error) => Some(error),
            Status::Done | Status::Skipped | Status::Unchanged | Status::Planned => None,
        }
    }
}

/// How an item ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Status {
    /// The file is there, complete and verified.
    Done,
    /// The file was there already, so it was not fetched.
    Skipped,
    /// The file was there already, and its server says that it has not changed.
    Unchanged,
    /// It would be fetched, in a run that is for planning alone.
    Planned,
    /// There is no file, and this is why.
    Failed(Error),
}

impl Status {
    /// Returns the status's stable name, as used in results.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Unchanged => "unchanged",
            Self::Planned => "planned",
            Self::Failed(_) => "failed",
        }
    }
}

/// Why a file has another name than its row or URL asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Renamed {
    /// A different file has that name, and both are kept.
    AnotherFile,
    /// An earlier row of the same run has that name.
    AnotherRow,
}

impl Renamed {
    /// Returns the reason in words that can follow the name: "a different file has its name".
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::AnotherFile => "a different file has its name",
            Self::AnotherRow => "an earlier row has its name",
        }
    }
}

/// What vouches for a file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verified {
    /// The checksums that came with its row.
    Checksum,
    /// A digest that the response itself gave: `Repr-Digest`, `Content-Digest` (RFC 9530),
    /// `Digest`, `Content-MD5`, `x-goog-hash`.
    Digest,
    /// The message's framing: Content-Length, a last chunk, or `END_STREAM`. Of a file that was
    /// there already: it has the length of the response, and its time, if that has one.
    Length,
    /// Nothing: the body ended where the connection did, or the file was there already and was
    /// taken by its name.
    Nothing,
}

impl Verified {
    /// Returns the variant of this name; `None` if there is none.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Checksum, Self::Digest, Self::Length, Self::Nothing]
            .into_iter()
            .find(|verified| verified.name() == name)
    }

    /// Returns the stable name, as used in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Checksum => "checksum",
            Self::Digest => "digest",
            Self::Length => "length",
            Self::Nothing => "none",
        }
    }
}
