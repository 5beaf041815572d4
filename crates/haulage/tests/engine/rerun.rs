//! A list is run again: what is known of its rows from earlier runs, wherever they stand in it now.

use std::time::Duration;

use haulage::{Existing, Outcome, Request, RetryFailed, Row, RowLocation};
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, kind, next_outcome, rest};

/// A row of a list.
#[expect(clippy::unnecessary_wraps, reason = "this is what a source yields")]
fn row(list: &str, line: u64, url: &str) -> Row {
    let input = list.into();
    Ok(Request::new(url)
        .unwrap()
        .read_at(RowLocation { input, line }))
}

fn list(name: &str, urls: &[String]) -> Vec<Row> {
    (1..)
        .zip(urls)
        .map(|(line, url)| row(name, line, url))
        .collect()
}

/// An origin whose files say their path, and whose `/no…` are not there.
fn origin() -> Origin {
    let origin = Origin::plain();
    origin.under("/", |request| {
        if request.target.starts_with("/no") {
            Script::status(404)
        } else {
            Script::ok(Body::of(request.target.clone()))
        }
    });
    origin
}

fn urls(origin: &Origin, paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| origin.url(path)).collect()
}

/// `path status bytes`, in the order of the rows.
fn ended(mut outcomes: Vec<Outcome>) -> Vec<String> {
    outcomes.sort_by_key(|outcome| outcome.row);
    outcomes
        .iter()
        .map(|outcome| {
            let path = outcome.path.as_deref().unwrap_or("-");
            let verified = outcome.verified.name();
            format!("{path} {} {verified}", outcome.status.name())
        })
        .collect()
}

#[test]
fn what_is_done_or_failed_for_good_is_not_asked_for_again() {
    let origin = origin();
    let mut sandbox = Sandbox::new();
    let urls = urls(&origin, &["/a", "/no", "/b"]);
    sandbox.run(list("l", &urls));
    let asked = origin.log().len();
    let again = sandbox.run(list("l", &urls));
    let error = again[1].error().unwrap().to_string();
    assert!(
        error.contains("404") && error.contains("--retry-failed"),
        "{error}"
    );
    assert_eq!(
        ended(again),
        ["a skipped length", "- failed none", "b skipped length"]
    );
    assert_eq!(origin.log().len(), asked);
    sandbox.options.retry_failed = RetryFailed::All;
    sandbox.run(list("l", &urls));
    assert_eq!(origin.log().len(), asked + 1);
}

#[test]
fn the_rows_of_a_host_that_was_given_up_are_tried_again() {
    let origin = Origin::plain();
    // Those that have failed themselves, and those that have only waited.
    let paths: Vec<String> = (0..60).map(|row| format!("/{row}")).collect();
    origin.under("/", |_| Script::ok(Body::empty()).close());
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.base = Duration::from_millis(50);
    sandbox.options.retry.max_time = Duration::from_millis(100);
    let urls: Vec<_> = paths.iter().map(|path| origin.url(path)).collect();
    let outcomes = sandbox.run(list("l", &urls));
    assert!(outcomes.iter().all(|outcome| kind(outcome) == "reset"));
    let told = |outcome: &&Outcome| {
        let message = outcome.error().unwrap().to_string();
        message.contains("in trouble")
    };
    assert!(outcomes.iter().filter(told).count() > 20);
    origin.under("/", |request| Script::ok(Body::of(request.target.clone())));
    let outcomes = sandbox.run(list("l", &urls));
    assert_eq!(outcomes.len(), 60);
    outcomes.iter().for_each(assert_done);
}

#[test]
fn what_may_have_passed_is_tried_again() {
    let origin = Origin::plain();
    origin.on("/a", Script::status(503));
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 0;
    let urls = urls(&origin, &["/a"]);
    assert_eq!(kind(&sandbox.run(list("l", &urls))[0]), "http");
    origin.on("/a", Script::ok(Body::of("a")));
    sandbox.options.retry_failed = RetryFailed::None;
    assert_eq!(kind(&sandbox.run(list("l", &urls))[0]), "http");
    sandbox.options.retry_failed = RetryFailed::Transient;
    assert_done(&sandbox.run(list("l", &urls))[0]);
}

