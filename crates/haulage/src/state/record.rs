//! What is recorded of a row.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::request_key::RequestKey;
use crate::checksum::Checksum;
use crate::error::{Error, ErrorKind};
use crate::outcome::{Outcome, Status, Verified};
use crate::row_location::RowLocation;

/// The outcome of a row, with what is needed to request it again.
#[derive(Debug)]
pub(crate) struct Record {
    pub(super) row: u64,
    pub(super) location: Option<RowLocation>,
    pub(super) key: RequestKey,
    pub(super) url: Arc<str>,
    pub(super) final_url: Option<Box<str>>,
    pub(super) ended: Ended,
    /// What went wrong and did not make the row fail; `None` if nothing did.
    pub(super) note: Option<Failure>,
    pub(super) path: Option<Arc<str>>,
    pub(super) bytes: u64,
    pub(super) http_status: Option<u16>,
    pub(super) attempts: u32,
    pub(super) started: SystemTime,
    pub(super) duration: Duration,
    pub(super) etag: Option<Arc<str>>,
    pub(super) last_modified: Option<Arc<str>>,
    pub(super) content_type: Option<Arc<str>>,
    pub(super) verified: Verified,
    pub(super) hashes: Vec<Checksum>,
    /// `None` in the records of older versions.
    pub(super) counts: Option<Counts>,
}

/// How many bytes were resumed, and how many segments delivered bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) resumed: u64,
    pub(super) segments: u32,
}

/// How a row ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its file was downloaded.
    Done,
    /// Its file existed already.
    Skipped,
    /// Its file existed already, and the server said that it has not changed.
    Unchanged,
    Failed(Failure),
}

impl Ended {
    /// Returns whether the file is complete, and what the caller does with each such file was not
    /// done, or failed.
    pub(super) fn awaits_command(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.kind == ErrorKind::Command)
    }
}

/// Why a row failed, or what it ended well in spite of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) message: Box<str>,
    /// The failure may pass, by itself or with another login.
    pub(crate) transient: bool,
    /// The HTTP status, if that is why.
    pub(crate) status: Option<u16>,
}

impl Failure {
    pub(super) fn of(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string().into(),
            // Another login may help.
            transient: error.is_transient() || error.http_status() == Some(401),
            status: error.http_status(),
        }
    }

    pub(crate) fn to_error(&self) -> Error {
        Error::new(self.kind, &*self.message)
            .transient(self.transient)
            .with_status(self.status)
    }
}

impl Record {
    /// Returns whether there is a file that would have to be downloaded again.
    pub(super) fn is_done(&self) -> bool {
        self.ended == Ended::Done || self.awaits_command()
    }

    /// Returns whether the file is complete, and what the caller does with each such file was not
    /// done, or failed.
    pub(super) fn awaits_command(&self) -> bool {
        self.ended.awaits_command()
    }

    /// Returns what is to be recorded of an outcome; `None` if it is not to be recorded, as for a
    /// row that was only cancelled: what was recorded of it remains.
    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        let key = outcome.request_key.clone()?;
        let ended = match &outcome.status {
            Status::Done => Ended::Done,
            Status::Skipped => Ended::Skipped,
            Status::Unchanged => Ended::Unchanged,
            Status::Planned => return None,
            Status::Failed(error) if error.kind() == ErrorKind::Cancelled => return None,
            Status::Failed(error) => Ended::Failed(Failure::of(error)),
        };
        Some(Self {
            row: outcome.row,
            location: outcome.location.clone(),
            key,
            url: Arc::clone(&outcome.url),
            // Most requests are not redirected, so this is the row's URL.
            final_url: outcome
                .final_url
                .as_deref()
                .filter(|url| *url != &*outcome.url)
                .map(Into::into),
            ended,
            note: outcome.note.as_ref().map(Failure::of),
            path: outcome.path.clone(),
            bytes: outcome.bytes,
            http_status: outcome.http_status,
            attempts: outcome.attempts,
            started: outcome.started,
            duration: outcome.duration,
            etag: outcome.etag.clone(),
            last_modified: outcome.last_modified.clone(),
            content_type: outcome.content_type.clone(),
            verified: outcome.verified,
            hashes: outcome.hashes.clone(),
            counts: outcome.has_counts.then_some(Counts {
                resumed: outcome.resumed,
                segments: outcome.segments,
            }),
        })
    }

    /// Returns what is to be recorded of a row whose file is complete, and that has not ended;
    /// `None` if nothing is to be.
    pub(super) fn of_complete_file(outcome: &Outcome) -> Option<Self> {
        let failure = Failure {
            kind: ErrorKind::Command,
            message:
                "the file is complete, and its command had not ended; the next run runs it again"
                    .into(),
            transient: true,
            status: None,
        };
        Some(Self {
            ended: Ended::Failed(failure),
            ..Self::of(outcome)?
        })
    }

    /// Returns the recorded outcome.
    pub(super) fn into_outcome(self) -> Outcome {
        let answered = self.http_status.is_some();
        let final_url = self.final_url.map(String::from);
        let (name, checksums) = self.key.name_and_checksums();
        Outcome {
            name,
            checksums,
            carried: Vec::new(),
            row: self.row,
            location: self.location,
            final_url: final_url.or_else(|| answered.then(|| self.url.to_string())),
            label: self.path.clone().unwrap_or_else(|| Arc::clone(&self.url)),
            url: self.url,
            status: match self.ended {
                Ended::Done => Status::Done,
                Ended::Skipped => Status::Skipped,
                Ended::Unchanged => Status::Unchanged,
                Ended::Failed(failure) => Status::Failed(failure.to_error()),
            },
            note: self.note.map(|failure| failure.to_error()),
            path: self.path,
            renamed: None,
            bytes: self.bytes,
            http_status: self.http_status,
            attempts: self.attempts,
            started: self.started,
            duration: self.duration,
            etag: self.etag,
            last_modified: self.last_modified,
            content_type: self.content_type,
            verified: self.verified,
            hashes: self.hashes,
            segments: self.counts.map_or(0, |counts| counts.segments),
            resumed: self.counts.map_or(0, |counts| counts.resumed),
            content: None,
            reservation: None,
            has_counts: self.counts.is_some(),
            // These concern only the run itself, and are not recorded.
            fetched: 0,
            from_earlier_runs: 0,
            kept: 0,
            restart_reason: None,
            request_key: Some(self.key),
        }
    }
}

/// Returns a time in milliseconds since 1970, or 0 if it is earlier.
pub(super) fn to_millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn of_millis(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}
