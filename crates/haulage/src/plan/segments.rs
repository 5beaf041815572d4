//! Decides which bytes of a file a free connection downloads next. Pure.

use std::ops::Range;
use std::time::Duration;

/// How many times slower than the fastest connection a response must be for its range to be taken
/// over.
pub(crate) const CRAWLS: f64 = 4.0;
/// Seconds that its rest must take at least for that.
const CRAWLS_FOR: f64 = 0.5;

/// The part of the minimum size that connections which are open and idle may split.
const LEAST_OF_IDLE: u64 = 32;

/// Bytes of the longest rest of a silent response that another connection takes over.
pub(crate) const MAX_SILENT: u64 = 512 << 10;

/// Returns how many bytes a range must have at least so that idle connections split it, where
/// others do from `least` on.
pub(crate) fn least_of_idle(least: u64) -> u64 {
    least / LEAST_OF_IDLE
}

/// Maximum bytes of a segment until one is complete: its connection may be new, and slow.
pub(crate) const MAX_FIRST_BYTES: u64 = 4 << 20;
/// Maximum duration of a segment, in seconds.
const MAX_SECONDS: f64 = 2.0;
/// Maximum duration of a segment in round trips, if that is longer. Between two segments a
/// connection waits for one round trip: after 40 of them that is 2.5% of its time.
const MAX_ROUND_TRIPS: f64 = 40.0;

/// How fast connections download segments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionSpeed {
    /// Bytes per second of the fastest connection so far.
    pub(crate) usual: f64,
    /// Seconds that a connection waits between two segments: a round trip.
    pub(crate) trip: f64,
    /// All connections begin together, before their speed is known.
    pub(crate) is_far: bool,
    /// Several connections have been faster than one.
    pub(crate) is_proven: bool,
}

/// Returns the maximum length of a segment in bytes, if `left` bytes are missing and `connections`
/// may download them. `has_ended`: a connection has completed a segment before.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "speeds are not negative, and what is too large counts as the largest"
)]
pub(crate) fn max_length(
    left: u64,
    connections: u64,
    has_ended: bool,
    speed: &ConnectionSpeed,
) -> u64 {
    let fair = left / connections;
    let lasting = (speed.usual * speed.trip * MAX_ROUND_TRIPS) as u64;
    match has_ended {
        false if speed.is_far => fair,
        false if speed.is_proven => MAX_FIRST_BYTES.max(lasting).min(fair),
        // Several connections may be no faster than one: then a slow one must not hold many bytes.
        false => MAX_FIRST_BYTES.min(fair),
        // Half of a fair share, so that all end together. A last segment is not halved, because the
        // wait for another response would cost more.
        true if fair > lasting / 2 => {
            (fair / 2).min(lasting.max((speed.usual * MAX_SECONDS) as u64))
        }
        true => fair,
    }
}

/// When a range is split.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Minimum bytes of a range that is split.
    pub(crate) least: u64,
    /// Seconds: a range that will be complete sooner is not split.
    pub(crate) pays_after: f64,
    /// Expected bytes per second of the connection that takes a range: those of the fastest so far.
    pub(crate) usual: f64,
    /// Maximum bytes that are taken at once.
    pub(crate) most: u64,
    /// The speed of a response is meaningful after this time.
    pub(crate) settles: Duration,
}

/// A response that is being received.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) rest: Range<u64>,
    /// Bytes per second; `None` if it has not run for long enough to tell.
    pub(crate) speed: Option<f64>,
    /// The response ends with a range that was taken from another one, so it is cut only if it is
    /// slow.
    pub(crate) is_range: bool,
    /// It has brought nothing for some time, and its rest is small.
    pub(crate) is_silent: bool,
}

/// The range that a connection takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SegmentChoice {
    /// A range that no response delivers.
    Free(Range<u64>),
    /// A range at the end of what the nth response has yet to deliver.
    OfRest(usize, Range<u64>),
}

