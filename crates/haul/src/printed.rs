//! What a command prints to standard output when it does not download.

use std::io::{self, Write as _};

use crate::exit::{Exit, Problem};
use crate::report::format;

/// Writes to standard output in one go.
///
/// # Errors
/// When it cannot be written. A reader that has left is not an error: it has seen enough.
pub(crate) fn print(text: &[u8]) -> Result<Exit, Problem> {
    match io::stdout().lock().write_all(text) {
        Ok(()) => Ok(Exit::Success),
        Err(cause) => unwritten(&cause),
    }
}

/// Returns how a command ends that could not write to standard output.
///
/// # Errors
/// The cause, unless it is that a reader has left.
pub(crate) fn unwritten(cause: &io::Error) -> Result<Exit, Problem> {
    if cause.kind() == io::ErrorKind::BrokenPipe {
        return Ok(Exit::Success);
    }
    Err(Problem::destination(format!(
        "cannot write to standard output: {}",
        format::io(cause)
    )))
}
