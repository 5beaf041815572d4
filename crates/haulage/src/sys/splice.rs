//! A pipe through which bytes go from a socket to a file without leaving the kernel (splice(2)).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// A pipe with both its ends.
pub(crate) struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
}

impl Pipe {
    /// Makes a pipe that has room for so many bytes, or for fewer where not so many are allowed.
    pub(crate) fn new(room: usize) -> io::Result<Self> {
        let (out, into) = pipe_with(PipeFlags::CLOEXEC)?;
        // With a smaller pipe, the steps are smaller.
        let _ = fcntl_setpipe_size(&into, room);
        Ok(Self { out, into })
    }

    /// Takes at most `most` bytes from a socket, and returns how many; 0 at the end.
    pub(crate) fn take(&self, socket: impl AsFd, most: usize) -> io::Result<usize> {
        splice(socket, None, &self.into, None, most, SpliceFlags::MOVE)
    }

    /// Appends at most `most` bytes to a file, and returns how many.
    pub(crate) fn put(&self, file: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
        splice(&self.out, None, file, None, most, SpliceFlags::MOVE)
    }

    /// Returns the end from which bytes are read.
    pub(crate) fn out(&self) -> BorrowedFd<'_> {
        self.out.as_fd()
    }
}
