//! What an earlier run has recorded of a row, and what follows from it.

use std::sync::Arc;

use super::record::{Ended, Failure};
use super::request_key::{RecordLocation, RequestKey};
use crate::checksum::Checksum;
use crate::error::ErrorKind;
use crate::options::RetryFailed;
use crate::outcome::Verified;

/// What an earlier run has recorded of a row.
#[derive(Debug, Clone)]
pub(crate) struct PriorRecord {
    pub(super) request_hash: i64,
    pub(super) url: Box<str>,
    pub(super) ended: Ended,
    pub(crate) path: Option<Arc<str>>,
    pub(crate) bytes: u64,
    pub(crate) verified: Verified,
    pub(crate) hashes: Vec<Checksum>,
    pub(super) fields: Option<Box<str>>,
    pub(crate) etag: Option<Box<str>>,
    pub(crate) last_modified: Option<Box<str>>,
    /// Where it is in this run's database; `None` if it is from another one.
    pub(super) recorded: Option<RecordLocation>,
    /// That is not the row's own place.
    pub(super) is_elsewhere: bool,
}

impl PriorRecord {
    /// Returns the path of the row's file, relative to the destination; `None` if there is none.
    pub(crate) fn file(&self) -> Option<&Arc<str>> {
        match self.ended {
            Ended::Done | Ended::Skipped | Ended::Unchanged => self.path.as_ref(),
            Ended::Failed(_) if self.awaits_command() => self.path.as_ref(),
            Ended::Failed(_) => None,
        }
    }

    /// Returns whether its file is complete, and what the caller does with each such file was not
    /// done, or failed.
    pub(crate) fn awaits_command(&self) -> bool {
        self.ended.awaits_command()
    }

    /// Returns whether its file was taken by its name alone: it was not compared with anything.
    pub(crate) fn is_by_name_alone(&self) -> bool {
        self.ended == Ended::Skipped && self.verified == Verified::Nothing
    }

    /// Returns what to record of the row when it ends as it did before; `None` if it is recorded at
    /// its own place already, so that there is nothing to record.
    pub(crate) fn unchanged_record(&self, key: Option<RequestKey>) -> Option<RequestKey> {
        key.filter(|_| self.is_elsewhere)
            .map(|key| self.with_other_hashes(key))
    }

    /// Returns what to record of the row when only its hashes are new.
    pub(crate) fn with_other_hashes(&self, key: RequestKey) -> RequestKey {
        RequestKey {
            recorded: self.recorded,
            ..key
        }
    }

    /// Returns the failure after which the row is not retried; `None` if it did not fail, or may be
    /// retried.
    pub(crate) fn final_failure(
        &self,
        policy: RetryFailed,
        key: Option<&RequestKey>,
    ) -> Option<&Failure> {
        // With another mirror, for example, the row may succeed.
        let is_as_it_was = key.is_some_and(|key| key.fields == self.fields);
        match &self.ended {
            Ended::Failed(failure) if is_as_it_was && !is_tried_again(failure, policy) => {
                Some(failure)
            }
            _ => None,
        }
    }
}

/// Returns whether a later run retries what failed like this. Failures that have their cause here
/// (a name, the disk, a policy) cost no request, or the cause may have been removed: they are
/// always retried.
fn is_tried_again(failure: &Failure, policy: RetryFailed) -> bool {
    let is_ours = matches!(
        failure.kind,
        ErrorKind::Input
            | ErrorKind::Name
            | ErrorKind::Disk
            | ErrorKind::Exists
            | ErrorKind::Refused
            | ErrorKind::Cancelled
            | ErrorKind::Command
    );
    // Other options may help (--cacert, --max-redirects, --compressed, --max-time, --proxy-user),
    // at the cost of a request.
    let may_be_ours = matches!(
        failure.kind,
        ErrorKind::Connect
            | ErrorKind::Tls
            | ErrorKind::Redirect
            | ErrorKind::Decode
            | ErrorKind::Timeout
    );
    match policy {
        RetryFailed::All => true,
        RetryFailed::Transient => failure.transient || is_ours || may_be_ours,
        RetryFailed::None => is_ours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again_and_what_is_ours_to_change() {
        let failure = |kind, transient| Failure {
            kind,
            message: "".into(),
            transient,
            status: None,
        };
        for (failure, all, transient, none) in [
            (failure(ErrorKind::Http, false), true, false, false),
            (failure(ErrorKind::Http, true), true, true, false),
            (failure(ErrorKind::Tls, false), true, true, false),
            (failure(ErrorKind::Timeout, false), true, true, false),
            (failure(ErrorKind::Exists, false), true, true, true),
            (failure(ErrorKind::Command, false), true, true, true),
        ] {
            let tried = |policy| is_tried_again(&failure, policy);
            assert_eq!(tried(RetryFailed::All), all);
            assert_eq!(tried(RetryFailed::Transient), transient);
            assert_eq!(tried(RetryFailed::None), none);
        }
    }
}
