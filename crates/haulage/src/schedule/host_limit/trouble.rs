//! Trouble: a time in which a server refuses more than a few requests. Says how often more is tried
//! meanwhile, and when the trouble is over. Pure.
//!
//! A trial costs a request that may be refused. So the first trials follow one another within some
//! round trips, and the later ones after a fraction of the time that the trouble has lasted.

use std::time::{Duration, Instant};

use super::{CALM, FIRST_PAUSE, MAX_PAUSE};

/// The shortest pause between two trials, in round trips.
const TRIPS: f64 = 10.0;
/// The pause as a fraction of the time that the trouble has lasted, if that is longer.
const PART: f64 = 0.3;
/// A limit of at least this fraction of its maximum can gain little: its pauses are twice as long.
const NEARLY_ALL: f64 = 0.7;

/// Since when a server has been refusing requests, and how many at once it has refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trouble {
    since: Instant,
    /// The lowest limit at which it has refused requests.
    lowest: f64,
    /// When it last accepted more for a moment, and then refused as before; `None` if it never did.
    false_start: Option<Instant>,
}

impl Trouble {
    pub(super) fn new(now: Instant, window: f64) -> Self {
        Self {
            since: now,
            lowest: window,
            false_start: None,
        }
    }

    /// Notes that requests are refused which had gone well for a while: this trouble is a new one.
    pub(super) fn worsens(&mut self, now: Instant) {
        self.since = now;
    }

    /// Notes a refusal at this window.
    pub(super) fn refused_at(&mut self, window: f64) {
        self.lowest = self.lowest.min(window);
    }

    /// Notes that the server only seemed to be well again.
    pub(super) fn starts_falsely(&mut self, now: Instant) {
        self.false_start = Some(now);
    }

    /// Returns whether the server seemed to be well again before, and was not. One that limits
    /// requests per second, and lets some more go at once, is like that.
    pub(super) fn had_false_start(&self) -> bool {
        self.false_start.is_some()
    }

    /// Returns whether the trouble is over if requests at this window go well: they have been
    /// refused before.
    pub(super) fn is_over_at(&self, window: f64, now: Instant) -> bool {
        let was_refused = window >= 1.0 && window.ceil() >= self.lowest.ceil();
        let is_believed = self.false_start.is_none_or(|at| now >= at + CALM);
        was_refused && is_believed
    }

    /// Returns how long to ask nothing at this window, which is this part of the most, where a
    /// round trip takes this number of seconds. `None` where the pauses are those of a server that
    /// is in no trouble.
    pub(super) fn pause(
        &self,
        window: f64,
        part_of_most: f64,
        trip: f64,
        now: Instant,
    ) -> Option<Duration> {
        if self.had_false_start() || window < 1.0 {
            return None;
        }
        let age = now.saturating_duration_since(self.since);
        let trips = Duration::from_secs_f64(TRIPS * trip);
        let pause = trips.max(age.mul_f64(PART)).max(FIRST_PAUSE);
        let times = if part_of_most >= NEARLY_ALL { 2 } else { 1 };
        Some((pause * times).min(MAX_PAUSE))
    }
}
