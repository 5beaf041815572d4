//! Decides when a response is silent: when nothing of it has come for so long that its last packets
//! may be lost. TCP sends them again late, after 200 ms or more. Pure.

use std::time::Duration;

/// Round trips without a byte after which a response is silent.
const ROUND_TRIPS: u32 = 3;
/// Minimum time between two looks: on a short path, servers pause for other reasons.
const MIN_INTERVAL: Duration = Duration::from_millis(15);
/// Minimum number of looks in a row at which nothing has come. The first may follow right after a
/// byte. Looks are counted, not time: a machine that is busy, or was stopped, looks late.
const MIN_LOOKS: u32 = 5;
/// A pause counts as silence once it is longer than this number of times the longest one before:
/// some servers send in bursts.
const LONGER: u32 = 2;
/// Minimum number of bytes that would have come in the pause, at the average speed of the response.
/// What comes over TLS can be read only in records of up to 16 KiB, and slow servers send in pieces
/// too.
const MIN_BYTES: u64 = 32 << 10;
/// Looks after which [`Silence::look`] says again that a response is silent.
const AGAIN: u32 = 4;

/// Returns the time between two looks at a small response, for a path with this round trip.
pub(crate) fn interval(round_trip: Duration) -> Duration {
    (round_trip * ROUND_TRIPS / (MIN_LOOKS - 1)).max(MIN_INTERVAL)
}

/// Follows whether a response brings anything.
#[derive(Debug)]
pub(crate) struct Silence {
    /// Bytes received at the last look.
    bytes: u64,
    /// The number of looks so far.
    all: u32,
    /// Looks in a row at which nothing had come.
    looks: u32,
    /// The most looks in a row, of pauses that have ended.
    longest: u32,
    /// The least looks in a row that count as silence.
    least: u32,
}

impl Silence {
    /// Begins to follow a response whose head took `latency`, with a look after each `interval`.
    /// What makes the head late, such as the server's disk, may make the body pause for as long.
    pub(crate) fn new(round_trip: Duration, latency: Duration, interval: Duration) -> Self {
        let silent = latency.max(round_trip * ROUND_TRIPS);
        let silent = silent.as_secs_f64() / interval.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "times are not negative, and what is too large counts as the largest"
        )]
        let least = 1 + silent.ceil() as u32;
        Self {
            bytes: 0,
            all: 0,
            looks: 0,
            longest: 0,
            least: least.max(MIN_LOOKS),
        }
    }

    /// Notes that this number of bytes of the response has come. Returns whether it is silent, and
    /// while it stays so, only at every fourth look. A response without any byte is not silent: its
    /// server may be preparing it.
    pub(crate) fn look(&mut self, bytes: u64) -> bool {
        self.all += 1;
        if std::mem::replace(&mut self.bytes, bytes) != bytes {
            self.longest = self.longest.max(self.looks);
            self.looks = 0;
            return false;
        }
        self.looks += 1;
        let least = self.least.max(LONGER * self.longest + 1);
        let expected = bytes * u64::from(self.looks) / u64::from(self.all);
        self.looks >= least && (self.looks - least).is_multiple_of(AGAIN) && expected >= MIN_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(round_trip: u64) -> Silence {
        let round_trip = Duration::from_millis(round_trip);
        Silence::new(round_trip, Duration::ZERO, interval(round_trip))
    }

    const BYTES: u64 = 100 << 10;

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
            let lasted = between * (looks(&mut silence, BYTES) - 1);
            assert_eq!(lasted, Duration::from_millis(least), "{round_trip}");
        }
    }

    #[test]
    fn silence_takes_as_long_where_looks_are_more_frequent() {
        let between = Duration::from_millis(25);
        let mut silence = Silence::new(Duration::from_millis(100), Duration::ZERO, between);
        assert_eq!(looks(&mut silence, BYTES), 13);
    }

    #[test]
    fn silence_is_not_shorter_than_the_wait_for_the_head() {
        let between = Duration::from_millis(15);
        for (latency, least) in [(0, 5), (60, 5), (61, 6), (300, 21)] {
            let latency = Duration::from_millis(latency);
            let mut silence = Silence::new(Duration::from_millis(20), latency, between);
            assert_eq!(looks(&mut silence, BYTES), least, "{latency:?}");
        }
    }

    #[test]
    fn silence_is_longer_than_twice_the_pauses_before() {
        let mut silence = silence(20);
        for piece in 1..4 {
            for _ in 0..4 {
                assert!(!silence.look(piece * BYTES));
            }
        }
        // The first look of each four had seen more bytes.
        assert_eq!(looks(&mut silence, 4 * BYTES), 7);
    }

    #[test]
    fn response_without_a_byte_is_not_silent() {
        assert_eq!(looks(&mut silence(20), 0), u32::MAX);
    }

    #[test]
    fn pause_of_a_slow_response_is_silence_only_beyond_two_records() {
        // 2 KiB come between two looks.
        let mut silence = silence(1);
        for look in 1..100 {
            assert!(!silence.look(look * (2 << 10)));
        }
        let until = looks(&mut silence, 200 << 10);
        assert!((16..25).contains(&until), "{until}");
    }

    #[test]
    fn silence_is_told_again_from_time_to_time() {
        let mut silence = silence(20);
        silence.look(BYTES);
        let told: Vec<u32> = (1..15).filter(|_| silence.look(BYTES)).collect();
        assert_eq!(told, [5, 9, 13]);
    }
}
