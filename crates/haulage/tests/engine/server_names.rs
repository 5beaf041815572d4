//! Names that servers give (Content-Disposition).

use haulage::{Existing, Naming, Outcome};
use origin::{Body, Origin, Script};

use crate::bench::{Bench, assert_done, block_on, get, named, next_outcome, rest};

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.options.naming = Naming::ByServer;
    bench
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
    let mine = bench();
    assert_eq!(path(&mine.fetch(&origin.url("/get"))), "a b.txt");
    assert_eq!(path(&mine.fetch(&origin.url("/plain"))), "plain");
    let row = mine
        .run([named(&origin.url("/get"), "mine")])
        .pop()
        .unwrap();
    assert_eq!(path(&row), "mine", "a row's own name wins");
    assert_eq!(path(&Bench::new().fetch(&origin.url("/get"))), "get");
}

#[test]
fn whatever_it_says_it_is_one_plain_component() {
    let origin = Origin::plain();
    let bench = bench();
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
        let outcome = bench.fetch(&origin.url(&url));
        assert!(path(&outcome).starts_with(expected), "{said}: {outcome:?}");
    }
    assert_eq!(bench.names().len(), 6);
}

#[test]
fn two_files_of_one_name_are_both_kept() {
    let origin = Origin::plain();
    origin.on("/1", disposed("attachment; filename=same.txt", "one"));
    origin.on("/2", disposed("attachment; filename=same.txt", "two"));
    let mut bench = bench();
    bench.options.jobs = 1;
    let outcomes = bench.run(["/1", "/2", "/2"].map(|path| get(&origin.url(path))));
    assert_eq!(outcomes.len(), 3);
    let names = bench.names();
    assert_eq!(names.len(), 2, "{names:?}");
    let mut contents: Vec<_> = names.iter().map(|name| bench.read(name)).collect();
    contents.sort();
    assert_eq!(contents, [b"one", b"two"]);
}

#[test]
fn what_stands_at_that_name_is_taken_for_the_file_without_its_body() {
    let origin = Origin::plain();
    origin.on("/1", disposed("attachment; filename=a.txt", "one"));
    let mut bench = bench();
    assert_eq!(path(&bench.fetch(&origin.url("/1"))), "a.txt");
    let again = bench.fetch(&origin.url("/1"));
    assert_eq!(
        (again.status.name(), again.path.as_deref(), again.attempts),
        ("skipped", Some("a.txt"), 1)
    );
    bench.options.existing = Existing::Fail;
    let failed = bench.fetch(&origin.url("/1"));
    assert_eq!(failed.error().unwrap().kind().name(), "exists");
    bench.options.existing = Existing::Overwrite;
    origin.on("/1", disposed("attachment; filename=a.txt", "new"));
    assert_eq!(path(&bench.fetch(&origin.url("/1"))), "a.txt");
    assert_eq!(bench.read("a.txt"), b"new");
}

#[test]
fn a_row_that_asks_for_the_same_waits_for_the_name_that_the_server_gives() {
    let origin = Origin::plain();
    origin.on("/1", disposed("attachment; filename=a.txt", "one"));
    let mut bench = bench();
    bench.options.jobs = 1;
    let url = origin.url("/1");
    let outcomes = bench.run([get(&url), named(&url, "a.txt"), get(&url)]);
    assert_eq!(outcomes.len(), 3);
    assert!(outcomes.iter().all(|outcome| outcome.error().is_none()));
}

#[test]
fn a_row_that_asks_for_the_same_later_has_the_name_that_the_server_gave() {
    let origin = Origin::plain();
    origin.on("/1", disposed("attachment; filename=a.txt", "one"));
    let bench = bench();
    let mut engine = bench.start();
    let mut events = engine.events();
    engine.feed([get(&origin.url("/1"))]);
    let first = block_on(next_outcome(&mut events));
    engine.feed([get(&origin.url("/1"))]);
    engine.close();
    let again = block_on(rest(&mut events)).pop().unwrap();
    assert_eq!(path(&first), "a.txt");
    assert_eq!(
        (again.status.name(), again.path.as_deref(), again.bytes),
        ("skipped", Some("a.txt"), 3)
    );
    assert_eq!(origin.count("/1"), 1);
}
