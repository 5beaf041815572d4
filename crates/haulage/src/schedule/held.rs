//! Small files do not wait for ever behind large ones: when long bodies occupy all slots, one extra
//! request is allowed. Pure.

use std::time::{Duration, Instant};

/// If no response ends for this long, one extra request is allowed, and another each time again.
const LONG: Duration = Duration::from_secs(2);

/// The most extra requests: if all files are large, the usual limit has the best throughput.
const MOST: usize = 8;

/// Whether long bodies keep other requests waiting, and how many extra requests are allowed.
#[derive(Debug, Default)]
pub(super) struct Held {
    answers: u64,
    since: Option<Instant>,
    more: usize,
}

impl Held {
    /// Returns how many requests may be in flight beyond the usual limit.
    pub(super) fn more(&self) -> usize {
        self.more
    }

    /// Allows one more request in flight if no response has ended for too long. `waits`: as many as
    /// allowed are in flight, and more wait. `answers` is how many responses have ended so far.
    /// Returns whether one more was allowed.
    pub(super) fn look(&mut self, waits: bool, answers: u64, now: Instant) -> bool {
        let has_ended = std::mem::replace(&mut self.answers, answers) != answers;
        if !waits || has_ended {
            self.since = waits.then_some(now);
            return false;
        }
        let since = *self.since.get_or_insert(now);
        let is_long = now.saturating_duration_since(since) >= LONG;
        if is_long {
            self.since = Some(now);
        }
        let may_be = is_long && self.more < MOST;
        self.more += usize::from(may_be);
        may_be
    }

    /// Withdraws the additional requests, since nothing waits any more.
    pub(super) fn is_over(&mut self) {
        (self.more, self.since) = (0, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_may_go_each_time_that_nothing_ends_for_long() {
        let (mut held, start) = (Held::default(), Instant::now());
        let mut look = |seconds: u64, waits, answers| {
            held.look(waits, answers, start + Duration::from_secs(seconds));
            held.more()
        };
        assert_eq!(look(0, true, 0), 0);
        assert_eq!(look(1, true, 0), 0);
        assert_eq!(look(2, true, 0), 1);
        assert_eq!(look(3, true, 0), 1);
        assert_eq!(look(4, true, 0), 2);
        // A response has ended, or nothing has waited, meanwhile.
        assert_eq!(look(5, true, 1), 2);
        assert_eq!(look(6, false, 1), 2);
        assert_eq!(look(7, true, 1), 2);
        for nth in 0..20 {
            assert_eq!(
                look(9 + 2 * nth, true, 1),
                MOST.min(usize::try_from(nth).unwrap() + 3)
            );
        }
        held.is_over();
        assert_eq!(held.more(), 0);
    }
}
