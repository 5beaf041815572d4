//! How far a run has come, gathered from its events: what the bar and the status lines show.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use haulage::{Event, Pace, Status, Transfer, WaitCause, WaitReason};

use crate::report::expected::{Known, Lengths, expected};
use crate::report::frame::{Flight, Snapshot, Wait};
use crate::report::throughput::Throughput;
use crate::report::total::Total;

/// What waits for less does not seem to.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// The state of a run.
#[derive(Debug)]
pub(crate) struct Progress {
    total: Total,
    /// What is under way, by row.
    flights: BTreeMap<u64, Arc<Transfer>>,
    /// Proxies through which nothing is sent, until when, and why.
    proxies: BTreeMap<Arc<str>, (Instant, Option<WaitReason>)>,
    /// Hosts to which nothing is sent, until when, and why.
    hosts: BTreeMap<Arc<str>, (Instant, Option<WaitReason>)>,
    /// Hosts whose requests are to be some time apart: until when the next one waits, and why.
    paced: BTreeMap<Arc<str>, (Instant, Pace)>,
    /// Rows that wait for their next attempt, until when, and why.
    retries: BTreeMap<u64, (Instant, WaitCause)>,
    ended: u64,
    failed: u64,
    /// Items that took a request and came to a good end, each by the share of its bytes that this
    /// run has received.
    fetched: f64,
    /// The lengths of files that are done.
    lengths: Lengths,
    /// Bytes from the network for items that have ended.
    bytes: u64,
    /// Bytes of these that earlier runs had left.
    resumed: u64,
    throughput: Throughput,
    /// When the first event came; `None` before.
    started: Option<Instant>,
}

impl Progress {
    /// Creates the state before the first event.
    pub(crate) fn new(total: Total) -> Self {
        Self {
            total,
            flights: BTreeMap::new(),
            proxies: BTreeMap::new(),
            hosts: BTreeMap::new(),
            paced: BTreeMap::new(),
            retries: BTreeMap::new(),
            ended: 0,
            failed: 0,
            fetched: 0.0,
            lengths: Lengths::default(),
            bytes: 0,
            resumed: 0,
            throughput: Throughput::default(),
            started: None,
        }
    }

