//! How many HTTP/2 connections the requests to a host are spread over. Pure: time comes in as a
//! parameter.
//!
//! One connection is enough on a path without packet loss. With loss, TCP slows that connection
//! down, and several have a higher throughput. And a server may allow too few requests on each
//! connection. For such a reason more connections are tried; if throughput does not rise, they are
//! given up again.

use std::time::{Duration, Instant};

/// A trial multiplies the number of connections by this.
const STEP: usize = 4;
/// More connections are kept if they raise throughput by this factor.
const KEPT: f64 = 1.25;
/// A measurement takes this many round trips, and at least `LEAST`. New connections start slowly,
/// so they are measured only after the same time.
const TRIPS: u32 = 8;
const LEAST: Duration = Duration::from_millis(250);
/// How long nothing is tried after a trial without a gain; twice as long after each further one.
const PAUSE: Duration = Duration::from_secs(10);
const MOST_DOUBLINGS: u32 = 5;

/// The state of a host at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) time: Instant,
    /// The round-trip time to it.
    pub(super) trip: Duration,
    /// Bytes received from it so far.
    pub(super) came: u64,
    /// Whether there is a reason for more connections: packet loss, or the open ones allow no more
    /// requests.
    pub(super) has_reason: bool,
    /// Whether as many requests as allowed are in flight, and more wait.
    pub(super) is_saturated: bool,
    /// Connections that are open.
    pub(super) open: usize,
    /// The most connections that are allowed.
    pub(super) most: usize,
}

/// How many connections a host should have.
#[derive(Debug)]
pub(super) struct Spread {
    wanted: usize,
    phase: Phase,
    /// When the measurement began, and the bytes received until then; `None` if there is none.
    since: Option<(Instant, u64)>,
    in_vain: u32,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Nothing is tried before `until`; `None`: at any time.
    Steady { until: Option<Instant> },
    /// More connections are being opened. `from`: the former number; `before`: its bytes per
    /// second.
    Trying { from: usize, before: f64 },
    /// All of them are open, and their throughput is being measured.
    Measuring { from: usize, before: f64 },
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            wanted: 1,
            phase: Phase::Steady { until: None },
            since: None,
            in_vain: 0,
        }
    }
}

impl Spread {
    /// Returns how many connections there are to be.
    pub(super) fn wanted(&self) -> usize {
        self.wanted
    }

    /// Records that a connection could not be opened: those there are have to do.
    pub(super) fn on_connect_failed(&mut self, open: usize, now: Instant) {
        self.give_up(open.max(1), now);
    }

    /// Looks at what has come, and decides how many connections there are to be.
    pub(super) fn look(&mut self, now: Now) {
        if !now.is_saturated {
            // While slots are free, throughput shows nothing about the connections.
            self.since = None;
            return;
        }
        let Some((since, came)) = self.since else {
            self.since = Some((now.time, now.came));
            return;
        };
        let passed = now.time.saturating_duration_since(since);
        if passed < LEAST.max(now.trip * TRIPS) {
            return;
        }
        let rate = now.came.saturating_sub(came) as f64 / passed.as_secs_f64();
        self.since = Some((now.time, now.came));
        match self.phase {
            Phase::Steady { until } => {
                if now.has_reason && until.is_none_or(|until| now.time >= until) {
                    self.try_more(rate, now);
                }
            }
            // Some connections are not open yet.
            Phase::Trying { .. } if now.open < self.wanted => {}
            Phase::Trying { from, before } => self.phase = Phase::Measuring { from, before },
            Phase::Measuring { from, before } if rate < before * KEPT => {
                self.give_up(from, now.time);
            }
            Phase::Measuring { .. } => {
                self.in_vain = 0;
                self.phase = Phase::Steady { until: None };
                if now.has_reason {
                    self.try_more(rate, now);
                }
            }
        }
    }

    fn try_more(&mut self, rate: f64, now: Now) {
        let wanted = (self.wanted * STEP).min(now.most);
        if wanted > self.wanted {
            self.phase = Phase::Trying {
                from: self.wanted,
                before: rate,
            };
            self.wanted = wanted;
        }
    }

