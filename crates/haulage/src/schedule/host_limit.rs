//! How many requests may be in flight to one host: found by trying, and lowered at the first sign
//! of trouble. Pure: time comes in as a parameter.
//!
//! The limit starts low, and doubles as long as throughput grows. Then it tries slightly more from
//! time to time, keeps that if throughput grows, and holds while the server's latency is higher
//! than it was. A refusal halves the limit, once for all requests that were in flight together; a
//! refused trial is only undone. Below one request at a time there are pauses between requests.
//!
//! What counts is the time to the first byte of a response, and the throughput. The duration of a
//! whole response depends on the length of its file.

use std::time::{Duration, Instant};

pub(super) use self::decide::LEAP;
use self::trouble::Trouble;
use super::pipe::Filled;
use crate::event::LimitChange as Why;
use crate::options::EngineOptions;

/// The initial limit.
pub(super) const START: usize = 4;
/// The initial limit over HTTP/2, where requests share a connection: no more than a browser sends
/// at once for one page.
const STREAMS: usize = 16;
/// A server is overloaded if its latency exceeds the best one times this factor, plus
/// `SLOWER_SECONDS`.
const SLOWER_FACTOR: f64 = 1.5;
const SLOWER_SECONDS: f64 = 0.002;
/// The best latency grows by this factor each round: a server may have become slower for good.
const FORGETS: f64 = 1.002;
/// The wait before the next trial at first.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest wait before the next trial, after repeated trials without a gain.
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// If a refusal stops requests for a time, the next trial waits this many times as long.
const RARELY: u32 = 10;
/// A round ends after as many responses as requests may be in flight, but not before this.
const MIN_ROUND: Duration = Duration::from_millis(10);
/// While long bodies arrive, a round ends after this.
const LONG_ROUND: Duration = Duration::from_millis(250);
/// A response counts as this many bytes: many small files are worth as much as a large one.
pub(super) const ANSWER: u64 = 16 << 10;
/// The weight of one response or refusal in the average share of refusals.
const LATELY: f64 = 1.0 / 32.0;
/// From this share of refusals on, the limit may fall below one request at a time.
const TOO_MANY: f64 = 1.0 / 3.0;
/// A refusal counts against a server for this long.
const CALM: Duration = Duration::from_secs(30);
/// The longest pause between two requests, in seconds.
const LONGEST_GAP: f64 = 4.0;
/// Requests are spread over a round trip only if this many seconds or more are between them: timers
/// are no finer.
const SPREAD: f64 = 0.001;
/// This many rounds without a refusal show that a server has recovered.
const WELL: u64 = 2;
/// Rounds of a trial below one request at a time: some rate limits let a few more requests through
/// at first.
const SLOWLY: u64 = 8;
/// This many cuts without a response in between are an outage.
const OUTAGE: u32 = 6;
/// The smallest step of a trial, as a fraction of a request.
const LEAST_STEP: f64 = 0.25;

/// Returns how many requests a host of which nothing is known gets at first. A higher maximum for
/// one host, or more segments of a file (`split`), raises this number too: to the part of the
/// maximum from which one leap leads to all of it.
pub(crate) fn first(per_host: Option<usize>, split: usize) -> usize {
    let most = per_host.unwrap_or(EngineOptions::DEFAULT_PER_HOST);
    let is_raised = most > EngineOptions::DEFAULT_PER_HOST;
    let part = if is_raised { most / LEAP } else { 0 };
    START.max(part).max(split).min(most)
}

/// How many requests a host may have in flight.
#[derive(Debug)]
pub(super) struct HostLimit {
    /// Requests in flight at once. A fraction stands for pauses between requests.
    window: f64,
    most: usize,
    /// The highest limit that has gone well for a whole round; 0 if there is none, or if requests
    /// were refused at it since.
    last_good: f64,
    phase: Phase,
    /// By how many requests the next trial raises the limit.
    step: f64,
    /// The wait before the next trial.
    pause: Duration,
    /// How long no request was sent after the last refusal; zero once a trial has gone well since.
    penalty: Duration,
    round: Round,
    /// The best latency of the server, in seconds.
    baseline: f64,
    /// The recent average latency, in seconds.
    latency: f64,
    /// Good responses so far.
    answers: u64,
    /// Requests are spread over one round trip after a raise, until `answers` reaches this.
    ramps_until: u64,
    /// The recent share of refusals, from 0 to 1.
    refusals: f64,
    /// When the limit was last lowered: refusals of requests sent before do not lower it again.
    recovery_start: Option<Instant>,
    /// Since when requests above some limit are refused; `None` once twice as many have gone well.
    trouble: Option<Trouble>,
    /// How many of the requests in flight can have been answered.
    expected: u64,
    /// What fills the link, if that is known to be few requests.
    filled: Option<Filled>,
    /// How often the limit was lowered since the last good response.
    cuts_in_a_row: u32,
    /// Whether the server has responded again after an outage.
    has_recovered: bool,
    /// When the limit was last restored after an outage.
    restored: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// The limit doubles each round. `before`: the throughput at half of it, in units per second;
    /// `None` in the first round.
    SlowStart { before: Option<f64> },
    /// Four times as many requests are tried. `before`: the throughput before that.
    Leap { before: f64 },
    /// The leap was too far, so half of it is tried. `before`: the throughput before the leap.
    HalfLeap { before: f64 },
    /// The number of requests that fill the link is tried. `rate`: their throughput then, in units
    /// per second.
    Fill { rate: f64 },
    /// `more` requests than before are tried. `before`: the throughput without them.
    Probe { more: f64, before: f64 },
    /// The limit rises step by step again, to just below the window that was refused.
    Recovery { to: f64 },
    /// Nothing is tried before `until`.
    Hold { until: Instant },
}

