//! Copies a large body directly from its socket to its file, on a thread of its own.
//!
//! Bytes that a network thread hands to a disk thread have left the CPU's cache when they arrive:
//! for a file of 2 GiB that costs as much CPU time as the whole download. Here one thread does
//! both. It may block on the server, or on the disk, which then delays only this file.

use std::io;
use std::net::TcpStream;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::copier::SocketCopier;
use crate::raw_connection::RawConnection;
use crate::throttle::Throttle;
use crate::write::slot::SegmentSlot;

/// What is to be copied, and within which limits.
pub(super) struct CopyParams<'a> {
    /// The file to which the bytes are appended.
    pub(super) file: BorrowedFd<'a>,
    /// The number of bytes.
    pub(super) bytes: u64,
    pub(super) limit: LowSpeedLimit,
    pub(super) throttle: &'a Throttle,
    /// The segment of a shared part, which may become smaller or larger meanwhile.
    pub(super) slot: Option<&'a SegmentSlot>,
}

/// How slow a server may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LowSpeedLimit {
    /// The longest time without any bytes.
    pub(crate) timeout: Duration,
    /// Bytes per second that it must send on average over that time; waits for the disk do not
    /// count.
    pub(crate) lowest: u64,
}

/// Why a copy ended early.
#[derive(Debug)]
pub(crate) enum CopyError {
    /// The server closed the connection.
    Ended,
    /// The server sent nothing for too long.
    Silent,
    /// The server sent too few bytes for too long.
    Slow,
    Socket(io::Error),
    File(io::Error),
}

/// Copies all bytes from `connection`, which is in blocking mode, and at the first byte. Calls
/// `moved` with the number of bytes of each step; it may fail to stop this.
pub(super) fn run(
    connection: RawConnection,
    params: &CopyParams<'_>,
    mut moved: impl FnMut(u64) -> io::Result<()>,
) -> Result<(), CopyError> {
    let RawConnection {
        socket,
        session,
        opened: _opened,
    } = connection;
    socket
        .set_read_timeout(Some(params.limit.timeout))
        .map_err(CopyError::Socket)?;
    if let Some(slot) = params.slot {
        slot.segment.begin_direct_copy();
    }
    let mut window = SpeedWindow::new(params.limit);
    let mut copier = SocketCopier::new(session);
    let mut left = params.bytes;
    while left > 0 {
        let most = match params.slot {
            None => left,
            Some(slot) if slot.try_extend() => left.min(slot.segment.left()),
            Some(_) => break,
        };
        if most == 0 {
            // Another response has just taken over the rest.
            continue;
        }
        let permit = params.throttle.acquire_blocking();
        let most = usize::try_from(most.min(permit.max_bytes())).unwrap_or(usize::MAX);
        let waits = params.slot.is_some() && holds_nothing(&socket);
        let before = Instant::now();
        let taken = match copier.read_from(&socket, most) {
            Ok(0) => return Err(CopyError::Ended),
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                params.throttle.consumed(&permit, 0);
                continue;
            }
            Err(error) if is_timeout(&error) => return Err(CopyError::Silent),
            // TLS that ends without a close notification.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(CopyError::Ended);
            }
            Err(error) => return Err(CopyError::Socket(error)),
        };
        let waited = before.elapsed();
        if let Some(slot) = params.slot.filter(|_| waits) {
            slot.segment.waited(waited);
        }
        if !window.observe(taken, waited) {
            return Err(CopyError::Slow);
        }
        copier
            .write_to(params.file, taken)
            .map_err(CopyError::File)?;
        params.throttle.consumed(&permit, taken as u64);
        left -= taken as u64;
        moved(taken as u64).map_err(CopyError::File)?;
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
struct SpeedWindow {
    limit: LowSpeedLimit,
    bytes: u64,
    waited: Duration,
}

impl SpeedWindow {
    fn new(limit: LowSpeedLimit) -> Self {
        Self {
            limit,
            bytes: 0,
            waited: Duration::ZERO,
        }
    }

    /// Counts bytes that came after this wait. Returns whether they come fast enough, which is
    /// checked each time the waits add up to the timeout, and `true` in between.
    fn observe(&mut self, bytes: usize, waited: Duration) -> bool {
        self.bytes += bytes as u64;
        self.waited += waited;
        if self.waited < self.limit.timeout {
            return true;
        }
        let least = self.limit.lowest as f64 * self.waited.as_secs_f64();
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
    use crate::throttle::{RateLimits, RunThrottle};

    const LIMIT: LowSpeedLimit = LowSpeedLimit {
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

    fn moved(
        socket: TcpStream,
        bytes: u64,
        limit: LowSpeedLimit,
    ) -> (Result<(), CopyError>, Vec<u8>) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before").unwrap();
        let mut told = 0;
        let params = CopyParams {
            file: file.as_fd(),
            bytes,
            limit,
            throttle: &unlimited(),
            slot: None,
        };
        let result = run(RawConnection::plain(socket), &params, |bytes| {
            told += bytes;
            Ok(())
        });
        let mut content = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut content).unwrap();
        assert_eq!(content.len() as u64 - 6, told);
        (result, content)
    }

    fn unlimited() -> Throttle {
        Throttle::new(
            &Arc::new(RateLimits::new(None, None)),
            Arc::default(),
            Arc::new(RunThrottle::new(None)),
        )
    }

    fn body(length: usize) -> Vec<u8> {
        (0..=250).cycle().take(length).collect()
    }

    #[test]
    fn given_number_of_bytes_is_appended_and_no_more() {
        let mut sent = body(3_000_000);
        sent.extend(b"HTTP/1.1 200 OK");
        let (result, content) = moved(socket(sent, drop), 3_000_000, LIMIT);
        assert!(result.is_ok(), "{result:?}");
        assert!(content[6..] == body(3_000_000));
    }

    #[test]
    fn early_end_is_told_from_silence() {
        let (result, content) = moved(socket(body(1000), drop), 1001, LIMIT);
        assert!(matches!(result, Err(CopyError::Ended)), "{result:?}");
        assert!(content[6..] == body(1000));
        let limit = LowSpeedLimit {
            timeout: Duration::from_millis(20),
            lowest: 1,
        };
        let silent = socket(body(1000), |stream| {
            let _ = (&stream).read(&mut [0]);
        });
        let (result, _) = moved(silent, 1001, limit);
        assert!(matches!(result, Err(CopyError::Silent)), "{result:?}");
    }

    #[test]
    #[cfg_attr(not(target_os = "linux"), ignore = "only Linux has /dev/full")]
    fn a_file_that_cannot_be_written_is_not_the_servers_fault() {
        #[expect(clippy::disallowed_methods, reason = "a device is no download")]
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let params = CopyParams {
            file: full.as_fd(),
            bytes: 1000,
            limit: LIMIT,
            throttle: &unlimited(),
            slot: None,
        };
        let connection = RawConnection::plain(socket(body(1000), drop));
        let result = run(connection, &params, |_| Ok(()));
        assert!(matches!(result, Err(CopyError::File(_))), "{result:?}");
    }

    #[test]
    fn too_little_for_too_long_is_too_slow() {
        let mut window = SpeedWindow::new(LowSpeedLimit {
            timeout: Duration::from_secs(3),
            lowest: 100,
        });
        let second = Duration::from_secs(1);
        assert!(window.observe(10, second));
        assert!(window.observe(10, second));
        assert!(!window.observe(10, second));
        assert!(window.observe(1, second));
        assert!(window.observe(1, second));
        assert!(window.observe(300, second));
    }
}
