//! Why no more of a body can be written: the disk, or the body itself.

use std::io;

use crate::error::Error;

/// Why no more of a body can be written.
pub(crate) enum WriteError {
    /// The disk failed.
    Disk(io::Error),
    /// The body is not acceptable.
    Body(Error),
}

impl WriteError {
    /// Returns it as an error for users. `what` names the operation of the disk, in words that can
    /// precede a colon.
    pub(crate) fn into_error(self, what: &str) -> Error {
        match self {
            Self::Disk(cause) => Error::disk(what, cause),
            Self::Body(error) => error,
        }
    }
}

impl From<io::Error> for WriteError {
    fn from(cause: io::Error) -> Self {
        Self::Disk(cause)
    }
}
