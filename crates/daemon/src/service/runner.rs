//! What the service needs of whatever downloads.

use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

use haulage::{Error, ErrorKind, Priority};

use super::codes;
use crate::options::{Log, Plan};
use crate::queue::{Counts, Gid};

/// Downloads what the service says. The service is told when a download has ended, unless it has
/// stopped it itself.
pub(crate) trait Runner {
    /// Starts a download, once an earlier run of it is over.
    fn start(&mut self, gid: Gid, plan: Plan);

    /// Stops a download. What has come of its file is kept for the next run of it, or discarded.
    fn stop(&mut self, gid: Gid, partial_file: PartialFile);

    /// Limits what comes for a download, in bytes per second; `None` lifts it.
    fn limit(&mut self, gid: Gid, rate: Option<NonZeroU64>);

    /// Changes how urgent a download is.
    fn set_priority(&mut self, gid: Gid, priority: Priority);

    /// Limits what comes in all, in bytes per second; `None` lifts it.
    fn limit_all(&mut self, rate: Option<NonZeroU64>);

    /// Writes what happens to this log from now on; `None` ends it.
    ///
    /// # Errors
    /// When its file cannot be opened. Then nothing changes.
    fn write_log(&mut self, log: Option<&Log>) -> io::Result<()>;

    /// Returns how a download goes; `None` if it is not running.
    fn live(&self, gid: Gid) -> Option<Live>;
}

/// What becomes of what has come of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartialFile {
    /// The next run resumes it.
    Keep,
    /// It is removed.
    Discard,
}

/// How a download goes at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Live {
    /// The length of the file; `None` while it is not known.
    pub(crate) total: Option<u64>,
    /// Bytes of the file that are here.
    pub(crate) completed: u64,
    /// Bytes per second.
    pub(crate) speed: u64,
    /// Requests in flight.
    pub(crate) connections: usize,
    /// The file's name, as far as it is known; relative to its folder.
    pub(crate) name: Option<String>,
    /// The URL after redirects; `None` if there were none.
    pub(crate) redirected: Option<String>,
    /// Of a list, how its rows go; `None` of a file.
    pub(crate) rows: Option<LiveRows>,
}

/// How the rows of a list go at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LiveRows {
    /// How many have ended, in this run and in those before.
    pub(crate) counts: Counts,
    /// How many are being downloaded.
    pub(crate) active: u64,
    /// How many have ended in this run without being there already.
    pub(crate) ended_now: u64,
    /// How long this run has taken so far.
    pub(crate) elapsed: Duration,
    /// How many there are; `None` before the list has been read.
    pub(crate) total: Option<u64>,
}

/// How a run of a download ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finish {
    /// The file is complete.
    Complete {
        /// Its name, relative to its folder.
        name: String,
        /// Its length.
        bytes: u64,
    },
    /// All rows of the list have ended.
    List {
        /// Kind and message of the error of the row that has ended last; `None` if it has not
        /// failed.
        last_error: Option<(ErrorKind, String)>,
    },
    /// There is no file, or the list was not read to its end.
    Failed {
        kind: ErrorKind,
        /// One of aria2's exit statuses.
        code: u8,
        message: String,
    },
}

impl Finish {
    /// Returns how a download ends that has failed.
    pub(crate) fn failed(error: &Error) -> Self {
        Self::with_code(error, codes::of_error(error))
    }

    /// Returns how a download ends that could not begin.
    pub(crate) fn not_begun(error: &Error) -> Self {
        Self::with_code(error, codes::of_start(error))
    }

    fn with_code(error: &Error, code: u8) -> Self {
        Self::Failed {
            kind: error.kind(),
            code,
            message: error.to_string(),
        }
    }
}
