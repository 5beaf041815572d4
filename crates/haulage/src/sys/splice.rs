//! A pipe through which bytes go from a socket to a file without leaving the kernel.

#[cfg(all(target_os = "linux", not(portable)))]
pub(crate) use self::linux::Pipe;
#[cfg(not(all(target_os = "linux", not(portable))))]
pub(crate) use self::portable::Pipe;

/// As splice(2) says.
#[cfg(all(target_os = "linux", not(portable)))]
mod linux {
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use rustix::io;
    use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

    /// A pipe with both its ends.
    pub(crate) struct Pipe {
        out: OwnedFd,
        into: OwnedFd,
    }

    impl Pipe {
        /// Makes a pipe with room for this number of bytes, or for fewer if that is not allowed.
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
}

#[cfg(not(all(target_os = "linux", not(portable))))]
mod portable {
    use std::os::fd::{AsFd, BorrowedFd};

    use rustix::io;

    /// There is none: bytes go through a buffer.
    pub(crate) enum Pipe {}

    impl Pipe {
        /// Returns an error, always.
        pub(crate) fn new(_room: usize) -> io::Result<Self> {
            Err(io::Errno::NOSYS)
        }

        pub(crate) fn take(&self, _socket: impl AsFd, _most: usize) -> io::Result<usize> {
            match *self {}
        }

        pub(crate) fn put(&self, _file: BorrowedFd<'_>, _most: usize) -> io::Result<usize> {
            match *self {}
        }

        pub(crate) fn out(&self) -> BorrowedFd<'_> {
            match *self {}
        }
    }
}
