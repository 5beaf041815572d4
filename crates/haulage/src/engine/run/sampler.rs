//! Samples a run: how much it has done, and what is in flight, a few times a second.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::Run;
use crate::schedule::{HostLoad, key};
use crate::series::{HostSample, Load, MAX_HOSTS, MAX_SAMPLES, Sample, Series, Totals};
use crate::sync::lock;

/// The samples of a run.
#[derive(Debug)]
pub(crate) struct Sampler {
    started: Instant,
    series: Arc<Mutex<Series>>,
}

impl Sampler {
    /// Returns that of a run that begins now.
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            series: Arc::new(Mutex::new(Series::new(MAX_SAMPLES))),
        }
    }

    /// Returns the samples, which are added to while the run goes on.
    pub(crate) fn series(&self) -> Arc<Mutex<Series>> {
        Arc::clone(&self.series)
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
            && lock(&sampler.series).is_due(sampler.started.elapsed())
        {
            self.sample(sampler);
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
            hosts: by_origin(&hosts),
        };
        let (ended, failed) = self.ledger.ended();
        let totals = Totals {
            bytes: self.throttle.bytes(),
            ended,
            failed,
        };
        lock(&sampler.series).add(sampler.started.elapsed(), totals, load);
    }
}

/// Returns what is in flight to each origin, by whatever route.
fn by_origin(loads: &[HostLoad]) -> Vec<HostSample> {
    let mut hosts: Vec<HostSample> = Vec::with_capacity(loads.len());
    for load in loads {
        let (route, origin) = key::split(&load.key);
        match hosts.iter_mut().find(|host| &*host.host == origin) {
            Some(host) => {
                host.in_flight += load.in_flight;
                host.limit += load.limit;
            }
            None => hosts.push(HostSample {
                host: match route {
                    0 => Arc::clone(&load.key),
                    _ => origin.into(),
                },
                in_flight: load.in_flight,
                limit: load.limit,
            }),
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_to_one_origin_are_one_host() {
        let load = |key: &str, in_flight| HostLoad {
            key: key.into(),
            in_flight,
            limit: 4,
            queued: 0,
        };
        let loads = [
            load("http://a", 3),
            load("1 http://a", 2),
            load("1 http://b", 1),
        ];
        let hosts = by_origin(&loads);
        let hosts: Vec<_> = hosts
            .iter()
            .map(|host| (&*host.host, host.in_flight, host.limit))
            .collect();
        assert_eq!(hosts, [("http://a", 5, 8), ("http://b", 1, 4)]);
    }
}
