//! The circuit breaker of one host: counts how often the host has failed in a row, and says what
//! follows. Pure: time and random numbers come in as parameters.
//!
//! After enough failures in a row the breaker is half open: one request at a time is a probe, and
//! pauses between probes grow. The first good response resets it. If the host fails for longer than
//! `max_time`, it is given up.

use std::time::{Duration, Instant};

use super::retry::backoff;
use crate::options::RetryPolicy;

/// Failures in a row after which a host gets one request at a time, with growing pauses. At least
/// as many as the host may have in flight, since those fail together.
const FAILURE_THRESHOLD: usize = 16;

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BreakerVerdict {
    /// Requests are sent as before.
    Continue,
    /// No request is sent for this long.
    Pause(Duration),
    /// The host has failed for longer than `max_time`: the work in its queue fails.
    GiveUp,
}

/// The failures of a host since its last good response.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: usize,
    pauses: u32,
    /// When it first failed after its last good response; `None` if it has not.
    since: Option<Instant>,
}

impl Breaker {
    /// Returns whether the host has not failed since its last good response.
    pub(super) fn is_healthy(&self) -> bool {
        self.failures == 0
    }

    /// Records a good response.
    pub(super) fn on_success(&mut self) {
        *self = Self::default();
    }

    /// Records a failure (no response, an incomplete one, or one that asks for fewer requests: 408,
    /// 429, 5xx), and returns what follows from it. `alone`: no other request is in flight, which
    /// the host may be answering just now. `random` is uniform in `[0, 1)`.
    pub(super) fn on_failure(
        &mut self,
        per_host: usize,
        alone: bool,
        now: Instant,
        policy: &RetryPolicy,
        random: f64,
    ) -> BreakerVerdict {
        self.failures = self.failures.saturating_add(1);
        let since = *self.since.get_or_insert(now);
        let left = policy
            .max_time
            .saturating_sub(now.saturating_duration_since(since));
        if alone && left.is_zero() {
            return BreakerVerdict::GiveUp;
        }
        if !self.is_half_open(per_host) {
            return BreakerVerdict::Continue;
        }
        self.pauses = self.pauses.saturating_add(1);
        // The last pause ends at `max_time`: the request after it decides whether the host is given
        // up.
        let pause = backoff(policy, self.pauses, random);
        BreakerVerdict::Pause(if left.is_zero() {
            pause
        } else {
            pause.min(left)
        })
    }

    /// Returns how many requests may be in flight to the host.
    pub(super) fn limit(&self, per_host: usize) -> usize {
        if self.is_half_open(per_host) {
            1
        } else {
            per_host
        }
    }

    /// Returns whether the host gets only probes, one at a time and with pauses.
    pub(super) fn is_half_open(&self, per_host: usize) -> bool {
        self.failures >= FAILURE_THRESHOLD.max(per_host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RetryPolicy {
        RetryPolicy::default()
    }

    #[test]
    fn an_outage_is_probed_with_growing_pauses_until_an_answer() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        let fail = |breaker: &mut Breaker| breaker.on_failure(8, true, now, &policy(), 1.0);
        for _ in 1..FAILURE_THRESHOLD {
            assert_eq!(fail(&mut breaker), BreakerVerdict::Continue);
        }
        assert_eq!(breaker.limit(8), 8);
        let pauses: Vec<_> = (0..8).map(|_| fail(&mut breaker)).collect();
        let expected = [1, 2, 4, 8, 16, 32, 60, 60]
            .map(|seconds| BreakerVerdict::Pause(Duration::from_secs(seconds)));
        assert_eq!(pauses, expected);
        assert_eq!(breaker.limit(8), 1);
        breaker.on_success();
        assert_eq!((breaker.limit(8), breaker.is_healthy()), (8, true));
    }

    #[test]
    fn requests_that_fail_together_count_as_one_sign() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 1..100 {
            assert_eq!(
                breaker.on_failure(100, true, now, &policy(), 0.5),
                BreakerVerdict::Continue
            );
        }
    }

    #[test]
    fn no_pause_goes_on_beyond_the_time_when_it_is_given_up() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        let second = Duration::from_secs(1);
        let almost = start + policy().max_time.saturating_sub(second);
        let mut fail = |now| breaker.on_failure(8, true, now, &policy(), 1.0);
        for _ in 1..FAILURE_THRESHOLD + 6 {
            fail(start);
        }
        assert_eq!(fail(almost), BreakerVerdict::Pause(second));
        assert_eq!(fail(almost + second), BreakerVerdict::GiveUp);
    }

    #[test]
    fn a_host_that_stays_in_trouble_is_given_up() {
        let (mut breaker, start) = (Breaker::default(), Instant::now());
        let late = start + policy().max_time;
        let mut fail = |alone, now| breaker.on_failure(8, alone, now, &policy(), 0.0);
        assert_eq!(fail(true, start), BreakerVerdict::Continue);
        assert_eq!(fail(false, late), BreakerVerdict::Continue);
        assert_eq!(fail(true, late), BreakerVerdict::GiveUp);
        breaker.on_success();
        assert_eq!(
            breaker.on_failure(8, true, late, &policy(), 0.0),
            BreakerVerdict::Continue
        );
    }
}
