//! The engine on a disk that hangs or fails.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use origin::{Body, Gate, Origin, Script};
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};

use super::*;
use crate::event::{Event, LimitChange};
use crate::outcome::Outcome;
use crate::request::Request;
use crate::write::fake::{FakeDisk, HANGING_NAME, HANGS, Operation};

const NO_SPACE: i32 = 28;
const IO_ERROR: i32 = 5;
const TOO_MANY_OPEN: i32 = 24;

/// Starts a run in an engine of its own.
pub(super) fn start_on(
    options: RunOptions,
    storage: Arc<Storage>,
    state: Option<Arc<State>>,
) -> Result<RunHandle, Error> {
    Engine::start(EngineOptions::default())?.open_on(options, storage, state)
}

fn options() -> RunOptions {
    let mut options = RunOptions::new("not used");
    options.retry.retries = 0;
    options
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

/// Runs these URLs and returns all events of the run.
fn events(disk: &FakeDisk, urls: Vec<String>) -> Vec<Event> {
    let engine = start_on(options(), Storage::of(Arc::new(disk.clone())), None).unwrap();
    events_of(engine, urls)
}

fn events_of(mut engine: RunHandle, urls: Vec<String>) -> Vec<Event> {
    let mut events = engine.events();
    engine.feed(urls.into_iter().map(|url| Ok(Request::new(&url).unwrap())));
    engine.close();
    runtime().block_on(async {
        let mut all = Vec::new();
        while events.next_many(&mut all).await > 0 {}
        all
    })
}

#[test]
fn nothing_is_recorded_that_was_not_synced_before() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("a")));
    let folder = tempfile::tempdir().unwrap();
    for syncs in [false, true] {
        let database = folder.path().join(format!("{syncs}.db"));
        let disk = FakeDisk::default();
        if !syncs {
            disk.fail(Operation::Sync, IO_ERROR);
        }
        let disk = Storage::of(Arc::new(disk));
        let state = State::open(
            StatePlace::alone(database.clone()),
            &options(),
            Arc::clone(&disk),
        )
        .unwrap();
        let engine = start_on(options(), disk, Some(Arc::new(state))).unwrap();
        let events = events_of(engine, vec![origin.url("/a")]);
        let stopped = |event: &Event| matches!(event, Event::Stopped(error) if error.to_string().contains("cannot sync"));
        assert_eq!(
            events.iter().filter(|event| stopped(event)).count(),
            usize::from(!syncs)
        );
        assert_eq!(outcomes(events).len(), 1);
        assert_eq!(database.exists(), syncs);
    }
}

#[test]
fn a_file_that_vanishes_as_it_is_to_be_hashed_is_recorded_as_the_one_that_was_fetched_then() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("as it was")));
    origin.on("/b", Script::ok(Body::of("b")));
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("state.db");
    let disk = FakeDisk::default();
    let run = |options: RunOptions, urls: &[&str]| {
        let disk = Storage::of(Arc::new(disk.clone()));
        let state = State::open(
            StatePlace::alone(database.clone()),
            &options,
            Arc::clone(&disk),
        )
        .unwrap();
        let engine = start_on(options, disk, Some(Arc::new(state))).unwrap();
        outcomes(events_of(
            engine,
            urls.iter().map(|url| origin.url(url)).collect(),
        ))
    };
    run(options(), &["/a"]);
    origin.on("/a", Script::ok(Body::of("new")));
    disk.let_files_vanish();
    let mut hashing = options();
    hashing.hashes = vec![crate::Algorithm::Crc32c];
    // At another place now, from which it would be copied.
    let fetched = run(hashing, &["/b", "/a"]);
    assert!(
        fetched
            .iter()
            .all(|outcome| outcome.status.name() == "done")
    );
    // Its own length is recorded, so it does not count as changed.
    let mut again = run(options(), &["/b", "/a"]);
    again.sort_by_key(|outcome| outcome.row);
    let lengths: Vec<_> = again
        .iter()
        .map(|outcome| (outcome.status.name(), outcome.bytes))
        .collect();
    assert_eq!(lengths, [("skipped", 1), ("skipped", 3)]);
}

fn outcomes(events: Vec<Event>) -> Vec<Outcome> {
    let outcome = |event| match event {
        Event::Ended(outcome) => Some(*outcome),
        _ => None,
    };
    events.into_iter().filter_map(outcome).collect()
}