/// The current measurement.
#[derive(Debug)]
struct Round {
    since: Instant,
    /// Bytes received before the round, plus `ANSWER` for each response.
    units: u64,
    answers: u64,
    /// The sum of their latencies, in seconds.
    latency: f64,
    /// Whether all responses belong to requests sent under the present limit.
    settled: bool,
}

impl HostLimit {
    /// Creates the limit of a host of which nothing is known: `start` requests at first, and never
    /// more than `most`.
    pub(super) fn new(start: usize, most: usize, now: Instant) -> Self {
        let most = most.max(1);
        Self {
            window: start.clamp(1, most) as f64,
            most,
            last_good: 0.0,
            phase: Phase::SlowStart { before: None },
            step: 1.0,
            pause: FIRST_PAUSE,
            penalty: Duration::ZERO,
            round: Round::begin(now, 0),
            baseline: f64::INFINITY,
            latency: 0.0,
            answers: 0,
            ramps_until: 0,
            refusals: 0.0,
            recovery_start: None,
            trouble: None,
            expected: u64::MAX,
            filled: None,
            cuts_in_a_row: 0,
            has_recovered: false,
            restored: None,
        }
    }

    /// Returns how many requests may be in flight.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is positive, and no more than what came in as a number"
    )]
    pub(super) fn now(&self) -> usize {
        self.window.ceil() as usize
    }

    /// Returns the most requests that it may ever allow.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Changes the most that it may ever be.
    pub(super) fn set_most(&mut self, most: usize) {
        self.most = most.max(1);
        self.window = self.window.min(self.most as f64);
    }

    /// Raises the limit of a host that speaks HTTP/2, if nothing else is known of it yet.
    pub(super) fn shares_a_connection(&mut self) {
        if self.answers == 0 && self.recovery_start.is_none() {
            self.window = self.window.max(STREAMS as f64).min(self.most as f64);
        }
    }

    /// Returns how many good responses the server has sent.
    pub(super) fn answers(&self) -> u64 {
        self.answers
    }

    /// Returns whether the server has not refused anything lately.
    pub(super) fn is_calm(&self, now: Instant) -> bool {
        self.recovery_start.is_none_or(|start| now >= start + CALM)
    }

    /// Returns how long after one request the next may be sent; `None` if they need not be spread.
    /// They are spread where one more at once would be a little too much, or where
    /// [`is_spread`](Self::is_spread) says so.
    pub(super) fn gap(&self) -> Option<Duration> {
        let gap = self.latency / self.window;
        let is_paced = self.window.fract() > 0.0 || self.is_spread() && gap >= SPREAD;
        is_paced.then(|| Duration::from_secs_f64(gap.clamp(0.0, LONGEST_GAP)))
    }

    /// Returns whether requests are spread over a round trip, so that the first refusal stops the
    /// others: twice as many were allowed just now, or the server has begun to refuse requests and
    /// has answered none since.
    fn is_spread(&self) -> bool {
        let is_doubled = matches!(
            self.phase,
            Phase::SlowStart { before: Some(_) } | Phase::Leap { .. } | Phase::Fill { .. }
        );
        let is_ramping = is_doubled && !self.round.settled && self.answers < self.ramps_until;
        let is_halved = matches!(self.phase, Phase::Recovery { .. }) && self.window > 1.0;
        is_ramping || is_halved && self.cuts_in_a_row > 0
    }

    /// Notes a good response, whose `latency` is the time since its request was sent.
    pub(super) fn on_response(&mut self, latency: Duration, now: Instant) {
        let is_news = self
            .recovery_start
            .is_none_or(|start| now >= start + latency);
        let latency = latency.as_secs_f64();
        self.answers += 1;
        // A response to a request sent before the refusal does not show that the server recovered.
        if is_news {
            self.has_recovered |= self.cuts_in_a_row >= OUTAGE;
            self.cuts_in_a_row = 0;
        }
        self.refusals -= self.refusals * LATELY;
        self.latency += (latency - self.latency) / self.answers.min(8) as f64;
        self.round.answers += 1;
        self.round.latency += latency;
    }

    /// Notes that the server has refused a request, or not answered it; it was sent at `sent`.
    /// `left_alone` is how long nothing is sent now. Returns why the limit was lowered; `None` if
    /// the request was sent before the limit was lowered last.
    pub(super) fn on_refused(
        &mut self,
        sent: Instant,
        now: Instant,
        left_alone: Duration,
    ) -> Option<Why> {
        self.refusals += (1.0 - self.refusals) * LATELY;
        if self.recovery_start.is_some_and(|start| sent < start) {
            return None;
        }
        self.recovery_start = Some(now);
        self.cuts_in_a_row += 1;
        self.penalty = left_alone;
        let refused = self.window;
        let is_false_start = self.note_trouble(refused, now);
        let is_tried = self.last_good > 0.0 && self.last_good < refused;
        if is_tried {
            // This limit has gone well.
            self.window = self.last_good.max(refused / 2.0);
        } else {
            self.window = refused / 2.0;
            self.last_good = 0.0;
        }
        // A lower limit would make a request wait too long. And a server that refuses only a small
        // share of requests, at any limit, does not do so because of their number.
        let least = if self.refusals < TOO_MANY && refused >= 1.0 {
            1.0
        } else {
            self.latency.max(0.001) / LONGEST_GAP
        };
        self.window = self.window.max(least.min(refused));
        match self.phase {
            Phase::Probe { .. } | Phase::Recovery { .. } if is_tried => self.hold(now, true),
            Phase::SlowStart { .. } if is_false_start && is_tried => self.hold(now, true),
            _ => {
                let to = refused - self.step.min(1.0);
                self.step = (self.step / 2.0).max(LEAST_STEP);
                self.phase = Phase::Recovery {
                    to: if to < self.window { refused * 0.8 } else { to },
                };
            }
        }
        self.round = Round::begin(now, self.round.units);
        Some(Why::Refused)
    }

    /// Notes that `refused` requests at once are too many. Returns whether the server only seemed
    /// to have recovered.
    fn note_trouble(&mut self, refused: f64, now: Instant) -> bool {
        let Some(trouble) = &mut self.trouble else {
            self.trouble = Some(Trouble::new(now, refused));
            return false;
        };
        if matches!(self.phase, Phase::Hold { .. }) {
            trouble.worsens(now);
        }
        trouble.refused_at(refused);
        let is_false_start = matches!(self.phase, Phase::SlowStart { .. });
        if is_false_start {
            trouble.starts_falsely(now);
        }
        is_false_start
    }

    /// Notes how many of the requests in flight can have been answered: in the first round of all,
    /// those whose connections have just been made, or are being made, are not waited for.
    pub(super) fn expect_responses(&mut self, answers: usize) {
        self.expected = answers as u64;
    }

    /// Notes what fills the link; `None` if that is not known to be few requests.
    pub(super) fn set_filled(&mut self, filled: Option<Filled>) {
        self.filled = filled;
    }

    /// Updates the limit after something was received: `bytes` in all. `is_saturated`: as many
    /// requests as it allows are in flight, and more wait; else it is the client that limits the
    /// throughput. Returns why the limit was changed; `None` if it was not.
    pub(super) fn update(&mut self, now: Instant, bytes: u64, is_saturated: bool) -> Option<Why> {
        let units = bytes + ANSWER * self.answers;
        if std::mem::take(&mut self.has_recovered) && self.restore(now, units) {
            return Some(Why::Grows);
        }
        if !is_saturated {
            // While slots are free, throughput shows nothing about the limit.
            self.round = Round::begin(now, units);
            return None;
        }
        let passed = now.saturating_duration_since(self.round.since);
        if !self.is_over(now, passed, units) {
            return None;
        }
        let begun = Round {
            settled: true,
            ..Round::begin(now, units)
        };
        let round = std::mem::replace(&mut self.round, begun);
        // The first round has none before it, and regaining compares no throughput.
        let counts = round.settled
            || matches!(
                self.phase,
                Phase::SlowStart { before: None } | Phase::Recovery { .. }
            );
        if !counts {
            return None;
        }
        let is_slower = self.is_slower(&round);
        let rate = (units - round.units) as f64 / passed.as_secs_f64();
        let before = self.window;
        let why = self.decide(rate, is_slower, now);
        // Of the old and the new limit, only the lower one has gone well so far. Half of a leap has
        // yet to be measured.
        if !matches!(self.phase, Phase::HalfLeap { .. }) {
            self.last_good = before.min(self.window);
        }
        let has_changed = self.window.to_bits() != before.to_bits();
        self.round.settled = !has_changed;
        if has_changed {
            // Counted in responses: the limit of all hosts together may keep the round from ending.
            self.ramps_until = self.answers + self.now() as u64;
        }
        has_changed.then_some(why)
    }

    /// Raises the limit to one request at a time after an outage, and begins the search anew.
    /// Returns whether it did so: not soon again, since a server that accepts few requests in total
    /// refuses many in a row, too.
    fn restore(&mut self, now: Instant, units: u64) -> bool {
        if self.window >= 1.0 || self.restored.is_some_and(|at| now < at + CALM) {
            return false;
        }
        self.restored = Some(now);
        self.trouble = None;
        self.window = 1.0;
        self.phase = Phase::SlowStart { before: None };
        self.round = Round::begin(now, units);
        true
    }

    /// Returns whether enough has come to judge the round.
    fn is_over(&self, now: Instant, passed: Duration, units: u64) -> bool {
        let rounds = match self.phase {
            Phase::Probe { .. } if self.round.settled && self.seems_well(now) => WELL,
            Phase::Probe { .. } if self.round.settled && self.window < 1.0 => SLOWLY,
            Phase::Hold { .. } | Phase::Probe { .. } if self.round.settled => 4,
            // Requests sent in the leap have to be answered first.
            Phase::HalfLeap { .. } if !self.round.settled => 3,
            _ => 1,
        };
        let at_once = match self.phase {
            Phase::SlowStart { before: None } => self.expected.min(self.now() as u64),
            _ => self.now() as u64,
        };
        let answers = (rounds * at_once).max(2);
        let least = match self.phase {
            // Requests sent before the refusal, or at a lower limit, have to be answered first.
            Phase::Recovery { .. } if self.window >= 1.0 => {
                MIN_ROUND.max(Duration::from_secs_f64(self.latency))
            }
            _ => MIN_ROUND,
        };
        let has_answers = self.round.answers >= answers && passed >= least;
        // For slow responses, or long bodies.
        let longest = LONG_ROUND.as_secs_f64().max(4.0 * self.latency);
        has_answers || passed.as_secs_f64() >= longest && units > self.round.units
    }

    /// Updates the best latency, and returns whether the server was clearly slower than that in a
    /// round.
    fn is_slower(&mut self, round: &Round) -> bool {
        if round.answers == 0 {
            return false;
        }
        let latency = round.latency / round.answers as f64;
        self.baseline = (self.baseline * FORGETS).min(latency);
        latency > self.baseline * SLOWER_FACTOR + SLOWER_SECONDS
    }

    /// Returns whether the server has recovered from what it refused before, provided that requests
    /// at the present limit go well.
    fn seems_well(&self, now: Instant) -> bool {
        let trouble = self.trouble.as_ref();
        trouble.is_some_and(|trouble| trouble.is_over_at(self.window, now))
    }

    fn try_more(&mut self, rate: f64, now: Instant) {
        let more = self
            .step
            .min(self.window)
            .min(self.most as f64 - self.window);
        if more <= 0.0 {
            return self.hold(now, false);
        }
        self.phase = Phase::Probe { more, before: rate };
        self.window += more;
    }

    /// Tries nothing for a while; if what was tried last was in vain, waits longer and then tries a
    /// smaller step.
    fn hold(&mut self, now: Instant, in_vain: bool) {
        if in_vain {
            self.pause = (self.pause * 2).min(MAX_PAUSE);
            self.step = (self.step / 2.0).max(LEAST_STEP);
        }
        let trouble = self.trouble.as_ref();
        let part = self.window / self.most as f64;
        let pause = trouble.and_then(|trouble| trouble.pause(self.window, part, self.latency, now));
        let pause = pause.unwrap_or(self.pause);
        let until = now + self.penalty + pause.max(self.penalty * RARELY);
        self.phase = Phase::Hold { until };
    }
}

impl Round {
    fn begin(now: Instant, units: u64) -> Self {
        Self {
            since: now,
            units,
            answers: 0,
            latency: 0.0,
            settled: false,
        }
    }
}

mod decide;
mod trouble;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
