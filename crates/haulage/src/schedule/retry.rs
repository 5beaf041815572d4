//! Whether and when a failed attempt is retried. Pure: the caller waits, this only says how long.

use std::time::{Duration, Instant};

use crate::options::RetryPolicy;

/// An attempt that has kept this many bytes more than any before it has made progress.
const PROGRESS: u64 = 64 << 10;
/// Restarts of a file after which only more bytes than were ever kept are progress. Otherwise a
/// server whose file always changes would be requested for ever.
const RESTARTS: u32 = 3;

/// The failures of one item since it last made progress: what `retries` and `max_time` of a
/// [`RetryPolicy`] are compared with.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RetryState {
    /// Failed rounds in a row. A round is one attempt, or one at each of the item's mirrors.
    rounds: u32,
    /// When the time without progress began. `None` before the first failure.
    stalled_since: Option<Instant>,
    /// The partial file after the last failed attempt that kept one; `None` if none did.
    kept: Option<Kept>,
    /// The most bytes that any failed attempt has kept.
    most: u64,
    /// How often the file was restarted, which lost the bytes kept before.
    restarts: u32,
}

/// What the next attempt of an item can resume from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Number of the part that holds it: a restart creates another one.
    pub(crate) part: u64,
    /// Bytes of the file that are kept.
    pub(crate) bytes: u64,
    /// Length of the whole file.
    pub(crate) total: u64,
}

impl RetryState {
    /// Returns whether an attempt of the item has failed before.
    pub(crate) fn has_failed(&self) -> bool {
        self.stalled_since.is_some()
    }

    /// Returns whether an attempt that ends with this much `kept` has made progress. `None` where
    /// the next attempt has to begin with the first byte again: that is never progress.
    pub(crate) fn is_progress(&self, kept: Option<Kept>) -> bool {
        let Some(kept) = kept else { return false };
        let before = match self.kept {
            None => 0,
            Some(before) if before.part == kept.part => self.least_to_exceed(before),
            // A restart lost the bytes kept before. If that were progress, a server that never
            // allows a resume would be requested for ever.
            Some(_) => return false,
        };
        let is_at_end = kept.bytes > before && kept.bytes >= kept.total;
        is_at_end || kept.bytes >= before.saturating_add(PROGRESS)
    }

    /// Returns how many bytes an attempt has to exceed that goes on with what was kept `before`.
    fn least_to_exceed(&self, before: Kept) -> u64 {
        if self.restarts > RESTARTS {
            self.most
        } else {
            before.bytes
        }
    }

    /// Notes a failed attempt of an item whose first request was sent at `began`. Progress forgets
    /// all failures before it.
    pub(crate) fn attempt_failed(&mut self, now: Instant, began: Instant, kept: Option<Kept>) {
        if self.is_progress(kept) {
            (self.rounds, self.stalled_since) = (0, Some(now));
        } else {
            // Until the first failure, a body that is kept was arriving, however slowly.
            let is_kept = kept.is_some_and(|kept| kept.bytes > 0);
            let since = if is_kept { now } else { began };
            self.stalled_since.get_or_insert(since);
        }
        if let Some(kept) = kept {
            let is_new = self.kept.is_some_and(|before| before.part != kept.part);
            self.restarts = self.restarts.saturating_add(u32::from(is_new));
            self.most = self.most.max(kept.bytes);
            self.kept = Some(kept);
        }
    }

