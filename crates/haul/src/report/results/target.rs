//! The files that results are written to.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::exit::Problem;
use crate::report::{format, open_file};

/// Opens a file for results, and creates it if it is not there. What is in it stays.
pub(super) fn create(path: &Path) -> Result<File, Problem> {
    open_file(path).map_err(|cause| Problem::usage(cannot_write(path, &cause)))
}

/// Returns the message for results that cannot be written.
pub(super) fn cannot_write(path: &Path, cause: &io::Error) -> String {
    let path = path.display();
    format!("cannot write the results to {path}: {}", format::io(cause))
}
