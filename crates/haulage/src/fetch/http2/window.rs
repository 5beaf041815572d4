//! Sizes the flow-control windows of HTTP/2 (RFC 9113 §5.2): large enough to keep the path full.
//! Pure.
//!
//! The bytes in flight on a path are the throughput times the round trip. A smaller window makes
//! the server wait; a larger one costs memory if the disk is slow. The window of one stream only
//! grows. The window of a connection grows and shrinks with what is measured, since it bounds the
//! memory.

use std::time::Duration;

/// Bytes that the server may send before they are acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FlowWindow {
    /// Bytes on one stream.
    pub(super) stream: u32,
    /// Bytes on all streams of a connection together.
    pub(super) connection: u32,
}

/// The first window of a connection. A larger one was measured, and gains nothing: a server far
/// away then sends more at once than the queue before the narrowest link holds.
pub(super) const FIRST: FlowWindow = FlowWindow {
    stream: 8 << 20,
    connection: 8 << 20,
};
/// The largest window: enough for 1 Gbit/s at a round trip of 100 ms.
pub(super) const LARGEST: FlowWindow = FlowWindow {
    stream: 16 << 20,
    connection: 16 << 20,
};
/// Bytes: the smallest window of a connection whose bytes are taken slowly. It is more than one
/// read and one write, so that neither waits for the other.
const SLOW: u32 = 4 << 20;
/// A window of more than this many times the bytes in flight is reduced to `KEPT` times these.
const TOO_LARGE: f64 = 8.0;
const KEPT: f64 = 4.0;

impl FlowWindow {
    /// Returns from how many bytes under way on, of one stream or of several, the window may be
    /// what holds the server up.
    pub(super) fn nearly_all(self) -> u64 {
        u64::from(self.stream.min(self.connection)) / 3 * 2
    }

    /// Returns what it is to be, after this many bytes were `taken` in this `time`. The
    /// `round_trip` is one of a connection on which nothing else was under way: where the disk is
    /// slow, what waits for it makes any other longer.
    pub(super) fn after(self, taken: u64, time: Duration, round_trip: Duration) -> Self {
        let under_way = taken as f64 * round_trip.as_secs_f64() / time.as_secs_f64().max(1e-9);
        if under_way >= self.nearly_all() as f64 {
            // The window is the limit, so the path may have room for many times as much.
            let stream = self.stream.saturating_mul(4).min(LARGEST.stream);
            let all = stream.saturating_mul(4).min(LARGEST.connection);
            return Self {
                stream,
                connection: self.connection.max(all),
            };
        }
        let mut connection = self.connection;
        if under_way * TOO_LARGE < f64::from(connection) {
            connection = connection.min(bytes(under_way * KEPT).max(SLOW));
        }
        Self { connection, ..self }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is positive, and too large a number becomes the largest"
)]
fn bytes(number: f64) -> u32 {
    number as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const TRIP: Duration = Duration::from_millis(100);

    #[test]
    fn full_window_grows_to_the_largest() {
        let mut window = FIRST;
        let mut steps = 0;
        while window != LARGEST {
            let full = window.nearly_all();
            assert_eq!(window.after(full - 1, SECOND, SECOND), window);
            let larger = window.after(full, SECOND, SECOND);
            assert!(larger.stream > window.stream && larger.connection >= larger.stream);
            window = larger;
            steps += 1;
        }
        assert_eq!(steps, 1);
        assert_eq!(window.after(u64::MAX, SECOND, SECOND), LARGEST);
    }

    #[test]
    fn short_path_does_not_grow_however_much_comes() {
        let round_trip = Duration::from_micros(100);
        let window = FIRST.after(10 << 30, SECOND, round_trip);
        assert_eq!(window.stream, FIRST.stream);
        assert!(window.connection <= FIRST.connection);
        // 80 MB/s at 100 ms is all that it lets through.
        assert_ne!(FIRST.after(80_000_000, SECOND, TRIP), FIRST);
        assert_eq!(FIRST.after(12_000_000, SECOND, TRIP), FIRST);
    }

    /// The window must be this many times the bytes in flight: its update takes half a round trip,
    /// and is sent only when a third of the window has been used.
    const ROOM: f64 = 1.5;

    /// Returns the window after 50 changes on a path with this round trip and a rate of `link`,
    /// where the disk takes `disk`, both in bytes per second. Time is virtual.
    fn follows(mut window: FlowWindow, round_trip: Duration, link: f64, disk: f64) -> FlowWindow {
        for _ in 0..50 {
            let let_through = f64::from(window.stream.min(window.connection)) / ROOM;
            let rate = link
                .min(disk)
                .min(let_through / round_trip.as_secs_f64().max(1e-9));
            let taken = window.nearly_all();
            let time = Duration::from_secs_f64(taken as f64 / rate);
            window = window.after(taken, time, round_trip);
        }
        window
    }

    #[test]
    fn window_never_holds_a_link_up_below_its_largest() {
        for trip in [1, 20, 100, 300] {
            for megabits in [10, 50, 200, 1000] {
                let trip = Duration::from_millis(trip);
                let rate = f64::from(megabits) * 125_000.0;
                let window = follows(FIRST, trip, rate, f64::INFINITY);
                let enough = bytes(rate * trip.as_secs_f64() * ROOM).min(LARGEST.stream - 2);
                assert!(window.stream.min(window.connection) >= enough, "{window:?}");
            }
        }
    }

    #[test]
    fn slow_disk_shrinks_the_window_and_a_fast_one_restores_it() {
        let slow = follows(LARGEST, TRIP, 60e6, 1e6);
        assert_eq!((slow.stream, slow.connection), (LARGEST.stream, SLOW));
        let fast = follows(slow, TRIP, 100e6, f64::INFINITY);
        assert_eq!(fast.connection, LARGEST.connection);
    }
}
