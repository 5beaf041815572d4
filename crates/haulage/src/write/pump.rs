//! Moves a large body directly from its socket to its file, on a thread of its own.
//!
//! Bytes that a network thread hands to a disk thread have left the CPU's cache when they arrive:
//! for a file of 2 GiB that costs as much CPU time as the whole download. Here one thread does
//! both. It may block on the server, or on the disk, which then delays only this file.

use std::io;
use std::net::TcpStream;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::carrier::Carrier;
use super::place::Place;
use crate::inflow::Inflow;
use crate::wire::Wire;

/// What is to be moved.
pub(super) struct Flow<'a> {
    /// The file to which the bytes are appended.
    pub(super) file: BorrowedFd<'a>,
    /// The number of bytes.
    pub(super) bytes: u64,
    pub(super) pace: Pace,
    pub(super) inflow: &'a Inflow,
    /// The place in a shared part, which may become smaller or larger meanwhile.
    pub(super) place: Option<&'a Place>,
}

/// How slow a server may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The longest time without any bytes.
    pub(crate) timeout: Duration,
    /// Bytes per second that it must send on average over that time; waits for the disk do not
    /// count.
    pub(crate) lowest: u64,
}

/// Why a flow ended early.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The server closed the connection.
    Ended,
    /// The server sent nothing for too long.
    Silent,
    /// The server sent too few bytes for too long.
    Slow,
    Socket(io::Error),
    File(io::Error),
}

/// Moves all bytes from `wire`, which is in blocking mode, and at the first byte. Calls `moved`
/// with the number of bytes of each step; it may fail to stop this.
pub(super) fn run(
    wire: Wire,
    flow: &Flow<'_>,
    mut moved: impl FnMut(u64) -> io::Result<()>,
) -> Result<(), Broken> {
    let Wire { socket, session } = wire;
    socket
        .set_read_timeout(Some(flow.pace.timeout))
        .map_err(Broken::Socket)?;
    if let Some(place) = flow.place {
        place.stretch.flows();
    }
    let mut window = Window::new(flow.pace);
    let mut carrier = Carrier::new(session);
    let mut left = flow.bytes;
    while left > 0 {
        let most = match flow.place {
            None => left,
            Some(place) if place.takes_more() => left.min(place.stretch.left()),
            Some(_) => break,
        };
        if most == 0 {
            // Another response has just taken over the rest.
            continue;
        }
        let turn = flow.inflow.turn_blocking();
        let most = usize::try_from(most.min(turn.most())).unwrap_or(usize::MAX);
        let waits = flow.place.is_some() && holds_nothing(&socket);
        let before = Instant::now();
        let taken = match carrier.take(&socket, most) {
            Ok(0) => return Err(Broken::Ended),
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                flow.inflow.took(&turn, 0);
                continue;
            }
            Err(error) if is_timeout(&error) => return Err(Broken::Silent),
            // TLS that ends without a close notification.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(Broken::Ended);
            }
            Err(error) => return Err(Broken::Socket(error)),
        };
        let waited = before.elapsed();
        if let Some(place) = flow.place.filter(|_| waits) {
            place.stretch.waited(waited);
        }
        if !window.is_fast_enough(taken, waited) {
            return Err(Broken::Slow);
        }
        carrier.put(flow.file, taken).map_err(Broken::File)?;
        flow.inflow.took(&turn, taken as u64);
        left -= taken as u64;
        moved(taken as u64).map_err(Broken::File)?;
    }
    Ok(())
}

/// Returns whether a socket has no bytes to read at the moment.
fn holds_nothing(socket: &TcpStream) -> bool {
    rustix::io::ioctl_fionread(socket).is_ok_and(|held| held == 0)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// What has been received since the last check.
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

    /// Counts bytes that came after this wait. Returns whether they come fast enough, which is
    /// checked each time the waits add up to the timeout, and `true` in between.
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
    use std::io::{Read as _, Seek as _, Write as _};
    use std::net::TcpListener;
    use std::os::fd::AsFd as _;
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::inflow::{Rates, RunInflow};

    const PACE: Pace = Pace {
        timeout: Duration::from_secs(10),
        lowest: 1,
    };

    /// Returns a socket whose other end sends these bytes and then calls `then`.
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

    fn moved(socket: TcpStream, bytes: u64, pace: Pace) -> (Result<(), Broken>, Vec<u8>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before").unwrap();
        let mut told = 0;
        let flow = Flow {
            file: file.as_fd(),
            bytes,
            pace,
            inflow: &unlimited(),
            place: None,
        };
        let result = run(Wire::plain(socket), &flow, |bytes| {
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
        Inflow::new(
            &Arc::new(Rates::new(None, None)),
            Arc::default(),
            Arc::new(RunInflow::new(None)),
        )
    }

    fn body(length: usize) -> Vec<u8> {
        (0..=250).cycle().take(length).collect()
    }

    #[test]
    fn so_many_bytes_are_appended_and_no_more() {
        let mut sent = body(3_000_000);
        sent.extend(b"HTTP/1.1 200 OK");
        let (result, content) = moved(socket(sent, drop), 3_000_000, PACE);
        assert!(result.is_ok(), "{result:?}");
        assert!(content[6..] == body(3_000_000));
    }

    #[test]
    fn an_early_end_is_told_from_silence() {
        let (result, content) = moved(socket(body(1000), drop), 1001, PACE);
        assert!(matches!(result, Err(Broken::Ended)), "{result:?}");
        assert!(content[6..] == body(1000));
        let pace = Pace {
            timeout: Duration::from_millis(20),
            lowest: 1,
        };
        let silent = socket(body(1000), |stream| {
            let _ = (&stream).read(&mut [0]);
        });
        let (result, _) = moved(silent, 1001, pace);
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
            file: full.as_fd(),
            bytes: 1000,
            pace: PACE,
            inflow: &unlimited(),
            place: None,
        };
        let wire = Wire::plain(socket(body(1000), drop));
        let result = run(wire, &flow, |_| Ok(()));
        assert!(matches!(result, Err(Broken::File(_))), "{result:?}");
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