    /// Returns how long the item has made no progress; zero before its first failure.
    pub(crate) fn stalled(&self, now: Instant) -> Duration {
        let since = self.stalled_since;
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Ends a round whose last failure was noted with [`attempt_failed`](Self::attempt_failed), and
    /// returns how long to wait before the next one. `None` when there is to be none. `asked` is
    /// what the server asked to wait (RFC 9110 §10.2.3). `random` is uniform in `[0, 1)`.
    pub(crate) fn next_round(
        &mut self,
        policy: &RetryPolicy,
        now: Instant,
        asked: Option<Duration>,
        random: f64,
    ) -> Option<Duration> {
        self.rounds = self.rounds.saturating_add(1);
        wait_before_retry(policy, self.rounds, self.stalled(now), asked, random)
    }
}

/// Returns how long to wait before the next round of attempts, after `rounds` of them have failed
/// in a row and `stalled` has passed without progress; `None` when there is to be none. `asked` is
/// what the server asked to wait (RFC 9110 §10.2.3). `random` is uniform in `[0, 1)`.
pub(crate) fn wait_before_retry(
    policy: &RetryPolicy,
    rounds: u32,
    stalled: Duration,
    asked: Option<Duration>,
    random: f64,
) -> Option<Duration> {
    if rounds > policy.retries {
        return None;
    }
    let wait = backoff(policy, rounds, random).saturating_add(asked.unwrap_or_default());
    (stalled.saturating_add(wait) <= policy.max_time).then_some(wait)
}

/// Returns the wait after the n-th failure in a row, counted from 1: a random part of `base ×
/// 2ⁿ⁻¹`, or of `cap` if that is less ("full jitter"), so that requests that failed together are
/// not retried together.
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

    const SECOND: Duration = Duration::from_secs(1);
    const TOTAL: u64 = 1 << 30;

