//! What the kernel says of a TCP connection (`TCP_INFO`, tcp(7)).

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd as _;

/// What the kernel has seen of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Packets that have come out of order so far.
    pub(super) late_packets: u32,
    /// What a round trip takes now, on the average.
    pub(super) round_trip: Duration,
    /// The shortest that it has taken.
    pub(super) shortest: Duration,
}

/// A connection's socket, held beside its owner for what the kernel says of it.
#[derive(Debug)]
pub(in crate::fetch) struct Socket(OwnedFd);

impl Socket {
    /// Returns `None` where there is no descriptor for it: nothing is known then.
    pub(in crate::fetch) fn of(stream: &impl AsFd) -> Option<Self> {
        stream.as_fd().try_clone_to_owned().ok().map(Self)
    }

    /// Returns what the kernel has seen of the connection so far. `None` where it does not say:
    /// elsewhere than on Linux, and before version 5.4.
    #[cfg(target_os = "linux")]
    pub(super) fn seen(&self) -> Option<Seen> {
        // Where these stand in `struct tcp_info` of `linux/tcp.h`, which only ever grows at its
        // end: `tcpi_rtt`, `tcpi_min_rtt` and `tcpi_rcv_ooopack`.
        const RTT: usize = 68;
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

    #[test]
    fn what_is_no_socket_says_nothing() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Socket::of(&file).unwrap().seen(), None);
    }
}
