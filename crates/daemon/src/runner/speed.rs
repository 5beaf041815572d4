//! How fast something is: the mean of the last ten seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back a mean reaches.
const SPAN: Duration = Duration::from_secs(10);

/// What has been received at which time.
#[derive(Debug, Default)]
pub(super) struct Speed(VecDeque<(Instant, u64)>);

impl Speed {
    /// Notes how many bytes there are now.
    pub(super) fn note(&mut self, now: Instant, bytes: u64) {
        self.0.push_back((now, bytes));
        let is_old = |samples: &VecDeque<(Instant, u64)>| {
            samples
                .get(1)
                .is_some_and(|(time, _)| now.duration_since(*time) >= SPAN)
        };
        while is_old(&self.0) {
            self.0.pop_front();
        }
    }

    /// Returns bytes per second.
    pub(super) fn rate(&self) -> u64 {
        let (Some((from, few)), Some((to, many))) = (self.0.front(), self.0.back()) else {
            return 0;
        };
        let time = to.duration_since(*from).as_millis();
        let bytes = u128::from(many.saturating_sub(*few));
        let rate = (bytes * 1000).checked_div(time);
        rate.and_then(|rate| u64::try_from(rate).ok()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_the_mean_of_ten_seconds() {
        let (mut speed, start) = (Speed::default(), Instant::now());
        assert_eq!(speed.rate(), 0);
        for second in 0..30_u64 {
            let bytes = if second < 15 { 0 } else { (second - 15) * 1000 };
            speed.note(start + Duration::from_secs(second), bytes);
        }
        assert_eq!(speed.rate(), 1000);
        assert_eq!(speed.0.len(), 11);
    }
}
