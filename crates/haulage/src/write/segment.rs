//! A segment: the bytes of a part that one response delivers.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::clock;
use crate::sync::lock;

/// The time over which speeds are averaged.
const AVERAGING_TIME: Duration = Duration::from_secs(1);
/// In less time than this, no speed can be measured.
const MIN_INTERVAL: Duration = Duration::from_millis(20);

/// The bytes that one response delivers, in order: how far it has come, and where it is to stop.
/// Others read this meanwhile.
#[derive(Debug)]
pub(crate) struct Segment {
    /// The index of the item's URL that delivers it.
    source: usize,
    start: u64,
    /// All bytes from the start to here have been written.
    at: AtomicU64,
    /// All bytes from the start to here have come, though the last of them may not have been
    /// written. Never counts before `at`.
    received: AtomicU64,
    end: AtomicU64,
    /// The end of its response, whatever others have taken over; or where it has ended for good.
    response_end: AtomicU64,
    /// There is a response for it.
    is_answered: AtomicBool,
    /// It takes over all that another segment, which is very slow, had left.
    takes_over: bool,
    /// It was requested as a range: it ends where another one begins.
    is_range: bool,
    /// It has brought nothing for some time, and its rest is small.
    is_silent: AtomicBool,
    began: Instant,
    rate: Mutex<RateEstimate>,
    /// When its bytes began to be copied directly to the file; empty if they are not.
    direct_since: OnceLock<Instant>,
    /// Nanoseconds since then in which it waited for the server.
    waited: AtomicU64,
}

/// The speed of a segment, and when it was last measured.
#[derive(Debug)]
struct RateEstimate {
    updated: Instant,
    at: u64,
    /// Bytes per second; `None` before the first measurement.
    speed: Option<f64>,
}

impl Segment {
    pub(crate) fn new(range: Range<u64>, source: usize) -> Self {
        Self {
            source,
            start: range.start,
            at: AtomicU64::new(range.start),
            received: AtomicU64::new(range.start),
            end: AtomicU64::new(range.end),
            response_end: AtomicU64::new(range.end),
            is_answered: AtomicBool::new(false),
            takes_over: false,
            is_range: false,
            is_silent: AtomicBool::new(false),
            began: clock::now(),
            rate: Mutex::new(RateEstimate {
                updated: clock::now(),
                at: range.start,
                speed: None,
            }),
            direct_since: OnceLock::new(),
            waited: AtomicU64::new(0),
        }
    }

    /// Marks it as taking over all that another segment had left, which is very slow.
    pub(super) fn taking_over(mut self) -> Self {
        self.takes_over = true;
        self
    }

    /// Marks it as a segment that was requested as a range: it ends where another one begins.
    pub(super) fn of_range_request(mut self) -> Self {
        self.is_range = true;
        self
    }

    pub(super) fn is_range(&self) -> bool {
        self.is_range
    }

    pub(super) fn source(&self) -> usize {
        self.source
    }

    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Returns the range of bytes that has been written.
    pub(crate) fn written(&self) -> Range<u64> {
        self.start..self.at.load(Ordering::Acquire)
    }

    /// Notes that `bytes` more bytes have been written.
    pub(crate) fn wrote(&self, bytes: u64) {
        self.at.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Notes that `bytes` bytes in all have come.
    pub(super) fn received(&self, bytes: u64) {
        self.received
            .fetch_max(self.start + bytes, Ordering::AcqRel);
        if self.is_silent() {
            self.set_silent(false);
        }
    }

    /// Notes whether another response is to deliver its rest, since it is small and nothing of it
    /// comes. Ends with the next byte that does come.
    pub(crate) fn set_silent(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::Relaxed);
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.is_silent.load(Ordering::Relaxed)
    }

    /// Returns the range of bytes that are still to come. Those that have come are written soon.
    pub(crate) fn missing(&self) -> Range<u64> {
        let written = self.at.load(Ordering::Acquire);
        self.received.load(Ordering::Acquire).max(written)..self.end()
    }

    /// Returns how many bytes are still to be written.
    pub(crate) fn left(&self) -> u64 {
        self.end().saturating_sub(self.at.load(Ordering::Acquire))
    }

    /// Returns the range of bytes that is still to be written.
    pub(super) fn rest(&self) -> Range<u64> {
        self.at.load(Ordering::Acquire)..self.end()
    }

    /// Moves its end back to `end`, unless it is there or before: others deliver what follows. The
    /// segment stops soon after; what both deliver is the same.
    pub(super) fn stop_at(&self, end: u64) {
        self.end.fetch_min(end, Ordering::AcqRel);
    }

    /// Notes that there is a response for it.
    pub(super) fn answered(&self) {
        self.is_answered.store(true, Ordering::Release);
    }

    pub(super) fn has_response(&self) -> bool {
        self.is_answered.load(Ordering::Acquire)
    }

    /// Moves its end forward to `end`, as far as its response goes, since nobody else delivers
    /// these bytes. Does nothing if there is no response yet.
    pub(super) fn extend_to(&self, end: u64) {
        if self.has_response() {
            let response_end = self.response_end.load(Ordering::Acquire);
            self.end.fetch_max(end.min(response_end), Ordering::AcqRel);
        }
    }

