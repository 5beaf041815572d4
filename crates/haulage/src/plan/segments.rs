//! Which bytes of a file somebody takes who has nothing else to do. Pure.

use std::ops::Range;
use std::time::Duration;

/// How much longer than the fastest one something must take to be taken away from whoever brings
/// it.
pub(crate) const CRAWLS: f64 = 4.0;
/// Seconds that it must have left for that, at least.
const CRAWLS_FOR: f64 = 0.5;

/// Most bytes of a segment before any has come to its end: its connection may be new, and slow.
pub(crate) const FIRST: u64 = 4 << 20;
/// Seconds that a segment takes at most.
const LONGEST: f64 = 2.0;
/// Round trips that a segment takes at most where that is longer. Between two segments a connection
/// waits for one: after 40 of them that is 2.5% of its time.
const LONGEST_TRIPS: f64 = 40.0;

/// How a connection brings a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Bytes per second of the fastest connection so far.
    pub(crate) usual: f64,
    /// Seconds that a connection waits between two segments: a round trip.
    pub(crate) trip: f64,
    /// All connections begin together, before their speed is known.
    pub(crate) is_far: bool,
    /// Several connections have brought more than one.
    pub(crate) is_proven: bool,
}

/// Returns the maximum length of a segment in bytes, if `left` bytes are missing and `connections`
/// may download them. `has_ended`: a connection has completed a segment before.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "speeds are not negative, and what is too large counts as the largest"
)]
pub(crate) fn most(left: u64, connections: u64, has_ended: bool, pace: &Pace) -> u64 {
    let fair = left / connections;
    let lasting = (pace.usual * pace.trip * LONGEST_TRIPS) as u64;
    match has_ended {
        false if pace.is_far => fair,
        false if pace.is_proven => FIRST.max(lasting).min(fair),
        // If they bring no more than one, little is left to one that is slow.
        false => FIRST.min(fair),
        // Halves, so that all end together; but the last ones are not worth waiting between them.
        true if fair > lasting / 2 => (fair / 2).min(lasting.max((pace.usual * LONGEST) as u64)),
        true => fair,
    }
}

/// When something is shared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Bytes: what is smaller is not split.
    pub(crate) least: u64,
    /// Seconds: what will be there sooner is not split.
    pub(crate) pays_after: f64,
    /// Bytes per second that somebody who took a share could be expected to bring, where that is
    /// known.
    pub(crate) usual: f64,
    /// Bytes: no more is taken at once.
    pub(crate) most: u64,
    /// A response's speed tells something after this time.
    pub(crate) settles: Duration,
}

/// What somebody is bringing.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) rest: Range<u64>,
    /// Bytes per second, if it has been at it for long enough to tell.
    pub(crate) speed: Option<f64>,
    /// Its response ends with a range that was taken from another one, so it is not cut unless it
    /// is slow.
    pub(crate) is_range: bool,
}

/// What is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Share {
    /// These bytes, which nobody brings.
    Free(Range<u64>),
    /// These bytes, from there on to the end of what the nth is bringing.
    Of(usize, Range<u64>),
}

/// Decides which bytes a connection takes next: first the range `free`, which no response brings;
/// then a range at the end of the response that takes longest, at most half of its rest, if that is
/// large and takes long. A rest that is too small to split is taken as a whole if it would take
/// very long. Returns `None` if there is nothing to take.
pub(crate) fn share(free: Option<Range<u64>>, running: &[Running], rules: &Rules) -> Option<Share> {
    if let Some(free) = free {
        return Some(Share::Free(free));
    }
    let longest = running
        .iter()
        .enumerate()
        .filter(|(_, one)| one.may_be_cut(rules))
        .max_by(|(_, one), (_, other)| one.seconds(rules).total_cmp(&other.seconds(rules)));
    if let Some((nth, Running { rest, .. })) = longest {
        let middle = u64::midpoint(rest.start, rest.end);
        let start = middle.max(rest.end.saturating_sub(rules.most));
        return Some(Share::Of(nth, start..rest.end));
    }
    let (nth, slowest) = running
        .iter()
        .enumerate()
        .filter(|(_, one)| one.length() > 0)
        .max_by(|(_, one), (_, other)| one.seconds(rules).total_cmp(&other.seconds(rules)))?;
    slowest
        .crawls(rules)
        .then(|| Share::Of(nth, slowest.rest.clone()))
}