#[test]
fn a_file_that_vanished_is_fetched_again_and_one_that_was_changed_is_not_taken() {
    let origin = origin();
    let mut sandbox = Sandbox::new();
    sandbox.options.existing = Existing::Skip;
    let urls = urls(&origin, &["/a", "/b"]);
    sandbox.run(list("l", &urls));
    std::fs::remove_file(sandbox.path("a")).unwrap();
    sandbox.write("b", "longer than it was");
    let again = sandbox.run(list("l", &urls));
    let changed = again.iter().find(|outcome| outcome.row == 1).unwrap();
    assert_eq!(kind(changed), "exists");
    assert_eq!(ended(again), ["a done length", "- failed none"]);
    // By default it is compared, and kept beside the new one.
    sandbox.options.existing = Existing::Auto;
    let again = ended(sandbox.run(list("l", &urls)));
    assert_eq!(again[0], "a skipped length");
    assert!(again[1].starts_with("b~") && again[1].ends_with(" done length"));
    assert_eq!(sandbox.read("b"), b"longer than it was");
    let asked = origin.log().len();
    sandbox.run(list("l", &urls));
    assert_eq!(
        origin.log().len(),
        asked,
        "now it is known at its distinct name"
    );
    std::fs::remove_dir_all(sandbox.path(".haul")).unwrap();
    sandbox.options.existing = Existing::Overwrite;
    sandbox.run(list("l", &urls));
    assert_eq!(sandbox.read("b"), b"/b");
}

#[test]
fn rows_of_a_list_that_changed_are_found_wherever_they_stand() {
    let origin = origin();
    let sandbox = Sandbox::new();
    sandbox.run(list("l", &urls(&origin, &["/a", "/b", "/no", "/c"])));
    let asked = origin.log().len();
    let changed = urls(&origin, &["/c", "/new", "/no", "/a"]);
    let again = sandbox.run(list("l", &changed));
    assert_eq!(
        ended(again),
        [
            "c skipped length",
            "new done length",
            "- failed none",
            "a skipped length"
        ]
    );
    assert_eq!(origin.log().len(), asked + 1);
    // Now this is the list, and another run finds its rows where they stand.
    sandbox.run(list("l", &changed));
    assert_eq!(origin.log().len(), asked + 1);
    let recorded = recorded(&sandbox);
    assert_eq!(recorded, ["c done", "new done", "no failed", "a done"]);
}

/// `last part of the URL, status` of each row that is recorded.
fn recorded(sandbox: &Sandbox) -> Vec<String> {
    let results = haulage::results(sandbox.path("")).unwrap();
    results
        .map(|outcome| {
            let outcome = outcome.unwrap();
            let name = outcome.url.rsplit('/').next().unwrap().to_owned();
            format!("{name} {}", outcome.status.name())
        })
        .collect()
}

#[test]
fn two_lists_in_one_destination_know_nothing_of_one_another_but_their_names() {
    let origin = origin();
    let sandbox = Sandbox::new();
    sandbox.run(list("l", &urls(&origin, &["/1/a", "/b"])));
    // Another file of the same name, and the same one as in the other list.
    let other = list("m", &urls(&origin, &["/2/a", "/b"]));
    let outcomes = sandbox.run(other);
    let path = outcomes
        .iter()
        .find(|outcome| outcome.row == 0)
        .and_then(|outcome| outcome.path.clone())
        .unwrap();
    assert!(path.starts_with("a~"), "{path}");
    assert_eq!(sandbox.read("a"), b"/1/a");
    assert_eq!(sandbox.read(&path), b"/2/a");
    let asked = origin.log().len();
    assert_eq!(asked, 3);
    sandbox.run(list("m", &urls(&origin, &["/2/a", "/b"])));
    sandbox.run(list("l", &urls(&origin, &["/1/a", "/b"])));
    assert_eq!(origin.log().len(), asked);
}

#[test]
fn a_run_that_was_stopped_goes_on_whatever_is_done_with_what_is_there() {
    for existing in [Existing::Overwrite, Existing::Rename, Existing::Fail] {
        let origin = Origin::plain();
        let gate = Gate::new();
        origin.on("/a", Script::ok(Body::of("a")));
        origin.on("/b", Script::ok(Body::of("bb")).hold_at(1, &gate));
        let mut sandbox = Sandbox::new();
        sandbox.options.existing = existing;
        let rows = || list("l", &urls(&origin, &["/a", "/b"]));
        block_on(async {
            let mut run = sandbox.start();
            let mut events = run.events();
            run.feed(rows());
            run.close();
            assert_done(&next_outcome(&mut events).await);
            gate.wait_reached(1);
            run.cancel();
            assert_eq!(kind(&rest(&mut events).await[0]), "cancelled");
        });
        gate.open();
        let asked = |path: &str| origin.count(path);
        assert_eq!(
            ended(sandbox.run(rows())),
            ["a skipped length", "b done length"]
        );
        assert_eq!(asked("/a"), 1, "{existing:?}");
        // That run came to its end: the next one is another.
        let third = ended(sandbox.run(rows()));
        match existing {
            Existing::Overwrite => assert_eq!(third, ["a done length", "b done length"]),
            Existing::Rename => assert_eq!(third, ["a.1 done length", "b.1 done length"]),
            _ => assert_eq!(third, ["- failed none", "- failed none"]),
        }
    }
}

