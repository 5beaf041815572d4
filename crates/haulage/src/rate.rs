//! Limits how many bytes are received per second.
//!
//! A reader waits for its turn before each read. Turns form a line: each lasts as long as its
//! expected bytes take at the limit. If a turn receives more or fewer bytes, the turns after it
//! move. So many lanes together keep to the limit as one lane would, and none receives much at
//! once.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::sync::lock;

/// Maximum length of a turn; then its minimum and maximum bytes.
const TURN: Duration = Duration::from_millis(20);
const TURN_BYTES: (u64, u64) = (1 << 10, 256 << 10);
/// Time that no reader has used is made up for, up to this much, since timers are late.
const CATCH_UP: Duration = Duration::from_millis(50);
/// Shorter waits are skipped.
const SHORTEST: Duration = Duration::from_millis(1);
/// Maximum time until a waiting reader looks whether its turn has been moved.
const LOOK: Duration = Duration::from_millis(20);

/// A limit in bytes per second, which may change at any time.
#[derive(Debug)]
pub(crate) struct Limit {
    /// 0 means no limit.
    rate: AtomicU64,
    changes: AtomicU64,
}

/// The turns of all readers under one limit.
#[derive(Debug, Default)]
pub(crate) struct Line(Mutex<Turns>);

/// Turns have a time axis of their own. When a turn receives more or fewer bytes than expected, the
/// axis is shifted, and all waiting turns with it.
#[derive(Debug, Default)]
struct Turns {
    /// The instant at which the axis begins; `None` before the first turn under the limit.
    origin: Option<Instant>,
    /// When the last turn ends, on that axis.
    end: Duration,
    /// Bytes that a turn is expected to receive, by the last ones; `None` before the first has
    /// ended.
    usual: Option<u64>,
    /// The value of `changes` of the limit that the turns were planned under.
    change: u64,
}

/// The place of one turn in the line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    begins: Duration,
    /// The expected bytes.
    bytes: u64,
    rate: u64,
    change: u64,
}

impl Limit {
    pub(crate) fn new(rate: Option<NonZeroU64>) -> Self {
        Self {
            rate: AtomicU64::new(rate.map_or(0, NonZeroU64::get)),
            changes: AtomicU64::new(0),
        }
    }

    pub(crate) fn set(&self, rate: Option<NonZeroU64>) {
        self.rate
            .store(rate.map_or(0, NonZeroU64::get), Ordering::Release);
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Returns how long to wait for the turn at this place, which is set if it is `None`; `None`
    /// when the turn has come, or when there is no limit.
    pub(crate) fn wait(&self, line: &Line, place: &mut Option<Place>) -> Option<Duration> {
        let rate = self.rate.load(Ordering::Acquire);
        if rate == 0 {
            *place = None;
            return None;
        }
        let (now, change) = (Instant::now(), self.changes.load(Ordering::Acquire));
        let mut turns = line.lock();
        let place = match place {
            Some(place) if place.change == change => place,
            // After a change of the limit, every reader gets a new turn.
            _ => place.insert(turns.next(rate, change, now)),
        };
        let left = turns.time_of(place, now).saturating_duration_since(now);
        (left >= SHORTEST).then_some(left.min(LOOK))
    }
}

impl Place {
    /// Returns how many bytes may be received in this turn.
    pub(crate) fn most(&self) -> u64 {
        most_of(self.rate)
    }
}

impl Line {
    /// Notes how many bytes a turn has brought.
    pub(crate) fn came(&self, place: &Place, bytes: u64) {
        self.lock().came(place, bytes);
    }

    fn lock(&self) -> MutexGuard<'_, Turns> {
        lock(&self.0)
    }
}

impl Turns {
    /// Returns the next turn under a limit of `rate` bytes per second.
    fn next(&mut self, rate: u64, change: u64, now: Instant) -> Place {
        if std::mem::replace(&mut self.change, change) != change {
            (self.origin, self.end) = (None, Duration::ZERO);
        }
        let origin = self.origin.get_or_insert(now);
        let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
        *origin += earliest.saturating_duration_since(*origin + self.end);
        let bytes = self.usual.unwrap_or(most_of(rate)).max(1);
        let begins = self.end;
        self.end += time_for(bytes, rate);
        Place {
            begins,
            bytes,
            rate,
            change,
        }
    }

    /// Returns when a turn begins, as things are now.
    fn time_of(&self, place: &Place, now: Instant) -> Instant {
        self.origin.map_or(now, |origin| origin + place.begins)
    }

