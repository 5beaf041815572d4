//! Files that are there and whose servers are asked whether they have changed.

use std::time::{Duration, SystemTime};

use haulage::{Algorithm, Existing, FileNames, Outcome, Purpose, Request};
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, expecting, get, kind, rest};

const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const NEW: &str = "Mon, 07 Nov 1994 08:49:37 GMT";
/// Without conditions.
const ALWAYS: &str = "always";
const HELLO: &str = "sha256=2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// A sandbox that refreshes what it has.
fn refreshing(mut sandbox: Sandbox) -> Sandbox {
    sandbox.options.existing = Existing::Refresh;
    sandbox
}

#[test]
fn refresh_replaces_a_file_only_with_a_whole_one() {
    let whole = Script::status(206)
        .body(Body::of("another"))
        .header("content-range", "bytes 0-6/7");
    let part = Script::status(206)
        .body(Body::of("another"))
        .header("content-range", "bytes 0-6/9");
    for (answer, expected) in [
        (whole, "another"),
        (part, "hello"),
        (Script::status(201).body(Body::of("another")), "hello"),
    ] {
        let origin = Origin::plain();
        origin.on("/a", [Script::status(202), answer]);
        let sandbox = refreshing(Sandbox::new());
        put(&sandbox, "a", "hello", time(OLD));
        let outcome = sandbox.fetch(&origin.url("/a"));
        assert_eq!(outcome.attempts, 2);
        assert_eq!(outcome.error().is_none(), expected == "another");
        assert_eq!(sandbox.read("a"), expected.as_bytes());
        assert_eq!(asked(&origin), [ALWAYS, ALWAYS]);
    }
}

/// A file of this age, from a server that knows conditions.
fn file(text: &'static str, modified: &str) -> Script {
    Script::ok(Body::of(text)).last_modified(modified).ranges()
}

/// Puts a file there that has the time of its server's, whatever is in it.
fn put(sandbox: &Sandbox, name: &str, text: &str, modified: SystemTime) {
    sandbox.write(name, text);
    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    let file = std::fs::File::options()
        .write(true)
        .open(sandbox.path(name))
        .unwrap();
    file.set_modified(modified).unwrap();
}

fn time(text: &str) -> SystemTime {
    httpdate::parse_http_date(text).unwrap()
}

/// What each request so far was conditional on: nothing, or a change since.
fn asked(origin: &Origin) -> Vec<&'static str> {
    let log = origin.log();
    log.iter()
        .map(|asked| {
            // The tag that is recorded of it, and no other.
            let tag = asked.headers.get("if-none-match");
            assert!(tag.is_none_or(|tag| tag == "\"one\""), "{tag:?}");
            match asked.headers.get("if-modified-since") {
                None => ALWAYS,
                Some(since) if since == OLD => OLD,
                Some(since) => panic!("since when? {since:?}"),
            }
        })
        .collect()
}

#[track_caller]
fn assert_unchanged(outcome: &Outcome, path: &str) {
    if let Some(error) = outcome.error() {
        panic!("{}: {error}", outcome.url);
    }
    let found = (outcome.status.name(), outcome.path.as_deref());
    assert_eq!(found, ("unchanged", Some(path)));
}

#[test]
fn a_file_that_has_not_changed_stays_as_it_is() {
    for origin in [Origin::plain(), Origin::tls()] {
        origin.on("/a", file("hello", OLD).etag("\"one\""));
        let sandbox = refreshing(Sandbox::trusting(&origin));
        assert_done(&sandbox.fetch(&origin.url("/a")));
        let before = std::fs::metadata(sandbox.path("a")).unwrap();
        let outcome = sandbox.fetch(&origin.url("/a"));
        assert_unchanged(&outcome, "a");
        assert_eq!(
            (outcome.http_status, outcome.bytes, outcome.attempts),
            (Some(304), 5, 1)
        );
        assert_eq!(outcome.verified.name(), "none");
        assert_eq!(outcome.etag.as_deref(), Some("\"one\""));
        assert_eq!(outcome.last_modified.as_deref(), Some(OLD));
        assert_eq!(outcome.final_url, Some(origin.url("/a")));
        assert_eq!(asked(&origin), [ALWAYS, OLD]);
        let headers = origin.log().pop().unwrap().headers;
        assert!(headers.contains_key("if-none-match"));
        let after = std::fs::metadata(sandbox.path("a")).unwrap();
        assert_eq!(before.modified().unwrap(), after.modified().unwrap());
        assert_eq!(sandbox.read("a"), b"hello");
    }
}

