//! Many runs in one schedule: a simulation in virtual time, with hosts that are slow, refuse, do
//! not respond, die and recover, and runs that are paused, resumed, cancelled and made more urgent.
//!
//! A seed reproduces a simulation: `HAULAGE_SEED=17 cargo test simulated_runs`.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::*;

/// How many simulations there are.
const SEEDS: u64 = 1000;
const HOSTS: u64 = 6;

type Simulated = Schedule<Row, u64, ()>;

/// A row of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Row {
    run: usize,
    number: u32,
    host: u64,
}

/// What a host does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HostKind {
    Fast,
    Slow,
    /// It answers this many requests at once, and refuses all others.
    Bears(usize),
    /// It does not respond for a long time.
    Silent,
    /// It refuses all requests until this time, in milliseconds.
    DownUntil(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Paused,
    Cancelled,
}

struct Run {
    id: RunId,
    priority: Priority,
    state: State,
    jobs: usize,
    /// Rows that wait until it is resumed.
    parked: Vec<Row>,
}

/// A request in flight.
struct Flight {
    row: Row,
    lane: u64,
    host: HostId,
    sent: Instant,
    is_fine: bool,
}

struct Simulation {
    schedule: Simulated,
    random: fastrand::Rng,
    start: Instant,
    now: Instant,
    caps: Caps,
    kinds: Vec<HostKind>,
    runs: Vec<Run>,
    /// By the time at which they end.
    flights: BTreeMap<(Instant, u64), Flight>,
    lanes: u64,
    order: u64,
    /// How often each row was done.
    done: HashMap<Row, u32>,
    total: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let start = Instant::now();
        let caps = Caps {
            jobs: random.usize(1..12),
            per_host: random.usize(1..6),
            streams: 6,
            start: 2,
            idle: 8,
            delay: Duration::ZERO,
        };
        let mut schedule = Schedule::new(caps, Arc::default(), start);
        let kinds = (0..HOSTS).map(|_| match random.u8(0..8) {
            0..4 => HostKind::Fast,
            4 => HostKind::Slow,
            5 => HostKind::Bears(random.usize(1..4)),
            6 => HostKind::Silent,
            _ => HostKind::DownUntil(random.u64(0..20_000)),
        });
        let kinds = kinds.collect();
        let runs = (0..random.usize(1..6)).map(|_| {
            let priority = [Priority::Low, Priority::Normal, Priority::High][random.usize(0..3)];
            let jobs = [usize::MAX, 1, 3][random.usize(0..3)];
            Run {
                id: schedule.run_begins(priority, Some(jobs)),
                priority,
                state: State::Running,
                jobs,
                parked: Vec::new(),
            }
        });
        let runs = runs.collect();
        Self {
            schedule,
            random,
            start,
            now: start,
            caps,
            kinds,
            runs,
            flights: BTreeMap::new(),
            lanes: 0,
            order: 0,
            done: HashMap::new(),
            total: 0,
        }
    }

    fn run(mut self) {
        for run in 0..self.runs.len() {
            for number in 0..self.random.u32(1..80) {
                let host = self.random.u64(0..HOSTS);
                self.total += 1;
                self.push(Row { run, number, host });
            }
            self.schedule.on_input_ended(self.runs[run].id);
        }
        self.hand_out();
        let mut steps = 0;
        while self.is_anything_left() {
            steps += 1;
            assert!(steps < 100_000, "it does not come to an end");
            if self.random.u8(..) < 8 {
                self.interfere();
            }
            self.step();
            self.check();
        }
        for (row, times) in &self.done {
            assert_eq!(*times, 1, "{row:?}");
        }
        let is_any_cancelled = self.runs.iter().any(|run| run.state == State::Cancelled);
        let done = self.done.len();
        assert!(
            done == self.total || is_any_cancelled && done < self.total,
            "{done}"
        );
    }

    fn is_anything_left(&mut self) -> bool {
        if self.flights.is_empty() && self.schedule.poll_timeout().is_none() {
            for run in 0..self.runs.len() {
                self.resume(run);
            }
            self.hand_out();
        }
        !self.flights.is_empty() || self.schedule.poll_timeout().is_some()
    }

    fn push(&mut self, row: Row) {
        let run = &mut self.runs[row.run];
        match run.state {
            State::Running => {
                let key = format!("h{}", row.host);
                let host = self.schedule.host(&key, Protocol::Exclusive, || self.now);
                self.schedule.push(host, run.id, row);
            }
            State::Paused => run.parked.push(row),
            State::Cancelled => {}
        }
    }

    fn pause_or_cancel(&mut self, run: usize, state: State) {
        if self.runs[run].state == State::Cancelled {
            return;
        }
        self.runs[run].state = state;
        let taken = self.schedule.take_run(self.runs[run].id);
        for taken in taken {
            assert_eq!(taken.work.run, run);
            self.push(taken.work);
        }
        // Requests in flight stop, and their slots are free.
        let own = self
            .flights
            .iter()
            .filter(|(_, flight)| flight.row.run == run);
        let own: Vec<_> = own.map(|(key, _)| *key).collect();
        for key in own {
            let flight = self.flights.remove(&key).unwrap();
            self.push(flight.row);
            self.schedule.abandon(flight.host, self.runs[run].id);
        }
        if state == State::Cancelled {
            self.runs[run].parked.clear();
        }
    }

    fn resume(&mut self, run: usize) {
        if self.runs[run].state == State::Paused {
            self.runs[run].state = State::Running;
            for row in std::mem::take(&mut self.runs[run].parked) {
                self.push(row);
            }
        }
    }

    fn interfere(&mut self) {
        let run = self.random.usize(0..self.runs.len());
        match self.random.u8(0..10) {
            0..4 => self.pause_or_cancel(run, State::Paused),
            4..8 => self.resume(run),
            8 => {
                let priority =
                    [Priority::Low, Priority::Normal, Priority::High][self.random.usize(0..3)];
                self.runs[run].priority = priority;
                self.schedule.set_priority(self.runs[run].id, priority);
            }
            _ if self.random.u8(0..4) == 0 => self.pause_or_cancel(run, State::Cancelled),
            _ => {}
        }
        self.hand_out();
    }

    /// Advances the time to the next event and handles it.
    fn step(&mut self) {
        let ends = self.flights.keys().next().map(|(at, _)| *at);
        let due = self.schedule.poll_timeout();
        let Some(next) = ends.into_iter().chain(due).min() else {
            return;
        };
        self.now = self.now.max(next);
        self.schedule.handle_timeout(self.now);
        while let Some(entry) = self.flights.first_entry()
            && entry.key().0 <= self.now
        {
            let flight = entry.remove();
            self.end(&flight);
        }
        self.hand_out();
    }

    fn end(&mut self, flight: &Flight) {
        let (id, row) = (self.runs[flight.row.run].id, flight.row);
        if flight.is_fine {
            *self.done.entry(row).or_default() += 1;
        } else {
            self.schedule
                .on_refused(flight.host, flight.sent, self.now, Duration::ZERO);
            let later = self.now + Duration::from_millis(self.random.u64(1..2000));
            self.schedule.push_later(flight.host, later, id, row);
        }
        let observed = Observation {
            is_open: true,
            is_ok: flight.is_fine,
            latency: flight.is_fine.then(|| self.now - flight.sent),
            now: self.now,
        };
        let is_turn_over = self.random.bool();
        let next = self
            .schedule
            .next(flight.host, id, &flight.lane, is_turn_over, observed);
        if let Next::Work(lease) = next {
            self.send(flight.host, flight.lane, lease.work);
        }
    }

    fn hand_out(&mut self) {
        let now = self.now;
        while let Some(grant) = self.schedule.poll_grant(|| now) {
            match grant {
                Grant::Resume { lane, lease } => {
                    let key = format!("h{}", lease.work.host);
                    let host = self.schedule.host(&key, Protocol::Exclusive, || now);
                    self.send(host, lane, lease.work);
                }
                Grant::Open { host, lease, .. } => {
                    self.lanes += 1;
                    self.send(host, self.lanes, lease.work);
                }
                Grant::Ahead { .. } => panic!("nothing is opened ahead"),
            }
        }
    }

    fn send(&mut self, host: HostId, lane: u64, row: Row) {
        assert_eq!(self.runs[row.run].state, State::Running, "{row:?}");
        let at_host = |flight: &&Flight| flight.row.host == row.host;
        let others = self.flights.values().filter(at_host).count();
        let elapsed = u64::try_from((self.now - self.start).as_millis()).unwrap();
        let (is_fine, takes) = match self.kinds[usize::try_from(row.host).unwrap()] {
            HostKind::Fast => (true, self.random.u64(1..50)),
            HostKind::Slow => (true, self.random.u64(500..5000)),
            HostKind::Bears(most) => (others < most, 20),
            HostKind::Silent => (true, self.random.u64(10_000..40_000)),
            HostKind::DownUntil(until) => (elapsed > until, 5),
        };
        self.order += 1;
        let ends = (self.now + Duration::from_millis(takes), self.order);
        let flight = Flight {
            row,
            lane,
            host,
            sent: self.now,
            is_fine,
        };
        self.flights.insert(ends, flight);
    }

    /// Asserts what holds at every instant.
    fn check(&self) {
        let flights = self.flights.values();
        let rows: HashSet<_> = flights.clone().map(|flight| flight.row).collect();
        assert_eq!(rows.len(), self.flights.len(), "a row is in flight twice");
        assert!(rows.len() <= self.caps.jobs);
        for host in 0..HOSTS {
            let at_host = rows.iter().filter(|row| row.host == host);
            assert!(at_host.count() <= self.caps.per_host);
        }
        for (number, run) in self.runs.iter().enumerate() {
            let own = rows.iter().filter(|row| row.run == number).count();
            assert!(own <= run.jobs);
            assert!(own == 0 || run.state == State::Running);
        }
        assert!(rows.iter().all(|row| !self.done.contains_key(row)));
    }
}

