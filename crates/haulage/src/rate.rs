//! Limits how many bytes are received per second.
//!
//! A reader takes a ticket before each read, and waits until its time has come. Tickets form a
//! queue: each lasts as long as its expected bytes take at the limit. If more or fewer bytes are
//! received with a ticket, those after it move. Thus all lanes together keep to the limit as one
//! lane would, and none receives much at once.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::clock;
use crate::sync::lock;

/// Maximum duration of a ticket.
const MAX_TIME: Duration = Duration::from_millis(20);
/// Minimum bytes of a ticket, even if they take longer than that.
const MIN_BYTES: u64 = 1 << 10;
/// Maximum bytes of a ticket.
const MAX_BYTES: u64 = 256 << 10;
/// Time that no reader has used is made up for, up to this much, since timers are late.
const CATCH_UP: Duration = Duration::from_millis(50);
/// Shorter waits are skipped.
const SHORTEST: Duration = Duration::from_millis(1);
/// Maximum time until a waiting reader looks whether its ticket has been moved.
const LOOK: Duration = Duration::from_millis(20);

/// A limit in bytes per second, which may change at any time.
#[derive(Debug)]
pub(crate) struct RateLimit {
    /// 0 means no limit.
    rate: AtomicU64,
    changes: AtomicU64,
}

/// The tickets of all readers under one limit.
#[derive(Debug, Default)]
pub(crate) struct VirtualQueue(Mutex<Tickets>);

/// Tickets have a time axis of their own. When more or fewer bytes than expected are received with
/// one, the axis is shifted, and all waiting tickets with it.
#[derive(Debug, Default)]
struct Tickets {
    /// The instant at which the axis begins; `None` before the first ticket under the limit.
    origin: Option<Instant>,
    /// When the last ticket ends, on that axis.
    end: Duration,
    /// Bytes that are expected with a ticket, by the last ones; `None` before the first has
    /// ended.
    usual: Option<u64>,
    /// The value of `changes` of the limit that the tickets were planned under.
    change: u64,
}

/// The time at which a reader may read, and how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    begins: Duration,
    /// The expected bytes.
    bytes: u64,
    rate: u64,
    change: u64,
}

impl RateLimit {
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

    /// Returns whether there is a limit now.
    pub(crate) fn is_set(&self) -> bool {
        self.rate.load(Ordering::Acquire) > 0
    }

    /// Returns how long to wait for the time of this ticket, which is set if it is `None`; `None`
    /// when its time has come, or when there is no limit.
    pub(crate) fn wait(
        &self,
        queue: &VirtualQueue,
        ticket: &mut Option<Ticket>,
    ) -> Option<Duration> {
        let rate = self.rate.load(Ordering::Acquire);
        if rate == 0 {
            *ticket = None;
            return None;
        }
        let (now, change) = (clock::now(), self.changes.load(Ordering::Acquire));
        let mut tickets = queue.lock();
        let ticket = match ticket {
            Some(ticket) if ticket.change == change => ticket,
            // After a change of the limit, every reader gets a new ticket.
            _ => ticket.insert(tickets.next(rate, change, now)),
        };
        let left = tickets.time_of(ticket, now).saturating_duration_since(now);
        (left >= SHORTEST).then_some(left.min(LOOK))
    }
}

impl Ticket {
    /// Returns how many bytes may be received with this ticket.
    pub(crate) fn max_bytes(&self) -> u64 {
        max_bytes(self.rate)
    }
}

impl VirtualQueue {
    /// Notes how many bytes were received with a ticket.
    pub(crate) fn settle(&self, ticket: &Ticket, bytes: u64) {
        self.lock().settle(ticket, bytes);
    }

    fn lock(&self) -> MutexGuard<'_, Tickets> {
        lock(&self.0)
    }
}

