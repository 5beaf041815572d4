//! What a report says of the items of a run: counts, distributions, and the items that failed or
//! took long. Its memory is bounded, however many items there are.

mod errors;
mod failures;
mod histogram;
mod hosts;
mod slowest;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use haulage::{ErrorKind, Latencies, Outcome, Request, Status};

pub(super) use self::errors::ErrorGroups;
pub(super) use self::failures::{Encoded, Failures};
pub(super) use self::histogram::Histogram;
pub(super) use self::hosts::Hosts;
pub(super) use self::slowest::Slowest;

/// Stands for the host of rows that are no URL.
const NO_HOST: &str = "(no URL)";

/// Upper bounds of the times that are told apart, in milliseconds.
const TIMES: [u64; 18] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000,
    1_800_000, 7_200_000,
];
/// Upper bounds of the latencies that are told apart, in microseconds. Each is one of those that
/// are recorded.
const LATENCIES: [u64; 20] = [
    100,
    200,
    500,
    1000,
    2000,
    5000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    60_000_000,
    300_000_000,
    800_000_000,
];
/// Upper bounds of the sizes that are told apart, in bytes.
const SIZES: [u64; 14] = [
    0,
    1 << 10,
    4 << 10,
    16 << 10,
    64 << 10,
    256 << 10,
    1 << 20,
    4 << 20,
    16 << 20,
    64 << 20,
    256 << 20,
    1 << 30,
    4 << 30,
    16 << 30,
];

/// The items of a run, summed up.
#[derive(Debug)]
pub(crate) struct Aggregate {
    pub(super) rows: u64,
    pub(super) done: u64,
    pub(super) skipped: u64,
    pub(super) unchanged: u64,
    pub(super) failed: u64,
    /// Items that were stopped with their run. They have not failed.
    pub(super) cancelled: u64,
    /// Items that are done although their commands have failed.
    pub(super) noted: u64,
    /// Of all files that are there, in bytes.
    pub(super) size: u64,
    /// Requests that were repeated.
    pub(super) retries: u64,
    /// How many items failed with each kind of error.
    pub(super) kinds: BTreeMap<&'static str, (ErrorKind, u64)>,
    pub(super) errors: ErrorGroups,
    pub(super) failures: Failures,
    pub(super) hosts: Hosts,
    /// From the first request of an item until its end, in milliseconds.
    pub(super) times: Histogram,
    /// Of the files that were downloaded, in bytes.
    pub(super) sizes: Histogram,
    pub(super) slowest: Slowest,
    /// When the first item started and the last one ended; `None` without items.
    pub(super) period: Option<(SystemTime, SystemTime)>,
}

impl Default for Aggregate {
    fn default() -> Self {
        Self {
            rows: 0,
            done: 0,
            skipped: 0,
            unchanged: 0,
            failed: 0,
            cancelled: 0,
            noted: 0,
            size: 0,
            retries: 0,
            kinds: BTreeMap::new(),
            errors: ErrorGroups::default(),
            failures: Failures::default(),
            hosts: Hosts::default(),
            times: Histogram::new(&TIMES),
            sizes: Histogram::new(&SIZES),
            slowest: Slowest::default(),
            period: None,
        }
    }
}

impl Aggregate {
    /// Adds an item that has ended.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.rows += 1;
        self.size += outcome.bytes;
        self.retries += u64::from(outcome.attempts.saturating_sub(1));
        self.noted += u64::from(outcome.note.is_some());
        self.add_period(outcome);
        let request = Request::new(&outcome.url);
        let host = request.as_ref().map_or(NO_HOST, |request| request.origin());
        self.hosts.add(host, outcome);
        match &outcome.status {
            Status::Done => {
                self.done += 1;
                self.sizes.add(outcome.bytes);
            }
            Status::Skipped => self.skipped += 1,
            Status::Unchanged => self.unchanged += 1,
            Status::Failed(error) if error.kind() == ErrorKind::Cancelled => self.cancelled += 1,
            Status::Failed(error) => {
                self.failed += 1;
                let kind = error.kind();
                self.kinds.entry(kind.name()).or_insert((kind, 0)).1 += 1;
                self.errors.add(kind.name(), host, outcome);
                self.failures.add(outcome, error);
            }
            _ => {}
        }
        if outcome.attempts > 0 {
            let millis = u64::try_from(outcome.duration.as_millis()).unwrap_or(u64::MAX);
            self.times.add(millis);
            self.slowest.add(outcome);
        }
    }

    fn add_period(&mut self, outcome: &Outcome) {
        let started = outcome.started;
        let ended = started.checked_add(outcome.duration).unwrap_or(started);
        let (first, last) = self.period.unwrap_or((started, ended));
        self.period = Some((first.min(started), last.max(ended)));
    }
}

/// Returns how long responses took, in microseconds: each as long as the bound up to which it was
/// counted.
pub(super) fn latencies(counted: &Latencies) -> Histogram {
    let mut histogram = Histogram::new(&LATENCIES);
    let beyond = Duration::from_micros(LATENCIES[LATENCIES.len() - 1] + 1);
    for (bound, count) in counted.intervals() {
        let micros = bound.unwrap_or(beyond).as_micros();
        histogram.add_many(u64::try_from(micros).unwrap_or(u64::MAX), count);
    }
    histogram
}

#[cfg(test)]
mod tests;
