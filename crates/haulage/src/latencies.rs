//! How long servers took to answer: counts on a fixed, logarithmic scale. Adding a time to them
//! costs as little as counting does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The bounds of each decade, in units of 1 µs in the first one. They include 1, 2 and 5, by which
/// charts are divided.
const STEPS: [u64; 10] = [10, 12, 15, 20, 25, 30, 40, 50, 60, 80];
/// From 10 µs to 1000 s.
const DECADES: usize = 8;
const INTERVALS: usize = STEPS.len() * DECADES + 1;
/// The upper bounds of all intervals but the last one, in microseconds.
const BOUNDS: [u64; INTERVALS - 1] = bounds();

const fn bounds() -> [u64; INTERVALS - 1] {
    let mut bounds = [0; INTERVALS - 1];
    let (mut at, mut unit) = (0, 1);
    while at < bounds.len() {
        bounds[at] = STEPS[at % STEPS.len()] * unit;
        at += 1;
        if at % STEPS.len() == 0 {
            unit *= 10;
        }
    }
    bounds
}

/// How long the responses to a run's requests took: from when a request was sent until the head of
/// its response had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latencies([u64; INTERVALS]);

impl Default for Latencies {
    fn default() -> Self {
        Self([0; INTERVALS])
    }
}

impl Latencies {
    /// Returns the intervals that have requests: the upper bound of each, and how many requests
    /// took no longer than that, and longer than the bound before. The bound is `None` for those
    /// that took longer than all bounds.
    pub fn intervals(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        let bounds = BOUNDS.iter().map(|micros| Duration::from_micros(*micros));
        let all = bounds.map(Some).chain([None]).zip(self.0);
        all.filter(|(_, count)| *count > 0)
    }

    /// Returns how many requests were answered.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Returns them as a text: the number of an interval, `=`, and its count, for each that has
    /// requests.
    pub(crate) fn to_text(&self) -> String {
        let all = self.0.iter().enumerate();
        let used = all.filter(|(_, count)| **count > 0);
        let used = used.map(|(place, count)| format!("{place}={count}"));
        used.collect::<Vec<_>>().join(" ")
    }

    /// Returns what such a text says. Leaves out what it cannot read.
    pub(crate) fn of_text(text: &str) -> Self {
        let mut latencies = Self::default();
        for entry in text.split(' ') {
            let entry = entry.split_once('=');
            let entry = entry.and_then(|(place, count)| {
                let place: usize = place.parse().ok()?;
                Some((latencies.0.get_mut(place)?, count.parse().ok()?))
            });
            if let Some((place, count)) = entry {
                *place = count;
            }
        }
        latencies
    }
}

/// Counts latencies, on several threads at once.
#[derive(Debug)]
pub(crate) struct LatencyCounts([AtomicU64; INTERVALS]);

impl LatencyCounts {
    pub(crate) fn new() -> Self {
        Self([const { AtomicU64::new(0) }; INTERVALS])
    }

    pub(crate) fn add(&self, time: Duration) {
        let micros = time.as_nanos().div_ceil(1000);
        let place = BOUNDS.partition_point(|bound| u128::from(*bound) < micros);
        self.0[place].fetch_add(1, Ordering::Relaxed);
    }

    /// Returns what was counted so far.
    pub(crate) fn get(&self) -> Latencies {
        Latencies(std::array::from_fn(|place| {
            self.0[place].load(Ordering::Relaxed)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_up_to_their_bounds() {
        let counts = LatencyCounts::new();
        let micros = Duration::from_micros;
        for time in [
            Duration::ZERO,
            micros(10),
            Duration::from_nanos(10_001),
            micros(1000),
            micros(1001),
            Duration::from_secs(800),
            Duration::from_secs(801),
            Duration::MAX,
        ] {
            counts.add(time);
        }
        let latencies = counts.get();
        let intervals: Vec<_> = latencies.intervals().collect();
        assert_eq!(
            intervals,
            [
                (Some(micros(10)), 2),
                (Some(micros(12)), 1),
                (Some(micros(1000)), 1),
                (Some(micros(1200)), 1),
                (Some(Duration::from_secs(800)), 1),
                (None, 2)
            ]
        );
        assert_eq!(latencies.count(), 8);
        assert!(BOUNDS.is_sorted());
    }

    #[test]
    fn latencies_come_back_from_their_text() {
        let counts = LatencyCounts::new();
        for micros in [1, 1, 5000, u64::MAX] {
            counts.add(Duration::from_micros(micros));
        }
        let latencies = counts.get();
        let text = latencies.to_text();
        assert_eq!(Latencies::of_text(&text), latencies, "{text}");
        assert_eq!(Latencies::of_text(""), Latencies::default());
        let read = Latencies::of_text("0=7 81=1 x=1 2 3= 4=5");
        assert_eq!(read.count(), 12);
    }
}
