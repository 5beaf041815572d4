//! Whether a file may be as large as it is.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_be_as_large_as_the_limit() {
        assert!(check(u64::MAX, None).is_ok());
        assert!(check(10, Some(10)).is_ok());
        let error = check(11, Some(10)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(!error.is_transient());
    }
}
