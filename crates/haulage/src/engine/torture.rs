//! The engine, its state included, on a disk whose every operation fails once, and after a power
//! cut at every instant.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use origin::{Body, Origin, Script};

use super::tests::start_on;
use crate::event::Event;
use crate::options::{Durability, RunOptions};
use crate::outcome::Outcome;
use crate::request::{Request, Row};
use crate::row_location::RowLocation;
use crate::state::State;
use crate::write::Storage;
use crate::write::fake::{Done, FakeDisk, put};

const INTERRUPTED: i32 = 4;
const IO_ERROR: i32 = 5;
const NO_SPACE: i32 = 28;

/// Returns files of every kind: empty, small and large ones, and one whose first response breaks
/// off, so that it is resumed.
fn bodies() -> Vec<(&'static str, Body)> {
    vec![
        ("empty", Body::empty()),
        ("small", Body::seeded(1, 5000)),
        ("large", Body::seeded(2, 700_000)),
        ("broken", Body::seeded(3, 600_000)),
        ("other", Body::seeded(4, 20)),
    ]
}

fn origin() -> Origin {
    let origin = Origin::plain();
    for (name, body) in bodies() {
        let whole = Script::entity(body, &format!("\"{name}\""));
        if name == "broken" {
            let cut = whole.clone().close_at(400_000);
            origin.under("/broken", move |request| {
                if request.headers.contains_key("range") {
                    whole.clone()
                } else {
                    cut.clone()
                }
            });
        } else {
            origin.on(&format!("/{name}"), whole);
        }
    }
    origin
}

fn rows(origin: &Origin) -> Vec<Row> {
    (1..)
        .zip(bodies())
        .map(|(line, (name, _))| {
            let request = Request::new(&origin.url(&format!("/{name}"))).unwrap();
            let input = "list".into();
            Ok(request.read_at(RowLocation { input, line }))
        })
        .collect()
}

fn options(durability: Durability) -> RunOptions {
    let mut options = RunOptions::new("not used");
    options.retry.base = std::time::Duration::ZERO;
    options.retry.retries = 2;
    options.durability = durability;
    options
}

/// Runs all rows and returns their outcomes; `None` if the state could not be opened.
fn run(
    disk: &FakeDisk,
    database: &Path,
    origin: &Origin,
    options: &RunOptions,
) -> Option<Vec<Outcome>> {
    let disk = Storage::of(Arc::new(disk.clone()));
    let state = State::open(
        crate::write::StatePlace::alone(database.to_owned()),
        options,
        Arc::clone(&disk),
    )
    .ok()?;
    let mut engine = start_on(options.clone(), disk, Some(Arc::new(state))).unwrap();
    let mut events = engine.events();
    engine.feed(rows(origin));
    engine.close();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    Some(runtime.block_on(async {
        let mut outcomes = Vec::new();
        while let Some(event) = events.next().await {
            if let Event::Ended(outcome) = event {
                outcomes.push(*outcome);
            }
        }
        outcomes
    }))
}

/// Asserts that each file with a final name has the right bytes.
#[track_caller]
fn assert_right(files: &HashMap<String, Vec<u8>>, when: &str) {
    let right: HashMap<_, _> = bodies().into_iter().collect();
    for (name, bytes) in files {
        let whole = right[&name[..]].bytes();
        assert!(
            *bytes == whole,
            "{when}: {name} has {} wrong bytes",
            bytes.len()
        );
    }
}

#[track_caller]
fn assert_whole(files: &HashMap<String, Vec<u8>>, when: &str) {
    assert_right(files, when);
    assert_eq!(files.len(), bodies().len(), "{when}");
}

