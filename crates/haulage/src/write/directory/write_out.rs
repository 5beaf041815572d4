//! Writes a long file out while it is received: the sync that waits for its bytes then finds few
//! that the disk has not yet begun to write.
//!
//! Nothing relies on that. If bytes could not be written, the sync of the file or of its file
//! system reports it.

use std::cell::Cell;
use std::os::fd::BorrowedFd;

use crate::sys::flush;

/// Bytes between two write-outs: enough for a disk to write at once, and fewer than a file has for
/// which this is worthwhile.
const STEP: u64 = 4 << 20;

/// How much was written to a file since the last write-out.
pub(super) struct WriteOut {
    written: Cell<u64>,
    begin: fn(BorrowedFd<'_>),
}

impl WriteOut {
    pub(super) fn new() -> Self {
        Self {
            written: Cell::new(0),
            begin: flush::begin,
        }
    }

    /// Creates one that begins the write-out with another function.
    #[cfg(test)]
    pub(super) fn begun_by(begin: fn(BorrowedFd<'_>)) -> Self {
        Self {
            begin,
            ..Self::new()
        }
    }

    /// Notes that `bytes` more bytes were written to a file, and begins to write it out when they
    /// are many.
    pub(super) fn wrote(&self, bytes: u64, file: BorrowedFd<'_>) {
        let written = self.written.get() + bytes;
        if written < STEP {
            self.written.set(written);
        } else {
            self.written.set(0);
            (self.begin)(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;

    thread_local! {
        static BEGUN: Cell<u32> = const { Cell::new(0) };
    }

    #[test]
    fn it_begins_again_after_so_many_bytes_and_never_for_a_short_file() {
        let file = tempfile::tempfile().unwrap();
        let write_out = WriteOut::begun_by(|_| BEGUN.set(BEGUN.get() + 1));
        let steps = [
            (STEP - 1, 0),
            (1, 1),
            (STEP - 1, 1),
            (1, 2),
            (3 * STEP, 3),
            (STEP - 1, 3),
        ];
        for (bytes, begun) in steps {
            write_out.wrote(bytes, file.as_fd());
            assert_eq!(BEGUN.get(), begun);
        }
    }

    #[test]
    fn where_it_cannot_be_done_nothing_happens() {
        let (pipe, _other_end) = std::io::pipe().unwrap();
        WriteOut::new().wrote(STEP, pipe.as_fd());
    }
}
