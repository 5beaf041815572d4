//! How a run wakes whoever receives its outcomes: a socket becomes readable. An event loop watches
//! it, a thread waits for it, and no thread of the engine's ever waits for the GIL.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// A pair of sockets of which one is readable while something has happened.
pub(crate) struct WakeUp {
    reader: UnixStream,
    writer: UnixStream,
}

/// Why waiting has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Something has happened, or the time was over.
    Ready,
    /// A signal has come.
    BySignal,
}

impl WakeUp {
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Arc::new(Self { reader, writer }))
    }

    /// Returns the descriptor that is readable while something has happened.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.reader.as_raw_fd()
    }

    /// Returns a waker that sets it.
    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    pub(crate) fn set(&self) {
        // Where there is no room for a byte, it is readable already.
        let _ = (&self.writer).write(&[0]);
    }

    /// Takes back what has happened so far. What is looked at afterwards is not missed: it is set
    /// again for whatever happens from here on.
    pub(crate) fn clear(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.reader).read(&mut bytes), Ok(count) if count == bytes.len()) {}
    }

    /// Waits until it is set, or this time is over.
    pub(crate) fn wait(&self, most: Duration) -> Woken {
        let time = Timespec {
            tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: most.subsec_nanos().into(),
        };
        let reader = self.reader.as_fd();
        match poll(
            &mut [PollFd::from_borrowed_fd(reader, PollFlags::IN)],
            Some(&time),
        ) {
            Err(Errno::INTR) => Woken::BySignal,
            _ => Woken::Ready,
        }
    }
}

impl Wake for WakeUp {
    fn wake(self: Arc<Self>) {
        self.set();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.set();
    }
}
