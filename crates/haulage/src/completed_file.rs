//! A file that is complete, and whose row has not ended: the caller does something with it first.

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind};
use crate::outcome::{Outcome, Status};

/// What is done with each file that is complete, before its row ends.
///
/// A row counts as open until its [`CompletedFile`] says how it ends, so the engine reads no
/// further ahead than it would for files that are still being downloaded.
#[derive(Clone)]
pub struct OnComplete(Arc<dyn Fn(CompletedFile) + Send + Sync>);

impl OnComplete {
    /// Creates it from a function that begins to do so. It is called on threads of the engine, so
    /// it must return at once.
    pub fn new(begin: impl Fn(CompletedFile) + Send + Sync + 'static) -> Self {
        Self(Arc::new(begin))
    }

    /// Begins with a file.
    pub(crate) fn call(&self, file: CompletedFile) {
        (self.0)(file);
    }
}

impl fmt::Debug for OnComplete {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OnComplete")
    }
}

/// A file that is complete and has its name, in a row that has not ended yet.
///
/// If the process is killed before the row ends, a later run of the same list does not download the
/// file again, but completes it again. Dropped, it counts as [cancelled](Self::cancel).
pub struct CompletedFile {
    outcome: Box<Outcome>,
    row: OpenRow,
}

/// Ends a row.
type End = Box<dyn FnOnce(Box<Outcome>) + Send>;

/// A row that has not ended; it is cancelled when this is dropped.
struct OpenRow {
    number: u64,
    url: Arc<str>,
    bytes: u64,
    end: Option<End>,
    stopping: CancellationToken,
}

impl CompletedFile {
    /// Creates it from the outcome that the row is to have, and what ends the row. `stopping` says
    /// whether the run is being stopped.
    pub(crate) fn new(
        outcome: Box<Outcome>,
        stopping: CancellationToken,
        end: impl FnOnce(Box<Outcome>) + Send + 'static,
    ) -> Self {
        Self {
            row: OpenRow {
                number: outcome.row,
                url: Arc::clone(&outcome.url),
                bytes: outcome.bytes,
                end: Some(Box::new(end)),
                stopping,
            },
            outcome,
        }
    }

    /// Returns the outcome that the row will have: [`Status::Done`], or [`Status::Skipped`] if an
    /// earlier run has downloaded the file, and was killed or failed before the row ended.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Returns whether the run is being stopped. What has not begun should not begin then.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.row.stopping.is_cancelled()
    }

    /// Ends the row with its outcome.
    pub fn end(self) {
        self.row.end(self.outcome);
    }

    /// Ends the row with its outcome, to which a failure is added
    /// ([`Outcome::note`](Outcome::note)).
    pub fn end_with_note(mut self, failure: Error) {
        self.outcome.note = Some(failure);
        self.row.end(self.outcome);
    }

    /// Ends the row as failed. The file stays; a later run does not download it again, but
    /// completes it again.
    pub fn fail(mut self, message: impl Into<String>) {
        self.outcome.status = Status::Failed(Error::new(ErrorKind::Command, message));
        self.row.end(self.outcome);
    }

    /// Ends the row as cancelled, since the run is being stopped. A later run completes the file
    /// again.
    pub fn cancel(self) {
        drop(self.row);
    }
}

impl fmt::Debug for CompletedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("CompletedFile");
        debug
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

impl OpenRow {
    fn end(mut self, outcome: Box<Outcome>) {
        if let Some(end) = self.end.take() {
            end(outcome);
        }
    }
}

impl Drop for OpenRow {
    fn drop(&mut self) {
        let Some(end) = self.end.take() else {
            return;
        };
        let cancelled = Error::new(
            ErrorKind::Cancelled,
            "the file is complete, but the run was stopped before its command had run; the next run runs it",
        );
        end(Box::new(Outcome {
            status: Status::Failed(cancelled),
            kept: self.bytes,
            ..Outcome::new(self.number, Arc::clone(&self.url), Status::Skipped)
        }));
    }
}
