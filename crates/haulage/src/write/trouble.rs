//! Why no more of a body can be written: the disk, or the body itself.

use std::io;

use crate::error::Error;

/// Why no more of a body can be written.
pub(crate) enum Trouble {
    /// The disk failed.
    Disk(io::Error),
    /// The body is not acceptable.
    Body(Error),
}

impl Trouble {
    /// Returns the trouble as an error. `what` names the operation of the disk, in words that can
    /// precede a colon.
    pub(crate) fn on(self, what: &str) -> Error {
        match self {
            Self::Disk(cause) => Error::disk(what, cause),
            Self::Body(error) => error,
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(cause: io::Error) -> Self {
        Self::Disk(cause)
    }
}
