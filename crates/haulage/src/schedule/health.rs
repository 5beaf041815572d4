//! The health of one host: how often it has failed in a row, and what follows. Pure: time and
//! random numbers come in as parameters.

use std::time::{Duration, Instant};

use super::retry::backoff;
use crate::options::RetryPolicy;

/// Failures in a row after which a host gets one request at a time, with growing pauses. At least
/// as many as the host may have in flight, since those fail together.
const PATIENCE: usize = 16;

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    GoOn,
    /// No request is sent for this long.
    Pause(Duration),
    /// The host has failed for longer than `max_time`: the work in its queue fails.
    GiveUp,
}

/// The failures of a host since its last good response.
#[derive(Debug, Default)]
pub(super) struct Health {
    failures: usize,
    pauses: u32,
    /// When it first failed after its last good response; `None` if it has not.
    since: Option<Instant>,
}

impl Health {
    /// Returns whether it has not failed since its last good response.
    pub(super) fn is_good(&self) -> bool {
        self.failures == 0
    }

    /// Notes a good response.
    pub(super) fn fine(&mut self) {
        *self = Self::default();
    }

    /// Notes a failure (no response, an incomplete one, or one that asks for fewer requests: 408,
    /// 429, 5xx), and returns what follows from it. `alone`: no other request is in flight, which
    /// the host may be answering just now. `random` is uniform in `[0, 1)`.
    pub(super) fn failed(
        &mut self,
        per_host: usize,
        alone: bool,
        now: Instant,
        policy: &RetryPolicy,
        random: f64,
    ) -> Verdict {
        self.failures = self.failures.saturating_add(1);
        let since = *self.since.get_or_insert(now);
        let left = policy
            .max_time
            .saturating_sub(now.saturating_duration_since(since));
        if alone && left.is_zero() {
            return Verdict::GiveUp;
        }
        if !self.is_probed(per_host) {
            return Verdict::GoOn;
        }
        self.pauses = self.pauses.saturating_add(1);
        // The last pause ends at `max_time`: the request after it decides whether the host is given
        // up.
        let pause = backoff(policy, self.pauses, random);
        Verdict::Pause(if left.is_zero() {
            pause
        } else {
            pause.min(left)
        })
    }

    /// Returns how many requests may be in flight to it.
    pub(super) fn limit(&self, per_host: usize) -> usize {
        if self.is_probed(per_host) {
            1
        } else {
            per_host
        }
    }

    /// Returns whether it is only probed from time to time.
    pub(super) fn is_probed(&self, per_host: usize) -> bool {
        self.failures >= PATIENCE.max(per_host)
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
        let (mut health, now) = (Health::default(), Instant::now());
        let fail = |health: &mut Health| health.failed(8, true, now, &policy(), 1.0);
        for _ in 1..PATIENCE {
            assert_eq!(fail(&mut health), Verdict::GoOn);
        }
        assert_eq!(health.limit(8), 8);
        let pauses: Vec<_> = (0..8).map(|_| fail(&mut health)).collect();
        let expected = [1, 2, 4, 8, 16, 32, 60, 60]
            .map(|seconds| Verdict::Pause(Duration::from_secs(seconds)));
        assert_eq!(pauses, expected);
        assert_eq!(health.limit(8), 1);
        health.fine();
        assert_eq!((health.limit(8), health.is_good()), (8, true));
    }

    #[test]
    fn requests_that_fail_together_count_as_one_sign() {
        let (mut health, now) = (Health::default(), Instant::now());
        for _ in 1..100 {
            assert_eq!(health.failed(100, true, now, &policy(), 0.5), Verdict::GoOn);
        }
    }

    #[test]
    fn no_pause_goes_on_beyond_the_time_when_it_is_given_up() {
        let (mut health, start) = (Health::default(), Instant::now());
        let second = Duration::from_secs(1);
        let almost = start + policy().max_time.saturating_sub(second);
        let mut fail = |now| health.failed(8, true, now, &policy(), 1.0);
        for _ in 1..PATIENCE + 6 {
            fail(start);
        }
        assert_eq!(fail(almost), Verdict::Pause(second));
        assert_eq!(fail(almost + second), Verdict::GiveUp);
    }

    #[test]
    fn a_host_that_stays_in_trouble_is_given_up() {
        let (mut health, start) = (Health::default(), Instant::now());
        let late = start + policy().max_time;
        let mut fail = |alone, now| health.failed(8, alone, now, &policy(), 0.0);
        assert_eq!(fail(true, start), Verdict::GoOn);
        assert_eq!(fail(false, late), Verdict::GoOn);
        assert_eq!(fail(true, late), Verdict::GiveUp);
        health.fine();
        assert_eq!(health.failed(8, true, late, &policy(), 0.0), Verdict::GoOn);
    }
}
