//! How far a server may send ahead (RFC 9113 §5.2): as far as it takes to keep the way full. Pure.
//!
//! On a long way, what is not acknowledged yet is the speed times a round trip. A window that is
//! smaller than that holds the server up; one that is larger is memory, should the disk fall
//! behind.

use std::time::Duration;

/// Bytes that may be sent ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// On one stream.
    pub(super) stream: u32,
    /// On all streams of a connection.
    pub(super) connection: u32,
}

/// With which a connection begins.
pub(super) const FIRST: Window = Window {
    stream: 2 << 20,
    connection: 8 << 20,
};
/// The largest: at 100 ms, 1.3 Gbit/s.
const LARGEST: Window = Window {
    stream: 16 << 20,
    connection: 16 << 20,
};

impl Window {
    /// Whether it can be no larger.
    pub(super) fn is_largest(self) -> bool {
        self == LARGEST
    }

    /// Bytes under way, of one stream or of several, from which on it may be what holds the server
    /// up.
    pub(super) fn nearly_all(self) -> u64 {
        u64::from(self.stream) / 3 * 2
    }

    /// What it is to be, after so many bytes were taken in this time. The `round_trip` is one of a
    /// connection on which nothing else was under way: where it is the disk that is slow, what
    /// waits for that makes any other longer.
    pub(super) fn after(self, taken: u64, time: Duration, round_trip: Duration) -> Self {
        let under_way = taken as f64 * round_trip.as_secs_f64() / time.as_secs_f64().max(1e-9);
        if under_way < self.nearly_all() as f64 {
            return self;
        }
        // What it holds up may be many times as much.
        let stream = self.stream.saturating_mul(4).min(LARGEST.stream);
        let all = stream.saturating_mul(4).min(LARGEST.connection);
        Self {
            stream,
            connection: self.connection.max(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_grows_as_long_as_it_is_full() {
        let mut window = FIRST;
        let mut steps = 0;
        while !window.is_largest() {
            let full = window.nearly_all();
            assert_eq!(window.after(full - 1, SECOND, SECOND), window);
            let larger = window.after(full, SECOND, SECOND);
            assert!(larger.stream > window.stream && larger.connection >= larger.stream);
            window = larger;
            steps += 1;
        }
        assert_eq!(steps, 2);
        assert_eq!(window.after(u64::MAX, SECOND, SECOND), LARGEST);
    }

    #[test]
    fn on_a_short_way_it_stays_however_much_comes() {
        let round_trip = Duration::from_micros(100);
        assert_eq!(FIRST.after(10 << 30, SECOND, round_trip), FIRST);
        // 20 MB/s at 100 ms is all that it lets through.
        let round_trip = Duration::from_millis(100);
        assert_ne!(FIRST.after(20_000_000, SECOND, round_trip), FIRST);
        assert_eq!(FIRST.after(2_000_000, SECOND, round_trip), FIRST);
    }
}
