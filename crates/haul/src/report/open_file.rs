//! Opens the files that a run writes about itself.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// Opens a file for writing, and creates it if it is not there. What is in it stays.
///
/// # Errors
/// When that is not possible; also if it is a pipe that nothing reads, rather than wait for ever.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().write(true).truncate(false))
}

/// Opens a file to add to its end, and creates it if it is not there.
///
/// # Errors
/// As [`open_file`] does.
pub(crate) fn open_to_append(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().append(true))
}

#[expect(
    clippy::disallowed_methods,
    reason = "such a file is about the run, not a part that becomes a file"
)]
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let opened = options.create(true).custom_flags(flags).open(path);
    let file = opened.map_err(|cause| {
        let is_unread = cause.raw_os_error() == Some(Errno::NXIO.raw_os_error())
            && path
                .metadata()
                .is_ok_and(|found| found.file_type().is_fifo());
        if is_unread {
            io::Error::other("nothing reads this pipe; start its reader first")
        } else {
            cause
        }
    })?;
    // Only the opening must not wait: a slow reader is waited for.
    let flags = fcntl_getfl(&file)?;
    fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
    Ok(file)
}
