//! Names that servers give (Content-Disposition).

use haulage::{Existing, FileNames, Outcome, Purpose};
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, get, named};

fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.options.file_names = FileNames::FromServer;
    sandbox
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
    let mine = sandbox();
    assert_eq!(path(&mine.fetch(&origin.url("/get"))), "a b.txt");
    assert_eq!(path(&mine.fetch(&origin.url("/plain"))), "plain");
    let row = mine
        .run([named(&origin.url("/get"), "mine")])
        .pop()
        .unwrap();
    assert_eq!(path(&row), "mine", "a row's own name wins");
    assert_eq!(path(&Sandbox::new().fetch(&origin.url("/get"))), "get");
}

#[test]
fn whatever_it_says_it_is_one_plain_component() {
    let origin = Origin::plain();
    let sandbox = sandbox();
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
        let outcome = sandbox.fetch(&origin.url(&url));
        assert!(path(&outcome).starts_with(expected), "{said}: {outcome:?}");
    }
    assert_eq!(sandbox.names().len(), 6);
}

#[test]
fn two_files_of_one_name_are_both_kept() {
    let origin = Origin::plain();
    origin.on("/1", disposed("attachment; filename=same.txt", "one"));
    origin.on("/2", disposed("attachment; filename=same.txt", "two"));
    let mut sandbox = sandbox();
    sandbox.engine.jobs = 1;
    let outcomes = sandbox.run(["/1", "/2", "/2"].map(|path| get(&origin.url(path))));
    assert_eq!(outcomes.len(), 3);
    let names = sandbox.names();
    assert_eq!(names.len(), 2, "{names:?}");
    let mut contents: Vec<_> = names.iter().map(|name| sandbox.read(name)).collect();
    contents.sort();
    assert_eq!(contents, [b"one", b"two"]);
}

#[test]
fn what_stands_at_that_name_is_taken_for_the_file_without_its_body() {
    let origin = Origin::plain();
    origin.on("/1", disposed("attachment; filename=a.txt", "one"));
    let mut sandbox = sandbox();
    sandbox.options.existing = Existing::Skip;
    sandbox.write("a.txt", "there");
    let again = sandbox.fetch(&origin.url("/1"));
    assert_eq!(
        (again.status.name(), again.path.as_deref(), again.attempts),
        ("skipped", Some("a.txt"), 1)
    );
    sandbox.options.existing = Existing::Fail;
    let failed = sandbox.fetch(&origin.url("/1"));
    assert_eq!(failed.error().unwrap().kind().name(), "exists");
    sandbox.options.existing = Existing::Overwrite;
    origin.on("/1", disposed("attachment; filename=a.txt", "new"));
    assert_eq!(path(&sandbox.fetch(&origin.url("/1"))), "a.txt");
    assert_eq!(sandbox.read("a.txt"), b"new");
}

#[test]
fn a_row_that_asks_for_the_same_waits_for_the_name_that_the_server_gives() {
    let origin = Origin::plain();
    origin.on("/1", disposed("attachment; filename=a.txt", "one"));
    let mut sandbox = sandbox();
    sandbox.engine.jobs = 1;
    let url = origin.url("/1");
    let outcomes = sandbox.run([get(&url), named(&url, "a.txt"), get(&url)]);
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
    let sandbox = sandbox();
    let rows = (0..20).map(|number| get(&origin.url(&format!("/{number}"))));
    let rows: Vec<_> = rows.chain([get(&origin.url("/same"))]).collect();
    for outcome in sandbox.run(rows) {
        let said = outcome.url.rsplit('/').next().unwrap();
        assert_eq!(sandbox.read(path(&outcome)), said.as_bytes());
    }
    assert_eq!(sandbox.names().len(), 21);
}

#[test]
fn identical_rows_are_fetched_once_and_know_the_name_however_late_they_come() {
    let origin = Origin::plain();
    origin.on("/a", disposed("attachment; filename=report.pdf", "x"));
    origin.on("/b", Script::ok(Body::empty()));
    for (url, name) in [("/a", "report.pdf"), ("/b", "b")] {
        let sandbox = sandbox();
        let url = origin.url(url);
        // Some of them are read when the first one has ended.
        let outcomes = sandbox.run((0..2500).map(move |_| get(&url)));
        let done = outcomes
            .iter()
            .filter(|outcome| outcome.status.name() == "done");
        assert_eq!(done.count(), 1);
        for outcome in &outcomes {
            assert_eq!(outcome.path.as_deref(), Some(name));
        }
        assert_eq!(sandbox.names(), [name]);
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
        let mut sandbox = Sandbox::trusting(&origin);
        sandbox.options.file_names = FileNames::FromServer;
        sandbox.options.max_size = Some(1000);
        // What one URL has been found to have is not taken from it for the other.
        sandbox.options.state_dir = haulage::StateDir::RemoveWhenDone;
        for (existing, length) in [(Existing::Skip, 5), (Existing::Auto, 1 << 20)] {
            sandbox.options.existing = existing;
            let there = "x".repeat(length);
            sandbox.write("report.pdf", &there);
            for url in ["/a", "/report.pdf"] {
                let outcome = sandbox.fetch(&origin.url(url));
                assert_eq!(outcome.status.name(), "skipped", "{:?}", outcome.error());
                let path = outcome.path.as_deref();
                assert_eq!((path, outcome.bytes), (Some("report.pdf"), length as u64));
            }
            assert!(sandbox.read("report.pdf") == there.as_bytes());
        }
    }
}

#[test]
fn the_name_of_the_first_answer_stays() {
    let origin = Origin::plain();
    let called = |name: &str| disposed(&format!("attachment; filename={name}"), "0123456789");
    origin.on("/a", [called("one").reset_at(5), called("two")]);
    let outcome = sandbox().fetch(&origin.url("/a"));
    assert_eq!((path(&outcome), outcome.attempts), ("one", 2));
}

#[test]
fn a_run_that_only_plans_does_not_claim_to_know_the_name() {
    let origin = Origin::plain();
    let mut sandbox = sandbox();
    sandbox.options.purpose = Purpose::Plan;
    let rows = [get(&origin.url("/a")), named(&origin.url("/b"), "mine")];
    let outcomes = sandbox.run(rows);
    let paths = outcomes.iter().map(|outcome| outcome.path.as_deref());
    assert_eq!(paths.collect::<Vec<_>>(), [None, Some("mine")]);
}