#[test]
fn simulated_runs_keep_to_all_caps_and_lose_no_row() {
    let seed = std::env::var("HAULAGE_SEED").ok();
    let seeds = match seed.and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => 0..SEEDS,
    };
    for seed in seeds {
        let result = std::panic::catch_unwind(|| Simulation::new(seed).run());
        assert!(result.is_ok(), "HAULAGE_SEED={seed}");
    }
}

#[test]
fn a_hundred_thousand_rows_of_two_runs_take_turns() {
    let now = Instant::now();
    let caps = caps(4, 2);
    let mut schedule: Schedule<(usize, usize), u64, ()> = Schedule::new(caps, Arc::default(), now);
    let runs = [0, 1].map(|_| schedule.run_begins(Priority::Normal, None));
    for number in 0..50_000 {
        for (which, run) in runs.iter().enumerate() {
            // One has a hundred hosts, the other one.
            let key = if which == 0 {
                format!("h{}", number % 100)
            } else {
                "one".into()
            };
            let host = schedule.host(&key, Protocol::Exclusive, || now);
            schedule.prove(host);
            schedule.push(host, *run, (which, number));
        }
    }
    let (mut lanes, mut flights) = (0, Vec::new());
    let mut done = [0_usize; 2];
    let mut last = [None, None];
    while done[0] + done[1] < 100_000 {
        while let Some(grant) = schedule.poll_grant(|| now) {
            match grant {
                Grant::Open { host, lease, .. } => {
                    lanes += 1;
                    flights.push((host, lanes, lease.work));
                }
                Grant::Resume { lane, lease } => {
                    let key = if lease.work.0 == 0 {
                        format!("h{}", lease.work.1 % 100)
                    } else {
                        "one".into()
                    };
                    let host = schedule.host(&key, Protocol::Exclusive, || now);
                    flights.push((host, lane, lease.work));
                }
                Grant::Ahead { .. } => panic!("nothing is opened ahead"),
            }
        }
        let (host, lane, (which, number)) = flights.remove(0);
        done[which] += 1;
        if which == 1 {
            assert!(last[1] < Some(number), "its rows come in their order");
            last[1] = Some(number);
        }
        // A host may have two of the four, so neither run is ever far behind.
        let is_over = done.contains(&50_000);
        assert!(
            is_over || done[0].abs_diff(done[1]) <= done[0].max(done[1]) / 2 + 16,
            "{done:?}"
        );
        let observed = observed(true);
        match schedule.next(host, runs[which], &lane, true, observed) {
            Next::Work(lease) => flights.push((host, lane, lease.work)),
            Next::Idle | Next::Close => {}
        }
    }
}
