//! A whole engine in virtual time, on one thread: many runs, servers in memory that are slow,
//! refuse, do not answer, die and recover, and runs that are paused, resumed, cancelled and made
//! more urgent, with rows that are removed. Everything is real but the servers, the disk, and the
//! threads, whose jobs are done one after another after random times.
//!
//! A seed reproduces a simulation: `HAULAGE_SEED=17 cargo test simulated_engine`.

mod run;
mod servers;

use std::time::Instant;

use self::run::SimulatedRun;
use self::servers::{Kind, Servers};
use super::*;
use crate::clock;
use crate::options::{Durability, RetryPolicy};
use crate::priority::Priority;
use crate::simulation;
use crate::sync::by_hand::ByHand;

/// How many simulations there are.
const SEEDS: u64 = 1000;
const HOSTS: usize = 5;
/// How long runs are paused, and rows removed.
const TROUBLE: Duration = Duration::from_secs(40);
/// How long a run may go on when nothing holds it up any more.
const MAX_TIME: Duration = Duration::from_mins(20);
/// How long what is in flight of a paused run may take to stop.
const SETTLES: Duration = Duration::from_millis(100);

struct Simulation {
    random: fastrand::Rng,
    start: Instant,
    servers: Arc<Servers>,
    engine: Engine,
    runs: Vec<SimulatedRun>,
}

/// Starts an engine of which all runs on this runtime, connected to these servers.
fn engine(
    options: &EngineOptions,
    route: &RunOptions,
    servers: &Arc<Servers>,
    random: fastrand::Rng,
) -> Engine {
    let hand = Arc::new(ByHand::default());
    let (workers, lanes): (Vec<_>, Vec<_>) = (0..2).map(Worker::new).unzip();
    let runs = Arc::new(Runs::by_hand(&hand));
    let inner = Inner::new(options, BlockingPool::by_hand(&hand), lanes, runs);
    let routes = &inner.services.routes;
    routes.change(&route.route, |connector| {
        connector.over(&Arc::new(Arc::clone(servers)))
    });
    for worker in workers {
        tokio::spawn(worker.run(Arc::clone(&inner.services)));
    }
    tokio::spawn(async move { hand.work(random, Duration::from_millis(20)).await });
    Engine(Arc::new(inner))
}

fn options(random: &mut fastrand::Rng) -> RunOptions {
    let mut options = RunOptions::new("not used");
    options.durability = Durability::None;
    options.timeout = Duration::from_secs(5);
    options.connect_timeout = Duration::from_secs(5);
    options.retry = RetryPolicy {
        retries: 8,
        base: Duration::from_millis(200),
        cap: Duration::from_secs(5),
        max_time: Duration::from_mins(1),
    };
    options.priority = priority(random);
    options.jobs = [None, Some(1), Some(3)][random.usize(0..3)];
    options.robots = random.u8(0..4) == 0;
    options.split = [1, 4, 16][random.usize(0..3)];
    // With the second, files are too small to be split: only silent rests are taken over.
    options.min_split_size = [16 << 10, 16 << 20][random.usize(0..2)];
    options
}

