//! What is counted of the events of a run.

use haulage::{Attempt, ErrorKind, Event, Outcome, Status};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

/// One label: its name and its value.
pub(super) type Label = [(&'static str, &'static str); 1];

/// Upper bounds of times, in seconds.
const BOUNDS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// How items may end.
const STATUSES: [&str; 5] = ["done", "skipped", "unchanged", "failed", CANCELLED];
/// Stands for items that were stopped with their run. They have not failed.
const CANCELLED: &str = "cancelled";
/// How requests end that do not fail.
const OUTCOMES: [&str; 2] = [SUCCESS, REDIRECT];
const SUCCESS: &str = "success";
const REDIRECT: &str = "redirect";

/// Counts events. Clones count together.
#[derive(Debug, Clone)]
pub(super) struct Counters {
    pub(super) items: Family<Label, Counter>,
    pub(super) errors: Family<Label, Counter>,
    pub(super) command_failures: Counter,
    pub(super) attempts: Family<Label, Counter>,
    pub(super) durations: Family<Label, Histogram, fn() -> Histogram>,
    pub(super) retries: Counter,
    pub(super) host_waits: Counter,
}

impl Default for Counters {
    fn default() -> Self {
        let counters = Self {
            items: Family::default(),
            errors: Family::default(),
            command_failures: Counter::default(),
            attempts: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BOUNDS)),
            retries: Counter::default(),
            host_waits: Counter::default(),
        };
        // A rate needs a zero to begin with.
        for status in STATUSES {
            drop(counters.items.get_or_create(&[("status", status)]));
        }
        for outcome in OUTCOMES {
            drop(counters.attempts.get_or_create(&[("outcome", outcome)]));
        }
        counters
    }
}

impl Counters {
    /// Counts an event.
    pub(super) fn event(&self, event: &Event) {
        match event {
            Event::Ended(outcome) => self.ended(outcome),
            Event::Attempted(attempt) => self.attempted(attempt),
            Event::Retrying { .. } => {
                self.retries.inc();
            }
            Event::HostWaits { .. } => {
                self.host_waits.inc();
            }
            _ => {}
        }
    }

    fn ended(&self, outcome: &Outcome) {
        let status = match &outcome.status {
            Status::Failed(error) if error.kind() == ErrorKind::Cancelled => CANCELLED,
            Status::Failed(error) => {
                let kind = error.kind().name();
                self.errors.get_or_create(&[("kind", kind)]).inc();
                outcome.status.name()
            }
            status => status.name(),
        };
        self.items.get_or_create(&[("status", status)]).inc();
        if outcome.note.is_some() {
            self.command_failures.inc();
        }
    }

    fn attempted(&self, attempt: &Attempt) {
        let outcome = match (&attempt.error, attempt.http_status) {
            (Some(error), _) => error.kind().name(),
            (None, Some(300..=303 | 305..=399)) => REDIRECT,
            (None, _) => SUCCESS,
        };
        self.attempts.get_or_create(&[("outcome", outcome)]).inc();
        let total = ("total", attempt.timings.total);
        for (phase, time) in attempt.timings.phases().chain([total]) {
            let histogram = self.durations.get_or_create(&[("phase", phase)]);
            histogram.observe(time.as_secs_f64());
        }
    }
}
