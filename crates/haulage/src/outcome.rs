//! How one item ended.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::checksum::Checksum;
use crate::error::Error;
use crate::request_key::RequestKey;
use crate::row_location::RowLocation;
use crate::write::Reservation;

/// How one item ended: every row of the input gets exactly one outcome.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The number of the row in the input, from 0; bad rows count.
    pub row: u64,
    /// Where in a list the row was read; `None` if it was in none.
    pub location: Option<RowLocation>,
    /// The URL as given, without userinfo.
    pub url: Arc<str>,
    /// The URL of the last response, after redirects; `None` if there was none.
    pub final_url: Option<String>,
    /// A name for people: the row's label, else the file's name, else the URL.
    pub label: Arc<str>,
    /// How the item ended.
    pub status: Status,
    /// The path of the file, relative to the destination; `None` when the item failed.
    pub path: Option<Arc<str>>,
    /// Why the file has another name than its row or URL asks for; `None` if it has that name, or
    /// if the reason is not known.
    pub renamed: Option<Renamed>,
    /// The file's length in bytes; 0 when the item failed.
    pub bytes: u64,
    /// The file's bytes, where the destination is memory
    /// ([`Destination::Memory`](crate::Destination)); `None` elsewhere, and when the item failed.
    pub content: Option<Bytes>,
    /// The status of the last response; `None` if there was none.
    pub http_status: Option<u16>,
    /// Requests sent for the item, without redirects and requests resent after a kept connection
    /// was closed.
    pub attempts: u32,
    /// When the first request was about to be sent, or, without a request, when the item was looked
    /// at.
    pub started: SystemTime,
    /// The time from `started` until the item ended.
    pub duration: Duration,
    /// The response's `ETag`.
    pub etag: Option<Arc<str>>,
    /// The response's `Last-Modified`.
    pub last_modified: Option<Arc<str>>,
    /// The response's `Content-Type`.
    pub content_type: Option<Arc<str>>,
    /// What shows that the bytes are correct.
    pub verified: Verified,
    /// The hashes of the file's bytes, for each algorithm that was asked for; empty when the item
    /// failed.
    pub hashes: Vec<Checksum>,
    /// Number of requests of this run that delivered bytes of the file; 0 when there is no file, or
    /// it existed already.
    pub segments: u32,
    /// Bytes of the file that an earlier attempt or run had received, and that were not requested
    /// again.
    pub resumed: u64,
    /// Bytes received from the network for the item in this run, over all attempts; 0 for a
    /// recorded outcome.
    pub fetched: u64,
    /// Bytes of the file that earlier runs had received, and that this one did not request again; 0
    /// for a recorded outcome.
    pub from_earlier_runs: u64,
    /// Bytes of the partial file that are kept for the next run; 0 when the file is complete, or
    /// when nothing is kept.
    pub kept: u64,
    /// Why the file was restarted although an earlier attempt or run had received a part of it;
    /// `None` if it was not.
    pub restart_reason: Option<Box<str>>,
    /// The name that its row gives the file, a path relative to the destination; `None` if it gives
    /// none.
    pub name: Option<Arc<str>>,
    /// What went wrong after the file was complete, and does not make the item fail
    /// ([`CompletedFile::end_with_note`](crate::CompletedFile::end_with_note)); `None` if nothing
    /// did.
    pub note: Option<Error>,
    /// The checksums that its row gives, one for each algorithm.
    pub checksums: Vec<Checksum>,
    /// The names and values that its [`Request`](crate::Request::carrying) carried. A value is JSON
    /// (RFC 8259) if it comes from a list; empty for a recorded outcome.
    pub carried: Vec<(Arc<str>, Arc<str>)>,
    /// What the row asks for; `None` if that is not recorded for later runs.
    pub(crate) request_key: Option<RequestKey>,
    /// The engine's memory for `content`, reserved until the outcome is received.
    pub(crate) reservation: Option<Arc<Reservation>>,
    /// Whether `segments` and `resumed` are known: older versions did not record them.
    pub(crate) has_counts: bool,
}

impl Outcome {
    /// Creates an outcome of which no more is known than this: for a program that has received it
    /// from elsewhere, such as another process. Nothing has been counted yet.
    #[must_use]
    pub fn new(row: u64, url: impl Into<Arc<str>>, status: Status) -> Self {
        Self {
            status,
            has_counts: false,
            ..Self::of_row(row, url.into(), SystemTime::UNIX_EPOCH)
        }
    }

    /// Returns the outcome of a row of which nothing else is known.
    pub(crate) fn of_row(row: u64, label: Arc<str>, started: SystemTime) -> Self {
        Self {
            row,
            location: None,
            url: Arc::clone(&label),
            final_url: None,
            label,
            status: Status::Skipped,
            path: None,
            renamed: None,
            bytes: 0,
            content: None,
            http_status: None,
            attempts: 0,
            started,
            duration: Duration::ZERO,
            etag: None,
            last_modified: None,
            content_type: None,
            verified: Verified::Nothing,
            hashes: Vec::new(),
            segments: 0,
            resumed: 0,
            fetched: 0,
            from_earlier_runs: 0,
            kept: 0,
            restart_reason: None,
            name: None,
            note: None,
            checksums: Vec::new(),
            carried: Vec::new(),
            request_key: None,
            reservation: None,
            has_counts: true,
        }
    }

    /// Sets [`segments`](Self::segments) and [`resumed`](Self::resumed), which are known then.
    #[must_use]
    pub fn counted(mut self, segments: u32, resumed: u64) -> Self {
        (self.segments, self.resumed) = (segments, resumed);
        self.has_counts = true;
        self
    }

    /// Returns the fields that follow the URL in a text list that asks for the same, separated by
    /// TABs: mirrors, the name, checksums, the label, but nothing secret. Known for recorded
    /// outcomes ([`results`](crate::results)); `None` where there are no such fields, or where they
    /// are not known.
    #[must_use]
    pub fn fields(&self) -> Option<&str> {
        self.request_key
            .as_ref()
            .and_then(|key| key.fields.as_deref())
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
    /// The file is complete and verified.
    Done,
    /// The file existed already, so it was not downloaded.
    Skipped,
    /// The file existed already, and its server says that it has not changed.
    Unchanged,
    /// The file would be downloaded, but the run is for planning only.
    Planned,
    /// There is no file, for this reason.
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

/// What shows that a file's bytes are correct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verified {
    /// The checksums that came with its row.
    Checksum,
    /// A digest in the response itself: `Repr-Digest`, `Content-Digest` (RFC 9530), `Digest`,
    /// `Content-MD5`, `x-goog-hash`.
    Digest,
    /// The message's framing: Content-Length, a last chunk, or `END_STREAM`. For a file that
    /// existed already: its length is that of the response, and so is its time, if the response has
    /// one.
    Length,
    /// Nothing: the body ended with the connection, or the file existed already and only its name
    /// was compared.
    Nothing,
}

impl Verified {
    /// Returns the variant of this name; `None` if there is none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
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
