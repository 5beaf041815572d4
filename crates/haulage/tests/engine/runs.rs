//! Many runs in one engine: to a server they are one client.

use std::time::{Duration, Instant};

use haulage::{
    Engine, EngineOptions, Events, Outcome, Priority, Row, Run, RunOptions, Verification,
};
use origin::{Body, Gate, Limit, Origin, Script};
use tempfile::TempDir;

use crate::sandbox::{assert_done, block_on, get, next_outcome, rest};

fn engine(jobs: usize, per_host: usize) -> Engine {
    let mut options = EngineOptions::default();
    options.jobs = jobs;
    options.per_host = Some(per_host);
    Engine::start(options).unwrap()
}

fn options() -> (TempDir, RunOptions) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = RunOptions::new(folder.path());
    options.retry.base = Duration::ZERO;
    (folder, options)
}

fn begin<S>(engine: &Engine, options: &RunOptions, rows: S) -> (Run, Events)
where
    S: IntoIterator<Item = Row>,
    S::IntoIter: Send + 'static,
{
    let mut run = engine.run(options.clone(), rows).unwrap();
    let events = run.events();
    (run, events)
}

fn rows(origin: &Origin, prefix: &str, count: usize) -> Vec<Row> {
    let rows = (0..count).map(|row| format!("/{prefix}{row}"));
    rows.map(|path| get(&origin.url(&path))).collect()
}

fn all_done(events: &mut Events, count: usize) {
    let outcomes = block_on(rest(events));
    assert_eq!(outcomes.len(), count);
    outcomes.iter().for_each(assert_done);
}

fn served() -> Origin {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("a")));
    origin
}

#[test]
fn two_runs_together_keep_to_the_cap_of_a_host() {
    let origin = served();
    // A fifth request at once would be refused.
    origin.limit("/", Limit::at_once(4, Script::status(503)));
    let engine = engine(64, 4);
    let (_a, first) = options();
    let (_b, second) = options();
    let (_first, mut first) = begin(&engine, &first, rows(&origin, "a", 200));
    let (_second, mut second) = begin(&engine, &second, rows(&origin, "b", 200));
    all_done(&mut first, 200);
    all_done(&mut second, 200);
    assert!(origin.peak_in_flight() <= 4, "{}", origin.peak_in_flight());
    assert!(origin.peak_connections() <= 4);
    assert_eq!(origin.tally().requests, 400);
}

#[test]
fn runs_take_turns_at_a_host() {
    let origin = served();
    let gate = Gate::new();
    let held = gate.clone();
    origin.under("/a0", move |_| Script::ok(Body::of("a")).hold(&held));
    let engine = engine(1, 1);
    let (_a, first) = options();
    let (_b, second) = options();
    let (_first, mut first) = begin(&engine, &first, rows(&origin, "a", 200));
    gate.wait_reached(1);
    let (run, mut second) = begin(&engine, &second, rows(&origin, "b", 3));
    // They have been queued when the first request ends.
    while run.input_rows().is_none() {
        std::thread::yield_now();
    }
    gate.open();
    all_done(&mut second, 3);
    all_done(&mut first, 200);
    let log = origin.log();
    let last = log.iter().rposition(|asked| asked.path.starts_with("/b"));
    assert!(last.unwrap() < 20, "{last:?}");
}

#[test]
fn a_small_run_is_not_held_up_by_many_hosts_of_a_large_one() {
    let origins: Vec<_> = (0..40).map(|_| served()).collect();
    let late = served();
    let engine = engine(2, 2);
    let (_a, first) = options();
    let (_b, second) = options();
    let many = (0..4000).map(|row| get(&origins[row % 40].url(&format!("/{row}"))));
    let many: Vec<_> = many.collect();
    let (_first, mut first) = begin(&engine, &first, many);
    drop(block_on(next_outcome(&mut first)));
    let began = Instant::now();
    let (_second, mut second) = begin(&engine, &second, rows(&late, "b", 3));
    all_done(&mut second, 3);
    let asked: u64 = origins.iter().map(|origin| origin.tally().requests).sum();
    assert!(asked < 3000, "{asked} after {:?}", began.elapsed());
    all_done(&mut first, 3999);
}

