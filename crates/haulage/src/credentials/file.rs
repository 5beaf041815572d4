//! Small files with secrets. Messages name the file, never what is in it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::error::{Error, ErrorKind, plain_io};

/// Bytes of such a file; a larger one is not what it should be.
const MOST: u64 = 1 << 20;

/// Reads a file as text. Blocks.
///
/// # Errors
/// Of kind `input`, for a file that cannot be read, is too large, or is not UTF-8.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
    read.map_err(|cause| unreadable(path, cause))?;
    if bytes.len() as u64 > MOST {
        return Err(unusable(path, "is larger than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| unusable(path, "is not UTF-8 text"))
}

fn unreadable(path: &Path, cause: io::Error) -> Error {
    let message = format!("cannot read {}: {}", path.display(), plain_io(&cause));
    Error::new(ErrorKind::Input, message).caused_by(cause)
}

/// Returns the error for a file whose content cannot be used; `why` follows its name.
pub(super) fn unusable(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Input, format!("{} {why}", path.display()))
}
