//! How a run went over time: a few samples a second, merged with their neighbours when a run is
//! long. Pure: the time is a parameter.

use std::sync::Arc;
use std::time::Duration;

/// The most samples of a run. When there are more, neighbours are merged.
pub(crate) const MAX_SAMPLES: usize = 2000;
/// The most hosts of a sample.
pub(crate) const MAX_HOSTS: usize = 8;
/// How often a run is sampled, until its samples are merged for the first time.
const FIRST_STEP: Duration = Duration::from_millis(250);
/// In an interval of more than this number of steps nothing was in flight, but for its last step:
/// the clock of an engine stands still then.
const MAX_STEPS: u32 = 3;

/// What happened in a part of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// The end of the interval, from the start of the run.
    pub at: Duration,
    /// How long the interval is.
    pub span: Duration,
    /// Bytes received from the network in the interval.
    pub bytes: u64,
    /// Items that ended in the interval, well or not.
    pub ended: u64,
    /// How many of those have failed.
    pub failed: u64,
    /// Requests of the run in flight at the end of the interval; of merged intervals, the most.
    pub in_flight: usize,
    /// How many requests the engine allowed in flight in all.
    pub limit: usize,
    /// The hosts with the most requests in flight; those of other runs of the engine count too.
    pub hosts: Vec<HostSample>,
}

/// The requests to a host at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostSample {
    /// Scheme, name and port.
    pub host: Arc<str>,
    /// How many were in flight.
    pub in_flight: usize,
    /// How many were allowed.
    pub limit: usize,
}

/// What a run has done by some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) bytes: u64,
    pub(crate) ended: u64,
    pub(crate) failed: u64,
}

/// What is in flight at some time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Load {
    pub(crate) in_flight: usize,
    pub(crate) limit: usize,
    pub(crate) hosts: Vec<HostSample>,
}

/// The samples of a run.
#[derive(Debug)]
pub(crate) struct Series {
    samples: Vec<Sample>,
    most: usize,
    step: Duration,
    before: Totals,
    /// How many of the samples have been taken to be recorded.
    taken: usize,
    /// Samples that were taken have been merged.
    is_rewritten: bool,
}

/// Samples that have to be recorded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NewSamples {
    /// They replace all samples recorded before.
    pub(crate) replaces: bool,
    pub(crate) samples: Vec<Sample>,
}

impl Series {
    /// Returns the samples of a run that begins; there are at most `most` of them, and at least 2.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            samples: Vec::new(),
            most: most.max(2),
            step: FIRST_STEP,
            before: Totals::default(),
            taken: 0,
            is_rewritten: false,
        }
    }

    /// Returns whether it is time for the next sample, so long after the start of the run.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        now >= self.end().saturating_add(self.step)
    }

    /// Adds a sample of the time since the last one. Does nothing if no time has passed.
    pub(crate) fn add(&mut self, now: Duration, totals: Totals, load: Load) {
        let idle = now.saturating_sub(self.step);
        let late = self.step.saturating_mul(MAX_STEPS - 1);
        if idle > self.end().saturating_add(late) {
            let nothing = Load {
                limit: load.limit,
                ..Load::default()
            };
            self.push(idle, Totals::default(), nothing);
        }
        let gained = Totals {
            bytes: totals.bytes.saturating_sub(self.before.bytes),
            ended: totals.ended.saturating_sub(self.before.ended),
            failed: totals.failed.saturating_sub(self.before.failed),
        };
        if now > self.end() {
            self.push(now, gained, load);
            self.before = totals;
        }
    }

    fn push(&mut self, at: Duration, gained: Totals, load: Load) {
        if self.samples.len() == self.most {
            self.samples = halved(std::mem::take(&mut self.samples));
            self.step = self.step.saturating_mul(2);
            self.is_rewritten |= self.taken > 0;
            self.taken = 0;
        }
        let span = at.saturating_sub(self.end());
        self.samples.push(Sample {
            at,
            span,
            bytes: gained.bytes,
            ended: gained.ended,
            failed: gained.failed,
            in_flight: load.in_flight,
            limit: load.limit,
            hosts: load.hosts,
        });
    }

    fn end(&self) -> Duration {
        self.samples.last().map_or(Duration::ZERO, |last| last.at)
    }

    /// Returns the samples so far.
    pub(crate) fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Returns whether there are samples that have not been taken.
    pub(crate) fn has_new(&self) -> bool {
        self.taken < self.samples.len()
    }

    /// Forgets that samples were taken: all of them are new again.
    pub(crate) fn retake(&mut self) {
        self.taken = 0;
        self.is_rewritten = true;
    }

    /// Takes the samples that have not been taken before.
    pub(crate) fn take_new(&mut self) -> NewSamples {
        let samples = self.samples[self.taken..].to_vec();
        self.taken = self.samples.len();
        NewSamples {
            replaces: std::mem::take(&mut self.is_rewritten),
            samples,
        }
    }
}

/// Merges neighbouring samples until there are at most `most`, which counts as at least 1.
#[must_use]
pub fn thin(mut samples: Vec<Sample>, most: usize) -> Vec<Sample> {
    while samples.len() > most.max(1) {
        samples = halved(samples);
    }
    samples
}

/// Merges each two neighbours.
fn halved(samples: Vec<Sample>) -> Vec<Sample> {
    let mut merged = Vec::with_capacity(samples.len() / 2 + 1);
    let mut samples = samples.into_iter();
    while let Some(first) = samples.next() {
        merged.push(match samples.next() {
            Some(second) => joined(first, second),
            None => first,
        });
    }
    merged
}

fn joined(first: Sample, second: Sample) -> Sample {
    Sample {
        at: second.at,
        span: first.span + second.span,
        bytes: first.bytes + second.bytes,
        ended: first.ended + second.ended,
        failed: first.failed + second.failed,
        in_flight: first.in_flight.max(second.in_flight),
        limit: first.limit.max(second.limit),
        hosts: busiest(first.hosts, second.hosts),
    }
}

/// Returns the hosts of both samples that have the most in flight.
fn busiest(mut hosts: Vec<HostSample>, others: Vec<HostSample>) -> Vec<HostSample> {
    for other in others {
        match hosts.iter_mut().find(|known| known.host == other.host) {
            Some(known) => {
                known.in_flight = known.in_flight.max(other.in_flight);
                known.limit = known.limit.max(other.limit);
            }
            None => hosts.push(other),
        }
    }
    hosts.sort_by(|a, b| b.in_flight.cmp(&a.in_flight).then(a.host.cmp(&b.host)));
    hosts.truncate(MAX_HOSTS);
    hosts
}

#[cfg(test)]
mod tests;