#[test]
fn one_target_whose_writes_hang_stalls_its_own_item_while_the_others_go_on() {
    let origin = Origin::plain();
    let mut hanging = HANGS.to_vec();
    hanging.resize(4 << 20, 7);
    origin.on("/hangs", Script::ok(Body::of(hanging.clone())));
    origin.under("/goes-on/", |request| {
        Script::ok(Body::seeded(request.path().len() as u64, 1 << 20))
    });
    let disk = FakeDisk::default();
    let mut engine = start_on(options(), Storage::of(Arc::new(disk.clone())), None).unwrap();
    let mut events = engine.events();
    engine.feed([Ok(Request::new(&origin.url("/hangs")).unwrap())]);
    disk.wait_until_one_hangs();
    let others: Vec<_> = (0..40)
        .map(|number| origin.url(&format!("/goes-on/{number}")))
        .collect();
    engine.feed(
        others
            .into_iter()
            .map(|url| Ok(Request::new(&url).unwrap())),
    );
    engine.close();
    runtime().block_on(async {
        let mut ended = 0;
        while ended < 40 {
            if let Event::Ended(outcome) = events.next().await.unwrap() {
                assert_eq!(outcome.status.name(), "done");
                assert_ne!(&*outcome.label, "hangs");
                ended += 1;
            }
        }
        assert_eq!(disk.file("hangs"), None);
        disk.go_on();
        while let Some(event) = events.next().await {
            if let Event::Ended(outcome) = event {
                assert_eq!((&*outcome.label, outcome.status.name()), ("hangs", "done"));
            }
        }
    });
    assert!(disk.file("hangs").unwrap() == hanging);
}

#[test]
fn name_that_is_slow_to_look_at_holds_up_no_other_row() {
    let origin = Origin::plain();
    let slow = origin.url(&format!("/bytes/10/{HANGING_NAME}a"));
    let disk = FakeDisk::default();
    let mut run = start_on(options(), Storage::of(Arc::new(disk.clone())), None).unwrap();
    let mut events = run.events();
    // The second row is identical, and waits for the first.
    run.feed([&slow, &slow].map(|url| Ok(Request::new(url).unwrap())));
    disk.wait_until_one_hangs();
    let others: Vec<_> = (0..40)
        .map(|nth| origin.url(&format!("/bytes/10/{nth}")))
        .collect();
    run.feed(
        others
            .into_iter()
            .map(|url| Ok(Request::new(&url).unwrap())),
    );
    run.close();
    runtime().block_on(async {
        let mut ended = 0;
        while ended < 40 {
            if let Event::Ended(outcome) = events.next().await.unwrap() {
                assert_eq!((outcome.row > 1, outcome.status.name()), (true, "done"));
                ended += 1;
            }
        }
        disk.go_on();
        let mut last = Vec::new();
        while let Some(event) = events.next().await {
            if let Event::Ended(outcome) = event {
                last.push((outcome.row, outcome.status.name()));
            }
        }
        assert_eq!(last, [(0, "done"), (1, "skipped")]);
    });
}

#[test]
fn row_that_is_being_looked_at_when_its_run_stops_has_no_outcome() {
    let origin = Origin::plain();
    let slow = origin.url(&format!("/bytes/10/{HANGING_NAME}a"));
    let disk = FakeDisk::default();
    let mut run = start_on(options(), Storage::of(Arc::new(disk.clone())), None).unwrap();
    let mut events = run.events();
    run.feed([&slow, &slow].map(|url| Ok(Request::new(url).unwrap())));
    disk.wait_until_one_hangs();
    run.cancel();
    disk.go_on();
    let rest = runtime().block_on(async {
        let mut all = Vec::new();
        while events.next_many(&mut all).await > 0 {}
        all
    });
    assert_eq!(outcomes(rest).len(), 0);
    assert_eq!(origin.log().len(), 0);
}

#[test]
fn a_file_that_cannot_be_written_fails_alone_and_says_which() {
    let origin = Origin::plain();
    let disk = FakeDisk::default();
    disk.fail(Operation::Close, IO_ERROR + 8);
    let outcomes = outcomes(events(
        &disk,
        vec![origin.url("/bytes/10"), origin.url("/bytes/20")],
    ));
    assert_eq!(outcomes.len(), 2);
    for outcome in outcomes {
        let error = outcome.error().unwrap();
        assert_eq!(error.kind(), ErrorKind::Disk);
        assert!(error.to_string().contains(&*outcome.label), "{error}");
        assert_eq!((outcome.path, outcome.bytes), (None, 0));
    }
}

#[test]
fn a_full_disk_stops_the_run_once() {
    for operation in [
        Operation::Create,
        Operation::Write,
        Operation::Close,
        Operation::Commit,
    ] {
        let origin = Origin::plain();
        let disk = FakeDisk::default();
        disk.fail(operation, NO_SPACE);
        let urls = (0..200)
            .map(|number| origin.url(&format!("/bytes/{}", number + 1)))
            .collect();
        let events = events(&disk, urls);
        let stops = events
            .iter()
            .filter(|event| matches!(event, Event::Stopped(_)))
            .count();
        assert_eq!(stops, 1, "{operation:?}");
        let outcomes = outcomes(events);
        assert!(!outcomes.is_empty());
        assert!(outcomes.iter().all(|outcome| outcome.error().is_some()));
    }
}

