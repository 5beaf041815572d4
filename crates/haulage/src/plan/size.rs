//! Checks the size of a file against its limits.

use crate::error::{Error, ErrorKind};

/// Checks the bytes of one file, as far as they are known, against the most that it may have.
///
/// # Errors
/// Of kind `refused`.
pub(crate) fn check(bytes: u64, most: Option<u64>) -> Result<(), Error> {
    match most {
        Some(most) if bytes > most => Err(Error::new(
            ErrorKind::Refused,
            format!("the file has more than {most} bytes (--max-size)"),
        )),
        _ => Ok(()),
    }
}

/// Checks the length of a file, in bytes, against the one that its row says; `None` stands for any.
///
/// # Errors
/// Of kind `incomplete`.
pub(crate) fn check_expected(length: u64, expected: Option<u64>) -> Result<(), Error> {
    match expected {
        Some(expected) if length != expected => Err(Error::new(
            ErrorKind::Incomplete,
            format!(
                "the file has {length} bytes, not the {expected} that its row says; the server may have sent another page instead, such as a login or an error"
            ),
        )
        .transient(false)),
        _ => Ok(()),
    }
}

/// Checks the bytes of a response that have come so far against the length that the row says of its
/// file; `None` stands for any. A response in a coding may be a little longer than its file.
///
/// # Errors
/// Of kind `incomplete`, if there are more.
pub(crate) fn check_so_far(bytes: u64, expected: Option<u64>) -> Result<(), Error> {
    let most = expected.map(|expected| expected.saturating_add(expected / 100 + 1024));
    match most {
        Some(most) if bytes > most => check_expected(bytes, expected),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_length_that_its_row_says() {
        assert!(check_expected(5, None).is_ok() && check_expected(5, Some(5)).is_ok());
        assert!(check_so_far(5, Some(5)).is_ok() && check_so_far(900, Some(5)).is_ok());
        for error in [check_expected(4, Some(5)), check_so_far(1100, Some(5))] {
            let error = error.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Incomplete);
            assert!(!error.is_transient());
        }
    }

    #[test]
    fn a_file_may_be_as_large_as_the_limit() {
        assert!(check(u64::MAX, None).is_ok());
        assert!(check(10, Some(10)).is_ok());
        let error = check(11, Some(10)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(!error.is_transient());
    }
}