/// Decides which bytes a connection takes next: first the range `free`, which no response delivers;
/// then all that a silent response has left; then a range at the end of the response that takes
/// longest, at most half of its rest, if that is large and takes long. A rest that is too small to
/// split is taken as a whole if it would take very long. Returns `None` if there is nothing to
/// take.
pub(crate) fn choose(
    free: Option<Range<u64>>,
    running: &[Running],
    rules: &Rules,
) -> Option<SegmentChoice> {
    if let Some(free) = free {
        return Some(SegmentChoice::Free(free));
    }
    let silent = running
        .iter()
        .position(|one| one.is_silent && one.length() > 0);
    if let Some(nth) = silent {
        return Some(SegmentChoice::OfRest(nth, running[nth].rest.clone()));
    }
    let longest = running
        .iter()
        .enumerate()
        .filter(|(_, one)| one.may_be_cut(rules))
        .max_by(|(_, one), (_, other)| one.seconds(rules).total_cmp(&other.seconds(rules)));
    if let Some((nth, Running { rest, .. })) = longest {
        let middle = u64::midpoint(rest.start, rest.end);
        let start = middle.max(rest.end.saturating_sub(rules.most));
        return Some(SegmentChoice::OfRest(nth, start..rest.end));
    }
    let (nth, slowest) = running
        .iter()
        .enumerate()
        .filter(|(_, one)| one.length() > 0)
        .max_by(|(_, one), (_, other)| one.seconds(rules).total_cmp(&other.seconds(rules)))?;
    slowest
        .crawls(rules)
        .then(|| SegmentChoice::OfRest(nth, slowest.rest.clone()))
}

impl Running {
    fn may_be_cut(&self, rules: &Rules) -> bool {
        // Cutting a taken range closes its connection. That pays only if the rest takes at least
        // half of the time after which the speed of a new connection is known.
        let pays_after = if self.is_range {
            rules.pays_after.max(rules.settles.as_secs_f64() / 2.0)
        } else {
            rules.pays_after
        };
        self.length() >= rules.least.max(2) && self.seconds(rules) > pays_after
    }

    /// Returns whether the response is very slow: another connection would deliver the rest in a
    /// fraction of the time, although it has to send a new request.
    fn crawls(&self, rules: &Rules) -> bool {
        let is_slow = |speed| speed * CRAWLS < rules.usual;
        let request = rules.settles.as_secs_f64() / 10.0;
        let anew = request + self.length() as f64 / rules.usual.max(f64::MIN_POSITIVE);
        self.speed.is_some_and(is_slow) && self.seconds(rules) > (CRAWLS * anew).max(CRAWLS_FOR)
    }

    fn length(&self) -> u64 {
        self.rest.end.saturating_sub(self.rest.start)
    }

    /// Returns how many seconds the rest will take. A connection that has just begun is assumed to
    /// be as fast as usual.
    fn seconds(&self, rules: &Rules) -> f64 {
        let speed = self.speed.unwrap_or(rules.usual);
        self.length() as f64 / speed.max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        least: 100,
        pays_after: 1.0,
        usual: 50.0,
        most: u64::MAX,
        settles: Duration::ZERO,
    };

    fn running(rest: Range<u64>, speed: f64) -> Running {
        let speed = Some(speed);
        Running {
            rest,
            speed,
            is_range: false,
            is_silent: false,
        }
    }

    #[test]
    fn segments_last_for_forty_round_trips_or_two_seconds() {
        const MIB: u64 = 1 << 20;
        let middle = ConnectionSpeed {
            usual: 10.0 * MIB as f64,
            trip: 0.1,
            is_far: false,
            is_proven: true,
        };
        let near = ConnectionSpeed {
            trip: 0.001,
            ..middle
        };
        let far = ConnectionSpeed {
            trip: 0.3,
            is_far: true,
            ..middle
        };
        let is_proven = false;
        for (left, has_ended, speed, expected) in [
            (1024, false, near, 4),
            (8, false, near, 2),
            (1024, false, middle, 40),
            (
                1024,
                false,
                ConnectionSpeed {
                    is_proven,
                    ..middle
                },
                4,
            ),
            // The speed is not known yet.
            (1024, false, far, 256),
            (1024, true, near, 20),
            (1024, true, middle, 40),
            (1024, true, far, 120),
            (96, true, middle, 12),
            // The rest is too small to wait for a response twice.
            (64, true, middle, 16),
        ] {
            let found = max_length(left * MIB, 4, has_ended, &speed);
            assert_eq!(found / MIB, expected, "{left} {has_ended} {speed:?}");
        }
    }

