//! Which bytes of a file somebody takes who has nothing else to do. Pure.

use std::ops::Range;

/// How much longer than the fastest one something must take to be taken away from whoever brings
/// it.
pub(crate) const CRAWLS: f64 = 4.0;
/// Seconds that it must have left for that.
const CRAWLS_FOR: f64 = 3.0;

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
}

/// What somebody is bringing.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) rest: Range<u64>,
    /// Bytes per second, if it has been at it for long enough to tell.
    pub(crate) speed: Option<f64>,
}

/// What is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Share {
    /// These bytes, which nobody brings.
    Free(Range<u64>),
    /// These bytes, from there on to the end of what the nth is bringing.
    Of(usize, Range<u64>),
}

/// What to take: first what nobody brings, then the second half of the largest remainder, if that
/// is large and takes long; and of what is too small to split, all that would take very long where
/// it is.
pub(crate) fn share(free: Option<Range<u64>>, running: &[Running], rules: &Rules) -> Option<Share> {
    if let Some(free) = free {
        return Some(Share::Free(free));
    }
    let (nth, largest) = running
        .iter()
        .enumerate()
        .max_by_key(|(_, one)| one.length())?;
    if largest.length() >= rules.least.max(2) && largest.seconds(rules) > rules.pays_after {
        let middle = largest.rest.start + largest.length() / 2;
        return Some(Share::Of(nth, middle..largest.rest.end));
    }
    let (nth, slowest) = running
        .iter()
        .enumerate()
        .filter(|(_, one)| one.length() > 0)
        .max_by(|(_, one), (_, other)| one.seconds(rules).total_cmp(&other.seconds(rules)))?;
    let is_slow = |speed| speed * CRAWLS < rules.usual;
    let crawls = slowest.speed.is_some_and(is_slow) && slowest.seconds(rules) > CRAWLS_FOR;
    crawls.then(|| Share::Of(nth, slowest.rest.clone()))
}

impl Running {
    fn length(&self) -> u64 {
        self.rest.end.saturating_sub(self.rest.start)
    }

    /// How long it will take; one that has just begun may be as fast as any.
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
    };

    fn running(rest: Range<u64>, speed: f64) -> Running {
        let speed = Some(speed);
        Running { rest, speed }
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
        let new = Running {
            rest: 10..70,
            speed: None,
        };
        assert_eq!(share(None, &[new], &RULES), None);
        assert_eq!(share(None, &[running(70..70, 0.0)], &RULES), None);
    }
}
