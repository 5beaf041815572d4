//! A large body straight from its socket to its file, on a thread of its own.
//!
//! Bytes that are handed from a network thread to a disk's are cold when they get there: for a file of 2 GiB that costs as much
//! CPU as the whole download. Here one thread does both, and through a pipe (`splice`) the bytes never leave the kernel. It may
//! block as it likes: on the server, or on the disk, which then holds up this file and no other.

use std::io::{self, Read};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use super::stretch::Stretch;
use crate::inflow::Inflow;

/// Bytes that may be in the pipe: more gains nothing, and an ordinary user may have no more than 1 MiB.
const PIPE: usize = 256 << 10;

/// What is to be moved.
pub(super) struct Flow<'a> {
    /// Blocking, at the beginning of the rest of a body.
    pub(super) socket: &'a TcpStream,
    /// Where its bytes are appended.
    pub(super) file: BorrowedFd<'a>,
    /// How many there are.
    pub(super) bytes: u64,
    pub(super) pace: Pace,
    pub(super) inflow: &'a Inflow,
    /// What may make them fewer while they come.
    pub(super) stretch: Option<&'a Stretch>,
}

/// How slow a server may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// How long it may send nothing.
    pub(crate) timeout: Duration,
    /// Bytes a second that it must send on average over that time; what the disk takes does not count.
    pub(crate) lowest: u64,
}

/// Why a flow ended too early.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The server closed the connection.
    Ended,
    /// It sent nothing for too long.
    Silent,
    /// It sent too little for too long.
    Slow,
    Socket(io::Error),
    File(io::Error),
}

/// Moves all of it. `moved` is told how many bytes have been, again and again, and may say that the disk is to take no more.
pub(super) fn run(
    flow: &Flow<'_>,
    mut moved: impl FnMut(u64) -> io::Result<()>,
) -> Result<(), Broken> {
    flow.socket
        .set_read_timeout(Some(flow.pace.timeout))
        .map_err(Broken::Socket)?;
    let mut window = Window::new(flow.pace);
    let mut carrier = Carrier::new();
    let mut left = flow.bytes;
    while left > 0 {
        if let Some(stretch) = flow.stretch {
            left = left.min(stretch.left());
            if left == 0 {
                break;
            }
        }
        let turn = flow.inflow.turn_blocking();
        let most = usize::try_from(left.min(turn.most()))
            .unwrap_or(PIPE)
            .min(PIPE);
        let before = Instant::now();
        let taken = match carrier.take(flow.socket, most) {
            Ok(0) => return Err(Broken::Ended),
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                flow.inflow.took(&turn, 0);
                continue;
            }
            Err(error) if is_timeout(&error) => return Err(Broken::Silent),
            Err(error) => return Err(Broken::Socket(error)),
        };
        if !window.is_fast_enough(taken, before.elapsed()) {
            return Err(Broken::Slow);
        }
        carrier.put(flow.file, taken).map_err(Broken::File)?;
        flow.inflow.took(&turn, taken as u64);
        left -= taken as u64;
        moved(taken as u64).map_err(Broken::File)?;
    }
    Ok(())
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// How bytes get from one to the other.
enum Carrier {
    Pipe {
        out: OwnedFd,
        into: OwnedFd,
    },
    /// Where a kernel, a file system or the descriptors that are left do not allow that.
    Buffer(Box<[u8]>),
}

impl Carrier {
    fn new() -> Self {
        match pipe_with(PipeFlags::CLOEXEC) {
            Ok((out, into)) => {
                // With a smaller one it goes on in smaller steps.
                let _ = fcntl_setpipe_size(&into, PIPE);
                Self::Pipe { out, into }
            }
            Err(_) => Self::buffer(),
        }
    }

    fn buffer() -> Self {
        Self::Buffer(vec![0; PIPE].into())
    }

    /// Takes some bytes from a socket, at most so many; 0 at its end.
    fn take(&mut self, mut socket: &TcpStream, most: usize) -> io::Result<usize> {
        if let Self::Pipe { into, .. } = self {
            match splice(socket, None, into, None, most, SpliceFlags::MOVE) {
                // Nothing has been taken: it can be done the other way.
                Err(Errno::INVAL | Errno::NOSYS) => *self = Self::buffer(),
                taken => return Ok(taken?),
            }
        }
        match self {
            Self::Buffer(buffer) => socket.read(&mut buffer[..most]),
            Self::Pipe { .. } => Ok(0),
        }
    }

