//! How many requests may be in flight in all: found by trying, up to the configured maximum. Pure:
//! time comes in as a parameter.
//!
//! The limit starts at 32, or at the limit of one host if that is more, and doubles as long as the
//! throughput of all hosts together grows. Then it tries a quarter more from time to time, and
//! keeps that if throughput grows. Refusals do not lower it: the limits of the hosts handle those.
//! If descriptors run out, it is lowered for good.

use std::time::{Duration, Instant};

use super::host_limit::ANSWER;
use crate::event::LimitChange as Why;

/// The lowest initial limit.
const START: usize = 32;
/// A higher limit is kept if it raises throughput by this factor.
const GAIN: f64 = 1.05;
/// A round ends after as many responses as requests may be in flight, but not before this.
const MIN_ROUND: Duration = Duration::from_millis(100);
/// While long bodies arrive, a round ends after this.
const LONG_ROUND: Duration = Duration::from_secs(1);
/// How many times longer a round is while the limit holds or a trial is measured: there is time.
const CAREFULLY: u32 = 4;
/// The wait before the next trial at first.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest wait before the next trial, after repeated trials without a gain.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// How many requests may be in flight in all.
#[derive(Debug)]
pub(super) struct GlobalLimit {
    now: usize,
    most: usize,
    phase: Phase,
    /// The wait before the next trial.
    pause: Duration,
    /// When descriptors last ran out; `None` if they never have.
    exhausted: Option<Instant>,
    round: Round,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// The limit doubles each round. `before`: the previous limit, and its throughput in units per
    /// second; `None` in the first round.
    SlowStart { before: Option<(usize, f64)> },
    /// A limit above `from` is being tried. `before`: the throughput at `from`, in units per
    /// second.
    Probe { from: usize, before: f64 },
    /// Nothing is tried before `until`.
    Hold { until: Instant },
}

/// The current measurement.
#[derive(Debug)]
struct Round {
    since: Instant,
    received: Received,
    /// The former limit, while responses still belong to requests sent under it; `None` after that.
    before: Option<usize>,
}

/// Bytes and responses received so far, from all hosts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) bytes: u64,
    pub(super) answers: u64,
}

impl Received {
    fn units(self) -> u64 {
        self.bytes + ANSWER * self.answers
    }
}

impl GlobalLimit {
    /// Creates the limit, at no fewer than `per_host`: that number is found by trying too, and of
    /// two searches at once, each would take the other's bound for the point where more brings
    /// nothing.
    pub(super) fn new(most: usize, per_host: usize, now: Instant) -> Self {
        Self {
            now: START.max(per_host).min(most),
            most,
            phase: Phase::SlowStart { before: None },
            pause: FIRST_PAUSE,
            exhausted: None,
            round: Round::begin(now, Received::default(), None),
        }
    }

    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// Returns the most requests that it may ever allow.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Records that there are no descriptors for the requests in flight, and lowers the limit for
    /// good. `None` if that changes nothing now.
    pub(super) fn on_descriptors_exhausted(&mut self, now: Instant) -> Option<Why> {
        if self
            .exhausted
            .is_some_and(|before| now < before + LONG_ROUND)
        {
            // Failures of requests that were in flight together count once.
            return None;
        }
        self.exhausted = Some(now);
        let before = self.now;
        self.most = (self.now / 2).max(1);
        self.now = self.now.min(self.most);
        (self.now < before).then_some(Why::NoDescriptors)
    }

    /// Updates the limit after something was received. `is_saturated`: as many requests as it
    /// allows are in flight, and more wait; else it is the client that limits the throughput.
    /// Returns why the limit was changed; `None` if it was not.
    pub(super) fn update(
        &mut self,
        now: Instant,
        received: Received,
        is_saturated: bool,
    ) -> Option<Why> {
        if !is_saturated {
            // While slots are free, throughput shows nothing about the limit.
            self.round = Round::begin(now, received, self.round.before);
            return None;
        }
        let passed = now.saturating_duration_since(self.round.since);
        if !self.is_over(passed, received) {
            return None;
        }
        let round = std::mem::replace(&mut self.round, Round::begin(now, received, None));
        if round.before.is_some() {
            return None;
        }
        let rate = (received.units() - round.received.units()) as f64 / passed.as_secs_f64();
        let before = self.now;
        let why = self.decide(rate, now);
        self.round.before = (self.now != before).then_some(before);
        (self.now != before).then_some(why)
    }

    /// Returns whether enough has come to judge the round.
    fn is_over(&self, passed: Duration, received: Received) -> bool {
        let times = match self.phase {
            Phase::SlowStart { .. } => 1,
            Phase::Probe { .. } | Phase::Hold { .. } => CAREFULLY,
        };
        let answers = received.answers - self.round.received.answers;
        if let Some(before) = self.round.before {
            return answers >= before as u64 || passed >= LONG_ROUND;
        }
        let has_answers =
            answers >= u64::from(times) * self.now as u64 && passed >= MIN_ROUND * times;
        let has_bytes = received.bytes > self.round.received.bytes && passed >= LONG_ROUND * times;
        has_answers || has_bytes
    }