#[test]
fn a_file_that_has_changed_is_replaced_once_the_new_one_is_complete() {
    let origin = Origin::plain();
    let gate = Gate::new();
    let cut = file("newer", NEW).close_at(3);
    origin.on(
        "/a",
        [
            file("hello", OLD),
            cut,
            file("newer", NEW).hold_at(3, &gate),
        ],
    );
    let sandbox = refreshing(Sandbox::new());
    assert_done(&sandbox.fetch(&origin.url("/a")));
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([get(&origin.url("/a"))]);
    run.close();
    gate.wait_reached(1);
    assert_eq!(sandbox.read("a"), b"hello");
    gate.open();
    let outcome = block_on(rest(&mut events)).pop().unwrap();
    assert_done(&outcome);
    assert_eq!((outcome.attempts, outcome.bytes), (2, 5));
    assert_eq!(sandbox.read("a"), b"newer");
    let about = std::fs::metadata(sandbox.path("a")).unwrap();
    assert_eq!(about.modified().unwrap(), time(NEW));
    // What failed is asked for as before: the file that is there is still the one it was.
    assert_eq!(asked(&origin), [ALWAYS, OLD, OLD]);
}

#[test]
fn what_is_not_there_is_asked_for_without_conditions_and_unchanged_is_no_answer_to_that() {
    let origin = Origin::plain();
    origin.on("/a", file("hello", OLD));
    origin.on("/b", Script::status(304));
    let sandbox = refreshing(Sandbox::new());
    sandbox.write("other", "the folder is not empty");
    assert_done(&sandbox.fetch(&origin.url("/a")));
    let outcome = sandbox.fetch(&origin.url("/b"));
    assert_eq!((kind(&outcome), outcome.http_status), ("http", Some(304)));
    assert_eq!(asked(&origin), [ALWAYS, ALWAYS]);
}

#[test]
fn a_file_from_the_future_is_asked_for_without_conditions() {
    let origin = Origin::plain();
    origin.on("/a", file("hello", OLD));
    let sandbox = refreshing(Sandbox::new());
    let tomorrow = SystemTime::now() + Duration::from_hours(24);
    put(&sandbox, "a", "other", tomorrow);
    assert_done(&sandbox.fetch(&origin.url("/a")));
    assert_eq!(asked(&origin), [ALWAYS]);
    assert_eq!(sandbox.read("a"), b"hello");
}

#[test]
fn every_hop_of_a_redirect_is_asked_with_conditions() {
    let (origin, elsewhere) = (Origin::plain(), Origin::plain());
    origin.on(
        "/a",
        Script::redirect(302, "/b").last_modified(OLD).ranges(),
    );
    origin.on("/b", Script::redirect(301, &elsewhere.url("/c")));
    elsewhere.on("/c", file("hello", OLD));
    let sandbox = refreshing(Sandbox::new());
    assert_done(&sandbox.fetch(&origin.url("/a")));
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_unchanged(&outcome, "a");
    assert_eq!(outcome.final_url, Some(elsewhere.url("/c")));
    assert_eq!(asked(&origin), [ALWAYS, ALWAYS, OLD, OLD]);
    assert_eq!(asked(&elsewhere), [ALWAYS, OLD]);
}

#[test]
fn a_mirror_is_asked_without_conditions() {
    let (origin, mirror) = (Origin::plain(), Origin::plain());
    origin.on("/a", [file("hello", OLD), Script::status(404)]);
    // Its copy is as old, and another one.
    mirror.on("/a", Script::redirect(302, "/b"));
    mirror.on("/b", file("other", OLD));
    mirror.on("/c", Script::status(304));
    let row = |at: &str| {
        let request = Request::new(&origin.url("/a")).unwrap();
        Ok(request.mirror(&mirror.url(at)).unwrap())
    };
    for at in ["/c", "/a"] {
        origin.on("/a", [file("hello", OLD), Script::status(404)]);
        let sandbox = refreshing(Sandbox::new());
        assert_done(&sandbox.run([row(at)]).pop().unwrap());
        let outcome = sandbox.run([row(at)]).pop().unwrap();
        if at == "/c" {
            assert_eq!((kind(&outcome), outcome.http_status), ("http", Some(304)));
            assert_eq!(sandbox.read("a"), b"hello");
        } else {
            assert_done(&outcome);
            assert_eq!(sandbox.read("a"), b"other");
        }
    }
    assert_eq!(asked(&origin), [ALWAYS, OLD, ALWAYS, OLD]);
    assert_eq!(asked(&mirror), [ALWAYS, ALWAYS, ALWAYS]);
}

