//! Runs that are paused and resumed, and rows that are removed.

use std::time::Duration;

use haulage::{Engine, EngineOptions, Event, Events, Outcome, Row, Run};
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, get, kind, named, next_outcome, rest};

const SIZE: u64 = 400_000;

fn rows(origin: &Origin, prefix: &str, count: usize) -> Vec<Row> {
    let rows = (0..count).map(|row| format!("/{prefix}{row}"));
    rows.map(|path| get(&origin.url(&path))).collect()
}

fn engine(jobs: usize) -> Engine {
    let mut options = EngineOptions::default();
    options.jobs = jobs;
    options.per_host = Some(jobs);
    Engine::start(options).unwrap()
}

fn begin(engine: &Engine, sandbox: &Sandbox, rows: Vec<Row>) -> (Run, Events) {
    let mut run = engine.run(sandbox.options.clone(), rows).unwrap();
    let events = run.events();
    (run, events)
}

/// An origin whose files can be resumed, and wait in their middle the first time.
fn half() -> (Origin, Gate) {
    let (origin, gate) = (Origin::plain(), Gate::new());
    let held = gate.clone();
    origin.under("/", move |request| {
        let script = Script::entity(Body::seeded(1, SIZE), "\"a\"");
        if request.headers.contains_key("range") {
            script
        } else {
            script.hold_at(SIZE / 2, &held)
        }
    });
    (origin, gate)
}

/// Waits until `bytes` bytes of each of `files` files are here.
async fn wait_for_bytes(events: &mut Events, files: usize, bytes: u64) {
    let mut transfers = Vec::new();
    while transfers.len() < files {
        if let Some(Event::Started(transfer)) = events.next().await {
            transfers.push(transfer);
        }
    }
    while transfers.iter().any(|transfer| transfer.received() < bytes) {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_paused_run_frees_its_slots_and_resumes_within_its_files() {
    let (origin, gate) = half();
    let other = Origin::plain();
    other.under("/", |_| Script::ok(Body::of("b")));
    let (large, small) = (Sandbox::new(), Sandbox::new());
    let engine = engine(2);
    let (run, mut events) = begin(&engine, &large, rows(&origin, "a", 6));
    block_on(wait_for_bytes(&mut events, 2, SIZE / 2));
    run.pause();
    // Nothing else would give them a slot.
    let (_small, mut others) = begin(&engine, &small, rows(&other, "b", 20));
    let outcomes = block_on(rest(&mut others));
    assert_eq!(outcomes.len(), 20);
    outcomes.iter().for_each(assert_done);
    assert_eq!((origin.tally().requests, run.in_flight()), (2, 0));
    run.resume();
    gate.open();
    let outcomes = block_on(rest(&mut events));
    assert_eq!(outcomes.len(), 6);
    outcomes.iter().for_each(assert_done);
    let log = origin.log();
    let is_range = |asked: &&origin::LoggedRequest| asked.headers.contains_key("range");
    assert_eq!(log.iter().filter(is_range).count(), 2);
    let resumed: Vec<_> = outcomes.iter().map(|outcome| outcome.resumed).collect();
    assert_eq!(
        resumed.iter().filter(|bytes| **bytes >= SIZE / 4).count(),
        2,
        "{resumed:?}"
    );
    for outcome in &outcomes {
        assert_eq!(large.read(&outcome.label).len() as u64, SIZE);
    }
}

#[test]
fn a_run_that_is_paused_before_its_first_request_sends_none_until_it_is_resumed() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("a")));
    let sandbox = Sandbox::new();
    let mut run = sandbox.start();
    let mut events = run.events();
    run.pause();
    run.feed(rows(&origin, "a", 3000));
    run.close();
    let (engine, second) = (engine(4), Sandbox::new());
    let (_other, mut others) = begin(&engine, &second, rows(&origin, "b", 50));
    block_on(rest(&mut others)).iter().for_each(assert_done);
    assert!(
        origin
            .log()
            .iter()
            .all(|asked| asked.path.starts_with("/b"))
    );
    run.resume();
    let outcomes = block_on(rest(&mut events));
    assert_eq!(outcomes.len(), 3000);
    outcomes.iter().for_each(assert_done);
}

#[test]
fn a_paused_run_is_cancelled_or_dropped_like_any_other() {
    for is_dropped in [false, true] {
        let (origin, _gate) = half();
        let sandbox = Sandbox::new();
        let engine = engine(2);
        let (run, mut events) = begin(&engine, &sandbox, rows(&origin, "a", 6));
        block_on(wait_for_bytes(&mut events, 2, SIZE / 2));
        run.pause();
        if is_dropped {
            drop(run);
        } else {
            run.cancel();
        }
        let outcomes = block_on(rest(&mut events));
        // Those that had started end, of the others nothing is said.
        assert_eq!(
            outcomes.iter().map(kind).collect::<Vec<_>>(),
            ["cancelled"; 2]
        );
    }
}

