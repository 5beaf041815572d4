//! The samples of a run as lines of charts.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use haulage::Sample;

use crate::html_report::html::json_text;

/// The most hosts that are drawn.
const MAX_HOSTS: usize = 6;

/// What was in flight to a host at each sample; `None` where it was none of the busiest ones.
pub(super) struct HostLines {
    name: Arc<str>,
    in_flight: Vec<Option<usize>>,
    limits: Vec<Option<usize>>,
}

impl HostLines {
    /// Returns its name without the scheme.
    pub(super) fn short_name(&self) -> String {
        let name = self
            .name
            .split_once("://")
            .map_or(&*self.name, |(_, rest)| rest);
        let mut short: String = name.chars().take(60).collect();
        if short.len() < name.len() {
            short.push('…');
        }
        short
    }

    pub(super) fn most(&self) -> usize {
        self.in_flight.iter().flatten().copied().max().unwrap_or(0)
    }

    fn json(&self) -> String {
        let name = json_text(&self.short_name());
        let (in_flight, limits) = (counts(&self.in_flight), counts(&self.limits));
        format!("{{\"name\":{name},\"flight\":[{in_flight}],\"limit\":[{limits}]}}")
    }
}

/// Returns the hosts to which the most was in flight, the busiest one first.
pub(super) fn busiest(samples: &[Sample]) -> Vec<HostLines> {
    let mut loads: HashMap<&Arc<str>, u128> = HashMap::new();
    for sample in samples {
        for host in &sample.hosts {
            *loads.entry(&host.host).or_default() +=
                host.in_flight as u128 * sample.span.as_millis();
        }
    }
    let mut hosts: Vec<_> = loads.into_iter().collect();
    hosts.sort_unstable_by_key(|(host, load)| (Reverse(*load), *host));
    hosts.truncate(MAX_HOSTS);
    let lines = hosts.into_iter().map(|(name, _)| lines_of(name, samples));
    lines.collect()
}

fn lines_of(name: &Arc<str>, samples: &[Sample]) -> HostLines {
    let find = |sample: &Sample| {
        let mut hosts = sample.hosts.iter();
        match hosts.find(|host| host.host == *name) {
            Some(host) => (Some(host.in_flight), Some(host.limit)),
            // If there were others, they would be listed.
            None if sample.hosts.len() < MAX_HOSTS => (Some(0), None),
            None => (None, None),
        }
    };
    let (in_flight, limits) = samples.iter().map(find).unzip();
    HostLines {
        name: Arc::clone(name),
        in_flight,
        limits,
    }
}

/// Returns the samples as JSON: an array for each line.
pub(super) fn json(samples: &[Sample], hosts: &[HostLines]) -> String {
    let line = |of: &dyn Fn(&Sample) -> String| {
        let values: Vec<_> = samples.iter().map(of).collect();
        values.join(",")
    };
    let per_second = |count: fn(&Sample) -> u64| {
        move |sample: &Sample| {
            let rate = rate(count(sample), sample.span);
            // Small rates need their digits.
            if rate < 100.0 {
                format!("{rate:.2}")
            } else {
                format!("{rate:.0}")
            }
        }
    };
    let hosts: Vec<_> = hosts.iter().map(HostLines::json).collect();
    format!(
        "{{\"t\":[{}],\"bytes\":[{}],\"ended\":[{}],\"failed\":[{}],\"flight\":[{}],\
         \"limit\":[{}],\"hosts\":[{}]}}",
        line(&|sample| seconds(sample.at)),
        line(&per_second(|sample| sample.bytes)),
        line(&per_second(|sample| sample.ended)),
        line(&per_second(|sample| sample.failed)),
        line(&|sample| sample.in_flight.to_string()),
        line(&|sample| sample.limit.to_string()),
        hosts.join(",")
    )
}

/// Returns a time in seconds: a short run needs more digits than a long one.
fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 10.0 {
        format!("{seconds:.5}")
    } else {
        format!("{seconds:.2}")
    }
}

/// Returns a count per second; 0 if there was no time.
pub(super) fn rate(count: u64, time: Duration) -> f64 {
    if time.is_zero() {
        return 0.0;
    }
    count as f64 / time.as_secs_f64()
}

fn counts(values: &[Option<usize>]) -> String {
    let values = values.iter().map(|value| match value {
        Some(value) => value.to_string(),
        None => "null".to_owned(),
    });
    values.collect::<Vec<_>>().join(",")
}