#[test]
fn a_file_that_has_not_changed_is_held_against_its_checksum_all_the_same() {
    let origin = Origin::plain();
    origin.under("/", |_| file("hello", OLD));
    let sandbox = refreshing(Sandbox::new());
    let rows = || ["/right", "/wrong"].map(|path| expecting(&origin.url(path), &[HELLO]));
    sandbox.run(rows()).iter().for_each(assert_done);
    put(&sandbox, "wrong", "hellO", time(OLD));
    let mut outcomes = sandbox.run(rows());
    outcomes.sort_by_key(|outcome| outcome.row);
    let [right, wrong] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    assert_unchanged(right, "right");
    assert_eq!(right.verified.name(), "checksum");
    assert_eq!(right.hashes[0].to_string(), HELLO);
    assert_done(wrong);
    assert_eq!(wrong.attempts, 2);
    assert_eq!(asked(&origin)[2..], [OLD, OLD, ALWAYS]);
    assert_eq!(sandbox.read("wrong"), b"hello");
}

#[test]
fn a_file_stays_when_neither_it_nor_the_servers_has_the_checksum() {
    let origin = Origin::plain();
    origin.on("/a", [file("hello", OLD), file("newer", OLD)]);
    let mut sandbox = refreshing(Sandbox::new());
    sandbox.options.retry.retries = 0;
    let row = || [expecting(&origin.url("/a"), &[HELLO])];
    assert_done(&sandbox.run(row())[0]);
    put(&sandbox, "a", "hellO", time(OLD));
    let outcome = sandbox.run(row());
    assert_eq!(kind(&outcome[0]), "checksum");
    assert_eq!(asked(&origin), [ALWAYS, OLD, ALWAYS]);
    assert_eq!(sandbox.read("a"), b"hellO");
}

#[test]
fn a_file_that_has_not_changed_is_hashed_for_the_results() {
    let origin = Origin::plain();
    origin.on("/a", file("hello", OLD));
    let mut sandbox = refreshing(Sandbox::new());
    sandbox.options.hashes = vec![Algorithm::Sha256];
    put(&sandbox, "a", "hello", time(OLD));
    let url = origin.url("/a");
    let mut outcomes = sandbox.run([get(&url), get(&url)]);
    outcomes.sort_by_key(|outcome| outcome.row);
    assert_unchanged(&outcomes[0], "a");
    assert_eq!(outcomes[1].status.name(), "skipped", "asked for only once");
    for outcome in &outcomes {
        assert_eq!(outcome.hashes[0].to_string(), HELLO);
        assert_eq!(outcome.bytes, 5);
    }
    assert_eq!(origin.count("/a"), 1);
}

#[test]
fn a_file_that_has_gone_meanwhile_is_fetched_after_all() {
    for hashes in [vec![], vec![Algorithm::Md5]] {
        let origin = Origin::plain();
        let gate = Gate::new();
        let held = file("hello", OLD).hold(&gate);
        origin.on("/a", [file("hello", OLD), held, file("hello", OLD)]);
        let mut sandbox = refreshing(Sandbox::new());
        sandbox.options.hashes = hashes;
        assert_done(&sandbox.fetch(&origin.url("/a")));
        let mut run = sandbox.start();
        let mut events = run.events();
        run.feed([get(&origin.url("/a"))]);
        run.close();
        gate.wait_reached(1);
        std::fs::remove_file(sandbox.path("a")).unwrap();
        gate.open();
        let outcome = block_on(rest(&mut events)).pop().unwrap();
        assert_done(&outcome);
        assert_eq!(asked(&origin), [ALWAYS, OLD, ALWAYS]);
        assert_eq!(sandbox.read("a"), b"hello");
    }
}

#[test]
fn a_server_that_contradicts_itself_is_not_believed() {
    let origin = Origin::plain();
    let same = Script::status(304).last_modified(NEW);
    let first = || file("hello", OLD);
    origin.on("/a", [first(), same.clone(), file("newer", NEW)]);
    origin.on("/b", [first(), same]);
    let sandbox = refreshing(Sandbox::new());
    let fetch = |path| sandbox.fetch(&origin.url(path));
    assert_done(&fetch("/a"));
    assert_done(&fetch("/a"));
    assert_eq!(sandbox.read("a"), b"newer");
    assert_eq!(asked(&origin), [ALWAYS, OLD, ALWAYS]);
    assert_done(&fetch("/b"));
    assert_eq!(kind(&fetch("/b")), "http");
    assert_eq!(
        origin.count("/b"),
        3,
        "it is asked once more, and no further"
    );
}