#[test]
fn a_disk_that_is_full_ends_a_file_that_several_bring_whoever_meets_it() {
    let (first, shares) = (Gate::new(), Gate::new());
    let origin = Origin::plain();
    let (held, waiting) = (first.clone(), shares.clone());
    origin.under("/file", move |request| {
        let script = Script::entity(Body::seeded(1, 4 << 20), "\"a\"");
        if request.headers.contains_key("range") {
            script.hold_at(10_000, &waiting)
        } else {
            script.hold_at(1 << 20, &held)
        }
    });
    let disk = FakeDisk::default();
    let mut options = options();
    options.min_split_size = 256 << 10;
    let mut engine = start_on(options, Storage::of(Arc::new(disk.clone())), None).unwrap();
    let mut events = engine.events();
    engine.feed([Ok(Request::new(&origin.url("/file")).unwrap())]);
    engine.close();
    shares.wait_reached(3);
    disk.fail(Operation::Write, NO_SPACE);
    // The item's own response has nothing to say to it.
    shares.open();
    let all = runtime().block_on(async {
        let mut all = Vec::new();
        while events.next_many(&mut all).await > 0 {
            first.open();
        }
        all
    });
    let stops = all
        .iter()
        .filter(|event| matches!(event, Event::Stopped(_)))
        .count();
    assert_eq!(stops, 1);
    let outcome = outcomes(all).pop().unwrap();
    assert_eq!(outcome.error().unwrap().kind(), ErrorKind::Disk);
    assert!(disk.files().is_empty());
}

#[test]
fn without_descriptors_fewer_go_on_and_no_item_is_lost() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("a")));
    let disk = FakeDisk::default();
    disk.fail(Operation::Create, TOO_MANY_OPEN);
    // The items have no retries.
    let mut engine = start_on(options(), Storage::of(Arc::new(disk.clone())), None).unwrap();
    let mut events = engine.events();
    let urls: Vec<_> = (0..40).map(|row| origin.url(&format!("/{row}"))).collect();
    engine.feed(urls.into_iter().map(|url| Ok(Request::new(&url).unwrap())));
    engine.close();
    let (mut all, mut limits) = (Vec::new(), Vec::new());
    runtime().block_on(async {
        while events.next_many(&mut all).await > 0 {
            limits.extend(all.iter().filter_map(|event| match event {
                Event::LimitChanged {
                    host: None,
                    limit,
                    why,
                } => Some((*limit, *why)),
                _ => None,
            }));
            if !limits.is_empty() {
                disk.heal();
            }
        }
    });
    assert_eq!(limits[0], (16, LimitChange::NoDescriptors));
    let outcomes = outcomes(all);
    assert_eq!(outcomes.len(), 40);
    for outcome in outcomes {
        assert!(outcome.error().is_none(), "{:?}", outcome.error());
    }
}

#[test]
fn rows_that_cannot_wait_on_the_disk_wait_in_memory() {
    // Its port is taken, so that no other test gets it, but nobody listens.
    let taken = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&taken, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let nobody = SocketAddr::try_from(getsockname(&taken).unwrap()).unwrap();
    let mut options = options();
    options.retry.retries = 100;
    options.retry.max_time = Duration::from_secs(2);
    let mut engine = start_on(options, Storage::of(Arc::new(FakeDisk::default())), None).unwrap();
    engine.run.spill.break_it();
    let run = Arc::clone(&engine.run);
    let mut events = engine.events();
    let url = move |row| format!("http://{nobody}/{row}");
    // Rows until some are to be spilled, and some more. On a slow machine the host may be given up
    // before that; then it starts anew with the following rows.
    let told = Arc::clone(&run);
    let before = (0..1_000_000).take_while(move |_| !told.spill.is_refused());
    let read = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&read);
    engine.feed(before.chain(1_000_000..1_001_000).map(move |row| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Request::new(&url(row)).unwrap())
    }));
    engine.close();
    let all = runtime().block_on(async {
        let mut all = Vec::new();
        while events.next_many(&mut all).await > 0 {}
        all
    });
    assert!(run.spill.is_refused());
    let outcomes = outcomes(all);
    assert_eq!(outcomes.len(), read.load(Ordering::Relaxed));
    for outcome in outcomes {
        assert_eq!(outcome.error().unwrap().kind(), ErrorKind::Connect);
    }
}

#[test]
fn files_that_nobody_receives_stay_within_the_memory() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::seeded(1, 100 << 10)));
    let mut engine = start_on(options(), Storage::memory(250 << 10), None).unwrap();
    let mut events = engine.events();
    let urls: Vec<_> = (0..40).map(|row| origin.url(&format!("/{row}"))).collect();
    engine.feed(urls.into_iter().map(|url| Ok(Request::new(&url).unwrap())));
    engine.close();
    // All requests that may be in flight were sent, so each that finds memory has it.
    origin.wait_until(|tally| tally.requests >= 8);
    let (mut all, mut first) = (Vec::new(), None);
    runtime().block_on(async {
        while events.next_many(&mut all).await > 0 {
            let ended = all.iter().filter(|event| matches!(event, Event::Ended(_)));
            first = first.or(Some(ended.count()));
        }
    });
    assert!(first.is_some_and(|first| first <= 2), "{first:?} were held");
    let ended = all.iter().filter(|event| matches!(event, Event::Ended(_)));
    assert_eq!(ended.count(), 40);
}
