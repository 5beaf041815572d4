//! What engines and runs cost: threads, descriptors, memory. In a process of its own, where nothing
//! else has any. Only Linux tells them (proc(5)).
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may end so")]

use std::time::{Duration, Instant};

use haulage::{Engine, EngineOptions, Request, Row, RunOptions, StateDir};
use origin::{Body, Origin, Script};

/// Longer than the kernel takes for anything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

fn engine() -> Engine {
    Engine::start(EngineOptions::default()).unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "this is what a source yields")]
fn row(url: &str, name: &str) -> Row {
    Ok(Request::new(url).unwrap().named(name).unwrap())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// The threads of this process whose names begin with `haulage`, and its open descriptors.
fn threads_and_descriptors() -> (Vec<String>, usize) {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    let names = tasks.filter_map(|task| name(task.unwrap()));
    let own = names.filter(|name| name.starts_with("haulage"));
    (
        own.collect(),
        std::fs::read_dir("/proc/self/fd").unwrap().count(),
    )
}

/// Resident memory of this process, in bytes.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// Both measure the process, so they are one test.
#[test]
fn engines_and_runs_cost_no_more_than_they_say() {
    engines_leave_no_thread_and_no_descriptor();
    paused_runs_take_little_memory_and_no_thread();
}

fn engines_leave_no_thread_and_no_descriptor() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("a")));
    let folder = tempfile::tempdir().unwrap();
    let mut options = RunOptions::new(folder.path());
    options.state_dir = StateDir::RemoveWhenDone;
    let url = origin.url("/a");
    let mut before = threads_and_descriptors();
    for round in 0..1000 {
        let engine = engine();
        if round % 10 == 0 {
            let rows = [row(&url, &format!("file{round}"))];
            let mut run = engine.run(options.clone(), rows).unwrap();
            let mut events = run.events();
            // Every other one is dropped under way.
            if round % 20 == 0 {
                block_on(async { while events.next().await.is_some() {} });
            }
        }
        drop(engine);
        if round == 20 {
            // By now whatever is made once is there.
            before = threads_and_descriptors();
        }
    }
    let started = Instant::now();
    let mut after = threads_and_descriptors();
    // A thread that was joined is still listed until the kernel has removed it.
    while !after.0.is_empty() && started.elapsed() < PATIENCE {
        std::thread::yield_now();
        after = threads_and_descriptors();
    }
    assert_eq!(after.0, Vec::<String>::new());
    // The origin's connections may close a moment later.
    assert!(after.1 <= before.1 + 10, "{} of {}", after.1, before.1);
}

fn paused_runs_take_little_memory_and_no_thread() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("a")));
    let folder = tempfile::tempdir().unwrap();
    let mut options = RunOptions::new(folder.path());
    options.state_dir = StateDir::RemoveWhenDone;
    let engine = engine();
    let idle = threads_and_descriptors();
    let before = memory();
    let mut runs: Vec<_> = (0..10_000)
        .map(|number| {
            let run = engine.open(options.clone()).unwrap();
            run.pause();
            let name = format!("file{number}");
            run.feed([row(&origin.url(&format!("/{number}")), &name)]);
            run.close();
            run
        })
        .collect();
    let taken = memory() - before;
    assert!(taken <= 40 << 20, "{} KiB", taken >> 10);
    let paused = threads_and_descriptors();
    let is_of_engine = |name: &String| name.starts_with("haulage-net");
    assert!(paused.0.iter().all(is_of_engine), "{:?}", paused.0);
    assert!(paused.1 <= idle.1 + 10, "{} of {}", paused.1, idle.1);
    // They go on all the same.
    for run in &mut runs[..20] {
        run.resume();
        let mut events = run.events();
        block_on(async { while events.next().await.is_some() {} });
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 21);
    // The others keep the folder open, and nothing is left to record, or to be named.
    let is_at_work = |name: &String| {
        ["haulage-state", "haulage-commit"]
            .iter()
            .any(|own| name.starts_with(own))
    };
    while threads_and_descriptors().0.iter().any(is_at_work) {
        std::thread::sleep(Duration::from_millis(10));
    }
}
