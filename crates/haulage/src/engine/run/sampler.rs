//! Samples a run: how much it has done, and what is in flight, a few times a second; and how long
//! its responses take.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::Run;
use crate::clock;
use crate::latencies::{Latencies, LatencyCounts};
use crate::schedule::HostLoad;
use crate::series::{HostSample, Load, MAX_HOSTS, MAX_SAMPLES, Sample, Series, Totals};
use crate::sync::lock;

/// The samples of a run.
#[derive(Debug)]
pub(crate) struct Sampler {
    started: Instant,
    series: Arc<Mutex<Series>>,
    latencies: Arc<LatencyCounts>,
}

impl Sampler {
    /// Returns that of a run that begins now.
    pub(crate) fn new() -> Self {
        Self {
            started: clock::now(),
            series: Arc::new(Mutex::new(Series::new(MAX_SAMPLES))),
            latencies: Arc::new(LatencyCounts::new()),
        }
    }

    /// Returns the samples, which are added to while the run goes on.
    pub(crate) fn series(&self) -> Arc<Mutex<Series>> {
        Arc::clone(&self.series)
    }

    /// Returns what counts the latencies, while the run goes on.
    pub(crate) fn latency_counts(&self) -> Arc<LatencyCounts> {
        Arc::clone(&self.latencies)
    }

    /// Returns the latencies so far.
    pub(crate) fn latencies(&self) -> Latencies {
        self.latencies.get()
    }

    /// Returns the samples so far.
    pub(crate) fn samples(&self) -> Vec<Sample> {
        lock(&self.series).samples().to_vec()
    }
}

impl Run {
    /// Adds a sample if it is time for one.
    pub(crate) fn sample_if_due(&self) {
        if let Some(sampler) = &self.sampler
            && lock(&sampler.series).is_due(clock::elapsed(sampler.started))
        {
            self.sample(sampler);
        }
    }

    /// Notes how long a response took, from when its request was sent.
    pub(crate) fn add_latency(&self, time: Duration) {
        if let Some(sampler) = &self.sampler {
            sampler.latencies.add(time);
        }
    }

    /// Adds the last sample, since the run is over.
    pub(crate) fn sample_end(&self) {
        if let Some(sampler) = &self.sampler {
            self.sample(sampler);
        }
    }

    fn sample(&self, sampler: &Sampler) {
        let (limit, hosts) = self.services.dispatcher.busiest(MAX_HOSTS);
        let load = Load {
            in_flight: self.in_flight.count(),
            limit,
            hosts: hosts.into_iter().map(HostSample::from).collect(),
        };
        let (ended, failed) = self.ledger.ended();
        let totals = Totals {
            bytes: self.throttle.bytes(),
            ended,
            failed,
        };
        lock(&sampler.series).add(clock::elapsed(sampler.started), totals, load);
    }
}

impl From<HostLoad> for HostSample {
    fn from(load: HostLoad) -> Self {
        Self {
            host: load.origin,
            in_flight: load.in_flight,
            limit: load.limit,
        }
    }
}
