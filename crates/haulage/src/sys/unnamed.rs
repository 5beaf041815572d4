//! Files that have no name yet (`O_TMPFILE` in open(2), `AT_EMPTY_PATH` in linkat(2)).
#![expect(
    clippy::disallowed_methods,
    reason = "called by the write station alone"
)]

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, linkat, openat};
use rustix::{io, path};

/// Creates a file without a name, to be written, on the file system of a folder.
pub(crate) fn create(folder: impl AsFd, mode: Mode) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    openat(folder, ".", flags, mode)
}

/// Gives such a file a name in a folder. Fails with `EXIST` if something has that name.
pub(crate) fn name(file: impl AsFd, folder: impl AsFd, name: impl path::Arg) -> io::Result<()> {
    linkat(file, "", folder, name, AtFlags::EMPTY_PATH)
}
