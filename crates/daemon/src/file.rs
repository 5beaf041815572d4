//! Files of the daemon's own: a session, a secret. Downloads are written by the engine alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Makes an empty file that only its owner can read, unless there is a file.
///
/// # Errors
/// When it cannot be made.
#[expect(
    clippy::disallowed_methods,
    reason = "the files of the daemon are no downloads"
)]
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options.open(path).map(drop)
}

/// Makes a file that only its owner can read.
///
/// # Errors
/// When it cannot be made, or is there.
#[expect(
    clippy::disallowed_methods,
    reason = "the files of the daemon are no downloads"
)]
pub(crate) fn create_private(path: &Path) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path)
}

/// Makes a folder that only its owner can read, unless it is there.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path)
}

/// Replaces a file as a whole; only its owner can read it. Who reads it gets what was there before,
/// or the new content.
///
/// # Errors
/// When it cannot be written, or renamed.
#[expect(
    clippy::disallowed_methods,
    reason = "the files of the daemon are no downloads"
)]
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    // One that a killed process has left.
    let _ = fs::remove_file(&temporary);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let written = options
        .open(&temporary)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}
