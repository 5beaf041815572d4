//! Several runs in one folder: at once, and one after another that was interrupted. Row 61 of
//! docs/faults.md.

use std::fs;

use haulage::{Event, Existing, StateDir};
use origin::{Body, Gate, Origin, Script};

use crate::entities::{BREAK, a, assert_is, broken, entity, listed};
use crate::sandbox::{Sandbox, assert_done, block_on, get, kind, rest};

/// A destination for runs of URLs.
fn urls() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.options.state_dir = StateDir::RemoveWhenDone;
    sandbox.options.retry.retries = 0;
    sandbox
}

/// The folders that runs of URLs have left.
fn left(sandbox: &Sandbox) -> Vec<std::path::PathBuf> {
    let Ok(parts) = fs::read_dir(sandbox.path(".haul/part")) else {
        return Vec::new();
    };
    let paths = parts.map(|part| part.unwrap().path());
    paths.filter(|path| path.is_dir()).collect()
}

fn assert_nothing_left(sandbox: &Sandbox) {
    assert!(!sandbox.path(".haul").exists(), "{:?}", left(sandbox));
}

#[test]
fn runs_of_urls_share_a_folder_and_the_last_one_cleans_up() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.on(
        "/slow",
        Script::ok(Body::seeded(1, 100_000)).hold_at(1000, &gate),
    );
    origin.on("/quick", Script::ok(Body::seeded(2, 100_000)));
    let sandbox = urls();
    let mut slow = sandbox.start();
    slow.feed([get(&origin.url("/slow"))]);
    slow.close();
    gate.wait_reached(1);
    assert_done(&sandbox.fetch(&origin.url("/quick")));
    assert_eq!(left(&sandbox).len(), 1, "the other one is under way");
    gate.open();
    let ended = block_on(rest(&mut slow.events()));
    assert_done(&ended[0]);
    assert_eq!(sandbox.names(), ["quick", "slow"]);
    assert_nothing_left(&sandbox);
}

#[test]
fn run_of_urls_shares_a_folder_with_one_of_lists() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.on("/file", Script::ok(Body::of("x")).hold(&gate));
    origin.on("/quick", Script::ok(Body::of("y")));
    let mut sandbox = urls();
    sandbox.options.state_dir = StateDir::Keep;
    sandbox.options.title = "a.txt".into();
    let mut list = sandbox.start();
    list.feed([listed(&origin.url("/file"))]);
    list.close();
    gate.wait_reached(1);
    let error = sandbox.try_start().unwrap_err();
    assert!(error.busy_with().unwrap().contains("a.txt"), "{error}");
    sandbox.options.state_dir = StateDir::RemoveWhenDone;
    assert_done(&sandbox.fetch(&origin.url("/quick")));
    gate.open();
    assert_done(&block_on(rest(&mut list.events()))[0]);
    let recorded = haulage::results(sandbox.path("")).unwrap();
    assert_eq!(recorded.count(), 1);
    assert!(left(&sandbox).is_empty());
}

#[test]
fn parts_of_several_runs_are_each_taken_up_by_who_asks_for_them() {
    let origin = Origin::plain();
    let paths = ["/file", "/b", "/c"];
    for path in paths {
        origin.on(path, broken(entity()));
    }
    let sandbox = urls();
    for path in paths {
        assert_eq!(kind(&sandbox.fetch(&origin.url(path))), "incomplete");
    }
    assert_eq!(left(&sandbox).len(), 3);
    for path in paths {
        origin.on(path, entity());
    }
    // Two in one run, in another order, and the third one alone.
    let rows = ["/c", "/file"].map(|path| get(&origin.url(path)));
    for outcome in sandbox.run(rows) {
        assert_done(&outcome);
        assert_eq!(outcome.resumed, BREAK);
    }
    assert_eq!(
        left(&sandbox).len(),
        1,
        "the other two are not needed any more"
    );
    assert_eq!(sandbox.fetch(&origin.url("/b")).resumed, BREAK);
    for name in ["file", "b", "c"] {
        assert!(sandbox.read(name) == a().bytes(), "{name}");
    }
    assert_nothing_left(&sandbox);
}

#[test]
fn run_of_lists_takes_up_the_part_of_a_url() {
    let origin = Origin::plain();
    origin.on("/file", broken(entity()));
    let mut sandbox = urls();
    assert_eq!(kind(&sandbox.fetch(&origin.url("/file"))), "incomplete");
    origin.on("/file", entity());
    sandbox.options.state_dir = StateDir::Keep;
    let outcome = sandbox.run([listed(&origin.url("/file"))]).pop().unwrap();
    assert_done(&outcome);
    assert_eq!(outcome.resumed, BREAK);
    assert_is(&sandbox, &a());
    assert!(left(&sandbox).is_empty());
}

