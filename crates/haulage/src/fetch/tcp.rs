//! What the kernel reports about a TCP connection (`sys::tcp`), and what follows from it.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use crate::sys;
use crate::sys::tcp::TcpInfo;

/// A round trip of more than this many times the shortest one shows that packets wait in a queue.
const QUEUES: f64 = 1.15;
/// This many out-of-order packets show that a packet was lost, not overtaken (RFC 5681 §3.2).
const LOST: u32 = 3;

/// Bytes: larger than any TCP window (RFC 7323 §2.2).
const NO_BOUND: u64 = 1 << 30;

impl TcpInfo {
    /// Returns whether packets wait in a queue, where this is the round trip now.
    pub(super) fn is_queueing(&self, round_trip: Duration) -> bool {
        round_trip > self.shortest.mul_f64(QUEUES)
    }
}

/// Returns the round trip of a connection that has just been opened, which `took` this time. Where
/// its first packet was lost, or another address was tried before, that is a second or more, and
/// only the kernel knows better.
pub(super) fn round_trip(stream: &impl AsFd, took: Duration) -> Duration {
    let seen = sys::tcp::info(stream.as_fd()).map(|info| info.round_trip);
    let measured = seen.filter(|seen| !seen.is_zero());
    measured.map_or(took, |measured| measured.min(took))
}

/// Follows a connection with a large download, and decides at the first loss whether its path loses
/// packets. If it does not, packets are lost only when the queue before the narrowest link is full,
/// so that round trips are longer.
#[derive(Debug)]
pub(crate) struct FirstLoss {
    socket: Socket,
    judge: Judge,
}

/// What is known so far, for `FirstLoss`.
#[derive(Debug)]
struct Judge {
    /// Number of out-of-order packets before `FirstLoss` began.
    late_before: u32,
    is_lossy: Option<bool>,
}

impl Judge {
    fn note(&mut self, seen: TcpInfo) -> Option<bool> {
        let has_lost = seen.late_packets.wrapping_sub(self.late_before) >= LOST;
        if self.is_lossy.is_none() && has_lost && !seen.receiving.is_zero() {
            self.is_lossy = Some(!seen.is_queueing(seen.receiving));
        }
        self.is_lossy
    }
}

impl FirstLoss {
    /// Begins now. Returns `None` where the kernel does not say enough.
    pub(super) fn follow(socket: Socket) -> Option<Self> {
        let judge = Judge {
            late_before: socket.seen()?.late_packets,
            is_lossy: None,
        };
        Some(Self { socket, judge })
    }

    /// Looks again. Returns whether the path loses packets; `None` as long as none was lost.
    pub(crate) fn look(&mut self) -> Option<bool> {
        if self.judge.is_lossy.is_some() {
            return self.judge.is_lossy;
        }
        self.judge.note(self.socket.seen()?)
    }
}

/// Bounds how many bytes a server may send ahead, on a connection of whose response only a part is
/// needed.
#[derive(Debug)]
pub(crate) struct ReceiveWindow {
    socket: Socket,
    is_bounded: bool,
}

impl ReceiveWindow {
    pub(super) fn of(socket: Socket) -> Self {
        Self {
            socket,
            is_bounded: false,
        }
    }

    /// Lets the server send `left` bytes more, those included that wait in the socket; `None` lifts
    /// the bound. What the server may send already it may still send (RFC 9293 §3.8.6): call this
    /// before that exceeds `left`, and again as the bytes come.
    pub(crate) fn bound(&mut self, left: Option<u64>) {
        if left.is_none() && !self.is_bounded {
            return;
        }
        self.is_bounded = left.is_some();
        let held = rustix::io::ioctl_fionread(&self.socket.0).unwrap_or_default();
        let most = left.map_or(NO_BOUND, |left| {
            left.saturating_sub(held).clamp(1, NO_BOUND)
        });
        self.socket
            .clamp_window(i32::try_from(most).unwrap_or(i32::MAX));
    }
}

