//! Which of the recorded rows are printed.

use std::time::SystemTime;

use haulage::{ErrorKind, HostPattern, Outcome, Request, Status};

use crate::args::{Ended, ResultsArgs};

/// What a row has to be. Where there are several of a kind, one of them is enough.
pub(super) struct Filter {
    statuses: Vec<Ended>,
    hosts: Vec<HostPattern>,
    errors: Vec<ErrorKind>,
    since: Option<SystemTime>,
}

impl Filter {
    pub(super) fn new(arguments: &ResultsArgs) -> Self {
        let hosts = arguments.hosts.iter();
        Self {
            statuses: arguments.statuses.clone(),
            hosts: hosts.map(|host| host.0.clone()).collect(),
            errors: arguments.errors.clone(),
            since: arguments.since.map(|since| since.0),
        }
    }

    pub(super) fn accepts(&self, outcome: &Outcome) -> bool {
        // The last one costs the most.
        self.accepts_status(outcome)
            && self.accepts_error(outcome)
            && self.accepts_time(outcome)
            && self.accepts_host(outcome)
    }

    fn accepts_status(&self, outcome: &Outcome) -> bool {
        let ended = match outcome.status {
            Status::Failed(_) => Ended::Failed,
            Status::Done => Ended::Done,
            Status::Unchanged => Ended::Unchanged,
            _ => Ended::Skipped,
        };
        self.statuses.is_empty() || self.statuses.contains(&ended)
    }

    fn accepts_error(&self, outcome: &Outcome) -> bool {
        let error = outcome.error().or(outcome.note.as_ref());
        let kind = error.map(haulage::Error::kind);
        self.errors.is_empty() || kind.is_some_and(|kind| self.errors.contains(&kind))
    }

    fn accepts_time(&self, outcome: &Outcome) -> bool {
        let Some(since) = self.since else {
            return true;
        };
        let ended = outcome.started.checked_add(outcome.duration);
        ended.is_none_or(|ended| ended >= since)
    }

    fn accepts_host(&self, outcome: &Outcome) -> bool {
        if self.hosts.is_empty() {
            return true;
        }
        // A row that is no URL has no host.
        let request = Request::new(&outcome.url);
        request.is_ok_and(|request| self.hosts.iter().any(|hosts| request.is_at(hosts)))
    }
}