#[test]
fn a_file_in_segments_is_paused_and_resumed() {
    let (origin, gate) = (Origin::plain(), Gate::new());
    let held = gate.clone();
    origin.under("/", move |request| {
        let whole = Script::entity(Body::seeded(1, 4 << 20), "\"a\"");
        let at = if request.headers.contains_key("range") {
            20_000
        } else {
            1 << 20
        };
        whole.hold_at(at, &held)
    });
    let mut sandbox = Sandbox::new();
    sandbox.options.min_split_size = 256 << 10;
    let engine = engine(4);
    let (run, mut events) = begin(&engine, &sandbox, vec![get(&origin.url("/file"))]);
    gate.wait_reached(4);
    run.pause();
    while run.in_flight() > 0 {
        std::thread::yield_now();
    }
    gate.open();
    run.resume();
    let outcomes = block_on(rest(&mut events));
    assert_done(&outcomes[0]);
    assert_eq!(sandbox.read("file").len(), 4 << 20);
    assert!(outcomes[0].resumed > 0);
}

#[test]
fn pausing_again_and_again_loses_nothing() {
    let origin = Origin::plain();
    origin.under("/", |request| {
        Script::entity(Body::seeded(request.path().len() as u64, 100_000), "\"a\"")
    });
    let sandbox = Sandbox::new();
    let engine = engine(4);
    let (run, mut events) = begin(&engine, &sandbox, rows(&origin, "a", 300));
    let mut outcomes = Vec::new();
    block_on(async {
        for _ in 0..60 {
            run.pause();
            tokio::task::yield_now().await;
            run.resume();
            outcomes.push(next_outcome(&mut events).await);
        }
        outcomes.extend(rest(&mut events).await);
    });
    assert_eq!(outcomes.len(), 300);
    outcomes.iter().for_each(assert_done);
    for outcome in &outcomes {
        assert_eq!(sandbox.read(&outcome.label).len(), 100_000);
    }
}

fn ended(outcomes: &[Outcome], row: u64) -> &'static str {
    let outcome = outcomes.iter().find(|outcome| outcome.row == row);
    outcome.map_or("nothing", kind)
}

#[test]
fn a_removed_row_ends_wherever_it_is_and_no_other_does() {
    let (origin, gate) = half();
    let sandbox = Sandbox::new();
    let engine = engine(1);
    let mut all = rows(&origin, "a", 5);
    // It waits for the row that asks for the same.
    all.push(get(&origin.url("/a1")));
    all.extend(rows(&origin, "b", 3000));
    let (run, mut events) = begin(&engine, &sandbox, all);
    block_on(wait_for_bytes(&mut events, 1, SIZE / 2));
    // In flight, queued, waiting for another row, and not read yet.
    for row in [0, 2, 5, 3000] {
        run.remove(row);
        run.remove(row);
    }
    gate.open();
    let outcomes = block_on(rest(&mut events));
    assert_eq!(outcomes.len(), 3006);
    for row in [0, 2, 5, 3000] {
        assert_eq!(ended(&outcomes, row), "cancelled", "row {row}");
    }
    assert!(!sandbox.path("a0").exists() && !sandbox.path("a2").exists());
    let failed = outcomes.iter().filter(|outcome| outcome.error().is_some());
    assert_eq!(failed.count(), 4);
}

#[test]
fn a_row_is_removed_from_a_paused_run() {
    let (origin, gate) = half();
    let sandbox = Sandbox::new();
    let engine = engine(1);
    let (run, mut events) = begin(&engine, &sandbox, rows(&origin, "a", 3));
    block_on(wait_for_bytes(&mut events, 1, SIZE / 2));
    run.pause();
    while run.in_flight() > 0 {
        std::thread::yield_now();
    }
    run.remove(0);
    run.remove(2);
    let mut first = block_on(async {
        [
            next_outcome(&mut events).await.row,
            next_outcome(&mut events).await.row,
        ]
    });
    first.sort_unstable();
    assert_eq!(first, [0, 2]);
    gate.open();
    run.resume();
    let outcomes = block_on(rest(&mut events));
    assert_eq!(outcomes.len(), 1);
    assert_done(&outcomes[0]);
}

#[test]
fn a_row_that_has_ended_stays_as_it_is_when_it_is_removed() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.on("/a", Script::ok(Body::of("a")));
    origin.on("/b", Script::ok(Body::of("b")).hold(&gate));
    let sandbox = Sandbox::new();
    let engine = engine(2);
    let all = vec![named(&origin.url("/a"), "a"), named(&origin.url("/b"), "b")];
    let (run, mut events) = begin(&engine, &sandbox, all);
    let first = block_on(next_outcome(&mut events));
    assert_eq!(first.row, 0);
    run.remove(0);
    gate.open();
    block_on(rest(&mut events)).iter().for_each(assert_done);
    assert_eq!(sandbox.names(), ["a", "b"]);
}

#[test]
fn slots_of_a_paused_run_are_free_within_100_ms() {
    let (origin, _gate) = half();
    let sandbox = Sandbox::new();
    let engine = engine(8);
    let (run, mut events) = begin(&engine, &sandbox, rows(&origin, "a", 8));
    block_on(wait_for_bytes(&mut events, 8, SIZE / 2));
    let began = std::time::Instant::now();
    run.pause();
    while run.in_flight() > 0 {
        std::thread::yield_now();
    }
    // A tenth of a second is asked for; a busy machine gets more.
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
}
