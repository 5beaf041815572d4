//! Small files with secrets. Messages name the file, never what is in it.

use std::io;
use std::path::Path;

use crate::bounded_file;
use crate::error::{Error, ErrorKind, plain_io};

/// Bytes of such a file; a larger one is not what it should be.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a file. Blocks.
///
/// # Errors
/// Of kind `input`, for a file that cannot be read, or is too large.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    bounded_file::read(path, MAX_BYTES).map_err(|cause| unreadable(path, cause))
}

fn unreadable(path: &Path, cause: io::Error) -> Error {
    let message = format!("cannot read {}: {}", path.display(), plain_io(&cause));
    Error::new(ErrorKind::Input, message).caused_by(cause)
}

/// Returns the error for a file whose content cannot be used; `why` follows its name.
pub(super) fn unusable(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Input, format!("{} {why}", path.display()))
}