#[test]
fn a_name_that_the_server_gives_is_compared_with_what_its_response_says() {
    let origin = Origin::plain();
    let named = |script: Script| script.header("content-disposition", "attachment; filename=a");
    origin.on("/1", named(file("hello", OLD)));
    origin.on("/2", named(file("newer", NEW)));
    origin.on("/3", named(Script::ok(Body::of("undated"))));
    let mut sandbox = refreshing(Sandbox::new());
    sandbox.options.file_names = FileNames::FromServer;
    put(&sandbox, "a", "hello", time(OLD));
    let outcome = sandbox.fetch(&origin.url("/1"));
    assert_unchanged(&outcome, "a");
    assert_eq!((outcome.http_status, outcome.bytes), (Some(200), 5));
    for (path, text) in [("/2", "newer"), ("/3", "undated")] {
        assert_done(&sandbox.fetch(&origin.url(path)));
        assert_eq!(sandbox.read("a"), text.as_bytes());
    }
    put(&sandbox, "a", "hellO", time(OLD));
    let outcome = sandbox.run([expecting(&origin.url("/1"), &[HELLO])]);
    assert_done(&outcome[0]);
    assert_eq!(sandbox.read("a"), b"hello");
    assert_eq!(
        origin.count("/1"),
        3,
        "once more, since the file was another"
    );
    assert!(asked(&origin).iter().all(|asked| *asked == ALWAYS));
}

#[test]
fn an_unknown_file_is_compared_by_length_and_time() {
    let origin = Origin::plain();
    let long = || {
        Script::ok(Body::seeded(1, 200_000))
            .last_modified(OLD)
            .ranges()
    };
    for (length, modified, is_unchanged) in [
        (200_000, OLD, true),
        (100_000, OLD, false),
        (200_000, NEW, false),
    ] {
        let sandbox = refreshing(Sandbox::new());
        put(&sandbox, "a", &"x".repeat(length), time(modified));
        // Whoever reads a body that is not needed waits for ever.
        let stalls = if is_unchanged {
            long().stall_at(0)
        } else {
            long()
        };
        origin.on("/a", stalls);
        let outcome = sandbox.fetch(&origin.url("/a"));
        if is_unchanged {
            assert_unchanged(&outcome, "a");
            assert_eq!((outcome.http_status, outcome.attempts), (Some(200), 1));
            assert_eq!(outcome.verified.name(), "length");
        } else {
            assert_done(&outcome);
            assert!(sandbox.read("a") == Body::seeded(1, 200_000).bytes());
        }
        assert_eq!(outcome.renamed, None);
    }
    assert_eq!(asked(&origin), [ALWAYS; 3]);
}

#[test]
fn half_a_file_of_another_tool_is_not_unchanged() {
    let origin = Origin::plain();
    origin.on("/a", file("hello", OLD));
    for is_recorded in [true, false] {
        let sandbox = refreshing(Sandbox::new());
        if is_recorded {
            assert_done(&sandbox.fetch(&origin.url("/a")));
        }
        // Newer than the server's, so that it would answer 304.
        sandbox.write("a", "hel");
        assert_done(&sandbox.fetch(&origin.url("/a")));
        assert_eq!(sandbox.read("a"), b"hello");
    }
    assert!(asked(&origin).iter().all(|asked| *asked == ALWAYS));
}

#[test]
fn a_file_skipped_by_its_name_is_asked_for_without_condition() {
    let origin = Origin::plain();
    origin.on("/a", file("hello", OLD));
    let mut sandbox = Sandbox::new();
    sandbox.options.existing = Existing::Skip;
    sandbox.write("a", "hel");
    assert_eq!(sandbox.fetch(&origin.url("/a")).status.name(), "skipped");
    let sandbox = refreshing(sandbox);
    assert_done(&sandbox.fetch(&origin.url("/a")));
    assert_eq!(sandbox.read("a"), b"hello");
    assert_eq!(asked(&origin), [ALWAYS]);
}

#[test]
fn a_plan_asks_nobody() {
    let origin = Origin::plain();
    let mut sandbox = refreshing(Sandbox::new());
    sandbox.options.purpose = Purpose::Plan;
    sandbox.write("a", "hello");
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!(outcome.status.name(), "planned");
    assert!(origin.log().is_empty());
}

#[test]
fn conditions_given_by_hand_are_refused() {
    let mut sandbox = refreshing(Sandbox::new());
    for name in ["if-none-match", "if-modified-since"] {
        let value = http::HeaderValue::from_static("*");
        sandbox.options.headers.clear();
        sandbox.options.headers.insert(name, value);
        let error = haulage::download([], sandbox.options.clone()).unwrap_err();
        assert_eq!(error.kind().name(), "input");
        assert!(error.to_string().contains(name), "{error}");
    }
    sandbox.options.existing = Existing::Skip;
    assert!(haulage::download([], sandbox.options).is_ok());
}