    /// Notes how many bytes a turn has brought, and moves the turns after it if that is more or
    /// less than expected.
    fn came(&mut self, place: &Place, bytes: u64) {
        let usual = self.usual.unwrap_or(place.bytes);
        // A larger number counts at once, a smaller one gradually.
        self.usual = Some(
            usual
                .saturating_sub(usual.saturating_sub(bytes).div_ceil(8))
                .max(bytes),
        );
        if place.change != self.change {
            return;
        }
        self.origin = self.origin.and_then(|origin| {
            if bytes >= place.bytes {
                Some(origin + time_for(bytes - place.bytes, place.rate))
            } else {
                origin.checked_sub(time_for(place.bytes - bytes, place.rate))
            }
        });
    }
}

/// Returns the maximum number of bytes of a turn, at `rate` bytes per second.
fn most_of(rate: u64) -> u64 {
    let most = u128::from(rate) * TURN.as_millis() / 1000;
    u64::try_from(most)
        .unwrap_or(u64::MAX)
        .clamp(TURN_BYTES.0, TURN_BYTES.1)
}

fn time_for(bytes: u64, rate: u64) -> Duration {
    Duration::from_secs_f64(bytes as f64 / rate as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 1_000_000;

    /// Returns how many bytes come in each 10 ms of the first `millis` milliseconds, when each turn
    /// of `lanes` lanes brings the next of `sizes`, over and over, and each wait is `late` too
    /// long.
    fn received(lanes: usize, sizes: &[u64], millis: u64, late: Duration) -> Vec<u64> {
        let start = Instant::now();
        let (mut turns, mut sizes) = (Turns::default(), sizes.iter().cycle());
        let mut places: Vec<_> = (0..lanes)
            .map(|_| (start, turns.next(RATE, 0, start)))
            .collect();
        let mut windows = vec![0; usize::try_from(millis / 10).unwrap()];
        loop {
            let (at, place) = places.iter_mut().min_by_key(|(at, _)| *at).unwrap();
            let now = *at;
            let left = turns.time_of(place, now).saturating_duration_since(now);
            if left >= SHORTEST {
                *at += left.min(LOOK) + late;
                continue;
            }
            let window = usize::try_from((now - start).as_millis() / 10).unwrap();
            let Some(window) = windows.get_mut(window) else {
                return windows;
            };
            let bytes = *sizes.next().unwrap();
            *window += bytes;
            turns.came(place, bytes);
            *place = turns.next(RATE, 0, now);
        }
    }

    #[test]
    fn lanes_together_keep_to_the_rate_whatever_a_read_brings() {
        let all: [&[u64]; 6] = [
            &[100],
            &[4096],
            &[20_000],
            &[131_072],
            &[100, 100, 131_072],
            &[131_072, 9, 9, 9, 9, 9, 9, 9],
        ];
        for (lanes, sizes) in [1, 4, 64]
            .into_iter()
            .flat_map(|lanes| all.map(|sizes| (lanes, sizes)))
        {
            for late in [Duration::ZERO, Duration::from_millis(2)] {
                let windows = received(lanes, sizes, 10_000, late);
                let total: u64 = windows.iter().sum();
                assert!(
                    (9_500_000..=10_500_000).contains(&total),
                    "{lanes} × {sizes:?}: {total}"
                );
                for half in windows.chunks(50) {
                    let brought: u64 = half.iter().sum();
                    let (least, most) = (500_000 * 3 / 4 - 131_072, 500_000 * 5 / 4 + 131_072);
                    assert!(
                        (least..=most).contains(&brought),
                        "{lanes} × {sizes:?}: {brought}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_was_not_received_is_not_made_up_for() {
        let (mut turns, start) = (Turns::default(), Instant::now());
        let place = turns.next(RATE, 0, start);
        turns.came(&place, 10_000);
        let later = start + Duration::from_mins(1);
        let place = turns.next(RATE, 0, later);
        assert_eq!(turns.time_of(&place, later) + CATCH_UP, later);
    }

    #[test]
    fn a_limit_that_is_lifted_lets_everybody_go() {
        let (limit, line) = (Limit::new(NonZeroU64::new(1000)), Line::default());
        let mut first = None;
        assert_eq!(limit.wait(&line, &mut first), None);
        let mut second = None;
        assert_eq!(limit.wait(&line, &mut second), Some(LOOK));
        limit.set(NonZeroU64::new(1_000_000_000));
        assert_eq!(limit.wait(&line, &mut second), None);
        limit.set(NonZeroU64::new(1000));
        assert_eq!(limit.wait(&line, &mut first), None);
        assert_eq!(limit.wait(&line, &mut second), Some(LOOK));
        limit.set(None);
        assert_eq!(limit.wait(&line, &mut second), None);
        assert!(second.is_none());
    }
}
