//! Names that servers give (Content-Disposition).

use haulage::{Existing, FileNames, Outcome, Purpose};
use origin::{Body, Gate, Origin, Script};

use crate::test_run::{TestRun, assert_done, get, named};

fn test_run() -> TestRun {
    let mut test = TestRun::new();
    test.options.file_names = FileNames::FromServer;
    test
}

fn disposed(name: &str, body: &str) -> Script {
    Script::ok(Body::of(body.to_owned())).header("content-disposition", name)
}

fn path(outcome: &Outcome) -> &str {
    assert_done(outcome);
    outcome.path.as_deref().unwrap()
}

#[test]
fn a_server_names_the_file_when_it_may() {
    let origin = Origin::plain();
    origin.on("/get", disposed("attachment; filename=\"a b.txt\"", "x"));
    origin.on("/plain", Script::ok(Body::of("y")));
    let mine = test_run();
    assert_eq!(path(&mine.fetch(&origin.url("/get"))), "a b.txt");
    assert_eq!(path(&mine.fetch(&origin.url("/plain"))), "plain");
    let row = mine
        .run([named(&origin.url("/get"), "mine")])
        .pop()
        .unwrap();
    assert_eq!(path(&row), "mine", "a row's own name wins");
    assert_eq!(path(&TestRun::new().fetch(&origin.url("/get"))), "get");
}

#[test]
fn whatever_it_says_it_is_one_plain_component() {
    let origin = Origin::plain();
    let test = test_run();
    for (number, (said, expected)) in [
        ("attachment; filename=\"../../etc/passwd\"", "passwd"),
        ("attachment; filename=\"C:\\\\x\\\\evil.exe\"", "evil.exe"),
        ("attachment; filename=\".haul\"", "_haul~"),
        ("attachment; filename=\"..\"", "2x3"),
        ("attachment; filename*=UTF-8''%e2%82%ac%2frates", "rates"),
        ("attachment; filename=", "2x5"),
    ]
    .into_iter()
    .enumerate()
    {
        let url = format!("/2x{number}");
        origin.on(&url, disposed(said, "x"));
        let outcome = test.fetch(&origin.url(&url));
        assert!(path(&outcome).starts_with(expected), "{said}: {outcome:?}");
    }
    assert_eq!(test.names().len(), 6);
}

#[test]
fn two_files_of_one_name_are_both_kept() {
    let origin = Origin::plain();
    origin.on("/1", disposed("attachment; filename=same.txt", "one"));
    origin.on("/2", disposed("attachment; filename=same.txt", "two"));
    let mut test = test_run();
    test.engine.jobs = 1;
    let outcomes = test.run(["/1", "/2", "/2"].map(|path| get(&origin.url(path))));
    assert_eq!(outcomes.len(), 3);
    let names = test.names();
    assert_eq!(names.len(), 2, "{names:?}");
    let mut contents: Vec<_> = names.iter().map(|name| test.read(name)).collect();
    contents.sort();
    assert_eq!(contents, [b"one", b"two"]);
}

#[test]
fn what_stands_at_that_name_is_taken_for_the_file_without_its_body() {
    let origin = Origin::plain();
    origin.on("/1", disposed("attachment; filename=a.txt", "one"));
    let mut test = test_run();
    test.options.existing = Existing::Skip;
    test.write("a.txt", "there");
    let again = test.fetch(&origin.url("/1"));
    assert_eq!(
        (again.status.name(), again.path.as_deref(), again.attempts),
        ("skipped", Some("a.txt"), 1)
    );
    test.options.existing = Existing::Fail;
    let failed = test.fetch(&origin.url("/1"));
    assert_eq!(failed.error().unwrap().kind().name(), "exists");
    test.options.existing = Existing::Overwrite;
    origin.on("/1", disposed("attachment; filename=a.txt", "new"));
    assert_eq!(path(&test.fetch(&origin.url("/1"))), "a.txt");
    assert_eq!(test.read("a.txt"), b"new");
}