impl Running {
    fn may_be_cut(&self, rules: &Rules) -> bool {
        // Whoever cuts a range closes the connection that brings it: half of the time in which the
        // speed of a new one shows is worth that.
        let pays_after = if self.is_range {
            rules.pays_after.max(rules.settles.as_secs_f64() / 2.0)
        } else {
            rules.pays_after
        };
        self.length() >= rules.least.max(2) && self.seconds(rules) > pays_after
    }

    /// Returns whether it takes very long for what it has left: somebody else, for whom it would be
    /// a new request, would bring that in a fraction of the time.
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
        }
    }

    #[test]
    fn segments_last_for_forty_round_trips_or_two_seconds() {
        const MIB: u64 = 1 << 20;
        let pace = Pace {
            usual: 10.0 * MIB as f64,
            trip: 0.1,
            is_far: false,
            is_proven: true,
        };
        let near = Pace {
            trip: 0.001,
            ..pace
        };
        let far = Pace {
            trip: 0.3,
            is_far: true,
            ..pace
        };
        let is_proven = false;
        for (left, has_ended, pace, expected) in [
            (1024, false, near, 4),
            (8, false, near, 2),
            (1024, false, pace, 40),
            (1024, false, Pace { is_proven, ..pace }, 4),
            // How fast it is, is not known so far.
            (1024, false, far, 256),
            (1024, true, near, 20),
            (1024, true, pace, 40),
            (1024, true, far, 120),
            (96, true, pace, 12),
            // What is left is not worth waiting for a response twice.
            (64, true, pace, 16),
        ] {
            let found = most(left * MIB, 4, has_ended, &pace);
            assert_eq!(found / MIB, expected, "{left} {has_ended} {pace:?}");
        }
    }

    #[test]
    fn what_nobody_brings_comes_first() {
        let all = [running(0..1000, 10.0)];
        assert_eq!(share(Some(5..6), &all, &RULES), Some(Share::Free(5..6)));
    }

    #[test]
    fn the_second_half_of_the_largest_is_taken() {
        let all = [
            running(0..300, 50.0),
            running(500..901, 50.0),
            running(950..960, 1.0),
        ];
        assert_eq!(share(None, &all, &RULES), Some(Share::Of(1, 700..901)));
    }

    #[test]
    fn a_bounded_range_is_taken_from_the_end() {
        let rules = Rules { most: 100, ..RULES };
        let all = [running(0..1000, 50.0)];
        assert_eq!(share(None, &all, &rules), Some(Share::Of(0, 900..1000)));
        let all = [running(0..150, 50.0)];
        assert_eq!(share(None, &all, &rules), Some(Share::Of(0, 75..150)));
    }

    #[test]
    fn a_range_is_cut_only_where_it_is_slow() {
        for (speed, is_cut) in [(200.0, false), (50.0, true)] {
            let range = Running {
                is_range: true,
                ..running(500..900, speed)
            };
            // Half of this is how long a range must take to be cut.
            let rules = Rules {
                settles: Duration::from_secs(6),
                ..RULES
            };
            let found = share(None, &[running(0..20, 50.0), range], &rules);
            let half = Share::Of(1, 700..900);
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
            // It has not brought anything yet.
            (0..1000, 0.0, true),
        ] {
            let found = share(None, &[running(rest.clone(), speed)], &RULES);
            assert_eq!(found.is_some(), is_split, "{rest:?} at {speed}");
        }
        assert_eq!(share(None, &[], &RULES), None);
    }

    #[test]
    fn what_crawls_is_taken_over() {
        for (speed, is_taken) in [(10.0, true), (13.0, false), (0.0, true)] {
            let all = [running(10..70, speed), running(70..72, 50.0)];
            let found = share(None, &all, &RULES);
            assert_eq!(found, is_taken.then_some(Share::Of(0, 10..70)), "{speed}");
        }
        // What is there soon is not requested anew, which takes a tenth of this.
        for (bytes, settles, is_taken) in [(4, 1, false), (40, 1, true), (40, 10, false)] {
            let rules = Rules {
                settles: Duration::from_secs(settles),
                ..RULES
            };
            let all = [running(0..bytes, 10.0), running(70..71, 50.0)];
            let share = share(None, &all, &rules);
            assert_eq!(share.is_some(), is_taken, "{bytes} {settles}");
        }
        let new = Running {
            rest: 10..70,
            speed: None,
            is_range: false,
        };
        assert_eq!(share(None, &[new], &RULES), None);
        assert_eq!(share(None, &[running(70..70, 0.0)], &RULES), None);
    }
}
