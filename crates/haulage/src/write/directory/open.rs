//! The open file of a part.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Mode, Timespec, Timestamps, UTIME_OMIT, futimens};
use rustix::io::Errno;

use super::super::room::Room;
use super::super::scratch::PartFile;
use super::write_out::WriteOut;

/// Returns the mode for new files: never executable (0o666 less the umask).
pub(super) fn mode() -> Mode {
    Mode::from_raw_mode(0o666)
}

/// A part's file, which is written from its present position on.
pub(super) struct OpenPart {
    pub(super) file: OwnedFd,
    pub(super) room: Arc<Room>,
    /// Writes the file out early; `None` if it is not synced in the end.
    pub(super) write_out: Option<WriteOut>,
}

impl OpenPart {
    fn took(&self, bytes: u64) -> io::Result<()> {
        if let Some(write_out) = &self.write_out {
            write_out.wrote(bytes, self.file.as_fd());
        }
        self.room.took(bytes, self.file.as_fd())
    }
}

impl PartFile for OpenPart {
    fn write(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        // IOV_MAX is at least 1024 wherever this runs.
        let bytes = &bytes[..bytes.len().min(1024)];
        let written = rustix::io::writev(&self.file, bytes)?;
        self.took(written as u64)?;
        Ok(written)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }

    fn written_directly(&self, bytes: u64) -> io::Result<()> {
        self.took(bytes)
    }

    fn set_modified(&mut self, time: SystemTime) -> io::Result<()> {
        let since = time
            .duration_since(UNIX_EPOCH)
            .map_err(|_| io::ErrorKind::InvalidInput)?;
        let times = Timestamps {
            last_access: Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            },
            last_modification: Timespec {
                tv_sec: i64::try_from(since.as_secs()).map_err(|_| io::ErrorKind::InvalidInput)?,
                tv_nsec: since.subsec_nanos().into(),
            },
        };
        Ok(futimens(&self.file, &times)?)
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        #[expect(unsafe_code, reason = "the one way to see what close says")]
        // SAFETY: the descriptor was owned by `self`, which is gone, so nobody else has it or will
        // close it again.
        let closed = unsafe { rustix::io::try_close(self.file.into_raw_fd()) };
        match closed {
            // Even if interrupted, it is closed, or may be: it is not closed again, which another
            // thread's file could suffer from. `write` has accepted the bytes.
            Ok(()) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