#[test]
fn a_run_of_higher_priority_goes_first() {
    let origin = served();
    let gate = Gate::new();
    let held = gate.clone();
    origin.under("/hold", move |_| Script::ok(Body::of("a")).hold(&held));
    let engine = engine(1, 1);
    let folders = [options(), options(), options()];
    let (_first, mut first) = begin(&engine, &folders[0].1, rows(&origin, "hold", 1));
    gate.wait_reached(1);
    let mut urgent = folders[2].1.clone();
    urgent.priority = Priority::High;
    let (low, mut low_events) = begin(&engine, &folders[1].1, rows(&origin, "low", 20));
    low.set_priority(Priority::Low);
    let (urgent, mut high) = begin(&engine, &urgent, rows(&origin, "high", 20));
    let is_queued = |run: &Run| run.input_rows() == Some(20);
    while !is_queued(&low) || !is_queued(&urgent) {
        std::thread::yield_now();
    }
    gate.open();
    all_done(&mut high, 20);
    all_done(&mut low_events, 20);
    all_done(&mut first, 1);
    let log = origin.log();
    let last_high = log
        .iter()
        .rposition(|asked| asked.path.starts_with("/high"));
    let first_low = log.iter().position(|asked| asked.path.starts_with("/low"));
    assert!(last_high < first_low, "{last_high:?} {first_low:?}");
}

#[test]
fn a_run_keeps_to_its_own_cap_and_leaves_the_rest_to_others() {
    let origin = served();
    let gate = Gate::new();
    let held = gate.clone();
    origin.under("/a", move |_| Script::ok(Body::of("a")).hold(&held));
    let engine = engine(8, 8);
    let (_a, mut first) = options();
    let (_b, second) = options();
    first.jobs = Some(2);
    let (run, mut first) = begin(&engine, &first, rows(&origin, "a", 40));
    gate.wait_reached(2);
    let (_second, mut second) = begin(&engine, &second, rows(&origin, "b", 40));
    all_done(&mut second, 40);
    assert_eq!((gate.arrivals(), run.in_flight()), (2, 2));
    gate.open();
    all_done(&mut first, 40);
}

#[test]
fn a_host_that_asks_one_run_to_wait_is_left_alone_by_all() {
    let origin = served();
    origin.on(
        "/busy",
        vec![
            Script::status(503).header("retry-after", "1"),
            Script::ok(Body::of("a")),
        ],
    );
    let engine = engine(8, 8);
    let (_a, first) = options();
    let (_b, second) = options();
    let (_first, mut first) = begin(&engine, &first, [get(&origin.url("/busy"))]);
    // The answer has been seen when its attempt is told of.
    block_on(async {
        while let Some(event) = first.next().await {
            if matches!(event, haulage::Event::Retrying { .. }) {
                break;
            }
        }
    });
    let (_second, mut second) = begin(&engine, &second, rows(&origin, "b", 3));
    all_done(&mut second, 3);
    let log = origin.log();
    let refused = log.iter().find(|asked| asked.path == "/busy").unwrap().at;
    for asked in log
        .iter()
        .filter(|asked| asked.path.starts_with("/b") && asked.at > refused)
    {
        assert!(
            asked.at - refused >= Duration::from_millis(950),
            "{}",
            asked.path
        );
    }
    all_done(&mut first, 1);
}

#[test]
fn robots_txt_is_requested_once_for_all_runs() {
    let origin = served();
    origin.on(
        "/robots.txt",
        Script::ok(Body::of("User-agent: *\nDisallow: /no")),
    );
    let engine = engine(8, 8);
    let folders: Vec<_> = (0..4).map(|_| options()).collect();
    let mut begun = Vec::new();
    for (_, options) in &folders {
        let mut options = options.clone();
        options.robots = true;
        let all = rows(&origin, "yes", 5)
            .into_iter()
            .chain(rows(&origin, "no", 5));
        begun.push(begin(&engine, &options, all.collect::<Vec<_>>()));
    }
    for (_, events) in &mut begun {
        let outcomes = block_on(rest(events));
        let done = outcomes
            .iter()
            .filter(|outcome| outcome.status.name() == "done");
        assert_eq!((outcomes.len(), done.count()), (10, 5));
    }
    assert_eq!(origin.count("/robots.txt"), 1);
}

