//! Opens the files that a run writes about itself.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Opens a file for writing, and creates it if it is not there. What is in it stays.
///
/// # Errors
/// When that is not possible.
#[expect(
    clippy::disallowed_methods,
    reason = "such a file is about the run, not a part that becomes a file"
)]
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).open(path)
}