fn priority(random: &mut fastrand::Rng) -> Priority {
    [Priority::Low, Priority::Normal, Priority::High][random.usize(0..3)]
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let kinds = (0..HOSTS).map(|_| match random.u8(0..12) {
            0..4 => Kind::Fast,
            4 => Kind::Slow,
            5 | 6 => Kind::Bears(random.usize(1..4), random.bool()),
            7 => Kind::SilentUntil(Duration::from_millis(random.u64(0..30_000))),
            8 => Kind::DownUntil(Duration::from_millis(random.u64(0..30_000))),
            9 => Kind::Dead,
            _ => Kind::BreaksOff,
        });
        let kinds = kinds.collect();
        let (jobs, per_host) = (random.usize(1..12), random.usize(1..6));
        let own = EngineOptions {
            jobs,
            per_host: Some(per_host),
            ..EngineOptions::default()
        };
        let servers = Servers::new(kinds, random.fork(), jobs, per_host);
        let engine = engine(&own, &options(&mut random), &servers, random.fork());
        let runs = (0..random.usize(1..5)).map(|number| {
            let mut run = SimulatedRun::start(&engine, number, options(&mut random));
            let rows = random.usize(1..30);
            run.feed(rows, HOSTS, &mut random);
            run.handle.close();
            run
        });
        let runs = runs.collect();
        Self {
            random,
            start: clock::now(),
            servers,
            engine,
            runs,
        }
    }

    /// Runs to the end, and returns what became of the rows, and when.
    async fn run(mut self) -> Vec<String> {
        while !self.runs.iter().all(SimulatedRun::is_over) {
            let wait = self.random.u64(1..1500);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            let elapsed = clock::elapsed(self.start);
            if elapsed < TROUBLE {
                self.interfere();
            } else {
                for run in 0..self.runs.len() {
                    self.resume(run);
                }
            }
            settle().await;
            self.check();
            assert!(elapsed < MAX_TIME, "it does not come to an end");
        }
        for run in &self.runs {
            run.check_outcomes(&self.servers);
        }
        self.trace()
    }

    fn interfere(&mut self) {
        let run = self.random.usize(0..self.runs.len());
        match self.random.u8(0..10) {
            0..3 => {
                self.runs[run].handle.pause();
                self.runs[run].paused.get_or_insert_with(clock::now);
                self.servers.set_paused(run, true);
            }
            3..6 => self.resume(run),
            6 => {
                let priority = priority(&mut self.random);
                self.runs[run].handle.set_priority(priority);
            }
            7 | 8 => {
                let one = &mut self.runs[run];
                let row = self.random.usize(0..one.rows.len()) as u64;
                one.handle.remove(row);
                one.removed.entry(row).or_insert_with(clock::now);
            }
            _ if self.random.u8(0..4) == 0 => {
                self.runs[run].handle.cancel();
                self.runs[run].is_cancelled = true;
            }
            _ => {}
        }
    }

    fn resume(&mut self, run: usize) {
        self.runs[run].handle.resume();
        self.runs[run].paused = None;
        self.servers.set_paused(run, false);
    }

    /// Asserts what holds whenever nothing is left to do at this instant.
    fn check(&self) {
        let violations = self.servers.violations();
        assert!(violations.is_empty(), "{violations:?}");
        for run in &self.runs {
            let settled = run.paused.is_some_and(|at| clock::elapsed(at) > SETTLES);
            assert!(!settled || run.handle.in_flight() == 0, "a paused run");
            assert!(!run.is_over() || run.handle.in_flight() == 0, "an old run");
        }
        let dispatcher = &self.engine.0.services.dispatcher;
        assert!(!dispatcher.has_forgotten_work(), "a lost wake-up");
    }

    fn trace(&self) -> Vec<String> {
        let mut trace = Vec::new();
        for run in &self.runs {
            for (at, outcome) in &*lock(&run.seen.outcomes) {
                let (row, attempts) = (outcome.row, outcome.attempts);
                let (at, status) = (*at - self.start, outcome.status.name());
                trace.push(format!("{} {row} {at:?} {status} {attempts}", run.number));
            }
        }
        trace
    }
}

/// Lets all that can be done at this instant be done.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn simulated_engine_keeps_to_all_caps_and_loses_no_row() {
    simulation::for_each_seed(SEEDS, |seed| async move {
        Simulation::new(seed).run().await;
    });
}

#[test]
fn seed_reproduces_a_simulated_engine() {
    for seed in 0..10 {
        let trace = || {
            fastrand::seed(seed);
            simulation::in_virtual_time(async { Simulation::new(seed).run().await })
        };
        assert_eq!(trace(), trace(), "{seed}");
    }
}

/// Creates an engine with the default options, options of its runs, and servers of these kinds.
fn usual(kinds: Vec<Kind>, random: &mut fastrand::Rng) -> (Engine, RunOptions, Arc<Servers>) {
    let own = EngineOptions::default();
    let per_host = own.per_host.unwrap_or(own.jobs);
    let servers = Servers::new(kinds, random.fork(), own.jobs, per_host);
    let options = RunOptions {
        durability: Durability::None,
        ..RunOptions::new("not used")
    };
    let engine = engine(&own, &options, &servers, random.fork());
    (engine, options, servers)
}

#[test]
fn silence_is_noticed_soon_though_the_server_answers_late() {
    const ROWS: usize = 8;
    simulation::in_virtual_time(async {
        let mut random = fastrand::Rng::with_seed(1);
        let (engine, options, servers) = usual(vec![Kind::Stops], &mut random);
        let mut run = SimulatedRun::start(&engine, 0, options);
        run.feed(ROWS, 1, &mut random);
        run.handle.close();
        let start = clock::now();
        while !run.is_over() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        run.check_outcomes(&servers);
        let taken = clock::elapsed(start);
        // Two answers, the wait for silence, which is as long as an answer, and the rest. The
        // server stops for four seconds.
        assert!(taken < Duration::from_secs(5), "{taken:?}");
    });
}

#[test]
fn simulated_engine_takes_a_hundred_thousand_rows() {
    const ROWS: usize = 100_000;
    simulation::in_virtual_time(async {
        let mut random = fastrand::Rng::with_seed(1);
        let (engine, options, servers) = usual(vec![Kind::Fast; 50], &mut random);
        let mut runs: Vec<_> = (0..2)
            .map(|number| SimulatedRun::start(&engine, number, options.clone()))
            .collect();
        while !runs.iter().all(SimulatedRun::is_over) {
            for run in &mut runs {
                let (fed, open) = (run.rows.len(), run.rows.len() - run.ended());
                if fed < ROWS / 2 && open < 1000 {
                    run.feed(500, 50, &mut random);
                    if fed + 500 == ROWS / 2 {
                        run.handle.close();
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(servers.violations().is_empty());
        for run in &runs {
            run.check_outcomes(&servers);
        }
    });
}