    #[test]
    fn what_nobody_brings_comes_first() {
        let all = [running(0..1000, 10.0)];
        assert_eq!(
            choose(Some(5..6), &all, &RULES),
            Some(SegmentChoice::Free(5..6))
        );
    }

    #[test]
    fn the_second_half_of_the_largest_is_taken() {
        let all = [
            running(0..300, 50.0),
            running(500..901, 50.0),
            running(950..960, 1.0),
        ];
        assert_eq!(
            choose(None, &all, &RULES),
            Some(SegmentChoice::OfRest(1, 700..901))
        );
    }

    #[test]
    fn a_bounded_range_is_taken_from_the_end() {
        let rules = Rules { most: 100, ..RULES };
        let all = [running(0..1000, 50.0)];
        assert_eq!(
            choose(None, &all, &rules),
            Some(SegmentChoice::OfRest(0, 900..1000))
        );
        let all = [running(0..150, 50.0)];
        assert_eq!(
            choose(None, &all, &rules),
            Some(SegmentChoice::OfRest(0, 75..150))
        );
    }

    #[test]
    fn a_range_is_cut_only_where_it_is_slow() {
        for (speed, is_cut) in [(200.0, false), (50.0, true)] {
            let range = Running {
                is_range: true,
                ..running(500..900, speed)
            };
            // A range must take half of this time to be cut.
            let rules = Rules {
                settles: Duration::from_secs(6),
                ..RULES
            };
            let found = choose(None, &[running(0..20, 50.0), range], &rules);
            let half = SegmentChoice::OfRest(1, 700..900);
            assert_eq!(found, is_cut.then_some(half), "{speed}");
        }
    }

    #[test]
    fn what_is_small_or_soon_there_is_left_alone() {
        for (rest, speed, is_split) in [
            (0..100, 50.0, true),
            (0..99, 50.0, false),
            (0..100, 100.0, false),
            (0..1000, 2000.0, false),
            // No byte has been received yet.
            (0..1000, 0.0, true),
        ] {
            let found = choose(None, &[running(rest.clone(), speed)], &RULES);
            assert_eq!(found.is_some(), is_split, "{rest:?} at {speed}");
        }
        assert_eq!(choose(None, &[], &RULES), None);
    }

    #[test]
    fn what_is_silent_is_taken_over_however_small() {
        let silent = Running {
            is_silent: true,
            ..running(70..72, 50.0)
        };
        let all = [running(0..1000, 50.0), silent];
        let rest = SegmentChoice::OfRest(1, 70..72);
        assert_eq!(choose(None, &all, &RULES), Some(rest));
        let complete = Running {
            is_silent: true,
            ..running(72..72, 50.0)
        };
        assert_eq!(choose(None, &[complete], &RULES), None);
    }

    #[test]
    fn what_crawls_is_taken_over() {
        for (speed, is_taken) in [(10.0, true), (13.0, false), (0.0, true)] {
            let all = [running(10..70, speed), running(70..72, 50.0)];
            let found = choose(None, &all, &RULES);
            assert_eq!(
                found,
                is_taken.then_some(SegmentChoice::OfRest(0, 10..70)),
                "{speed}"
            );
        }
        // A range that ends soon is not requested again: a request takes a tenth of this time.
        for (bytes, settles, is_taken) in [(4, 1, false), (40, 1, true), (40, 10, false)] {
            let rules = Rules {
                settles: Duration::from_secs(settles),
                ..RULES
            };
            let all = [running(0..bytes, 10.0), running(70..71, 50.0)];
            let share = choose(None, &all, &rules);
            assert_eq!(share.is_some(), is_taken, "{bytes} {settles}");
        }
        let new = Running {
            rest: 10..70,
            speed: None,
            is_range: false,
            is_silent: false,
        };
        assert_eq!(choose(None, &[new], &RULES), None);
        assert_eq!(choose(None, &[running(70..70, 0.0)], &RULES), None);
    }
}
