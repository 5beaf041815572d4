//! Decides whether a path loses packets, from the number of out-of-order packets that the kernel
//! reports. Pure.
//!
//! Packets that are sent faster than the narrowest link carries wait in the queue before it, and
//! are lost when the queue is full. Such losses are no reason for more connections. While the queue
//! is full, round trips are longer than the shortest one; losses of the path itself happen at any
//! time.

use std::time::{Duration, Instant};

use crate::sys::tcp::TcpInfo;

/// Losses are noted once for each round trip, but not more often than this.
const LEAST: Duration = Duration::from_millis(25);
/// Number of round trips that are remembered.
const REMEMBERED: u32 = 24;

/// From this many separate losses on, there are several: a queue that overflows when a connection
/// begins causes only one or two.
const SEVERAL: u32 = 3;
/// If packets were lost in this many round trips, no overflowing queue is the cause: it does not
/// lose packets for so long.
const OFTEN: u32 = 12;

/// The losses of a connection in its last round trips.
#[derive(Debug)]
pub(super) struct Losses {
    trip: Duration,
    since: Instant,
    /// Number of out-of-order packets so far.
    late: u32,
    /// One bit for each round trip, the latest in the lowest bit: whether a packet was lost.
    trips: u32,
}

impl Losses {
    pub(super) fn new(trip: Duration, now: Instant) -> Self {
        Self {
            trip: trip.max(LEAST),
            since: now,
            late: 0,
            trips: 0,
        }
    }

    /// Returns whether it is time to look again.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.since + self.trip
    }

    /// Notes what the kernel has seen so far.
    pub(super) fn note(&mut self, seen: TcpInfo, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        let trips = passed.as_nanos() / self.trip.as_nanos();
        let trips = u32::try_from(trips).unwrap_or(u32::MAX).min(REMEMBERED);
        let has_lost = std::mem::replace(&mut self.late, seen.late_packets) != seen.late_packets;
        let is_lossy = has_lost && !seen.is_queueing(seen.round_trip);
        self.trips = (self.trips << trips | u32::from(is_lossy)) & ((1 << REMEMBERED) - 1);
        self.since = now;
    }

    /// Returns whether packets have been lost at several times, not only once: so a queue that ran
    /// over as a connection began does not count.
    pub(super) fn are_several(&self) -> bool {
        // Losses in consecutive round trips count as one.
        let begun = self.trips & !(self.trips >> 1);
        begun.count_ones() >= SEVERAL || self.trips.count_ones() >= OFTEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIP: Duration = Duration::from_millis(100);

    fn seen(late_packets: u32, round_trip: Duration) -> TcpInfo {
        TcpInfo {
            late_packets,
            round_trip,
            receiving: round_trip,
            shortest: TRIP,
        }
    }

    /// Returns what is known after round trips with these numbers of late packets.
    fn after(trips: &[u32]) -> Losses {
        after_trips_of(TRIP, trips)
    }

    fn after_trips_of(round_trip: Duration, trips: &[u32]) -> Losses {
        let start = Instant::now();
        let (mut losses, mut late, mut now) = (Losses::new(TRIP, start), 0, start);
        for more in trips {
            now += TRIP;
            assert!(losses.is_due(now));
            late += more;
            losses.note(seen(late, round_trip), now);
        }
        losses
    }

    #[test]
    fn queue_that_ran_over_once_is_no_sign_of_losses() {
        assert!(!after(&[0; 30]).are_several());
        assert!(!after(&[0, 0, 900, 800, 20, 1, 0, 0]).are_several());
        assert!(!after(&[0, 0, 900, 800, 0, 1, 0, 0]).are_several());
    }

    #[test]
    fn queue_that_runs_over_again_and_again_is_no_sign_of_losses() {
        let trips = [0, 900, 0, 800, 0, 0, 700, 20, 0, 500];
        assert!(after(&trips).are_several());
        assert!(!after_trips_of(2 * TRIP, &trips).are_several());
        assert!(!after_trips_of(2 * TRIP, &[3; 30]).are_several());
    }

    #[test]
    fn losses_at_several_times_are_seen_and_forgotten() {
        assert!(after(&[0, 3, 0, 0, 8, 0, 1]).are_several());
        assert!(after(&[3; 12]).are_several());
        let mut trips = vec![1, 0, 1, 0, 1];
        trips.resize(30, 0);
        assert!(!after(&trips).are_several());
    }

    #[test]
    fn time_without_a_look_counts_as_many_round_trips() {
        let mut losses = after(&[1, 0, 1, 0, 1]);
        losses.note(seen(losses.late, TRIP), losses.since + 100 * TRIP);
        assert!(!losses.are_several());
    }
}
