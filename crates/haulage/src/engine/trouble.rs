//! A host in trouble: what follows for it, and for all that wait for it.

use std::time::{Duration, Instant};

use super::core::{Core, Hosts};
use super::item::Item;
use super::work::Work;
use crate::error::{Error, ErrorKind};
use crate::event::WaitReason;
use crate::schedule::HostId;

/// Why a host has been given up, for all that waited for it. It may be well again in a later run.
#[derive(Debug, Clone)]
pub(super) struct GivenUp {
    kind: ErrorKind,
    why: String,
    is_transient: bool,
}

impl GivenUp {
    fn new(error: &Error, longest: Duration) -> Self {
        let seconds = longest.as_secs_f64();
        Self {
            kind: error.kind(),
            why: format!(
                "{error}; its host has been in trouble for {seconds} s (--retry-max-time)"
            ),
            is_transient: error.is_transient(),
        }
    }

    /// Nothing may be asked for there.
    pub(super) fn without_robots(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            why: format!("its host's robots.txt cannot be read (--robots): {error}"),
            is_transient: error.is_transient(),
        }
    }

    fn error(&self) -> Error {
        Error::new(self.kind, self.why.clone()).transient(self.is_transient)
    }
}

impl Core {
    /// A lane has seen its host in trouble: what follows for the host, and for all that wait for
    /// it. `overloaded`: when the request was sent which has shown that it has too much to do.
    /// `false` when it is given up.
    pub(super) fn host_failed(
        &self,
        host: HostId,
        overloaded: Option<Instant>,
        error: &Error,
    ) -> bool {
        let (now, policy) = (Instant::now(), &self.options.retry);
        let mut schedule = self.schedule();
        self.step_back(&mut schedule, host, overloaded, error);
        let given_up = schedule.failed(host, now, policy, fastrand::f64());
        let key = given_up.is_some().then(|| schedule.key(host));
        drop(schedule);
        self.clock.notify_one();
        let Some(waiting) = given_up else {
            return true;
        };
        let given_up = GivenUp::new(error, policy.max_time);
        if let Some(key) = key {
            self.aside.give_up(&key, &given_up);
        }
        for work in waiting {
            match work {
                Work::Item(item) => self.failed_with_host(item, &given_up),
                Work::Share(split, at) => self.drop_share(&split, at),
                Work::Robots(query) => self.no_robots(&query, &given_up),
            }
        }
        false
    }

    /// An item waited for a host that is given up, for this reason.
    pub(super) fn failed_with_host(&self, item: Box<Item>, why: &GivenUp) {
        self.failed_for_good(item, why.error());
    }

    /// A share of a file was refused: its host is not in trouble for that, but may have enough to
    /// do.
    pub(super) fn share_refused(&self, host: HostId, overloaded: Option<Instant>, error: &Error) {
        let mut schedule = self.schedule();
        self.step_back(&mut schedule, host, overloaded, error);
        self.hand_out(schedule);
    }

    /// Leaves a host alone for as long as it has asked for, if anybody waits that long, and asks it
    /// for less at once.
    fn step_back(
        &self,
        schedule: &mut Hosts,
        host: HostId,
        overloaded: Option<Instant>,
        error: &Error,
    ) {
        let now = Instant::now();
        let longest = self.options.retry.max_time;
        let asked = error.asked_wait_of_host();
        let asked = asked.filter(|asked| *asked <= longest);
        schedule.note_trouble(host, WaitReason::of(error, asked.is_some()));
        if let Some(asked) = asked {
            schedule.close(host, now + asked);
        }
        if let Some(sent) = overloaded {
            schedule.refused(host, sent, now, asked.unwrap_or_default());
        }
    }
}