    /// Takes note of an event, which happened at the instant that `now` returns.
    pub(crate) fn event(&mut self, event: &Event, now: impl Fn() -> Instant) {
        if self.started.is_none() {
            self.begin(now());
        }
        match event {
            Event::Started(transfer) => {
                self.flights.insert(transfer.row, Arc::clone(transfer));
            }
            Event::HostWaits { host, wait, why } => {
                let waits = (now() + *wait, *why);
                self.hosts.insert(Arc::clone(host), waits);
            }
            Event::HostPaced { host, wait, why } => {
                self.paced.insert(Arc::clone(host), (now() + *wait, *why));
            }
            Event::ProxyWaits { proxy, wait, why } => {
                let waits = (now() + *wait, Some(*why));
                self.proxies.insert(Arc::clone(proxy), waits);
            }
            Event::Retrying {
                transfer,
                error,
                wait,
                ..
            } if *wait >= WORTH_TELLING => {
                let waits = (now() + *wait, WaitCause::of(error));
                self.retries.insert(transfer.row, waits);
            }
            Event::Ended(outcome) => {
                self.flights.remove(&outcome.row);
                if !self.retries.is_empty() {
                    self.retries.remove(&outcome.row);
                }
                self.ended += 1;
                self.bytes += outcome.fetched;
                match outcome.status {
                    Status::Done => {
                        self.fetched += share_of_this_run(outcome.bytes, outcome.from_earlier_runs);
                        self.lengths
                            .add(outcome.fetched.saturating_add(outcome.from_earlier_runs));
                        self.resumed += outcome.from_earlier_runs;
                    }
                    Status::Unchanged => self.fetched += 1.0,
                    Status::Failed(_) => self.failed += 1,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// Takes note of when the run began.
    fn begin(&mut self, at: Instant) {
        self.started = Some(at);
        self.throughput.note(at, 0, 0.0);
    }

    /// Waits this long at most until it is known how many items there are.
    pub(crate) fn count_rows(&self, most: Duration) {
        self.total.within(most);
    }

    /// Takes a sample for the rate, and shows the state at this instant.
    pub(crate) fn look<T>(&mut self, at: Instant, show: impl FnOnce(&Snapshot<'_>) -> T) -> T {
        self.proxies.retain(|_, (until, _)| *until > at);
        self.hosts.retain(|_, (until, _)| *until > at);
        self.paced.retain(|_, (until, _)| *until > at);
        self.retries.retain(|_, (until, _)| *until > at);
        let total = self.total.get();
        let flights: Vec<Flight<'_>> = self.flights.values().map(|it| Flight::of(it)).collect();
        let (mut bytes, mut resumed, mut fetched) = (self.bytes, self.resumed, self.fetched);
        for (flight, transfer) in flights.iter().zip(self.flights.values()) {
            bytes += transfer.fetched();
            resumed += flight.resumed;
            fetched += flight.share_of_this_run().unwrap_or_default();
        }
        self.throughput.note(at, bytes, fetched);
        show(&Snapshot {
            ended: self.ended,
            failed: self.failed,
            total,
            is_one_url: self.total.is_one_url(),
            bytes,
            resumed,
            expected: total.and_then(|total| expected(&self.known(total, bytes, &flights))),
            elapsed: self.started.map_or(Duration::ZERO, |started| {
                at.saturating_duration_since(started)
            }),
            flights: &flights,
            waits: &self.waits(at),
            throughput: &self.throughput,
        })
    }

    /// Returns what is known of the lengths of `total` rows, of which `received` bytes have come
    /// from the network.
    fn known(&self, total: u64, received: u64, flights: &[Flight<'_>]) -> Known {
        let under_way = flights.len() as u64;
        let mut known = Known {
            received,
            lengths: self.lengths,
            missing: 0,
            others: total.saturating_sub(self.ended.saturating_add(under_way)),
            of_others: 0,
        };
        for flight in flights {
            if let Some(length) = flight.length {
                known.lengths.add(length);
                let missing = length.saturating_sub(flight.received);
                known.missing = known.missing.saturating_add(missing);
            } else {
                known.others += 1;
                known.of_others = known.of_others.saturating_add(flight.received);
            }
        }
        known
    }

    /// Returns what waits at this instant: proxies, hosts, then rows of other hosts that wait for
    /// their next attempt.
    fn waits(&self, at: Instant) -> Vec<Wait> {
        let wait = |name: &str, until: Instant, why: Option<String>| Wait {
            name: name.to_owned(),
            left: until.saturating_duration_since(at),
            why,
        };
        let proxies = self.proxies.iter().map(|(proxy, (until, why))| {
            let why = why.map(|why| why.to_string());
            wait(&format!("proxy {proxy}"), *until, why)
        });
        let hosts = self.hosts.iter().map(|(host, (until, why))| {
            let why = why.map(|why| why.to_string());
            wait(short(host), *until, why)
        });
        let paced = self.paced.iter().filter_map(|(host, (until, why))| {
            let is_shown = self.hosts.contains_key(host);
            (!is_shown).then(|| wait(short(host), *until, Some(why.to_string())))
        });
        let rows = self.retries.iter().filter_map(|(row, (until, cause))| {
            let transfer = self.flights.get(row)?;
            let is_shown = self.hosts.keys().any(|host| is_at(&transfer.url, host));
            (!is_shown).then(|| wait(&transfer.label, *until, Some(cause.to_string())))
        });
        let waits = proxies.chain(hosts).chain(paced).chain(rows);
        waits.filter(|wait| wait.left >= WORTH_TELLING).collect()
    }
}

/// Returns the share of a file of `bytes` bytes that this run has received, if earlier runs had
/// left `earlier` of them.
fn share_of_this_run(bytes: u64, earlier: u64) -> f64 {
    if bytes == 0 {
        return 1.0;
    }
    (1.0 - earlier as f64 / bytes as f64).clamp(0.0, 1.0)
}

/// Returns a host without its scheme.
pub(crate) fn short(host: &str) -> &str {
    host.split_once("://").map_or(host, |(_, name)| name)
}

/// Returns whether a URL is on this host, which is given as `SCHEME://NAME`, with its port if any.
fn is_at(url: &str, host: &str) -> bool {
    url.strip_prefix(host)
        .is_some_and(|rest| rest.starts_with('/') || rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resumed_bytes_are_no_work_of_this_run() {
        for (bytes, earlier, share) in [
            (100, 0, 1.0),
            (100, 75, 0.25),
            (100, 100, 0.0),
            (0, 0, 1.0),
            // A file that was compressed on the way may be shorter than what came.
            (100, 200, 0.0),
        ] {
            let found = share_of_this_run(bytes, earlier);
            assert!((found - share).abs() < 1e-9, "{bytes}, {earlier}: {found}");
        }
    }
}
