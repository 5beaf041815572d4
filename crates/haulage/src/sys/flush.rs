//! Brings what was written to the drive.

use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};

use rustix::io;

/// Flushes a file's bytes to its drive.
pub(crate) fn file(file: impl AsFd) -> io::Result<()> {
    rustix::fs::fdatasync(file)
}

/// Flushes all bytes and names of the file system that a folder is on.
pub(crate) fn file_system(folder: impl AsFd) -> io::Result<()> {
    rustix::fs::syncfs(folder)
}

/// Begins to write a file's bytes to the drive, and waits at most for a place in the drive's queue
/// (`sync_file_range(2)`). Nothing is promised.
pub(crate) fn begin(file: BorrowedFd<'_>) {
    // 0 bytes from offset 0 on mean the whole file.
    let (at, bytes) = (0, 0);
    #[expect(unsafe_code, reason = "no crate offers it otherwise")]
    // SAFETY: it is given no memory, and the descriptor is open for as long as it is borrowed.
    let _ =
        unsafe { libc::sync_file_range(file.as_raw_fd(), at, bytes, libc::SYNC_FILE_RANGE_WRITE) };
}