#[test]
fn each_operation_may_fail_once_and_the_next_run_makes_up_for_it() {
    for error in [NO_SPACE, IO_ERROR, INTERRUPTED] {
        for others in 0.. {
            let when = format!("error {error} after {others} operations");
            let origin = origin();
            let folder = tempfile::tempdir().unwrap();
            let database = folder.path().join("state.db");
            let disk = FakeDisk::default();
            disk.fail_after(others, error);
            let options = options(Durability::Batch);
            let outcomes = run(&disk, &database, &origin, &options).unwrap();
            assert_right(&disk.files(), &when);
            for outcome in &outcomes {
                let path = outcome.path.as_deref();
                assert_eq!(
                    path.is_some_and(|path| disk.file(path).is_some()),
                    outcome.error().is_none(),
                    "{when}: {outcome:?}"
                );
            }
            let is_over = disk.heal();
            if is_over {
                assert_eq!(outcomes.len(), bodies().len(), "{when}");
            }
            let again = run(&disk, &database, &origin, &options).unwrap();
            assert_whole(&disk.files(), &when);
            assert!(
                again.iter().all(|outcome| outcome.error().is_none()),
                "{when}: {again:?}"
            );
            if is_over {
                // There were no more operations that could fail.
                assert!(others > 20, "only {others} operations could fail");
                break;
            }
        }
    }
}

/// Returns the files that may exist after a power cut that follows the operations in `log`: the
/// names that were given, with the bytes that were flushed.
fn after_power_cut(log: &[Done]) -> HashMap<String, Vec<u8>> {
    let mut written: HashMap<u64, Vec<u8>> = HashMap::new();
    let mut durable: HashMap<u64, Vec<u8>> = HashMap::new();
    let mut names = HashMap::new();
    for done in log {
        match done {
            Done::Written(part, at, bytes) => {
                put(written.entry(*part).or_default(), *at, bytes);
            }
            Done::Named(part, name) => {
                names.insert(name.clone(), *part);
            }
            Done::SyncedPart(part) => {
                let bytes = written.get(part).cloned().unwrap_or_default();
                durable.insert(*part, bytes);
            }
            Done::Synced => durable.clone_from(&written),
        }
    }
    let bytes = |part: u64| durable.get(&part).cloned().unwrap_or_default();
    names
        .into_iter()
        .map(|(name, part)| (name, bytes(part)))
        .collect()
}

#[test]
fn at_whatever_instant_the_power_goes_what_has_its_name_is_whole() {
    for durability in [Durability::Batch, Durability::Each] {
        let origin = origin();
        let folder = tempfile::tempdir().unwrap();
        let disk = FakeDisk::default();
        let database = folder.path().join("state.db");
        let outcomes = run(&disk, &database, &origin, &options(durability)).unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.error().is_none()));
        let log = disk.log();
        for operations in 0..=log.len() {
            let when = format!("{durability:?}, {operations} operations");
            assert_right(&after_power_cut(&log[..operations]), &when);
        }
        assert_whole(&after_power_cut(&log), "in the end");
        // What is recorded as done has a name that would survive.
        let named = log.iter().rposition(|done| matches!(done, Done::Named(..)));
        let synced = log.iter().rposition(|done| *done == Done::Synced);
        assert!(named < synced, "{named:?} {synced:?}");
    }
}

#[test]
fn without_durability_no_file_waits_for_a_sync() {
    let origin = origin();
    let folder = tempfile::tempdir().unwrap();
    let disk = FakeDisk::default();
    let database = folder.path().join("state.db");
    run(&disk, &database, &origin, &options(Durability::None)).unwrap();
    assert_whole(&disk.files(), "in the end");
    // But for what is gone on with, should it be recorded on the way.
    assert!(!disk.log().contains(&Done::Synced));
}

#[test]
fn with_each_an_item_ends_once_it_is_recorded() {
    let origin = origin();
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join(".haul/state.db");
    std::fs::create_dir_all(folder.path().join(".haul")).unwrap();
    let disk = Storage::of(Arc::new(FakeDisk::default()));
    let options = options(Durability::Each);
    let state = State::open(
        crate::write::StatePlace::alone(database),
        &options,
        Arc::clone(&disk),
    )
    .unwrap();
    let mut engine = start_on(options, disk, Some(Arc::new(state))).unwrap();
    let mut events = engine.events();
    engine.feed(rows(&origin));
    engine.close();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        while let Some(event) = events.next().await {
            if let Event::Ended(outcome) = event {
                let recorded = crate::results(folder.path()).unwrap();
                let mut recorded = recorded.map(|row| row.unwrap().row);
                assert!(recorded.any(|row| row == outcome.row), "{outcome:?}");
            }
        }
    });
}
