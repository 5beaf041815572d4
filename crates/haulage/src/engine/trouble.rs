//! A host in trouble: what follows for it, and for all that wait for it.

use std::time::Instant;

use super::core::{Core, Hosts};
use super::host_unavailable::HostUnavailable;
use super::item::Item;
use super::work::Work;
use crate::error::Error;
use crate::event::WaitReason;
use crate::schedule::HostId;

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
        let given_up = HostUnavailable::in_trouble(error, policy.max_time);
        if let Some(key) = key {
            self.spill.give_up(&key, &given_up);
        }
        for work in waiting {
            match work {
                Work::Item(item) => self.failed_with_host(item, &given_up),
                Work::Segment(segments, at) => self.drop_segment(&segments, at),
                Work::Robots(query) => self.no_robots(&query, &given_up),
            }
        }
        false
    }

    /// An item waited for a host that is given up, for this reason.
    pub(super) fn failed_with_host(&self, item: Box<Item>, why: &HostUnavailable) {
        self.failed_for_good(item, why.error());
    }

    /// A segment of a file was refused: its host is not in trouble for that, but may have enough to
    /// do.
    pub(super) fn segment_refused(&self, host: HostId, overloaded: Option<Instant>, error: &Error) {
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
