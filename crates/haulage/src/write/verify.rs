//! Only what was verified can be committed.

use crate::error::{Error, ErrorKind};

/// A part whose bytes are all that they should be. Nothing else makes one.
#[derive(Debug)]
pub(super) struct Verified {
    /// Length in bytes.
    pub(super) length: u64,
}

/// Compares what was written with the length that the response promised, if it did (RFC 9112 §8).
pub(super) fn length(written: u64, promised: Option<u64>) -> Result<Verified, Error> {
    match promised {
        Some(promised) if promised != written => Err(Error::new(
            ErrorKind::Incomplete,
            format!("the server promised {promised} bytes and sent {written}"),
        )),
        _ => Ok(Verified { length: written }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_another_length_than_promised_is_not_verified() {
        assert_eq!(length(5, Some(5)).unwrap().length, 5);
        assert_eq!(length(5, None).unwrap().length, 5);
        for promised in [4, 6] {
            let error = length(5, Some(promised)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Incomplete);
        }
    }
}
