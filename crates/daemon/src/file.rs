//! Files of the daemon's own: a session, a secret. Downloads are written by the engine alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

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

/// Opens a file to add to its end, and makes it if there is none: then only its owner can read it.
///
/// # Errors
/// When it cannot be opened, is no plain file, is a link, or can be read by others: such as a file
/// that was downloaded.
#[expect(
    clippy::disallowed_methods,
    reason = "the files of the daemon are no downloads"
)]
pub(crate) fn append_private(path: &Path) -> io::Result<fs::File> {
    // A pipe that nothing reads is not waited for.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    let file = options
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(io::Error::other(
            "it is a file that others may read, so it is no log of haul",
        ));
    }
    Ok(file)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_file_is_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for _ in 0..2 {
            append_private(&path("a")).unwrap().write_all(b"x").unwrap();
        }
        assert_eq!(fs::read(path("a")).unwrap(), b"xx");
        std::os::unix::fs::symlink(path("a"), path("link")).unwrap();
        let pipe = rustix::fs::mknodat(
            rustix::fs::CWD,
            path("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        );
        pipe.unwrap();
        drop(create_private(&path("download")).unwrap());
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(path("download"), readable).unwrap();
        for name in ["link", "pipe", "", "no/folder", "download"] {
            assert!(append_private(&path(name)).is_err(), "{name}");
        }
    }
}