    fn kept(bytes: u64) -> Option<Kept> {
        kept_in(1, bytes)
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "this is what an attempt ends with"
    )]
    fn kept_in(part: u64, bytes: u64) -> Option<Kept> {
        let total = TOTAL;
        Some(Kept { part, bytes, total })
    }

    /// One item whose attempts fail, and when its first request was sent.
    struct Course {
        state: RetryState,
        began: Instant,
    }

    impl Course {
        fn new() -> Self {
            Self {
                state: RetryState::default(),
                began: Instant::now(),
            }
        }

        /// Returns the wait after an attempt fails, `at` seconds after the first request.
        fn fails(&mut self, at: u32, kept: Option<Kept>) -> Option<u64> {
            let now = self.began + SECOND * at;
            self.state.attempt_failed(now, self.began, kept);
            let wait = self.state.next_round(&policy(2), now, None, 1.0);
            wait.map(|wait| wait.as_secs())
        }
    }

    #[test]
    fn progress_renews_the_retries_and_the_first_wait() {
        let mut course = Course::new();
        for nth in 1..100 {
            assert_eq!(course.fails(nth, kept(u64::from(nth) * PROGRESS)), Some(1));
        }
        // One byte less than it takes, each time.
        let waits =
            [1, 2].map(|nth| course.fails(100, kept(99 * PROGRESS + nth * (PROGRESS - 1) / 2)));
        assert_eq!(waits, [Some(2), None]);
    }

    #[test]
    fn progress_renews_the_time() {
        let mut course = Course::new();
        assert_eq!(course.fails(640, kept(PROGRESS)), Some(1), "a long body");
        assert_eq!(course.fails(1280, kept(2 * PROGRESS)), Some(1));
        assert_eq!(course.fails(1880, kept(2 * PROGRESS)), None, "600 s since");
    }

    #[test]
    fn a_first_body_kept_in_part_is_no_time_without_progress() {
        let mut course = Course::new();
        assert_eq!(course.fails(640, kept(100)), Some(1));
        assert_eq!(course.fails(1280, kept(200)), None, "640 s since");
    }

    #[test]
    fn what_cannot_be_kept_counts_from_the_first_request() {
        assert_eq!(Course::new().fails(640, None), None);
        let mut course = Course::new();
        let waits = [1, 2, 3].map(|at| course.fails(at, None));
        assert_eq!(waits, [Some(1), Some(2), None]);
    }

    #[test]
    fn the_end_of_the_file_is_progress_however_few_bytes_it_takes() {
        let mut state = RetryState::default();
        let now = Instant::now();
        state.attempt_failed(now, now, kept(TOTAL - 10));
        assert!(state.is_progress(kept(TOTAL)) && !state.is_progress(kept(TOTAL - 1)));
        state.attempt_failed(now, now, kept(TOTAL));
        assert!(!state.is_progress(kept(TOTAL)), "only once");
    }

    #[test]
    fn a_file_begun_again_is_no_progress_until_it_is_resumed() {
        let mut course = Course::new();
        assert_eq!(course.fails(1, kept_in(1, 5 * PROGRESS)), Some(1));
        assert_eq!(course.fails(2, kept_in(2, 3 * PROGRESS)), Some(2));
        assert_eq!(
            course.fails(3, kept_in(2, 4 * PROGRESS)),
            Some(1),
            "resumed"
        );
        // A server that never allows a resume, though it sometimes says that it would.
        assert_eq!(course.fails(4, None), Some(2));
        assert_eq!(course.fails(5, kept_in(3, 9 * PROGRESS)), None);
    }

    #[test]
    fn a_file_begun_again_and_again_has_to_get_longer_than_ever() {
        let mut course = Course::new();
        // Each version breaks off, is resumed once, and is then replaced by another one.
        for part in 1..=u64::from(RESTARTS) + 1 {
            course.fails(1, kept_in(part, 3 * PROGRESS));
            assert_eq!(course.fails(1, kept_in(part, 6 * PROGRESS)), Some(1));
        }
        let part = u64::from(RESTARTS) + 2;
        assert_eq!(course.fails(2, kept_in(part, 3 * PROGRESS)), Some(2));
        assert_eq!(course.fails(2, kept_in(part, 6 * PROGRESS)), None);
        assert_eq!(course.fails(2, kept_in(part, 7 * PROGRESS)), Some(1));
    }

    #[test]
    fn no_retries_are_none_even_after_progress() {
        let (mut state, now) = (RetryState::default(), Instant::now());
        state.attempt_failed(now, now, kept(PROGRESS));
        assert_eq!(state.next_round(&policy(0), now, None, 0.0), None);
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
        fn attempts_end_after_progress_has(
            steps in proptest::collection::vec((0u64..700, 0u64..4, proptest::option::of(0u64..4 * PROGRESS)), 1..200),
            retries in 0u32..6,
        ) {
            let began = Instant::now();
            let (mut state, mut now) = (RetryState::default(), began);
            let (mut before, mut without, mut since) = (None, 0, None);
            let (mut restarts, mut most) = (0, 0);
            for (passed, part, bytes) in steps {
                now += Duration::from_secs(passed);
                let progress = bytes.is_some_and(|bytes| match before {
                    None => bytes >= PROGRESS,
                    Some((same, _)) if same != part => false,
                    Some(_) if restarts > RESTARTS => bytes >= most + PROGRESS,
                    Some((_, before)) => bytes >= before + PROGRESS,
                });
                let kept = bytes.and_then(|bytes| kept_in(part, bytes));
                prop_assert_eq!(state.is_progress(kept), progress);
                without = if progress { 1 } else { without + 1 };
                since = if progress { Some(now) } else { since };
                let is_new = before.is_some_and(|(same, _)| same != part);
                restarts += u32::from(bytes.is_some() && is_new);
                most = bytes.unwrap_or_default().max(most);
                before = bytes.map(|bytes| (part, bytes)).or(before);
                state.attempt_failed(now, began, kept);
                let wait = state.next_round(&policy(retries), now, None, 1.0);
                // Never more retries in a row, and never for longer, than the policy allows.
                prop_assert!(wait.is_none() || without <= retries);
                if let (Some(wait), Some(since)) = (wait, since) {
                    prop_assert!(now - since + wait <= policy(retries).max_time);
                }
                // And after progress the item is retried, after the first wait.
                if progress && retries > 0 {
                    prop_assert_eq!(wait, Some(SECOND));
                }
            }
        }

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
