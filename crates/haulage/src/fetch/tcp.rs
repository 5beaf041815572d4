//! What the kernel says of a TCP connection (`TCP_INFO`, tcp(7)), and what follows from it.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd as _;

/// A round trip that takes so many times as long as the shortest one shows that packets wait in a
/// queue.
const QUEUES: f64 = 1.15;
/// So many packets out of order show that one was lost rather than overtaken (RFC 5681 §3.2).
const LOST: u32 = 3;

/// What the kernel has seen of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Packets that have come out of order so far.
    pub(super) late_packets: u32,
    /// What a round trip takes now, on the average, by when what is sent is acknowledged.
    pub(super) round_trip: Duration,
    /// The same by when an acknowledgement brings more: what counts while much is received and
    /// little sent. Zero where it is not known.
    pub(super) receiving: Duration,
    /// The shortest that it has taken.
    pub(super) shortest: Duration,
}

impl Seen {
    /// Returns whether packets wait in a queue, where this is the round trip now.
    pub(super) fn is_queueing(&self, round_trip: Duration) -> bool {
        round_trip > self.shortest.mul_f64(QUEUES)
    }
}

/// Follows a connection on which much is received, and finds out by the first loss whether its path
/// loses packets. On one that does not, packets are lost only when the queue before the narrowest
/// link is full, so that a round trip takes longer.
#[derive(Debug)]
pub(crate) struct FirstLoss {
    socket: Socket,
    judge: Judge,
}

/// What is known so far.
#[derive(Debug)]
struct Judge {
    /// Packets that had come out of order before it began.
    late_before: u32,
    is_lossy: Option<bool>,
}

impl Judge {
    fn note(&mut self, seen: Seen) -> Option<bool> {
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

/// A connection's socket, held beside its owner for what the kernel says of it.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

impl Socket {
    /// Returns `None` where there is no descriptor for it: nothing is known then.
    pub(super) fn of(stream: &impl AsFd) -> Option<Self> {
        stream.as_fd().try_clone_to_owned().ok().map(Self)
    }

    /// Returns what the kernel has seen of the connection so far. `None` where it does not say:
    /// elsewhere than on Linux, and before version 5.4.
    #[cfg(target_os = "linux")]
    pub(super) fn seen(&self) -> Option<Seen> {
        // Where these stand in `struct tcp_info` of `linux/tcp.h`, which only ever grows at its
        // end: `tcpi_rtt`, `tcpi_rcv_rtt`, `tcpi_min_rtt` and `tcpi_rcv_ooopack`.
        const RTT: usize = 68;
        const RCV_RTT: usize = 92;
        const MIN_RTT: usize = 148;
        const LATE: usize = 224;
        let mut info = [0_u8; LATE + 4];
        let size = info.len();
        let mut length = libc::socklen_t::try_from(size).ok()?;
        #[expect(unsafe_code, reason = "no crate offers it otherwise")]
        // SAFETY: the descriptor is open for as long as it is owned, and the kernel writes no more
        // than `length` bytes into `info`, which has that many.
        let done = unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                info.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        if done != 0 || usize::try_from(length).ok()? < size {
            return None;
        }
        let number = |at: usize| Some(u32::from_ne_bytes(info[at..at + 4].try_into().ok()?));
        let micros = |at| Some(Duration::from_micros(number(at)?.into()));
        Some(Seen {
            late_packets: number(LATE)?,
            round_trip: micros(RTT)?,
            receiving: micros(RCV_RTT)?,
            shortest: micros(MIN_RTT)?,
        })
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn seen(&self) -> Option<Seen> {
        let _ = &self.0;
        None
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
        assert_eq!(late, cfg!(target_os = "linux").then_some(0));
        assert!(seen.is_none_or(|seen| seen.round_trip < Duration::from_secs(1)));
    }

    /// What is known after looks that saw so many late packets, and such a round trip.
    fn judged(looks: &[(u32, u64)]) -> Vec<Option<bool>> {
        let mut judge = Judge {
            late_before: 7,
            is_lossy: None,
        };
        let seen = |(late, millis): &(u32, u64)| Seen {
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
        // One that was overtaken, and a kernel that has measured nothing so far.
        assert_eq!(judged(&[(1, 100), (2, 100)]), [None; 2]);
        assert_eq!(judged(&[(9, 0), (99, 100)]), [None, yes]);
    }

    #[test]
    fn what_is_no_socket_says_nothing() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Socket::of(&file).unwrap().seen(), None);
    }
}