    /// Appends what was taken to a file.
    fn put(&mut self, file: BorrowedFd<'_>, taken: usize) -> io::Result<()> {
        match self {
            Self::Buffer(buffer) => write_all(file, &buffer[..taken]),
            Self::Pipe { out, .. } => {
                let mut left = taken;
                while left > 0 {
                    match splice(&*out, None, file, None, left, SpliceFlags::MOVE) {
                        Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                        Ok(put) => left -= put,
                        Err(Errno::INTR) => {}
                        // A file that takes nothing from a pipe: what is in it goes by hand, and the rest too.
                        Err(Errno::INVAL | Errno::NOSYS) => {
                            let mut buffer = vec![0; left].into_boxed_slice();
                            read_exactly(out.as_fd(), &mut buffer)?;
                            *self = Self::buffer();
                            return write_all(file, &buffer);
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(())
            }
        }
    }
}

fn write_all(file: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn read_exactly(pipe: BorrowedFd<'_>, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match rustix::io::read(pipe, &mut *buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => buffer = &mut buffer[read..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What has been received lately.
struct Window {
    pace: Pace,
    bytes: u64,
    waited: Duration,
}

impl Window {
    fn new(pace: Pace) -> Self {
        Self {
            pace,
            bytes: 0,
            waited: Duration::ZERO,
        }
    }

    /// Counts what has come after this wait.
    fn is_fast_enough(&mut self, bytes: usize, waited: Duration) -> bool {
        self.bytes += bytes as u64;
        self.waited += waited;
        if self.waited < self.pace.timeout {
            return true;
        }
        let least = self.pace.lowest as f64 * self.waited.as_secs_f64();
        let fast_enough = self.bytes as f64 >= least;
        (self.bytes, self.waited) = (0, Duration::ZERO);
        fast_enough
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::inflow::Rates;

    const PACE: Pace = Pace {
        timeout: Duration::from_secs(10),
        lowest: 1,
    };

    /// A socket at whose other end this is sent, and what the other end does then.
    fn socket(sent: Vec<u8>, then: impl FnOnce(TcpStream) + Send + 'static) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(&sent).unwrap();
            then(stream);
        });
        TcpStream::connect(address).unwrap()
    }

    fn moved(socket: &TcpStream, bytes: u64, pace: Pace) -> (Result<(), Broken>, Vec<u8>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before").unwrap();
        let mut told = 0;
        let flow = Flow {
            socket,
            file: file.as_fd(),
            bytes,
            pace,
            inflow: &unlimited(),
            stretch: None,
        };
        let result = run(&flow, |bytes| {
            told += bytes;
            Ok(())
        });
        let mut content = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut content).unwrap();
        assert_eq!(content.len() as u64 - 6, told);
        (result, content)
    }

    fn unlimited() -> Inflow {
        Inflow::new(&Arc::new(Rates::new(None, None)), Arc::default())
    }

    fn body(length: usize) -> Vec<u8> {
        (0..=250).cycle().take(length).collect()
    }

    #[test]
    fn so_many_bytes_are_appended_and_no_more() {
        let mut sent = body(3_000_000);
        sent.extend(b"HTTP/1.1 200 OK");
        let (result, content) = moved(&socket(sent, drop), 3_000_000, PACE);
        assert!(result.is_ok(), "{result:?}");
        assert!(content[6..] == body(3_000_000));
    }

    #[test]
    fn an_early_end_is_told_from_silence() {
        let (result, content) = moved(&socket(body(1000), drop), 1001, PACE);
        assert!(matches!(result, Err(Broken::Ended)), "{result:?}");
        assert!(content[6..] == body(1000));
        let pace = Pace {
            timeout: Duration::from_millis(20),
            lowest: 1,
        };
        let silent = socket(body(1000), |stream| {
            let _ = (&stream).read(&mut [0]);
        });
        let (result, _) = moved(&silent, 1001, pace);
        assert!(matches!(result, Err(Broken::Silent)), "{result:?}");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_not_the_servers_fault() {
        #[expect(clippy::disallowed_methods, reason = "a device is no download")]
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let flow = Flow {
            socket: &socket(body(1000), drop),
            file: full.as_fd(),
            bytes: 1000,
            pace: PACE,
            inflow: &unlimited(),
            stretch: None,
        };
        let result = run(&flow, |_| Ok(()));
        assert!(matches!(result, Err(Broken::File(_))), "{result:?}");
    }

    #[test]
    fn what_a_pipe_cannot_do_a_buffer_does() {
        let socket = socket(body(700_000), drop);
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut carrier = Carrier::buffer();
        let mut left = 700_000;
        while left > 0 {
            let taken = carrier.take(&socket, left.min(PIPE)).unwrap();
            carrier.put(file.as_file().as_fd(), taken).unwrap();
            left -= taken;
        }
        assert!(std::fs::read(file.path()).unwrap() == body(700_000));
    }

    #[test]
    fn too_little_for_too_long_is_too_slow() {
        let mut window = Window::new(Pace {
            timeout: Duration::from_secs(3),
            lowest: 100,
        });
        let second = Duration::from_secs(1);
        assert!(window.is_fast_enough(10, second));
        assert!(window.is_fast_enough(10, second));
        assert!(!window.is_fast_enough(10, second));
        assert!(window.is_fast_enough(1, second));
        assert!(window.is_fast_enough(1, second));
        assert!(window.is_fast_enough(300, second));
    }
}
