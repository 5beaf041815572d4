//! The files that results are written to.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use crate::exit::Problem;
use crate::report::format;

/// Opens a file for writing, and creates it if it is not there. What is in it stays.
#[expect(
    clippy::disallowed_methods,
    reason = "the results are a log that grows, not a part that becomes a file"
)]
pub(super) fn create(path: &Path) -> Result<File, Problem> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    file.map_err(|cause| Problem::usage(cannot_write(path, &cause)))
}

/// Returns the message for results that cannot be written.
pub(super) fn cannot_write(path: &Path, cause: &io::Error) -> String {
    let path = path.display();
    format!("cannot write the results to {path}: {}", format::io(cause))
}