    /// Makes its present end final: what followed in its response is not kept.
    pub(super) fn freeze(&self) {
        self.response_end.store(self.end(), Ordering::Release);
    }

    /// Returns how many bytes are still to be written, if others deliver the end of its response;
    /// `None` if nobody does.
    pub(crate) fn left_before_successor(&self) -> Option<u64> {
        (self.end() < self.response_end()).then(|| self.left())
    }

    /// Returns where it must end at the latest, even if nobody else delivers what follows.
    pub(super) fn response_end(&self) -> u64 {
        self.response_end.load(Ordering::Acquire)
    }

    /// Returns whether another response that reaches it may deliver it instead: it has no response
    /// yet, and it does not take over from a slow one.
    pub(super) fn is_reclaimable(&self) -> bool {
        !self.has_response() && !self.takes_over
    }

    /// Returns its speed in bytes per second; `None` before `settles` has passed, since connections
    /// begin slowly.
    pub(super) fn settled_speed(&self, settles: Duration) -> Option<f64> {
        (clock::elapsed(self.began) >= settles).then(|| self.speed())
    }

    /// Returns its present speed in bytes per second; 0 before it is known.
    pub(crate) fn speed(&self) -> f64 {
        let mut rate = lock(&self.rate);
        rate.update(self.missing().start, clock::now());
        rate.speed.unwrap_or(0.0)
    }

    /// Notes that its bytes are copied directly to the file from now on, with all waits told to
    /// [`waited`](Self::waited).
    pub(super) fn begin_direct_copy(&self) {
        let _ = self.direct_since.set(clock::now());
    }

    /// Returns whether its bytes are copied directly to the file. Then it is known only late that
    /// they have come.
    pub(crate) fn is_copied_directly(&self) -> bool {
        self.direct_since.get().is_some()
    }

    /// Notes how long it has waited for its server.
    pub(super) fn waited(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.waited.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Returns whether it mostly waits for this machine, not for the server, so that more
    /// connections would not help. `false` if its bytes are not copied directly, since then it is
    /// not known.
    pub(crate) fn is_limited_locally(&self) -> bool {
        let waited = Duration::from_nanos(self.waited.load(Ordering::Relaxed));
        let since = self.direct_since.get();
        since.is_some_and(|since| waited < clock::elapsed(*since) / 3)
    }

    /// Discards all progress: what was written may not be on the disk.
    pub(super) fn discard_progress(&self) {
        self.at.store(self.start, Ordering::Release);
        self.received.store(self.start, Ordering::Release);
    }
}

impl RateEstimate {
    fn update(&mut self, at: u64, now: Instant) {
        let passed = now.saturating_duration_since(self.updated);
        if passed < MIN_INTERVAL {
            return;
        }
        let speed = at.saturating_sub(self.at) as f64 / passed.as_secs_f64();
        // The older the speed is, the less it counts.
        let weight = 1.0 - (-passed.as_secs_f64() / AVERAGING_TIME.as_secs_f64()).exp();
        let before = self.speed.unwrap_or(speed);
        self.speed = Some(before + weight * (speed - before));
        (self.updated, self.at) = (now, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_end_moves_both_ways_but_never_beyond_its_response() {
        let segment = Segment::new(10..100, 0);
        segment.wrote(20);
        assert_eq!((segment.written(), segment.rest()), (10..30, 30..100));
        segment.stop_at(60);
        segment.stop_at(80);
        assert_eq!((segment.end(), segment.left()), (60, 30));
        segment.extend_to(70);
        assert_eq!(segment.end(), 60, "it may have no response");
        segment.answered();
        segment.extend_to(70);
        assert_eq!(segment.end(), 70);
        segment.extend_to(101);
        assert_eq!(segment.end(), 100);
        segment.stop_at(90);
        segment.freeze();
        segment.extend_to(100);
        assert_eq!(segment.end(), 90, "what followed is gone");
        // Bytes written beyond the end do not make this negative.
        segment.stop_at(25);
        assert_eq!(segment.left(), 0);
    }

    #[test]
    fn what_waits_for_its_server_is_not_held_up_here() {
        let segment = Segment::new(0..100, 0);
        assert!(!segment.is_limited_locally(), "it is not known");
        segment.begin_direct_copy();
        assert!(segment.is_limited_locally());
        segment.waited(Duration::from_hours(1));
        assert!(!segment.is_limited_locally());
    }

    #[test]
    fn its_speed_is_that_of_late() {
        let start = Instant::now();
        let mut rate = RateEstimate {
            updated: start,
            at: 0,
            speed: None,
        };
        rate.update(10, start + MIN_INTERVAL / 2);
        assert_eq!(rate.speed, None);
        rate.update(1000, start + AVERAGING_TIME);
        assert_eq!(rate.speed, Some(1000.0));
        rate.update(1000, start + 2 * AVERAGING_TIME);
        assert!(
            rate.speed
                .is_some_and(|speed| (300.0..400.0).contains(&speed))
        );
        rate.update(1000, start + 9 * AVERAGING_TIME);
        assert!(rate.speed.is_some_and(|speed| speed < 1.0));
    }
}
