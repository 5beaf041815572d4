//! Decides whether a file is downloaded sooner over several connections than over one, from the
//! throughput of all together. Pure.
//!
//! On a long path all connections begin at once. Elsewhere the first one begins alone. Others are
//! tried when its throughput no longer grows and many bytes are missing, when its throughput is
//! uneven, or when packets are lost: a connection that fills the link has an even throughput, one
//! with losses or a server that pauses does not. The gain from one more connection decides about
//! all others.

use std::time::{Duration, Instant};

use super::segments::ConnectionSpeed;

/// A rate of more than this factor times that of the window before means that the connection still
/// speeds up: slow start doubles the rate in each round trip.
const GROWS: f64 = 1.2;
/// A window with less than this fraction of the best rate is a dip.
const DIP: f64 = 0.5;
/// A rate of less than this fraction of the earlier one means that the file has stalled.
const STALL: f64 = 0.25;
/// More connections help if the total rate is more than this factor times the rate before.
const GAIN: f64 = 1.1;
/// If one more connection has this gain, each connection is limited by itself.
const GAIN_AT_ONCE: f64 = 1.75;
/// How long the rest of a file must take at least.
#[derive(Clone, Copy)]
struct MinRest {
    round_trips: f64,
    seconds: f64,
}

/// How long the rest of the file must take for a trial of one more connection, in round trips and
/// in seconds. The response that is cut in the end wastes the bytes of up to two round trips: at
/// most 2% of the rest.
const PAYS: MinRest = MinRest {
    round_trips: 100.0,
    seconds: 2.0,
};
/// [`PAYS`], where the throughput is uneven or packets are lost: then few bytes are in flight when
/// a response is cut.
const PAYS_UNEVEN: MinRest = MinRest {
    round_trips: 10.0,
    seconds: 1.0,
};
/// [`PAYS`], where the user asked for many connections.
const PAYS_EAGER: MinRest = MinRest {
    round_trips: 4.0,
    seconds: 0.3,
};
/// How long the rest must take for a new connection to be of use: round trips plus seconds.
const CONNECTS: MinRest = MinRest {
    round_trips: 6.0,
    seconds: 0.1,
};
/// Seconds that the rest of a response must take before another segment of it begins, once there
/// are several connections: the one for that segment is open already.
const PAYS_AGAIN: f64 = 0.05;
/// How long the rest must take for that on a long path, in round trips: bytes in flight beyond the
/// cut are lost. Half of five round trips leaves time to close the window before the cut.
const PAYS_AGAIN_FAR: f64 = 5.0;
/// How long the rest of a response must take so that a connection that is open and idle brings half
/// of it, in round trips and in seconds. The speed of such a connection is known after this time
/// too: it has no slow start before it.
const HELPS: MinRest = MinRest {
    round_trips: 5.0,
    seconds: 0.2,
};
/// From this round trip on, all connections begin together with the first. Each doubles its rate
/// once per round trip, so one alone needs seconds to fill a link. Many servers keep no more than 4
/// MiB of unacknowledged data per connection, which limits its rate too.
const FAR: Duration = Duration::from_millis(200);
/// The length of a trial in round trips. The first half does not count, because new connections are
/// slow then.
const TRIAL_ROUND_TRIPS: f64 = 10.0;
/// Minimum length of a trial, in seconds.
const MIN_TRIAL: f64 = 0.3;
/// Maximum length of a trial, in seconds.
const MAX_TRIAL: f64 = 3.0;
/// Maximum round trip, in seconds: a longer one is due to a slow server, not to a long path.
const LONGEST_ROUND_TRIP: f64 = 0.5;

/// How much of a file has been received, and is missing, at a point in time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    /// Bytes received in total.
    pub(crate) bytes: u64,
    /// Bytes of the file that are missing.
    pub(crate) left: u64,
    /// Whether the first connection's path loses packets; `false` if they were lost because a queue
    /// was full, `None` if nothing is known yet.
    pub(crate) is_lossy: Option<bool>,
}

/// How many connections may download a file at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    One,
    /// The first and one more.
    Two,
    /// As many as the user allows.
    All,
}

