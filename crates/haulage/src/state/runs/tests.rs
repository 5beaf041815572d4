//! Tests of the runs that are recorded.

use super::super::store::{Access, Store};
use super::*;
use crate::series::{Load, Totals};
use crate::write::Sharing;

fn store(folder: &tempfile::TempDir) -> Store {
    let path = folder.path().join("state.db");
    Store::open(&path, Access::Write(Sharing::WithReaders)).unwrap()
}

/// Returns the record of a run that has had one response after 3 ms.
fn run(title: &str, most: usize) -> (RunRecord, Arc<Mutex<Series>>) {
    let series = Arc::new(Mutex::new(Series::new(most)));
    let mut options = RunOptions::new("not used");
    title.clone_into(&mut options.title);
    let latencies = Arc::new(LatencyCounts::new());
    latencies.add(Duration::from_millis(3));
    (
        RunRecord::new(&options, Arc::clone(&series), latencies),
        series,
    )
}

/// Samples a run every 250 ms, from the sample after `from` to this one.
fn sample(series: &Mutex<Series>, from: u64, to: u64) {
    for nth in from + 1..=to {
        let totals = Totals {
            bytes: nth * 1000,
            ended: nth * 10,
            failed: nth,
        };
        let host = |host: &str, in_flight| HostSample {
            host: host.into(),
            in_flight,
            limit: 4,
        };
        let load = Load {
            in_flight: 3,
            limit: 32,
            hosts: vec![host("http://b", 2), host("http://a", 1)],
        };
        let now = Duration::from_millis(nth * 250);
        lock(series).add(now, totals, load);
    }
}

fn samples_of(store: &Store) -> Vec<Sample> {
    let mut runs = all(&store.connection).unwrap();
    runs.pop().unwrap().samples
}

#[test]
fn run_comes_back_as_it_was_sampled() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    let (mut record, series) = run("urls.txt", 8);
    for (from, to) in [(0, 3), (3, 4), (4, 20), (20, 21)] {
        sample(&series, from, to);
        store.record_runs(&mut [&mut record]).unwrap();
        assert_eq!(samples_of(&store), lock(&series).samples());
    }
    let [read] = &all(&store.connection).unwrap()[..] else {
        panic!("there is one run");
    };
    assert_eq!((read.title.as_str(), read.ended), ("urls.txt", None));
    assert_eq!(read.latencies, record.latencies.get());
    record.latencies.add(Duration::from_secs(1));
    record.end(true);
    store.record_runs(&mut [&mut record]).unwrap();
    let read = &all(&store.connection).unwrap()[0];
    assert!(read.ended.is_some() && read.complete);
    assert_eq!(read.latencies.count(), 2);
}

#[test]
fn new_database_gets_all_samples_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let (mut record, series) = run("l", 8);
    sample(&series, 0, 3);
    store(&folder).record_runs(&mut [&mut record]).unwrap();
    let other = tempfile::tempdir().unwrap();
    let mut other = store(&other);
    record.forget_recorded();
    sample(&series, 3, 4);
    other.record_runs(&mut [&mut record]).unwrap();
    assert_eq!(samples_of(&other).len(), 4);
}

#[test]
fn database_of_an_older_schema_has_no_runs() {
    let folder = tempfile::tempdir().unwrap();
    let older =
        "DROP TABLE run; DROP TABLE sample; DROP TABLE sample_host; PRAGMA user_version = 3";
    store(&folder).connection.execute_batch(older).unwrap();
    let path = folder.path().join("state.db");
    let store = Store::open(&path, Access::Read).unwrap();
    assert_eq!(all(&store.connection).unwrap(), []);
}

#[test]
fn runs_of_an_older_schema_have_no_latencies() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let (mut record, series) = run("l", 8);
    sample(&series, 0, 1);
    let older = "ALTER TABLE run DROP COLUMN latencies; PRAGMA user_version = 4";
    {
        let mut store = store(&folder);
        store.record_runs(&mut [&mut record]).unwrap();
        store.connection.execute_batch(older).unwrap();
    }
    let read = || {
        let store = Store::open(&path, Access::Read).unwrap();
        all(&store.connection).unwrap().remove(0).latencies
    };
    assert_eq!(read(), Latencies::default());
    // The next run that writes adds the column, and leaves the run unchanged.
    drop(store(&folder));
    assert_eq!(read(), Latencies::default());
}

#[test]
fn only_the_last_runs_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    for nth in 0..MAX_RUNS + 5 {
        let (mut record, series) = run(&nth.to_string(), 8);
        sample(&series, 0, 1);
        store.record_runs(&mut [&mut record]).unwrap();
    }
    let runs = all(&store.connection).unwrap();
    assert_eq!(runs.len(), usize::try_from(MAX_RUNS).unwrap());
    assert_eq!(runs[0].title, "5");
    let samples = "SELECT count(*) FROM sample";
    let samples = store.connection.query_row(samples, [], |row| row.get(0));
    assert_eq!(samples, Ok(MAX_RUNS));
}