impl Tickets {
    /// Returns the next ticket under a limit of `rate` bytes per second.
    fn next(&mut self, rate: u64, change: u64, now: Instant) -> Ticket {
        if std::mem::replace(&mut self.change, change) != change {
            (self.origin, self.end) = (None, Duration::ZERO);
        }
        let origin = self.origin.get_or_insert(now);
        let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
        *origin += earliest.saturating_duration_since(*origin + self.end);
        let bytes = self.usual.unwrap_or(max_bytes(rate)).max(1);
        let begins = self.end;
        self.end += time_for(bytes, rate);
        Ticket {
            begins,
            bytes,
            rate,
            change,
        }
    }

    /// Returns when the time of a ticket begins, as things are now.
    fn time_of(&self, ticket: &Ticket, now: Instant) -> Instant {
        self.origin.map_or(now, |origin| origin + ticket.begins)
    }

    /// Notes how many bytes were received with a ticket, and moves those after it if that is more
    /// or less than expected.
    fn settle(&mut self, ticket: &Ticket, bytes: u64) {
        let usual = self.usual.unwrap_or(ticket.bytes);
        // A larger number counts at once, a smaller one gradually.
        self.usual = Some(
            usual
                .saturating_sub(usual.saturating_sub(bytes).div_ceil(8))
                .max(bytes),
        );
        if ticket.change != self.change {
            return;
        }
        self.origin = self.origin.and_then(|origin| {
            if bytes >= ticket.bytes {
                Some(origin + time_for(bytes - ticket.bytes, ticket.rate))
            } else {
                origin.checked_sub(time_for(ticket.bytes - bytes, ticket.rate))
            }
        });
    }
}

/// Returns the maximum number of bytes of a ticket, at `rate` bytes per second.
fn max_bytes(rate: u64) -> u64 {
    let most = u128::from(rate) * MAX_TIME.as_millis() / 1000;
    u64::try_from(most)
        .unwrap_or(u64::MAX)
        .clamp(MIN_BYTES, MAX_BYTES)
}

fn time_for(bytes: u64, rate: u64) -> Duration {
    Duration::from_secs_f64(bytes as f64 / rate as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 1_000_000;

    /// Returns how many bytes come in each 10 ms of the first `millis` milliseconds, when each
    /// ticket of `lanes` lanes brings the next of `sizes`, over and over, and each wait is `late`
    /// too long.
    fn received(lanes: usize, sizes: &[u64], millis: u64, late: Duration) -> Vec<u64> {
        let start = Instant::now();
        let (mut queue, mut sizes) = (Tickets::default(), sizes.iter().cycle());
        let mut tickets: Vec<_> = (0..lanes)
            .map(|_| (start, queue.next(RATE, 0, start)))
            .collect();
        let mut windows = vec![0; usize::try_from(millis / 10).unwrap()];
        loop {
            let (at, ticket) = tickets.iter_mut().min_by_key(|(at, _)| *at).unwrap();
            let now = *at;
            let left = queue.time_of(ticket, now).saturating_duration_since(now);
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
            queue.settle(ticket, bytes);
            *ticket = queue.next(RATE, 0, now);
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
        let (mut tickets, start) = (Tickets::default(), Instant::now());
        let ticket = tickets.next(RATE, 0, start);
        tickets.settle(&ticket, 10_000);
        let later = start + Duration::from_mins(1);
        let ticket = tickets.next(RATE, 0, later);
        assert_eq!(tickets.time_of(&ticket, later) + CATCH_UP, later);
    }

    #[test]
    fn a_limit_that_is_lifted_lets_everybody_go() {
        let (limit, queue) = (
            RateLimit::new(NonZeroU64::new(1000)),
            VirtualQueue::default(),
        );
        let mut first = None;
        assert_eq!(limit.wait(&queue, &mut first), None);
        let mut second = None;
        assert_eq!(limit.wait(&queue, &mut second), Some(LOOK));
        limit.set(NonZeroU64::new(1_000_000_000));
        assert_eq!(limit.wait(&queue, &mut second), None);
        limit.set(NonZeroU64::new(1000));
        assert_eq!(limit.wait(&queue, &mut first), None);
        assert_eq!(limit.wait(&queue, &mut second), Some(LOOK));
        limit.set(None);
        assert_eq!(limit.wait(&queue, &mut second), None);
        assert!(second.is_none());
    }
}