    fn give_up(&mut self, to: usize, now: Instant) {
        self.wanted = to;
        let pause = PAUSE * 2_u32.pow(self.in_vain.min(MOST_DOUBLINGS));
        self.in_vain += 1;
        self.phase = Phase::Steady {
            until: Some(now + pause),
        };
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A simulated path: bytes per second of one connection, and of all together.
    struct Path {
        each: u64,
        all: u64,
        is_lossy: bool,
        most: usize,
    }

    /// Runs for these seconds, and returns how many connections are wanted after each tenth of a
    /// second.
    fn over(spread: &mut Spread, path: &Path, start: Instant, seconds: u32) -> Vec<usize> {
        let mut came = 0;
        let ticks = (0..seconds * 10).map(|tick| {
            let open = spread.wanted();
            came += (path.each * open as u64).min(path.all) / 10;
            spread.look(Now {
                time: start + Duration::from_millis(100) * tick,
                trip: Duration::from_millis(100),
                came,
                has_reason: path.is_lossy,
                is_saturated: true,
                open,
                most: path.most,
            });
            spread.wanted()
        });
        ticks.collect()
    }

    const LOSSY: Path = Path {
        each: 250_000,
        all: 25_000_000,
        is_lossy: true,
        most: 16,
    };

    #[test]
    fn path_without_losses_gets_one_connection() {
        let path = Path {
            is_lossy: false,
            ..LOSSY
        };
        let wanted = over(&mut Spread::default(), &path, Instant::now(), 600);
        assert!(wanted.iter().all(|wanted| *wanted == 1), "{wanted:?}");
    }

    #[test]
    fn losses_get_as_many_connections_as_bring_more() {
        let wanted = over(&mut Spread::default(), &LOSSY, Instant::now(), 10);
        assert_eq!(
            (wanted[15], wanted[45], wanted[99]),
            (4, 16, 16),
            "{wanted:?}"
        );
        let path = Path { most: 6, ..LOSSY };
        let wanted = over(&mut Spread::default(), &path, Instant::now(), 10);
        assert_eq!(wanted.into_iter().max(), Some(6));
        let path = Path { most: 1, ..LOSSY };
        let wanted = over(&mut Spread::default(), &path, Instant::now(), 10);
        assert_eq!(wanted.into_iter().max(), Some(1));
    }

    #[test]
    fn connections_that_bring_nothing_are_given_up() {
        // The losses are those of a full link.
        let path = Path {
            all: 250_000,
            ..LOSSY
        };
        let wanted = over(&mut Spread::default(), &path, Instant::now(), 600);
        let tried = wanted.iter().filter(|wanted| **wanted > 1).count();
        assert!(tried < wanted.len() / 20, "{tried}");
        assert_eq!(wanted.last(), Some(&1));
        // Four connections raise throughput, sixteen do not.
        let path = Path {
            all: 1_000_000,
            ..LOSSY
        };
        let wanted = over(&mut Spread::default(), &path, Instant::now(), 600);
        assert_eq!(wanted.last(), Some(&4));
    }

    #[test]
    fn host_without_waiting_work_is_not_measured() {
        let (mut spread, start) = (Spread::default(), Instant::now());
        for second in 0..100 {
            spread.look(Now {
                time: start + Duration::from_secs(second),
                trip: Duration::from_millis(100),
                came: second,
                has_reason: true,
                is_saturated: false,
                open: 1,
                most: 16,
            });
        }
        assert_eq!(spread.wanted(), 1);
    }

    #[test]
    fn server_that_takes_no_more_connections_is_left_alone() {
        let (mut spread, start) = (Spread::default(), Instant::now());
        over(&mut spread, &LOSSY, start, 2);
        assert_eq!(spread.wanted(), 4);
        spread.on_connect_failed(2, start + Duration::from_secs(2));
        assert_eq!(spread.wanted(), 2);
        let later = start + Duration::from_secs(2);
        let wanted = over(&mut spread, &LOSSY, later, 9);
        assert!(wanted.iter().all(|wanted| *wanted == 2), "{wanted:?}");
    }
}
