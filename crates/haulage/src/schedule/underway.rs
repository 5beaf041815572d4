//! Requests of a host that cannot have been answered yet: their connections are being opened, or
//! were opened less than half a round trip ago. Pure.
//!
//! The first responses decide whether the limit is raised. If connections are opened one after
//! another, that decision does not wait for requests sent later. It is half a round trip because
//! requests on connections opened together are answered together: a refusal among them counts.

use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub(super) struct Underway {
    /// Connections that are being opened for requests.
    making: usize,
    /// When the others were opened; a request was sent on each at once.
    made: Vec<Instant>,
}

impl Underway {
    /// Counts a connection that is being made.
    pub(super) fn begin(&mut self) {
        self.making += 1;
    }

    /// Takes a connection back that could not be made.
    pub(super) fn fail(&mut self) {
        self.making = self.making.saturating_sub(1);
    }

    /// Records that a connection was made; a round trip takes `trip`.
    pub(super) fn succeed(&mut self, trip: Duration, now: Instant) {
        self.fail();
        self.forget(trip, now);
        self.made.push(now);
    }

    /// Returns how many requests cannot have been answered by `now`.
    pub(super) fn unanswerable(&mut self, trip: Duration, now: Instant) -> usize {
        self.forget(trip, now);
        self.making + self.made.len()
    }

    fn forget(&mut self, trip: Duration, now: Instant) {
        self.made.retain(|at| now < *at + trip / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIP: Duration = Duration::from_millis(100);

    #[test]
    fn requests_count_half_a_round_trip_after_their_connection() {
        let (mut underway, start) = (Underway::default(), Instant::now());
        let at = |halves| start + TRIP / 2 * halves;
        for _ in 0..3 {
            underway.begin();
        }
        underway.fail();
        assert_eq!(underway.unanswerable(TRIP, start), 2);
        underway.succeed(TRIP, start);
        assert_eq!(underway.unanswerable(TRIP, start), 2);
        assert_eq!(underway.unanswerable(TRIP, at(1)), 1, "one is being made");
        underway.succeed(TRIP, at(1));
        assert_eq!(underway.unanswerable(TRIP, at(2)), 0);
    }
}
