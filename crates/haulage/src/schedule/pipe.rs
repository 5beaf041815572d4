//! Judges from the first responses how many requests fill the link to a host. Pure.
//!
//! A server sends the first ten packets of a response at once. So between the heads of responses
//! that come together, bytes come as fast as the narrowest link carries them. Where few connections
//! fill it, and their bodies keep it full, more of them only lose packets: each begins with ten,
//! whatever the others send.

use std::time::{Duration, Instant};

/// What a server sends on a new connection before it waits for an acknowledgement (RFC 6928).
const FIRST_FLIGHT: f64 = 14_600.0;
/// Fewer bytes between two heads say little about the rate.
const LEAST: u64 = 8 << 10;
/// The number of round trips that the bodies must last at the rate of the link, so that it counts
/// as kept full.
const LASTS: f64 = 4.0;
/// The shortest round trip of a path whose link is judged. On a shorter path, such as one within a
/// machine, it depends on the programs when bytes come, not on a link.
const MIN_TRIP: Duration = Duration::from_millis(1);
/// The most round trips until the first byte of a response. If it takes longer, it waits for the
/// server, or the round trip is not that of the whole way.
const PROMPT: u32 = 3;

/// What the first responses of a host have shown so far.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    /// When the last head came, and what had come in all by then.
    last: Option<(Instant, u64)>,
    /// The best rate between two heads, in bytes per second.
    rate: f64,
    /// The quickest response.
    latency: Option<Duration>,
    /// The length of the shortest body; 0 if that of one is unknown.
    shortest: Option<u64>,
}

/// A link that few requests fill.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Filled {
    /// How many requests fill it at the moment when the latest of them begin, and those that were
    /// in flight before send twice as much as at first.
    pub(super) by: f64,
    /// What they bring then, in bytes per second. Each answer counts with some bytes besides its
    /// body.
    pub(super) rate: f64,
}

impl Pipe {
    /// Notes the head of a response, which took `latency`; `bytes` have come in all, and
    /// its body has this `length`.
    pub(super) fn note_head(
        &mut self,
        latency: Duration,
        now: Instant,
        bytes: u64,
        length: Option<u64>,
    ) {
        let length = length.unwrap_or(0);
        self.shortest = Some(self.shortest.map_or(length, |least| least.min(length)));
        self.latency = Some(self.latency.map_or(latency, |least| least.min(latency)));
        if let Some((before, earlier)) = self.last.replace((now, bytes)) {
            let came = bytes.saturating_sub(earlier);
            let passed = now.saturating_duration_since(before).as_secs_f64();
            if came >= LEAST && passed > 0.0 {
                self.rate = self.rate.max(came as f64 / passed);
            }
        }
    }

    /// Returns what fills the link with this round trip, if `requests` that are in flight keep it
    /// full. An answer counts for `answer` bytes besides its body.
    pub(super) fn filled(&self, trip: Duration, requests: usize, answer: u64) -> Option<Filled> {
        let shortest = self.shortest? as f64;
        let under_way = self.rate * trip.as_secs_f64();
        let is_kept_full = shortest * requests as f64 >= under_way * LASTS;
        let is_prompt = self.latency? <= trip * PROMPT;
        let is_measured = trip >= MIN_TRIP && under_way > 0.0;
        (is_measured && is_kept_full && is_prompt).then(|| Filled {
            // Those that are in flight have doubled what they send when others begin.
            by: (under_way / FIRST_FLIGHT).floor() - requests as f64,
            rate: self.rate * (1.0 + answer as f64 / shortest),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Notes four heads, each `apart` microseconds after the one before, with ten packets between.
    fn heads(apart: u64, latency: Duration, length: Option<u64>) -> Pipe {
        let (mut pipe, start) = (Pipe::default(), Instant::now());
        for number in 0..4 {
            let now = start + Duration::from_micros(apart * number);
            pipe.note_head(latency, now, 14_300 * number, length);
        }
        pipe
    }

    fn filled_by(pipe: &Pipe, trip: Duration) -> Option<f64> {
        pipe.filled(trip, 4, 0).map(|filled| filled.by)
    }

    #[test]
    fn narrow_link_is_filled_by_few_large_files() {
        let length = Some(200 << 10);
        // 50 and 200 Mbit/s, as seen between heads.
        for (apart, trip, expected) in [
            (2300, 20, Some(4.0)),
            (550, 20, None),
            (2300, 100, None),
            (2300, 26, Some(7.0)),
            (11_500, 20, Some(-3.0)),
        ] {
            let pipe = heads(apart, MS * trip, length);
            assert_eq!(filled_by(&pipe, MS * trip), expected, "{apart} {trip}");
        }
    }

    #[test]
    fn lost_head_says_nothing_about_the_rate() {
        let mut pipe = heads(2300, 20 * MS, Some(200 << 10));
        let (now, bytes) = pipe.last.unwrap();
        pipe.note_head(90 * MS, now + 65 * MS, bytes + 200_000, Some(200 << 10));
        assert_eq!(filled_by(&pipe, 20 * MS), Some(4.0));
    }

    #[test]
    fn short_or_unknown_bodies_do_not_keep_it_full() {
        for length in [Some(16 << 10), None] {
            let mut pipe = heads(2300, 20 * MS, Some(200 << 10));
            let (now, bytes) = pipe.last.unwrap();
            pipe.note_head(20 * MS, now, bytes, length);
            assert_eq!(filled_by(&pipe, 20 * MS), None);
        }
    }

    #[test]
    fn path_within_one_machine_says_nothing() {
        let trip = Duration::from_micros(40);
        for apart in [100, 400, 2300] {
            let pipe = heads(apart, trip, Some(200 << 10));
            assert_eq!(filled_by(&pipe, trip), None);
        }
    }

    #[test]
    fn slow_server_and_unknown_round_trip_say_nothing() {
        let pipe = heads(2300, 70 * MS, Some(200 << 10));
        assert_eq!(filled_by(&pipe, 20 * MS), None);
        assert_eq!(filled_by(&pipe, Duration::ZERO), None);
    }
}