#[test]
fn a_row_that_asks_for_the_same_waits_for_the_name_that_the_server_gives() {
    let origin = Origin::plain();
    origin.on("/1", disposed("attachment; filename=a.txt", "one"));
    let mut test = test_run();
    test.engine.jobs = 1;
    let url = origin.url("/1");
    let outcomes = test.run([get(&url), named(&url, "a.txt"), get(&url)]);
    assert_eq!(outcomes.len(), 3);
    assert!(outcomes.iter().all(|outcome| outcome.error().is_none()));
}

#[test]
fn no_two_rows_get_one_file() {
    let origin = Origin::plain();
    for number in 0..20 {
        let body = number.to_string();
        origin.on(
            &format!("/{number}"),
            disposed("attachment; filename=same", &body),
        );
    }
    // What a server calls a file may be what another row's URL does.
    origin.on("/same", Script::ok(Body::of("same")));
    let test = test_run();
    let rows = (0..20).map(|number| get(&origin.url(&format!("/{number}"))));
    let rows: Vec<_> = rows.chain([get(&origin.url("/same"))]).collect();
    for outcome in test.run(rows) {
        let said = outcome.url.rsplit('/').next().unwrap();
        assert_eq!(test.read(path(&outcome)), said.as_bytes());
    }
    assert_eq!(test.names().len(), 21);
}

#[test]
fn identical_rows_are_fetched_once_and_know_the_name_however_late_they_come() {
    let origin = Origin::plain();
    origin.on("/a", disposed("attachment; filename=report.pdf", "x"));
    origin.on("/b", Script::ok(Body::empty()));
    for (url, name) in [("/a", "report.pdf"), ("/b", "b")] {
        let test = test_run();
        let url = origin.url(url);
        // Some of them are read when the first one has ended.
        let outcomes = test.run((0..2500).map(move |_| get(&url)));
        let done = outcomes
            .iter()
            .filter(|outcome| outcome.status.name() == "done");
        assert_eq!(done.count(), 1);
        for outcome in &outcomes {
            assert_eq!(outcome.path.as_deref(), Some(name));
        }
        assert_eq!(test.names(), [name]);
    }
}

#[test]
fn a_file_that_is_there_is_seen_before_its_body_however_long_that_is() {
    let never = Gate::new();
    for origin in [Origin::plain(), Origin::tls()] {
        let long = || Script::ok(Body::seeded(1, 1 << 20)).hold_at(0, &never);
        let field = "attachment; filename=report.pdf";
        origin.on("/a", long().header("content-disposition", field));
        origin.on("/report.pdf", long());
        let mut test = TestRun::trusting(&origin);
        test.options.file_names = FileNames::FromServer;
        test.options.max_size = Some(1000);
        // What one URL has been found to have is not taken from it for the other.
        test.options.state_dir = haulage::StateDir::RemoveWhenDone;
        for (existing, length) in [(Existing::Skip, 5), (Existing::Auto, 1 << 20)] {
            test.options.existing = existing;
            let there = "x".repeat(length);
            test.write("report.pdf", &there);
            for url in ["/a", "/report.pdf"] {
                let outcome = test.fetch(&origin.url(url));
                assert_eq!(outcome.status.name(), "skipped", "{:?}", outcome.error());
                let path = outcome.path.as_deref();
                assert_eq!((path, outcome.bytes), (Some("report.pdf"), length as u64));
            }
            assert!(test.read("report.pdf") == there.as_bytes());
        }
    }
}

#[test]
fn the_name_of_the_first_answer_stays() {
    let origin = Origin::plain();
    let called = |name: &str| disposed(&format!("attachment; filename={name}"), "0123456789");
    origin.on("/a", [called("one").reset_at(5), called("two")]);
    let outcome = test_run().fetch(&origin.url("/a"));
    assert_eq!((path(&outcome), outcome.attempts), ("one", 2));
}

#[test]
fn a_run_that_only_plans_does_not_claim_to_know_the_name() {
    let origin = Origin::plain();
    let mut test = test_run();
    test.options.purpose = Purpose::Plan;
    let rows = [get(&origin.url("/a")), named(&origin.url("/b"), "mine")];
    let outcomes = test.run(rows);
    let paths = outcomes.iter().map(|outcome| outcome.path.as_deref());
    assert_eq!(paths.collect::<Vec<_>>(), [None, Some("mine")]);
}
