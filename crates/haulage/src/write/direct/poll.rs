//! The operation in which a part takes the bytes that a socket has, on a disk thread: so they
//! are written while they are in the CPU's cache, and occupy none of our memory.

use std::cell::RefCell;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsFd as _;

use tokio::sync::oneshot;

use super::copier::SocketCopier;
use crate::write::scratch::PartFile;
use crate::write::segment::Segment;

thread_local! {
    /// One for each thread, since creating one costs as much as moving a small file.
    static COPIER: RefCell<SocketCopier> = RefCell::new(SocketCopier::new(None));
}

/// A job to take what a socket has, and what is received meanwhile.
pub(in crate::write) struct PollJob {
    /// The socket, in non-blocking mode.
    socket: TcpStream,
    most: usize,
    tell: oneshot::Sender<io::Result<u64>>,
}

/// Why not all bytes have been taken.
enum PollError {
    Socket(io::Error),
    File(io::Error),
}

/// Returns a job for at most `most` bytes, and the receiver of how many were taken. It receives
/// the errors of the socket; those of the disk are reported by the part.
pub(in crate::write) fn poll_job(
    socket: TcpStream,
    most: usize,
) -> (PollJob, oneshot::Receiver<io::Result<u64>>) {
    let (tell, told) = oneshot::channel();
    let job = PollJob { socket, most, tell };
    (job, told)
}

impl PollJob {
    /// Takes the bytes, and tells how many. Where a part is shared, no more are taken than its
    /// segment has left.
    ///
    /// # Errors
    /// The error of the disk.
    pub(in crate::write) fn run(
        self,
        file: &dyn PartFile,
        segment: Option<&Segment>,
    ) -> (u64, io::Result<()>) {
        let mut moved = 0;
        let result = self.carry(file, segment, &mut moved);
        let (told, result) = match result {
            Ok(()) => (Ok(moved), Ok(())),
            Err(PollError::Socket(error)) => (Err(error), Ok(())),
            // The bytes in the pipe belong to no part any more.
            Err(PollError::File(error)) => {
                COPIER.replace(SocketCopier::new(None));
                return (moved, Err(error));
            }
        };
        // The receiver may have been stopped.
        let _ = self.tell.send(told);
        (moved, result)
    }

    fn carry(
        &self,
        file: &dyn PartFile,
        segment: Option<&Segment>,
        moved: &mut u64,
    ) -> Result<(), PollError> {
        let Some(descriptor) = file.descriptor() else {
            return Err(PollError::File(io::ErrorKind::Unsupported.into()));
        };
        COPIER.with_borrow_mut(|copier| {
            let mut left = self.most;
            while left > 0 {
                let most = segment.map_or(u64::MAX, Segment::left);
                let most = left.min(usize::try_from(most).unwrap_or(usize::MAX));
                if most == 0 {
                    return Ok(());
                }
                let taken = match copier.read_from(&self.socket, most) {
                    // The end of the connection: the receiver finds that out.
                    Ok(0) => return Ok(()),
                    Ok(taken) => taken,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(error) => return Err(PollError::Socket(error)),
                };
                copier
                    .write_to(descriptor.as_fd(), taken)
                    .map_err(PollError::File)?;
                left -= taken;
                *moved += taken as u64;
                if let Some(segment) = segment {
                    segment.wrote(taken as u64);
                }
                file.written_directly(taken as u64)
                    .map_err(PollError::File)?;
            }
            Ok(())
        })
    }

    /// Refuses the job, since the part has failed already: it reports why.
    pub(in crate::write) fn refuse(self) {
        drop(self.tell);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{IoSlice, Read as _, Seek as _, Write as _};
    use std::net::TcpListener;
    use std::os::fd::BorrowedFd;
    use std::time::SystemTime;

    use super::*;

    struct Part(File);

    impl PartFile for Part {
        fn write(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
            self.0.write_vectored(bytes)
        }

        fn descriptor(&self) -> Option<BorrowedFd<'_>> {
            Some(self.0.as_fd())
        }

        fn set_modified(&mut self, _: SystemTime) -> io::Result<()> {
            Ok(())
        }

        fn close(self: Box<Self>) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the two ends of a connection, the first of which does not block.
    fn ends() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        near.set_nonblocking(true).unwrap();
        (near, listener.accept().unwrap().0)
    }

    /// Sends all of it, and waits until it is there.
    fn send(far: &mut TcpStream, near: &TcpStream, bytes: &[u8]) {
        far.write_all(bytes).unwrap();
        while rustix::io::ioctl_fionread(near).unwrap() < bytes.len() as u64 {
            std::thread::yield_now();
        }
    }

    fn content(part: &mut Part) -> Vec<u8> {
        let mut content = Vec::new();
        part.0.rewind().unwrap();
        part.0.read_to_end(&mut content).unwrap();
        content
    }

    #[test]
    fn what_is_there_is_taken_and_no_more_than_was_asked_for() {
        let (near, mut far) = ends();
        send(&mut far, &near, b"hello, next");
        let mut part = Part(tempfile::tempfile().unwrap());
        for (most, expected) in [(5, 5), (2, 2), (100, 4), (100, 0)] {
            let (job, mut told) = poll_job(near.try_clone().unwrap(), most);
            let (moved, result) = job.run(&part, None);
            assert!(result.is_ok());
            assert_eq!(moved, expected);
            assert_eq!(told.try_recv().unwrap().unwrap(), expected);
        }
        assert_eq!(content(&mut part), b"hello, next");
        drop(far);
    }

    #[test]
    fn a_segment_takes_what_it_has_left() {
        let (near, mut far) = ends();
        send(&mut far, &near, b"0123456789");
        let mut part = Part(tempfile::tempfile().unwrap());
        let segment = Segment::new(100..104, 0);
        let (job, _told) = poll_job(near, 10);
        let (moved, _) = job.run(&part, Some(&segment));
        assert_eq!((moved, segment.left()), (4, 0));
        assert_eq!(content(&mut part), b"0123");
    }

    #[test]
    #[cfg_attr(not(target_os = "linux"), ignore = "only Linux has /dev/full")]
    fn file_error_is_reported_by_the_part_not_the_socket() {
        let (near, mut far) = ends();
        send(&mut far, &near, b"lost");
        #[expect(clippy::disallowed_methods, reason = "a device is no download")]
        let full = File::options().write(true).open("/dev/full").unwrap();
        let (first, mut told) = poll_job(near.try_clone().unwrap(), 10);
        let (moved, result) = first.run(&Part(full), None);
        assert_eq!((moved, result.is_err()), (0, true));
        assert!(told.try_recv().is_err());
        send(&mut far, &near, b"right");
        let mut part = Part(tempfile::tempfile().unwrap());
        let (second, _told) = poll_job(near, 10);
        assert_eq!(second.run(&part, None).0, 5);
        assert_eq!(content(&mut part), b"right");
    }
}