/// Returns whether the round trip of the network alone is so long that all connections of a large
/// file begin at once.
pub(crate) fn is_far(path: Duration) -> bool {
    path >= FAR
}

/// Follows the throughput of a file, and decides how many connections may download it.
#[derive(Debug)]
pub(crate) struct Ramp {
    began: Instant,
    /// In seconds.
    round_trip: f64,
    growth: Windows,
    dips: Windows,
    stalls: Windows,
    stage: Stage,
    failed_trials: u32,
    /// All connections are tried as soon as the first bytes have been received.
    is_eager: bool,
    /// The round trip is at least [`FAR`]: all connections begin at once.
    is_far: bool,
    /// Connections that are open and idle bring some of it.
    is_helped: bool,
}

/// [`Seen`], with its time in seconds since the beginning.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: f64,
    bytes: u64,
    left: u64,
    is_lossy: Option<bool>,
}

#[derive(Debug)]
enum Stage {
    Alone,
    Trial(Trial),
    Proven,
    /// More connections did not help. The rate before the trial, in bytes per second.
    Refuted(f64),
}

#[derive(Debug)]
struct Trial {
    connections: Connections,
    since: f64,
    /// Bytes per second before the trial.
    before: f64,
    /// When the second half began, in seconds, and the bytes received by then; `None` before that.
    second_half: Option<(f64, u64)>,
}

/// Measures rates in windows of at least this length, in seconds.
#[derive(Debug)]
struct Windows {
    length: f64,
    /// When the current window began, in seconds, and the bytes received by then.
    began: (f64, u64),
    /// Bytes per second of the last complete window, and of the one before; `None` without one.
    last: Option<f64>,
    before: Option<f64>,
    best: f64,
}

impl Ramp {
    /// Creates a ramp with one connection. `bytes` is how many bytes earlier connections have
    /// brought.
    pub(crate) fn new(round_trip: Duration, now: Instant, bytes: u64) -> Self {
        let round_trip = round_trip.as_secs_f64().min(LONGEST_ROUND_TRIP);
        let windows = |length| Windows::new(length, (0.0, bytes));
        Self {
            began: now,
            round_trip,
            growth: windows((2.0 * round_trip).max(0.025)),
            dips: windows(round_trip.max(0.1)),
            stalls: windows((20.0 * round_trip).max(1.0)),
            stage: Stage::Alone,
            failed_trials: 0,
            is_eager: false,
            is_far: false,
            is_helped: false,
        }
    }

    /// Sets the round trip of the network alone, as measured when the connection was opened. The
    /// round trip in [`new`](Self::new) includes the time that the server took to answer.
    pub(crate) fn over(mut self, path: Duration) -> Self {
        self.is_far = is_far(path);
        self
    }

    /// Returns whether the path is so long that all connections begin together with the first.
    pub(crate) fn is_far(&self) -> bool {
        self.is_far
    }

    /// Makes the ramp try all connections as soon as the first bytes have come. The user has asked
    /// for many connections, so their cost does not matter.
    pub(crate) fn eager(mut self) -> Self {
        self.is_eager = true;
        self
    }

    /// Returns whether it pays to open another connection for the last `left` bytes of the file. A
    /// new connection needs some round trips until it is fast.
    pub(crate) fn pays_to_connect(&self, left: u64) -> bool {
        let rate = self.stalls.last.unwrap_or(self.dips.best);
        left as f64 >= rate * (CONNECTS.round_trips * self.round_trip + CONNECTS.seconds)
    }

    /// Returns how long the rest of a response must take at least, so that it pays to request a
    /// part of it on another open connection.
    pub(crate) fn pays_again_after(&self) -> Duration {
        let seconds = if self.is_helped {
            self.helps_after()
        } else if self.is_far {
            PAYS_AGAIN_FAR * self.round_trip
        } else {
            PAYS_AGAIN
        };
        Duration::from_secs_f64(seconds)
    }

    /// Returns whether it pays to request half of the `left` bytes of a response on a connection
    /// that is open and idle. `speed` is that of the response, in bytes per second.
    pub(crate) fn pays_to_help(&self, left: u64, speed: f64) -> bool {
        speed > 0.0 && self.pays(HELPS, left, speed)
    }

