//! Whether a proxy works, and what may be sent through it. Pure: time and chance come in as
//! parameters.
//!
//! A proxy that cannot be reached fails all hosts behind it in the same way, so its failures count
//! once, and not for each host or row. While it is down, one request at a time is sent to find out
//! whether it works again, with growing pauses; all others wait.

use std::time::{Duration, Instant};

use super::retry::backoff;
use crate::options::RetryPolicy;

/// Requests that may be in flight through a proxy that has not been reached so far.
const FIRST: usize = 4;
/// The shortest pause between two probes.
const MIN_PAUSE: Duration = Duration::from_millis(100);

/// What follows from a failure of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing new: the request was sent before the outage was known.
    Known,
    /// Nothing is to be sent through it before this.
    Pause(Instant),
    /// It has been down for longer than rows wait: what waits for it fails. Nothing is to be sent
    /// before this.
    GiveUp(Instant),
}

/// Whether a proxy works, as far as is known.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// A connection to it has been made, and nothing has failed since.
    works: bool,
    /// When the last failure was noted: what was sent before says nothing new.
    noted: Option<Instant>,
    down: Option<Down>,
}

#[derive(Debug)]
struct Down {
    since: Instant,
    probes: u32,
    is_closed: bool,
    is_probed: bool,
}

impl Outage {
    /// Returns whether one more request may be sent through it, besides this many in flight.
    pub(super) fn lets_pass(&self, in_flight: usize) -> bool {
        match &self.down {
            None => self.works || in_flight < FIRST,
            Some(down) => !down.is_closed && !down.is_probed,
        }
    }

    /// Returns whether it has failed, and has not been reached since.
    pub(super) fn is_down(&self) -> bool {
        self.down.is_some()
    }

    /// Returns whether nothing is to be sent through it for now.
    pub(super) fn is_paused(&self) -> bool {
        self.down.as_ref().is_some_and(|down| down.is_closed)
    }

    /// Returns whether it has been reached, and has not failed since.
    pub(super) fn works(&self) -> bool {
        self.works
    }

    /// Records that a request is sent. Returns whether it is a probe.
    pub(super) fn on_sent(&mut self) -> bool {
        let down = self.down.as_mut();
        down.map(|down| down.is_probed = true).is_some()
    }

    /// Records that a probe has ended, whatever came of it.
    pub(super) fn on_probe_ended(&mut self) {
        if let Some(down) = &mut self.down {
            down.is_probed = false;
        }
    }

    /// Records that the pause is over.
    pub(super) fn on_pause_over(&mut self) {
        if let Some(down) = &mut self.down {
            down.is_closed = false;
        }
    }

    /// Records that it has been reached. Returns whether more may be sent than before.
    pub(super) fn on_reached(&mut self) -> bool {
        self.down = None;
        !std::mem::replace(&mut self.works, true)
    }