#[test]
fn a_run_that_is_cancelled_takes_nothing_from_others_that_wait_for_robots() {
    let origin = served();
    let gate = Gate::new();
    let (held, robots) = (gate.clone(), "User-agent: *\nDisallow: /no");
    origin.under("/robots.txt", move |_| {
        Script::ok(Body::of(robots)).hold(&held)
    });
    let engine = engine(8, 8);
    let (_a, mut first) = options();
    let (_b, mut second) = options();
    (first.robots, second.robots) = (true, true);
    let (cancelled, mut first) = begin(&engine, &first, rows(&origin, "a", 5));
    gate.wait_reached(1);
    let (second, mut events) = begin(&engine, &second, rows(&origin, "b", 5));
    while second.input_rows().is_none() {
        std::thread::yield_now();
    }
    cancelled.cancel();
    assert!(block_on(rest(&mut first)).is_empty());
    gate.open();
    all_done(&mut events, 5);
}

#[test]
fn connections_are_shared_by_runs_with_equal_routes_alone() {
    let origin = Origin::tls();
    origin.under("/", |_| Script::ok(Body::of("a")));
    let engine = engine(1, 1);
    let mut connections = Vec::new();
    for verification in [
        Verification::Insecure,
        Verification::Insecure,
        Verification::Full,
    ] {
        let (_folder, mut options) = options();
        options.route.tls.verification = verification;
        options.retry.retries = 0;
        let (_run, mut events) = begin(&engine, &options, rows(&origin, "a", 1));
        let outcomes: Vec<Outcome> = block_on(rest(&mut events));
        connections.push((outcomes[0].status.name(), origin.connections()));
    }
    // Nothing that was connected to without verification is trusted by the last one.
    assert_eq!(connections, [("done", 1), ("done", 1), ("failed", 2)]);
}

#[test]
fn a_run_has_its_own_limit_of_bytes_per_second() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::seeded(1, 4 << 20)));
    let engine = engine(8, 8);
    let (_a, mut first) = options();
    let (_b, second) = options();
    first.limit_rate = std::num::NonZeroU64::new(1024);
    let (slow, mut first) = begin(&engine, &first, rows(&origin, "a", 1));
    let (_second, mut second) = begin(&engine, &second, rows(&origin, "b", 4));
    all_done(&mut second, 4);
    assert!(slow.received_bytes() < 1 << 20);
    slow.limit_rate(None);
    all_done(&mut first, 1);
    assert_eq!(slow.received_bytes(), 4 << 20);
}

#[test]
fn a_run_lives_on_when_the_handles_of_its_engine_are_gone() {
    let origin = served();
    let (_folder, options) = options();
    let (_run, mut events) = begin(&engine(8, 8), &options, rows(&origin, "a", 50));
    all_done(&mut events, 50);
}

#[test]
fn runs_of_different_routes_keep_to_the_cap_together() {
    let origin = served();
    let gate = Gate::new();
    let held = gate.clone();
    origin.under("/", move |_| Script::ok(Body::of("a")).hold(&held));
    let engine = engine(64, 3);
    let mut begun = Vec::new();
    for route in 0..3 {
        let (folder, mut options) = options();
        options.connect_timeout = Duration::from_mins(1);
        if route > 0 {
            options.route.addresses = haulage::AddressFamily::Ipv4;
        }
        if route > 1 {
            options.route.http = haulage::HttpVersion::Http1;
        }
        let rows = rows(&origin, &format!("{route}-"), 20);
        begun.push((folder, begin(&engine, &options, rows)));
    }
    gate.wait_reached(3);
    gate.open();
    for (_, (_, events)) in &mut begun {
        all_done(events, 20);
    }
    assert!(origin.peak_in_flight() <= 3, "{}", origin.peak_in_flight());
}
