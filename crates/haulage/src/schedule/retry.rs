//! Whether a failed attempt is repeated, and when: a pure policy. The caller waits, the policy only says how long.

use std::time::Duration;

use crate::error::Error;
use crate::options::RetryPolicy;

/// How long to wait before the next attempt, after `attempts` of them have failed, the last one with `error`; `None`
/// when there is to be none. `random` is uniform in `[0, 1)`: the whole wait is drawn from it ("full jitter"), so that
/// clients that failed together do not come back together.
pub(crate) fn wait_before_retry(
    policy: &RetryPolicy,
    attempts: u32,
    error: &Error,
    random: f64,
) -> Option<Duration> {
    if !error.is_transient() || attempts > policy.retries {
        return None;
    }
    let doublings = attempts.saturating_sub(1).min(31);
    let longest = policy.base.saturating_mul(1 << doublings).min(policy.cap);
    Some(longest.mul_f64(random.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    fn policy(retries: u32) -> RetryPolicy {
        RetryPolicy {
            retries,
            base: Duration::from_secs(1),
            cap: Duration::from_mins(1),
        }
    }

    #[test]
    fn what_is_permanent_is_never_repeated() {
        let bad_certificate = Error::new(ErrorKind::Tls, "x");
        assert_eq!(
            wait_before_retry(&policy(5), 1, &bad_certificate, 0.5),
            None
        );
    }

    #[test]
    fn the_wait_doubles_up_to_the_cap_and_ends_with_the_attempts() {
        let reset = Error::new(ErrorKind::Reset, "x");
        let waits: Vec<_> = (1..=8)
            .map(|attempts| {
                wait_before_retry(&policy(7), attempts, &reset, 1.0).map(|wait| wait.as_secs())
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

    proptest! {
        #[test]
        fn a_wait_is_never_longer_than_the_cap(attempts in 0u32.., retries in 0u32.., random in 0.0f64..1.0) {
            let reset = Error::new(ErrorKind::Reset, "x");
            match wait_before_retry(&policy(retries), attempts, &reset, random) {
                Some(wait) => prop_assert!(attempts <= retries && wait <= Duration::from_mins(1)),
                None => prop_assert!(attempts > retries),
            }
        }
    }
}