    /// Decides what is tried next, after a round that brought `rate` [`units`](Received::units)
    /// per second. Returns why the limit changes, if it does.
    fn decide(&mut self, rate: f64, now: Instant) -> Why {
        match self.phase {
            Phase::SlowStart { before } => {
                if let Some((from, _)) = before.filter(|(_, before)| rate < before * GAIN) {
                    self.now = from.min(self.most);
                    self.hold(now, false);
                    return Why::NoGain;
                }
                if self.now >= self.most {
                    self.hold(now, false);
                } else {
                    let before = Some((self.now, rate));
                    self.phase = Phase::SlowStart { before };
                    self.now = (self.now * 2).min(self.most);
                }
            }
            Phase::Probe { from, before } => {
                if rate < before * GAIN {
                    self.now = from.min(self.most);
                    self.hold(now, true);
                    return Why::NoGain;
                }
                self.pause = FIRST_PAUSE;
                self.try_more(rate, now);
            }
            Phase::Hold { until } if now < until => {}
            Phase::Hold { .. } => self.try_more(rate, now),
        }
        Why::Grows
    }

    fn try_more(&mut self, rate: f64, now: Instant) {
        let more = (self.now / 4).max(1).min(self.most - self.now);
        if more == 0 {
            return self.hold(now, false);
        }
        self.phase = Phase::Probe {
            from: self.now,
            before: rate,
        };
        self.now += more;
    }

    fn hold(&mut self, now: Instant, in_vain: bool) {
        if in_vain {
            self.pause = (self.pause * 2).min(MAX_PAUSE);
        }
        let until = now + self.pause;
        self.phase = Phase::Hold { until };
    }
}

impl Round {
    fn begin(since: Instant, received: Received, before: Option<usize>) -> Self {
        Self {
            since,
            received,
            before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs for these seconds with hosts that answer `each` times a second per request, but no
    /// more than `all` times in total. Returns the limit after each tenth of a second.
    fn limits_over(limit: &mut GlobalLimit, seconds: u64, each: u64, all: u64) -> Vec<usize> {
        let (start, mut tenths) = (limit.round.since, 0);
        let before = limit.round.received.answers;
        let ticks = (1..=seconds * 10).map(|tick| {
            tenths += (limit.now as u64 * each).min(all);
            let answers = before + tenths / 10;
            let now = start + Duration::from_millis(100 * tick);
            limit.update(now, Received { bytes: 0, answers }, true);
            limit.now
        });
        ticks.collect()
    }

    fn last(all: &[usize]) -> usize {
        all[all.len() - 1]
    }

    #[test]
    fn it_doubles_to_the_most_where_that_brings_more() {
        let mut limit = GlobalLimit::new(100, 16, Instant::now());
        let limits = limits_over(&mut limit, 2, 10, u64::MAX);
        assert_eq!(limit.now, 100, "{limits:?}");
        assert_eq!(limits[0], 64, "as soon as there are answers");
        // And never beyond.
        assert_eq!(
            limits_over(&mut limit, 100, 10, u64::MAX).into_iter().max(),
            Some(100)
        );
    }

    #[test]
    fn it_begins_with_what_one_host_may_have() {
        let begins = |most, per_host| GlobalLimit::new(most, per_host, Instant::now()).now();
        assert_eq!((begins(64, 64), begins(48, 64)), (64, 48));
        assert_eq!((begins(256, 16), begins(8, 16)), (START, 8));
    }

    #[test]
    fn it_stays_near_what_the_line_carries() {
        for carries in [5, 20, 40, 70] {
            let mut limit = GlobalLimit::new(256, 16, Instant::now());
            let limits = limits_over(&mut limit, 60, 10, carries as u64 * 10);
            let most = (carries * 5 / 2).max(40);
            assert!(limits[100..].iter().all(|now| *now <= most), "{limits:?}");
            let least = carries.min(16) * 9 / 10;
            assert!(limits[100..].iter().all(|now| *now >= least), "{limits:?}");
        }
    }

    #[test]
    fn when_the_line_carries_more_it_finds_out() {
        let mut limit = GlobalLimit::new(256, 16, Instant::now());
        limits_over(&mut limit, 10, 10, 200);
        let before = limit.now;
        let limits = limits_over(&mut limit, 60, 10, 2000);
        assert!(last(&limits) > before * 3, "{before}: {limits:?}");
    }

    #[test]
    fn nothing_is_learned_while_it_is_not_used() {
        let start = Instant::now();
        let mut limit = GlobalLimit::new(64, 16, start);
        for second in 1..10 {
            let received = Received {
                bytes: second << 20,
                answers: 100 * second,
            };
            let now = start + Duration::from_secs(second);
            assert_eq!(limit.update(now, received, false), None);
        }
        assert_eq!(limit.now, START);
    }

    #[test]
    fn without_descriptors_it_goes_down_for_good_but_not_to_nothing() {
        let mut limit = GlobalLimit::new(64, 16, Instant::now());
        limits_over(&mut limit, 2, 10, u64::MAX);
        let mut now = Instant::now();
        assert_eq!(
            limit.on_descriptors_exhausted(now),
            Some(Why::NoDescriptors)
        );
        assert_eq!((limit.now, limit.on_descriptors_exhausted(now)), (32, None));
        assert_eq!(last(&limits_over(&mut limit, 100, 10, u64::MAX)), 32);
        for _ in 0..10 {
            now += LONG_ROUND;
            limit.on_descriptors_exhausted(now);
        }
        assert_eq!(
            (limit.now, limit.on_descriptors_exhausted(now + LONG_ROUND)),
            (1, None)
        );
    }
}
