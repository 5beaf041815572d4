//! Relieves head-of-line blocking: when long bodies occupy all slots, one extra request is allowed,
//! so that small files do not wait for ever behind large ones. Pure.

use std::time::{Duration, Instant};

/// If no response ends for this long, one extra request is allowed, and another each time again.
const BLOCKED_AFTER: Duration = Duration::from_secs(2);

/// Extra requests at most: if all files are large, the usual limit has the best throughput.
const MAX_EXTRA: usize = 8;

/// Whether long bodies keep other requests waiting, and how many extra requests are allowed.
#[derive(Debug, Default)]
pub(super) struct Overcommit {
    answers: u64,
    since: Option<Instant>,
    extra: usize,
}

impl Overcommit {
    /// Returns how many requests may be in flight beyond the usual limit.
    pub(super) fn extra(&self) -> usize {
        self.extra
    }

    /// Allows one more request in flight if no response has ended for too long. `waits`: as many as
    /// allowed are in flight, and more wait. `answers` is how many responses have ended so far.
    /// Returns whether one more was allowed.
    pub(super) fn observe(&mut self, waits: bool, answers: u64, now: Instant) -> bool {
        let has_ended = std::mem::replace(&mut self.answers, answers) != answers;
        if !waits || has_ended {
            self.since = waits.then_some(now);
            return false;
        }
        let since = *self.since.get_or_insert(now);
        let is_long = now.saturating_duration_since(since) >= BLOCKED_AFTER;
        if is_long {
            self.since = Some(now);
        }
        let may_be = is_long && self.extra < MAX_EXTRA;
        self.extra += usize::from(may_be);
        may_be
    }

    /// Withdraws the extra requests, since nothing waits any more.
    pub(super) fn reset(&mut self) {
        (self.extra, self.since) = (0, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_may_go_each_time_that_nothing_ends_for_long() {
        let (mut overcommit, start) = (Overcommit::default(), Instant::now());
        let mut extra_at = |seconds: u64, waits, answers| {
            overcommit.observe(waits, answers, start + Duration::from_secs(seconds));
            overcommit.extra()
        };
        assert_eq!(extra_at(0, true, 0), 0);
        assert_eq!(extra_at(1, true, 0), 0);
        assert_eq!(extra_at(2, true, 0), 1);
        assert_eq!(extra_at(3, true, 0), 1);
        assert_eq!(extra_at(4, true, 0), 2);
        // A response has ended, or nothing has waited, meanwhile.
        assert_eq!(extra_at(5, true, 1), 2);
        assert_eq!(extra_at(6, false, 1), 2);
        assert_eq!(extra_at(7, true, 1), 2);
        for nth in 0..20 {
            assert_eq!(
                extra_at(9 + 2 * nth, true, 1),
                MAX_EXTRA.min(usize::try_from(nth).unwrap() + 3)
            );
        }
        overcommit.reset();
        assert_eq!(overcommit.extra(), 0);
    }
}