    /// Lets all connections download the file: some are open, and have nothing else to do.
    pub(crate) fn help(&mut self) {
        self.stage = Stage::Proven;
        self.is_helped = true;
    }

    /// Returns the speed at which the connections bring segments. `usual` is the speed of the
    /// fastest one, in bytes per second.
    pub(crate) fn connection_speed(&self, usual: f64) -> ConnectionSpeed {
        ConnectionSpeed {
            usual,
            trip: self.round_trip,
            is_far: self.is_far,
            is_proven: matches!(self.stage, Stage::Proven),
        }
    }

    /// Returns how long a connection must run before its speed is meaningful.
    pub(crate) fn settles(&self) -> Duration {
        let seconds = if self.is_helped {
            self.helps_after()
        } else {
            (20.0 * self.round_trip).max(1.0)
        };
        Duration::from_secs_f64(seconds)
    }

    fn helps_after(&self) -> f64 {
        (HELPS.round_trips * self.round_trip).max(HELPS.seconds)
    }

    /// Cancels a trial for which no other connection was available.
    pub(crate) fn postpone(&mut self) {
        self.stage = Stage::Alone;
    }

    /// Returns how many connections may download the file now.
    pub(crate) fn connections(&self) -> Connections {
        match &self.stage {
            Stage::Alone | Stage::Refuted(_) => Connections::One,
            Stage::Trial(trial) => trial.connections,
            Stage::Proven => Connections::All,
        }
    }

    /// Notes how much of the file has come, and decides whether a trial begins or ends. Must be
    /// called about every 25 ms, the shortest window.
    pub(crate) fn observe(&mut self, seen: Seen) {
        let seen = Sample {
            at: seen.at.saturating_duration_since(self.began).as_secs_f64(),
            bytes: seen.bytes,
            left: seen.left,
            is_lossy: seen.is_lossy,
        };
        let grown = self.growth.add(seen);
        let evenness = self.dips.add(seen);
        let stall = self.stalls.add(seen);
        match &mut self.stage {
            Stage::Alone if self.is_far => self.stage = Stage::Proven,
            Stage::Alone => {
                let next = self
                    .lossy(grown, seen)
                    .or_else(|| self.uneven(evenness, seen))
                    .or_else(|| Self::stalled(stall, self.dips.best, seen))
                    .or_else(|| self.steady(grown, seen));
                if let Some(trial) = next {
                    self.stage = Stage::Trial(trial);
                }
            }
            Stage::Trial(trial) => {
                let length = (TRIAL_ROUND_TRIPS * self.round_trip).clamp(MIN_TRIAL, MAX_TRIAL);
                let before = trial.before;
                match trial.verdict(length, grown, seen) {
                    Some(true) => self.stage = Stage::Proven,
                    Some(false) => self.refute(before, seen),
                    None => {}
                }
            }
            Stage::Refuted(before) => {
                // The rate before a trial that began in a stall does not show what is possible.
                let before = before.max(self.dips.best * STALL);
                if let Some(trial) = Self::stalled(stall, before, seen) {
                    self.stage = Stage::Trial(trial);
                }
            }
            Stage::Proven => {}
        }
    }

    /// Notes that a trial has failed. The next trial begins only after a stall, and after each
    /// failed trial the stall must last twice as long. `before` is the speed before the trial, in
    /// bytes per second.
    fn refute(&mut self, before: f64, seen: Sample) {
        let length = self.settles().as_secs_f64() * f64::from(1 << self.failed_trials.min(8));
        self.failed_trials += 1;
        self.stalls = Windows::new(length, (seen.at, seen.bytes));
        self.stage = Stage::Refuted(before);
    }

    /// Returns a trial with all connections if the file stalls: if `rate` is much less than
    /// `before`, both in bytes per second. Returns `None` if it does not stall, or if `rate` is
    /// unknown.
    fn stalled(rate: Option<f64>, before: f64, seen: Sample) -> Option<Trial> {
        let rate = rate.filter(|rate| *rate < before * STALL)?;
        Some(Trial::new(Connections::All, seen, rate))
    }

