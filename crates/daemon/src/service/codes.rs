//! From how a download failed to aria2's exit statuses (aria2c(1), EXIT STATUS).

use haulage::ErrorKind;

/// The file is complete.
pub(crate) const COMPLETE: u8 = 0;
/// The download was removed by its user.
pub(crate) const REMOVED: u8 = 31;

/// Returns the exit status of a download that failed.
pub(crate) fn of_failure(kind: ErrorKind, http_status: Option<u16>) -> u8 {
    match (kind, http_status) {
        (ErrorKind::Timeout, _) => 2,
        (ErrorKind::Http, Some(404 | 410)) => 3,
        (ErrorKind::Http, Some(401 | 407)) => 24,
        (ErrorKind::Http, Some(503)) => 29,
        (ErrorKind::Http | ErrorKind::Protocol | ErrorKind::Decode, _) => 22,
        (ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Reset | ErrorKind::Incomplete, _) => 6,
        (ErrorKind::Changed, _) => 8,
        (ErrorKind::Exists, _) => 13,
        (ErrorKind::Disk, _) => 17,
        (ErrorKind::Dns, _) => 19,
        (ErrorKind::Redirect, _) => 23,
        (ErrorKind::Input | ErrorKind::Name, _) => 28,
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
            assert!((1..=32).contains(&of_failure(kind, None)), "{kind}");
        }
        for (status, code) in [
            (404, 3),
            (410, 3),
            (401, 24),
            (503, 29),
            (500, 22),
            (403, 22),
        ] {
            assert_eq!(of_failure(ErrorKind::Http, Some(status)), code);
        }
    }
}