    /// Records that it could not be reached with a request that was sent at `sent`. `random` is
    /// uniform in `[0, 1)`.
    pub(super) fn on_failed(
        &mut self,
        sent: Instant,
        now: Instant,
        policy: &RetryPolicy,
        random: f64,
    ) -> Verdict {
        if self.noted.is_some_and(|noted| sent <= noted) {
            return Verdict::Known;
        }
        self.works = false;
        self.noted = Some(now);
        let down = self.down.get_or_insert(Down {
            since: now,
            probes: 0,
            is_closed: false,
            is_probed: false,
        });
        (down.is_closed, down.is_probed) = (true, false);
        let past = now.saturating_duration_since(down.since);
        let left = policy.max_time.saturating_sub(past);
        if left.is_zero() || policy.retries == 0 {
            // Rows that come later wait together for one probe.
            let pause = backoff(policy, 1, random).max(MIN_PAUSE);
            return Verdict::GiveUp(now + pause);
        }
        down.probes = down.probes.saturating_add(1);
        let pause = backoff(policy, down.probes, random).max(MIN_PAUSE);
        // The last probe asks whether it is to be given up.
        Verdict::Pause(now + pause.min(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A proxy, and the time.
    struct World {
        outage: Outage,
        start: Instant,
        now: Instant,
        policy: RetryPolicy,
    }

    impl World {
        fn new() -> Self {
            let now = Instant::now();
            Self {
                outage: Outage::default(),
                start: now,
                now,
                policy: RetryPolicy::default(),
            }
        }

        /// Lets a request fail that is sent now.
        fn fail(&mut self) -> Verdict {
            self.outage.on_sent();
            let (outage, policy) = (&mut self.outage, &self.policy);
            outage.on_failed(self.now, self.now, policy, 1.0)
        }

        fn wait_until(&mut self, at: Instant) {
            self.now = at;
            self.outage.on_pause_over();
        }
    }

    #[test]
    fn outage_is_probed_with_growing_pauses_by_one_request() {
        let mut world = World::new();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let Verdict::Pause(until) = world.fail() else {
                panic!("given up");
            };
            pauses.push((until - world.now).as_secs());
            assert!(!world.outage.lets_pass(0), "the pause is not over");
            world.wait_until(until);
            assert!(world.outage.lets_pass(7));
            assert!(world.outage.on_sent());
            assert!(!world.outage.lets_pass(0), "a probe is under way");
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(world.outage.on_reached());
        assert!(world.outage.lets_pass(1000) && !world.outage.is_down());
    }

    #[test]
    fn failures_of_requests_that_were_under_way_count_once() {
        let mut world = World::new();
        let sent = world.now;
        world.now += Duration::from_secs(1);
        let (now, policy) = (world.now, world.policy);
        let mut fail = || world.outage.on_failed(sent, now, &policy, 1.0);
        assert!(matches!(fail(), Verdict::Pause(_)));
        for _ in 0..100 {
            assert_eq!(fail(), Verdict::Known);
        }
        // Nor do they count when it works again: they were sent before.
        world.outage.on_reached();
        let outage = &mut world.outage;
        assert_eq!(outage.on_failed(sent, now, &policy, 1.0), Verdict::Known);
        assert!(outage.works());
    }

    #[test]
    fn proxy_is_given_up_after_the_longest_time_and_probed_on() {
        let mut world = World::new();
        let end = world.start + world.policy.max_time;
        loop {
            match world.fail() {
                Verdict::Pause(until) => world.wait_until(until),
                Verdict::GiveUp(until) => {
                    assert_eq!(world.now, end, "the last pause ends with the time");
                    assert_eq!(until, end + Duration::from_secs(1));
                    world.wait_until(until);
                    break;
                }
                Verdict::Known => panic!("it was sent after the last failure"),
            }
        }
        assert!(world.outage.lets_pass(0));
        assert!(matches!(world.fail(), Verdict::GiveUp(_)));
        world.outage.on_reached();
        world.now += Duration::from_secs(1);
        assert!(matches!(world.fail(), Verdict::Pause(_)));
    }

    #[test]
    fn without_retries_the_first_failure_gives_up() {
        let mut world = World::new();
        world.policy.retries = 0;
        assert!(matches!(world.fail(), Verdict::GiveUp(_)));
    }

    #[test]
    fn pause_is_never_nothing() {
        let mut world = World::new();
        world.policy.base = Duration::ZERO;
        assert_eq!(world.fail(), Verdict::Pause(world.now + MIN_PAUSE));
    }

    #[test]
    fn few_requests_find_out_whether_a_new_proxy_works() {
        let mut outage = Outage::default();
        assert!(outage.lets_pass(FIRST - 1) && !outage.lets_pass(FIRST));
        assert!(!outage.on_sent(), "it is no probe");
        assert!(outage.on_reached());
        assert!(outage.lets_pass(FIRST));
        assert!(!outage.on_reached(), "nothing new");
    }

    #[test]
    fn probe_without_a_result_makes_room_for_another() {
        let mut world = World::new();
        let Verdict::Pause(until) = world.fail() else {
            panic!("given up");
        };
        world.wait_until(until);
        assert!(world.outage.on_sent());
        world.outage.on_probe_ended();
        assert!(world.outage.lets_pass(0));
    }
}
