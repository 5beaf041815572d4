//! Paces the requests to one host, if they are to be some time apart: says when the next one may be
//! sent. Pure.

use std::time::{Duration, Instant};

/// How late a timer may fire without lowering the average rate of requests.
const LATE: Duration = Duration::from_millis(5);

/// Paces the requests to a host.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    /// When the next piece of work may start; `None` if at any time.
    next: Option<Instant>,
    /// Whether that time has not come yet.
    waits: bool,
    /// When the next request may be sent.
    sends: Option<Instant>,
}

impl Pacer {
    /// Returns whether the next piece of work has to wait.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// Records that a piece of work has started. Returns when the next may start: after `gap` on
    /// average, and no sooner than after `delay`; `None` if it may start now.
    pub(super) fn on_started(
        &mut self,
        now: Instant,
        gap: Option<Duration>,
        delay: Duration,
    ) -> Option<Instant> {
        let Some(gap) = gap.or((!delay.is_zero()).then_some(delay)) else {
            self.next = None;
            return None;
        };
        let planned = self.next.unwrap_or(now);
        let earliest = now.checked_sub(LATE).unwrap_or(now);
        let next = (planned.max(earliest) + gap).max(now + delay);
        self.next = Some(next);
        self.waits = next > now;
        self.waits.then_some(next)
    }

    /// Checks whether the next piece of work may start now.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.waits &= self.next.is_some_and(|next| next > now);
    }

    /// Returns when a request that is ready may be sent: no sooner than `delay` after the previous
    /// one, however long each has waited for its connection.
    pub(super) fn may_send(&mut self, now: Instant, delay: Duration) -> Instant {
        let at = self.sends.map_or(now, |sends| sends.max(now));
        self.sends = Some(at + delay);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_millis(10);

    #[test]
    fn the_average_is_kept_when_clocks_are_late() {
        let (mut pacer, start) = (Pacer::default(), Instant::now());
        let mut now = start;
        for nth in 1..=100 {
            let next = pacer.on_started(now, Some(GAP), Duration::ZERO).unwrap();
            assert_eq!(next, start + GAP * nth);
            assert!(pacer.waits());
            now = next + LATE / 2;
            pacer.handle_timeout(now);
            assert!(!pacer.waits());
        }
        // But unused time is not made up for.
        let later = now + Duration::from_secs(1);
        let next = pacer.on_started(later, Some(GAP), Duration::ZERO).unwrap();
        assert_eq!(next + LATE, later + GAP);
        assert_eq!(pacer.on_started(later, None, Duration::ZERO), None);
    }

    #[test]
    fn a_delay_is_never_cut_short() {
        let (mut pacer, mut now) = (Pacer::default(), Instant::now());
        for gap in [None, Some(GAP / 2), Some(GAP)] {
            let next = pacer.on_started(now, gap, GAP).unwrap();
            assert!(next >= now + GAP);
            now = next + LATE / 2;
        }
        let first = pacer.may_send(now, GAP);
        assert_eq!(first, now);
        assert_eq!(pacer.may_send(now + GAP / 4, GAP), now + GAP);
        assert_eq!(pacer.may_send(now + GAP * 9, GAP), now + GAP * 9);
    }
}
