//! Decides when a response has brought nothing for so long that a server may have to send its
//! lost packets again, which TCP does late: after 200 ms or more. Pure.

use std::time::Duration;

/// Round trips without a byte after which a response is silent.
const ROUND_TRIPS: u32 = 3;
/// Minimum time between two looks: on a short path the other end has other reasons to pause.
const MIN_INTERVAL: Duration = Duration::from_millis(15);
/// Looks for which a response must have brought nothing: the first one may follow right after a
/// byte. They are counted, rather than the time, because looks are late where this machine is.
const MIN_LOOKS: u32 = 5;
/// A pause counts as silence once it is longer than this number of times the longest one before:
/// some servers send in bursts.
const LONGER: u32 = 2;

/// Returns the time between two looks at a small response, for a path with this round trip.
pub(crate) fn interval(round_trip: Duration) -> Duration {
    (round_trip * ROUND_TRIPS / (MIN_LOOKS - 1)).max(MIN_INTERVAL)
}

/// Follows whether a response brings anything.
#[derive(Debug)]
pub(crate) struct Silence {
    /// Bytes received at the last look.
    bytes: u64,
    /// Looks in a row at which nothing had come.
    looks: u32,
    /// The most looks in a row, of pauses that have ended.
    longest: u32,
    /// Looks that are silence.
    most: u32,
}

impl Silence {
    /// Begins to follow a response, with a look after each `interval`.
    pub(crate) fn new(round_trip: Duration, interval: Duration) -> Self {
        let silent = (round_trip * ROUND_TRIPS).as_secs_f64() / interval.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "times are not negative, and what is too large counts as the largest"
        )]
        let most = 1 + silent.ceil() as u32;
        Self {
            bytes: 0,
            looks: 0,
            longest: 0,
            most: most.max(MIN_LOOKS),
        }
    }

    /// Notes that this number of bytes has come. Returns whether the response is silent.
    pub(crate) fn look(&mut self, bytes: u64) -> bool {
        if std::mem::replace(&mut self.bytes, bytes) == bytes {
            self.looks += 1;
        } else {
            self.longest = self.longest.max(self.looks);
            self.looks = 0;
        }
        self.looks >= self.most.max(LONGER * self.longest + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(round_trip: u64) -> Silence {
        let round_trip = Duration::from_millis(round_trip);
        Silence::new(round_trip, interval(round_trip))
    }

    /// Returns after how many looks in a row without a byte it is silent.
    fn looks(silence: &mut Silence, bytes: u64) -> u32 {
        silence.look(bytes);
        (1..100).find(|_| silence.look(bytes)).unwrap_or(u32::MAX)
    }

    #[test]
    fn silence_is_three_round_trips_and_at_least_sixty_milliseconds() {
        for (round_trip, least) in [(0, 60), (1, 60), (20, 60), (100, 300), (300, 900)] {
            let mut silence = silence(round_trip);
            let between = interval(Duration::from_millis(round_trip));
            // Up to one look follows right after the last byte.
            let lasted = between * (looks(&mut silence, 7) - 1);
            assert_eq!(lasted, Duration::from_millis(least), "{round_trip}");
        }
    }

    #[test]
    fn silence_takes_as_long_where_looks_are_more_frequent() {
        let between = Duration::from_millis(25);
        let mut silence = Silence::new(Duration::from_millis(100), between);
        assert_eq!(looks(&mut silence, 7), 13);
    }

    #[test]
    fn silence_is_longer_than_twice_the_pauses_before() {
        let mut silence = silence(20);
        for bytes in 1..4 {
            for _ in 0..4 {
                assert!(!silence.look(bytes));
            }
        }
        // The first look of each four had seen more bytes.
        assert_eq!(looks(&mut silence, 9), 7);
    }
}