#[test]
fn an_interrupted_row_is_neither_done_nor_failed_for_the_next_run() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.on("/a", Script::ok(Body::of("a")));
    origin.on("/b", Script::ok(Body::of("bb")).hold_at(1, &gate));
    let sandbox = Sandbox::new();
    block_on(async {
        let mut run = sandbox.start();
        let mut events = run.events();
        run.feed(list("l", &urls(&origin, &["/a", "/b"])));
        run.close();
        assert_done(&next_outcome(&mut events).await);
        gate.wait_reached(1);
        run.cancel();
        rest(&mut events).await;
    });
    assert_eq!(recorded(&sandbox), ["a done"]);
}

#[test]
fn a_hash_that_was_computed_is_not_computed_again_and_another_one_is() {
    let origin = origin();
    let mut sandbox = Sandbox::new();
    let urls = urls(&origin, &["/a"]);
    sandbox.options.hashes = vec!["crc32c".parse().unwrap()];
    let first = sandbox.run(list("l", &urls)).remove(0);
    let again = sandbox.run(list("l", &urls)).remove(0);
    assert_eq!(
        (again.status.name(), &again.hashes),
        ("skipped", &first.hashes)
    );
    sandbox.options.hashes = vec!["md5".parse().unwrap()];
    let other = sandbox.run(list("l", &urls)).remove(0);
    assert_eq!(other.hashes[0].algorithm().name(), "md5");
    assert_eq!(origin.log().len(), 1);
}

#[test]
fn bad_rows_are_recorded_too() {
    let origin = origin();
    let sandbox = Sandbox::new();
    let rows = || {
        let bad = haulage::BadRow {
            text: "nonsense".to_owned(),
            location: Some(RowLocation {
                input: "l".into(),
                line: 1,
            }),
            error: haulage::Error::new(haulage::ErrorKind::Input, "it is nonsense"),
        };
        vec![Err(bad), row("l", 2, &origin.url("/a"))]
    };
    for _ in 0..2 {
        assert_eq!(sandbox.run(rows()).len(), 2);
        assert_eq!(recorded(&sandbox), ["nonsense failed", "a done"]);
    }
}

#[test]
fn a_failed_row_that_comes_again_in_another_list_does_not_take_another_rows_file() {
    let origin = origin();
    let mut sandbox = Sandbox::new();
    sandbox.run(list("l", &urls(&origin, &["/1/a", "/no/a"])));
    origin.on("/no/a", Script::ok(Body::of("now it is")));
    sandbox.options.retry_failed = RetryFailed::All;
    let outcome = sandbox
        .run(list("failed", &urls(&origin, &["/no/a"])))
        .remove(0);
    assert_done(&outcome);
    assert_eq!(sandbox.read(outcome.path.as_deref().unwrap()), b"now it is");
    assert_eq!(sandbox.read("a"), b"/1/a");
}

#[test]
fn a_tag_that_is_recorded_is_what_a_file_is_asked_again_by() {
    let origin = Origin::plain();
    origin.on("/a", Script::entity(Body::of("as it was"), "\"one\""));
    let mut sandbox = Sandbox::new();
    let urls = urls(&origin, &["/a"]);
    sandbox.run(list("l", &urls));
    sandbox.options.existing = Existing::Refresh;
    assert_eq!(ended(sandbox.run(list("l", &urls))), ["a unchanged none"]);
    let asked = origin.log().pop().unwrap();
    assert_eq!(asked.headers.get("if-none-match").unwrap(), "\"one\"");
    // Of the same length, so that only its tag tells.
    origin.on("/a", Script::entity(Body::of("as it is."), "\"two\""));
    assert_eq!(ended(sandbox.run(list("l", &urls))), ["a done length"]);
    assert_eq!(sandbox.read("a"), b"as it is.");
    // What somebody has changed here is not the file that was saved, however new it is.
    sandbox.write("a", "something longer");
    sandbox.run(list("l", &urls));
    assert_eq!(sandbox.read("a"), b"as it is.");
    let headers = origin.log().pop().unwrap().headers;
    assert!(!headers.contains_key("if-none-match") && !headers.contains_key("if-modified-since"));
}