#[test]
fn part_goes_when_its_file_is_there() {
    let origin = Origin::plain();
    origin.on("/file", broken(entity()));
    let mut sandbox = urls();
    sandbox.options.existing = Existing::Skip;
    assert_eq!(kind(&sandbox.fetch(&origin.url("/file"))), "incomplete");
    sandbox.write("file", "somebody else has saved it");
    assert_eq!(sandbox.fetch(&origin.url("/file")).status.name(), "skipped");
    assert_nothing_left(&sandbox);
}

#[test]
fn part_stays_for_who_asks_for_it_when_others_run() {
    let origin = Origin::plain();
    origin.on("/file", broken(entity()));
    origin.on("/other", Script::ok(Body::of("x")));
    let sandbox = urls();
    assert_eq!(kind(&sandbox.fetch(&origin.url("/file"))), "incomplete");
    assert_done(&sandbox.fetch(&origin.url("/other")));
    origin.on("/file", entity());
    assert_eq!(sandbox.fetch(&origin.url("/file")).resumed, BREAK);
    assert_nothing_left(&sandbox);
}

#[test]
fn rows_of_an_interrupted_run_are_not_done_again() {
    for existing in [Existing::Overwrite, Existing::Rename, Existing::Skip] {
        let origin = Origin::plain();
        let gate = Gate::new();
        origin.on("/done", Script::ok(Body::of("x")));
        origin.on("/held", Script::ok(Body::of("y")).hold(&gate));
        let mut sandbox = urls();
        sandbox.options.existing = existing;
        let rows = || ["/done", "/held"].map(|path| get(&origin.url(path)));
        let mut run = sandbox.start();
        let mut events = run.events();
        run.feed(rows());
        run.close();
        gate.wait_reached(1);
        block_on(async {
            while !matches!(events.next().await, Some(Event::Ended(_))) {}
            run.cancel();
            rest(&mut events).await;
        });
        drop((run, events));
        assert_eq!(left(&sandbox).len(), 1);
        gate.open();
        let outcomes = sandbox.run(rows());
        let mut ended: Vec<_> = outcomes.iter().map(|one| one.status.name()).collect();
        ended.sort_unstable();
        assert_eq!(ended, ["done", "skipped"], "{existing:?}");
        assert_eq!(origin.count("/done"), 1);
        assert_eq!(sandbox.names(), ["done", "held"]);
        assert_nothing_left(&sandbox);
    }
}

#[test]
fn run_that_fails_with_nothing_to_resume_leaves_nothing() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("x")));
    origin.on("/b", Script::status(404));
    let sandbox = urls();
    let outcomes = sandbox.run(["/a", "/b"].map(|path| get(&origin.url(path))));
    assert_eq!(outcomes.len(), 2);
    assert_eq!(sandbox.names(), ["a"]);
    assert_nothing_left(&sandbox);
}

#[test]
fn url_that_a_list_has_saved_is_known_and_one_that_failed_is_tried_again() {
    let origin = Origin::plain();
    origin.on("/x/a", Script::ok(Body::of("first")));
    origin.on("/y/a", Script::ok(Body::of("second")));
    origin.on("/no", Script::status(404));
    let mut sandbox = urls();
    sandbox.options.state_dir = StateDir::Keep;
    sandbox.run(["/x/a", "/no"].map(|path| listed(&origin.url(path))));
    sandbox.options.state_dir = StateDir::RemoveWhenDone;
    origin.on("/no", Script::ok(Body::of("now it is")));
    let rows = ["/x/a", "/y/a", "/no"].map(|path| get(&origin.url(path)));
    let ended: Vec<_> = sandbox
        .run(rows)
        .into_iter()
        .map(|outcome| (outcome.row, outcome.status.name()))
        .collect();
    assert!(ended.contains(&(0, "skipped")), "{ended:?}");
    assert!(ended.contains(&(1, "done")) && ended.contains(&(2, "done")));
    assert_eq!(origin.count("/x/a"), 1);
    // The list's file is its own.
    assert_eq!(sandbox.read("a"), b"first");
    let recorded = haulage::results(sandbox.path("")).unwrap();
    assert_eq!(recorded.count(), 2);
}