/// A second descriptor of a connection's socket, to ask the kernel about the connection.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

impl Socket {
    /// Returns `None` where there is no descriptor for it: nothing is known then.
    pub(super) fn of(stream: &impl AsFd) -> Option<Self> {
        stream.as_fd().try_clone_to_owned().ok().map(Self)
    }

    /// Returns what the kernel has measured so far; `None` where it does not say.
    pub(super) fn seen(&self) -> Option<TcpInfo> {
        sys::tcp::info(self.0.as_fd())
    }

    fn clamp_window(&self, most: i32) {
        sys::tcp::clamp_window(self.0.as_fd(), most);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn nothing_comes_out_of_order_on_loopback() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let seen = Socket::of(&stream).unwrap().seen();
        let late = seen.map(|seen| seen.late_packets);
        let is_told = cfg!(all(target_os = "linux", not(portable)));
        assert_eq!(late, is_told.then_some(0));
        assert!(seen.is_none_or(|seen| seen.round_trip < Duration::from_secs(1)));
    }

    #[test]
    fn round_trip_is_shorter_than_a_connection_with_lost_packets_took() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (took, least) = (Duration::from_hours(1), Duration::from_nanos(1));
        let is_told = cfg!(all(target_os = "linux", not(portable)));
        assert_eq!(round_trip(&stream, took) < took, is_told);
        assert_eq!(round_trip(&stream, least), least);
    }

    /// Returns what is known after each of these looks, given as late packets and round trip in
    /// milliseconds.
    fn judged(looks: &[(u32, u64)]) -> Vec<Option<bool>> {
        let mut judge = Judge {
            late_before: 7,
            is_lossy: None,
        };
        let seen = |(late, millis): &(u32, u64)| TcpInfo {
            late_packets: 7 + late,
            round_trip: Duration::from_millis(100),
            receiving: Duration::from_millis(*millis),
            shortest: Duration::from_millis(100),
        };
        looks.iter().map(|look| judge.note(seen(look))).collect()
    }

    #[test]
    fn first_loss_tells_a_lossy_path_from_a_full_queue() {
        let (no, yes) = (Some(false), Some(true));
        let lossy = [(0, 100), (306, 101), (900, 130)];
        assert_eq!(judged(&lossy), [None, yes, yes]);
        let full = [(0, 100), (31, 121), (1516, 107)];
        assert_eq!(judged(&full), [None, no, no]);
        // A packet that was overtaken, and a kernel that has measured nothing so far.
        assert_eq!(judged(&[(1, 100), (2, 100)]), [None; 2]);
        assert_eq!(judged(&[(9, 0), (99, 100)]), [None, yes]);
    }

    #[cfg(all(target_os = "linux", not(portable)))]
    #[test]
    fn window_is_bounded_without_what_the_socket_holds() {
        use std::io::Write as _;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut sender, _) = listener.accept().unwrap();
        sender.write_all(&[0; 1000]).unwrap();
        receiver.peek(&mut [0]).unwrap();
        let mut window = ReceiveWindow::of(Socket::of(&receiver).unwrap());
        for (left, most) in [(Some(9192), 8192), (None, 1 << 30)] {
            window.bound(left);
            assert_eq!(sys::tcp::clamped_window(window.socket.0.as_fd()), most);
        }
    }

    #[test]
    fn lifted_bound_lets_the_rest_come() {
        use std::io::{Read as _, Write as _};
        const MORE: usize = 1 << 20;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut receiver = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut sender, _) = listener.accept().unwrap();
        let mut window = ReceiveWindow::of(Socket::of(&receiver).unwrap());
        window.bound(Some(1));
        let sends = std::thread::spawn(move || sender.write_all(&vec![0; MORE]).unwrap());
        window.bound(None);
        receiver.read_exact(&mut vec![0; MORE]).unwrap();
        sends.join().unwrap();
    }

    #[test]
    fn what_is_no_socket_says_nothing() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Socket::of(&file).unwrap().seen(), None);
    }
}
