//! Brings what was written to the drive, so that it survives a power cut.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::io;

#[cfg(all(target_os = "linux", not(portable)))]
pub(crate) use self::linux::{begin, file, file_system};
#[cfg(not(all(target_os = "linux", not(portable))))]
pub(crate) use self::portable::{begin, file, file_system};

/// Whether [`file_system`] flushes anything.
pub(crate) const HAS_FILE_SYSTEMS: bool = cfg!(all(target_os = "linux", not(portable)));
/// Whether a flush ends only with [`drive`].
pub(crate) const HAS_DRIVES: bool = cfg!(any(target_vendor = "apple", portable));

/// Makes the drive of an open file keep what was flushed to it (`F_FULLFSYNC` in fcntl(2)).
#[cfg(target_vendor = "apple")]
pub(crate) fn drive(any: impl AsFd) -> io::Result<()> {
    rustix::fs::fcntl_fullfsync(any)
}

/// Does nothing: each flush makes the drive keep what it is about.
#[cfg(not(target_vendor = "apple"))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail on macOS")]
pub(crate) fn drive(_any: impl AsFd) -> io::Result<()> {
    Ok(())
}

#[cfg(all(target_os = "linux", not(portable)))]
mod linux {
    use std::os::fd::AsRawFd as _;

    use super::{AsFd, BorrowedFd, io};

    /// Flushes a file's bytes.
    pub(crate) fn file(file: impl AsFd) -> io::Result<()> {
        rustix::fs::fdatasync(file)
    }

    /// Flushes all bytes and names of the file system that a folder is on.
    pub(crate) fn file_system(folder: impl AsFd) -> io::Result<()> {
        rustix::fs::syncfs(folder)
    }

    /// Begins to write a file's bytes to the drive, and waits at most for a place in the drive's
    /// queue (`sync_file_range(2)`). Nothing relies on it.
    pub(crate) fn begin(file: BorrowedFd<'_>) {
        // 0 bytes from offset 0 on mean the whole file.
        let (at, bytes, how) = (0, 0, libc::SYNC_FILE_RANGE_WRITE);
        #[expect(unsafe_code, reason = "no crate offers it otherwise")]
        // SAFETY: it is given no memory, and the descriptor is open for as long as it is borrowed.
        let _ = unsafe { libc::sync_file_range(file.as_raw_fd(), at, bytes, how) };
    }
}

#[cfg(not(all(target_os = "linux", not(portable))))]
mod portable {
    use super::{AsFd, BorrowedFd, io};

    /// Flushes a file's bytes.
    pub(crate) fn file(file: impl AsFd) -> io::Result<()> {
        rustix::fs::fsync(file)
    }

    /// Does nothing: no call flushes a whole file system, and waits for that.
    pub(crate) fn file_system(_folder: impl AsFd) -> io::Result<()> {
        Err(io::Errno::NOSYS)
    }

    /// Does nothing, on which nothing relies.
    pub(crate) fn begin(_file: BorrowedFd<'_>) {}
}
