//! Decides after each round whether the limit is raised, kept or lowered. Pure.

use std::time::{Duration, Instant};

use super::{FIRST_PAUSE, HostLimit, Phase, START};
use crate::event::LimitChange as Why;

/// The limit doubles again if the last doubling raised throughput by this factor.
const DOUBLES: f64 = 1.25;
/// If it raised throughput by this factor, the limit doubles again even at a higher latency: the
/// link, or the window of a shared connection, is being filled.
const FILLS: f64 = 1.5;
/// A doubled limit is kept if it raised throughput by this factor.
const KEPT: f64 = 1.1;
/// From this round-trip time on, in seconds, the first step is a leap to `LEAP` times as many
/// requests: each doubling would cost a round trip or two.
const FAR: f64 = 0.015;
pub(in crate::schedule) const LEAP: usize = 4;
/// A trial is kept if each additional request raised throughput by at least this share of what each
/// earlier request contributes.
const WORTH: f64 = 0.5;

impl HostLimit {
    /// Returns whether the first good answers may raise it by a leap, where this is the round trip.
    pub(in crate::schedule) fn may_leap(&self, trip: Duration) -> bool {
        let is_first = matches!(self.phase, Phase::SlowStart { before: None });
        is_first && self.recovery_start.is_none() && trip.as_secs_f64() >= FAR
    }

    /// Decides what is done next: this much came in a second of a round that is over.
    pub(super) fn decide(&mut self, rate: f64, is_slower: bool, now: Instant) -> Why {
        let is_good = match self.phase {
            Phase::SlowStart { before } => self.double(before, rate, is_slower, now),
            Phase::Leap { before } => self.leap(before, rate, is_slower, now),
            Phase::Fill { rate: full } => {
                if rate >= full * DOUBLES && self.window < self.most as f64 {
                    // The link carries more than the first responses have shown.
                    self.double_next(rate);
                } else {
                    self.hold(now, false);
                }
                true
            }
            Phase::HalfLeap { before } => {
                let is_kept = rate >= before * KEPT;
                if !is_kept {
                    self.window = self.last_good;
                }
                self.hold(now, false);
                is_kept
            }
            Phase::Probe { more, before } => self.judge_trial(more, before, rate, is_slower, now),
            Phase::Recovery { to } => {
                self.regain(to, is_slower, now);
                true
            }
            Phase::Hold { until } => {
                if now >= until && is_slower {
                    self.hold(now, false);
                } else if now >= until {
                    self.try_more(rate, now);
                }
                true
            }
        };
        match is_good {
            true => Why::Grows,
            false if is_slower => Why::Slower,
            false => Why::NoGain,
        }
    }

    /// Decides after a round of doubling; half as many brought as much as `before`. Returns whether
    /// more may be tried, or all of it is kept.
    fn double(&mut self, before: Option<f64>, rate: f64, is_slower: bool, now: Instant) -> bool {
        self.trouble = None;
        let gain = before.map_or(f64::INFINITY, |before| rate / before);
        if gain < DOUBLES || gain < FILLS && is_slower {
            if gain < KEPT || gain < DOUBLES && is_slower {
                self.window = self.last_good;
            }
            self.hold(now, false);
            return false;
        }
        if self.window >= self.most as f64 {
            self.hold(now, false);
            return false;
        }
        if before.is_none() && self.recovery_start.is_none() && self.latency >= FAR {
            let leap = (self.window * LEAP as f64).min(self.most as f64);
            if let Some(filled) = self.filled.filter(|filled| filled.by < leap) {
                self.phase = Phase::Fill { rate: filled.rate };
                self.window = self.window.max(filled.by);
            } else {
                self.phase = Phase::Leap { before: rate };
                self.window = leap;
            }
            return true;
        }
        self.double_next(rate);
        if self.last_good >= START as f64 {
            // The outage is over: the next one is a new one.
            self.restored = None;
        }
        true
    }

    fn double_next(&mut self, rate: f64) {
        self.phase = Phase::SlowStart { before: Some(rate) };
        self.window = (self.window * 2.0).min(self.most as f64);
    }

    /// Decides after a leap. Returns whether all of it is kept; else half of it is tried out.
    fn leap(&mut self, before: f64, rate: f64, is_slower: bool, now: Instant) -> bool {
        let gain = (rate / before).sqrt();
        let is_enough = gain >= FILLS || gain >= DOUBLES && !is_slower;
        if !is_enough {
            self.phase = Phase::HalfLeap { before };
            self.window = (self.window / 2.0).max(self.last_good);
        } else if self.window < self.most as f64 {
            self.double_next(rate);
        } else {
            self.hold(now, false);
        }
        is_enough
    }

    /// Decides whether what was tried out is kept.
    fn judge_trial(
        &mut self,
        more: f64,
        before: f64,
        rate: f64,
        is_slower: bool,
        now: Instant,
    ) -> bool {
        let from = self.window - more;
        let is_well = self.seems_well(now);
        let is_worth = is_well || rate >= before * (1.0 + WORTH * more / from);
        if is_slower || !is_worth {
            self.window = from;
            self.hold(now, true);
            return false;
        }
        self.penalty = Duration::ZERO;
        if !self
            .trouble
            .is_some_and(|trouble| trouble.had_false_start())
        {
            self.pause = FIRST_PAUSE;
        }
        if is_well {
            // It accepts what it refused before: the new limit is found by doubling, as at first.
            self.double_next(rate);
        } else {
            self.step = (more * 2.0).min(self.window);
            self.try_more(rate, now);
        }
        true
    }

    fn regain(&mut self, to: f64, is_slower: bool, now: Instant) {
        if is_slower || self.window >= to {
            return self.hold(now, false);
        }
        let next = if self.window < 1.0 {
            self.window * 1.25
        } else {
            self.window.floor() + 1.0
        };
        self.window = next.min(to);
    }
}
