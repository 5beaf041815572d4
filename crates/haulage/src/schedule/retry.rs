//! Whether a failed attempt is repeated, and when: a pure policy. The caller waits, the policy only says how long.

use std::time::Duration;

use crate::options::RetryPolicy;

/// How long to wait before the next round of attempts, after `rounds` of them have failed within `elapsed` since the item's
/// first request; `None` when there is to be none. A round is one attempt, or one at each of the item's mirrors. `asked` is
/// what the server asked to wait (RFC 9110 §10.2.3). `random` is uniform in `[0, 1)`.
pub(crate) fn wait_before_retry(
    policy: &RetryPolicy,
    rounds: u32,
    elapsed: Duration,
    asked: Option<Duration>,
    random: f64,
) -> Option<Duration> {
    if rounds > policy.retries {
        return None;
    }
    let wait = backoff(policy, rounds, random).saturating_add(asked.unwrap_or_default());
    (elapsed.saturating_add(wait) <= policy.max_time).then_some(wait)
}

/// The wait after the n-th failure in a row, from 1: drawn from all of `[0, base × 2ⁿ⁻¹)` ("full jitter"), so that those that
/// failed together do not come back together.
pub(super) fn backoff(policy: &RetryPolicy, nth: u32, random: f64) -> Duration {
    let doublings = nth.saturating_sub(1).min(31);
    let longest = policy.base.saturating_mul(1 << doublings).min(policy.cap);
    longest.mul_f64(random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Duration = Duration::ZERO;

    fn policy(retries: u32) -> RetryPolicy {
        RetryPolicy {
            retries,
            base: Duration::from_secs(1),
            cap: Duration::from_mins(1),
            max_time: Duration::from_mins(10),
        }
    }

    #[test]
    fn the_wait_doubles_up_to_the_cap_and_ends_with_the_rounds() {
        let waits: Vec<_> = (1..=8)
            .map(|rounds| {
                wait_before_retry(&policy(7), rounds, NOW, None, 1.0).map(|wait| wait.as_secs())
            })
            .collect();
        let expected = [
            Some(1),
            Some(2),
            Some(4),
            Some(8),
            Some(16),
            Some(32),
            Some(60),
            None,
        ];
        assert_eq!(waits, expected);
    }

    #[test]
    fn a_wait_is_drawn_from_all_of_its_length() {
        let wait = |random| wait_before_retry(&policy(7), 4, NOW, None, random);
        for (random, seconds) in [(0.0, 0), (0.25, 2), (0.5, 4), (1.0, 8)] {
            assert_eq!(wait(random), Some(Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn what_the_server_asks_for_is_kept_to_or_ends_it() {
        let wait = |asked| wait_before_retry(&policy(5), 1, NOW, Some(asked), 0.0);
        assert_eq!(wait(Duration::from_secs(30)), Some(Duration::from_secs(30)));
        assert_eq!(wait(Duration::ZERO), Some(Duration::ZERO));
        assert_eq!(wait(Duration::from_hours(1)), None);
        assert_eq!(wait(Duration::MAX), None);
    }

    #[test]
    fn it_ends_when_the_time_is_over() {
        let wait =
            |minutes| wait_before_retry(&policy(50), 9, Duration::from_mins(minutes), None, 1.0);
        assert!(wait(9).is_some());
        assert_eq!(wait(10), None);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_longer_than_the_cap(rounds in 0u32.., retries in 0u32.., random in 0.0f64..1.0) {
            match wait_before_retry(&policy(retries), rounds, NOW, None, random) {
                Some(wait) => prop_assert!(rounds <= retries && wait <= Duration::from_mins(1)),
                None => prop_assert!(rounds > retries),
            }
        }

        #[test]
        fn a_wait_never_ends_beyond_the_time(elapsed in 0u64..1200, asked in 0u64..1200, random in 0.0f64..1.0) {
            let (elapsed, asked) = (Duration::from_secs(elapsed), Duration::from_secs(asked));
            if let Some(wait) = wait_before_retry(&policy(9), 3, elapsed, Some(asked), random) {
                prop_assert!(wait >= asked && elapsed + wait <= policy(9).max_time);
            }
        }
    }
}
