//! What the kernel knows of a TCP connection, and what it lets be set.

use std::time::Duration;

#[cfg(all(test, target_os = "linux", not(portable)))]
pub(crate) use self::linux::clamped_window;
#[cfg(all(target_os = "linux", not(portable)))]
pub(crate) use self::linux::{clamp_window, info};
#[cfg(not(all(target_os = "linux", not(portable))))]
pub(crate) use self::portable::{clamp_window, info};

/// What the kernel has measured on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TcpInfo {
    /// Number of packets that arrived out of order so far.
    pub(crate) late_packets: u32,
    /// The current average round trip, measured by acknowledgements of sent bytes.
    pub(crate) round_trip: Duration,
    /// The current round trip, measured by received bytes: the one that counts while much is
    /// received and little sent. Zero where it is not known.
    pub(crate) receiving: Duration,
    /// The shortest round trip so far.
    pub(crate) shortest: Duration,
}

/// As tcp(7) says.
#[cfg(all(target_os = "linux", not(portable)))]
mod linux {
    use std::os::fd::{AsRawFd as _, BorrowedFd};
    use std::time::Duration;

    use super::TcpInfo;

    /// Returns what the kernel has measured on a connection so far (`TCP_INFO`). `None` where it
    /// does not say, as before Linux 5.4.
    pub(crate) fn info(socket: BorrowedFd<'_>) -> Option<TcpInfo> {
        // Offsets of `tcpi_rtt`, `tcpi_rcv_rtt`, `tcpi_min_rtt` and `tcpi_rcv_ooopack` in `struct
        // tcp_info` of `linux/tcp.h`, which only ever grows at its end.
        const RTT: usize = 68;
        const RCV_RTT: usize = 92;
        const MIN_RTT: usize = 148;
        const LATE: usize = 224;
        let mut info = [0_u8; LATE + 4];
        let size = info.len();
        let mut length = libc::socklen_t::try_from(size).ok()?;
        #[expect(unsafe_code, reason = "no crate offers it otherwise")]
        // SAFETY: the descriptor is open for as long as it is borrowed, and the kernel writes no
        // more than `length` bytes into `info`, which has that many.
        let done = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
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
        Some(TcpInfo {
            late_packets: number(LATE)?,
            round_trip: micros(RTT)?,
            receiving: micros(RCV_RTT)?,
            shortest: micros(MIN_RTT)?,
        })
    }

    /// Announces a window of at most `most` bytes (`TCP_WINDOW_CLAMP`). Where the kernel does not
    /// know that, the server sends more than is of use, which is all.
    pub(crate) fn clamp_window(socket: BorrowedFd<'_>, most: i32) {
        #[expect(unsafe_code, reason = "no crate offers it otherwise")]
        // SAFETY: the descriptor is open for as long as it is borrowed, and the kernel reads the
        // four bytes of `most`, which lives until the call returns.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_WINDOW_CLAMP,
                (&raw const most).cast(),
                4,
            );
        }
    }

    /// Returns the largest window that is announced.
    #[cfg(test)]
    pub(crate) fn clamped_window(socket: BorrowedFd<'_>) -> i32 {
        let (mut most, mut length) = (0_i32, 4);
        #[expect(unsafe_code, reason = "no crate offers it otherwise")]
        // SAFETY: the descriptor is open, and the kernel writes at most `length` bytes, the size of
        // `most`.
        let done = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_WINDOW_CLAMP,
                (&raw mut most).cast(),
                &raw mut length,
            )
        };
        assert_eq!(done, 0);
        most
    }
}

#[cfg(not(all(target_os = "linux", not(portable))))]
mod portable {
    use std::os::fd::BorrowedFd;

    use super::TcpInfo;

    /// Returns nothing: macOS has `TCP_CONNECTION_INFO`, which does not count packets that arrive
    /// out of order.
    pub(crate) fn info(_socket: BorrowedFd<'_>) -> Option<TcpInfo> {
        None
    }

    /// Does nothing: the server sends more than is of use, which is all.
    pub(crate) fn clamp_window(_socket: BorrowedFd<'_>, _most: i32) {}
}