    /// Returns a trial with all connections if packets are lost, because loss slows each connection
    /// down by itself. `rate` is in bytes per second. Returns `None` if none are lost, or if a
    /// trial does not pay.
    fn lossy(&self, rate: Option<f64>, seen: Sample) -> Option<Trial> {
        let rate = rate.filter(|rate| seen.is_lossy == Some(true) && *rate > 0.0)?;
        let pays = self.pays(PAYS_UNEVEN, seen.left, rate);
        pays.then(|| Trial::new(Connections::All, seen, rate))
    }

    /// Returns a trial with all connections if the speed varies much, and not because a queue was
    /// full. `rate` is in bytes per second. Returns `None` if the speed is even, or if a trial does
    /// not pay.
    fn uneven(&self, rate: Option<f64>, seen: Sample) -> Option<Trial> {
        let rate = rate.filter(|_| seen.is_lossy != Some(false))?;
        let before = f64::midpoint(rate, self.dips.before?);
        let is_dip = rate < self.dips.best * DIP;
        let pays = self.pays(PAYS_UNEVEN, seen.left, before);
        (is_dip && pays).then(|| Trial::new(Connections::All, seen, before))
    }

    /// Returns a trial with one more connection if the speed is even and no longer grows; if the
    /// user asked for many connections, with all of them at once. `rate` is in bytes per second.
    /// Returns `None` if a trial is too early, or does not pay.
    fn steady(&self, rate: Option<f64>, seen: Sample) -> Option<Trial> {
        let rate = rate?;
        if self.is_eager {
            let pays = rate > 0.0 && self.pays(PAYS_EAGER, seen.left, rate);
            return pays.then(|| Trial::new(Connections::All, seen, rate));
        }
        // A rate that has collapsed does not grow either: `uneven` and `stalled` handle that.
        let is_flat = rate <= self.growth.before? * GROWS && rate > self.growth.best * DIP;
        let pays = self.pays(PAYS, seen.left, rate);
        (is_flat && pays).then(|| Trial::new(Connections::Two, seen, rate))
    }

    /// Returns whether the `left` bytes take at least this number of round trips and of seconds, at
    /// `rate` bytes per second.
    fn pays(
        &self,
        MinRest {
            round_trips,
            seconds,
        }: MinRest,
        left: u64,
        rate: f64,
    ) -> bool {
        left as f64 >= rate * seconds.max(round_trips * self.round_trip)
    }
}

impl Trial {
    fn new(connections: Connections, seen: Sample, before: f64) -> Self {
        Self {
            connections,
            since: seen.at,
            before,
            second_half: None,
        }
    }

    /// Returns whether more connections help; `None` if that is not known yet. `length` is the
    /// length of the trial in seconds, `grown` is the speed in the last window, in bytes per
    /// second.
    fn verdict(&mut self, length: f64, grown: Option<f64>, seen: Sample) -> Option<bool> {
        let is_twice = grown.is_some_and(|rate| rate >= self.before * GAIN_AT_ONCE);
        if is_twice && self.connections == Connections::Two && self.before > 0.0 {
            return Some(true);
        }
        let passed = seen.at - self.since;
        if passed < length / 2.0 {
            return None;
        }
        let (at, bytes) = *self.second_half.get_or_insert((seen.at, seen.bytes));
        if passed < length || seen.at <= at {
            return None;
        }
        let together = seen.bytes.saturating_sub(bytes) as f64 / (seen.at - at);
        Some(together > self.before * GAIN)
    }
}

impl Windows {
    fn new(length: f64, began: (f64, u64)) -> Self {
        Self {
            length,
            began,
            last: None,
            before: None,
            best: 0.0,
        }
    }

    /// Notes a sample. Returns the rate of the window that ends with it, in bytes per second;
    /// `None` if the window has not ended.
    fn add(&mut self, seen: Sample) -> Option<f64> {
        let (at, bytes) = self.began;
        // Samples are not aligned to windows: one that is up to 10 ms early is on time.
        if seen.at - at < self.length - 0.01 {
            return None;
        }
        let rate = seen.bytes.saturating_sub(bytes) as f64 / (seen.at - at);
        self.began = (seen.at, seen.bytes);
        self.before = self.last.replace(rate);
        self.best = self.best.max(rate);
        Some(rate)
    }
}

#[cfg(test)]
mod simulation;