#[test]
fn a_file_that_was_changed_is_not_taken_however_often_the_list_is_run() {
    let origin = origin();
    let mut sandbox = Sandbox::new();
    sandbox.options.existing = Existing::Skip;
    let urls = urls(&origin, &["/a"]);
    sandbox.run(list("l", &urls));
    sandbox.write("a", "longer than it was");
    for _ in 0..3 {
        assert_eq!(kind(&sandbox.run(list("l", &urls))[0]), "exists");
    }
}

#[test]
fn a_file_that_is_hashed_later_is_still_known_for_what_it_is() {
    let origin = Origin::plain();
    origin.on("/a", Script::entity(Body::of("a"), "\"one\""));
    let mut sandbox = Sandbox::new();
    let urls = urls(&origin, &["/a"]);
    sandbox.run(list("l", &urls));
    sandbox.options.hashes = vec!["crc32c".parse().unwrap()];
    sandbox.run(list("l", &urls));
    let results = haulage::results(sandbox.path("")).unwrap();
    let known = results.last().unwrap().unwrap();
    assert_eq!(
        (
            known.status.name(),
            known.etag.as_deref(),
            known.hashes.len()
        ),
        ("done", Some("\"one\""), 1)
    );
}

#[test]
fn a_file_that_vanished_from_a_row_that_has_moved_is_recorded_anew() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("as it was")));
    let mut sandbox = Sandbox::new();
    let paths = urls(&origin, &["/b", "/a"]);
    sandbox.run(list("l", &paths[1..]));
    origin.on("/a", Script::ok(Body::of("new")));
    origin.on("/b", Script::ok(Body::of("b")));
    std::fs::remove_file(sandbox.path("a")).unwrap();
    sandbox.options.hashes = vec!["crc32c".parse().unwrap()];
    sandbox.run(list("l", &paths));
    let results = haulage::results(sandbox.path("")).unwrap();
    let lengths: Vec<u64> = results.map(|outcome| outcome.unwrap().bytes).collect();
    assert_eq!(lengths, [1, 3]);
}

#[test]
fn a_new_file_of_an_old_name_replaces_it_where_that_was_asked_for() {
    let origin = origin();
    for (existing, name) in [
        (Existing::Auto, "a~"),
        (Existing::Skip, "a~"),
        (Existing::Refresh, "a~"),
        (Existing::Overwrite, "a"),
        (Existing::Rename, "a.1"),
    ] {
        let mut sandbox = Sandbox::new();
        sandbox.run(list("l", &urls(&origin, &["/1/a"])));
        sandbox.options.existing = existing;
        let outcome = sandbox.run(list("l", &urls(&origin, &["/2/a"]))).remove(0);
        let path = outcome.path.unwrap();
        assert!(path.starts_with(name), "{existing:?}: {path}");
        assert_eq!(
            path.contains('~'),
            name.contains('~'),
            "{existing:?}: {path}"
        );
        assert_eq!(sandbox.read(&path), b"/2/a");
    }
}

#[test]
fn a_list_under_another_name_is_known_for_what_it_asks() {
    let origin = origin();
    let sandbox = Sandbox::new();
    let urls = urls(&origin, &["/a", "/no"]);
    sandbox.run(list("l", &urls));
    let again = sandbox.run(list("renamed", &urls));
    assert_eq!(ended(again), ["a skipped length", "- failed none"]);
    assert_eq!(origin.log().len(), 2);
}

#[test]
fn a_url_that_asks_for_the_same_name_in_other_words_is_not_fetched_twice() {
    let origin = origin();
    let sandbox = Sandbox::new();
    sandbox.run(list("l", &urls(&origin, &["/1/a"])));
    let request = Request::new(&origin.url("/1/a")).unwrap();
    let place = RowLocation {
        input: "m".into(),
        line: 1,
    };
    let row = request.named("a").unwrap().read_at(place);
    assert_eq!(ended(sandbox.run([Ok(row)])), ["a skipped length"]);
    assert_eq!(origin.log().len(), 2);
    assert_eq!(sandbox.names(), ["a"]);
}

#[test]
fn an_identical_row_learns_where_the_file_is_that_was_saved_under_another_name() {
    let origin = origin();
    let sandbox = Sandbox::new();
    sandbox.run(list("l", &urls(&origin, &["/1/a", "/2/a"])));
    let changed = urls(&origin, &["/2/a", "/1/a", "/2/a"]);
    let again = ended(sandbox.run(list("l", &changed)));
    assert!(again[0].starts_with("a~"), "{again:?}");
    let path = |ended: &str| ended.split(' ').next().unwrap().to_owned();
    assert_eq!(path(&again[2]), path(&again[0]));
    assert_eq!(path(&again[1]), "a");
}
