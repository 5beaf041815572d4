//! From how a download failed to aria2's exit statuses (aria2c(1), EXIT STATUS).

use std::error::Error as StdError;
use std::io;

use haulage::{Error, ErrorKind};

/// The file is complete.
pub(crate) const COMPLETE: u8 = 0;
/// The download was removed by its user.
pub(crate) const REMOVED: u8 = 31;

/// The disk, or what its user may have of it, is full.
const DISK_FULL: u8 = 9;

/// A file cannot be written.
const DISK: u8 = 17;
/// A folder cannot be created.
const NO_FOLDER: u8 = 18;
/// The server sends too slowly.
const TOO_SLOW: u8 = 5;

/// Returns the exit status of a download that failed with this error.
pub(crate) fn of_error(error: &Error) -> u8 {
    if is_disk_full(error) {
        return DISK_FULL;
    }
    if error.is_too_slow() {
        return TOO_SLOW;
    }
    of_kind(error.kind(), error.http_status())
}

/// Returns the exit status of a download that could not begin because of this error: what it needs
/// of the disk is its folder.
pub(crate) fn of_start(error: &Error) -> u8 {
    match of_error(error) {
        DISK => NO_FOLDER,
        code => code,
    }
}

/// Returns whether a full disk is the cause of an error.
fn is_disk_full(error: &Error) -> bool {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.any(|cause| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        matches!(
            kind,
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        )
    })
}

/// Returns the exit status of a download that failed like this.
pub(crate) fn of_kind(kind: ErrorKind, http_status: Option<u16>) -> u8 {
    match (kind, http_status) {
        (ErrorKind::Timeout, _) => 2,
        (ErrorKind::Http, Some(404 | 410)) => 3,
        (ErrorKind::Http, Some(401 | 407)) => 24,
        (ErrorKind::Http, Some(502..=504)) => 29,
        (ErrorKind::Http | ErrorKind::Protocol | ErrorKind::Decode, _) => 22,
        (ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Reset | ErrorKind::Incomplete, _) => 6,
        (ErrorKind::Changed, _) => 8,
        (ErrorKind::Exists, _) => 13,
        (ErrorKind::Name, _) => 16,
        (ErrorKind::Disk, _) => DISK,
        (ErrorKind::Dns, _) => 19,
        (ErrorKind::Redirect, _) => 23,
        (ErrorKind::Input, _) => 28,
        (ErrorKind::Cancelled, _) => REMOVED,
        (ErrorKind::Checksum, _) => 32,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_code_of_aria2() {
        for kind in ErrorKind::ALL {
            assert!((1..=32).contains(&of_kind(kind, None)), "{kind}");
        }
        for (status, code) in [
            (404, 3),
            (410, 3),
            (401, 24),
            (407, 24),
            (502, 29),
            (503, 29),
            (504, 29),
            (429, 22),
            (500, 22),
            (403, 22),
        ] {
            assert_eq!(of_kind(ErrorKind::Http, Some(status)), code);
        }
    }

    #[test]
    fn full_disk_is_told_from_other_errors_of_the_disk() {
        for (cause, code) in [
            (io::ErrorKind::StorageFull, 9),
            (io::ErrorKind::QuotaExceeded, 9),
            (io::ErrorKind::PermissionDenied, 17),
        ] {
            let error =
                Error::new(ErrorKind::Disk, "cannot write").caused_by(io::Error::from(cause));
            assert_eq!(of_error(&error), code, "{cause}");
            let before = if code == DISK { NO_FOLDER } else { code };
            assert_eq!(of_start(&error), before, "{cause}");
        }
    }
}
