//! Files that stand at a name and of which nothing is known: each is compared before it is skipped,
//! replaced or kept beside the new one (`Existing::Auto`, the default).

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::SystemTime;

use haulage::{
    ContentEncoding, Existing, FileNames, Layout, Outcome, Purpose, Renamed, Request, Row,
    RowLocation,
};
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{
    Sandbox, assert_done, block_on, expecting, get, kind, named, next_outcome, rest,
};

const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const NEW: &str = "Mon, 07 Nov 1994 08:49:37 GMT";
const HELLO: &str = "sha256=2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn put(at: &Path, bytes: &[u8], modified: Option<&str>) {
    std::fs::write(at, bytes).unwrap();
    if let Some(modified) = modified {
        let file = std::fs::File::options().write(true).open(at).unwrap();
        file.set_modified(time(modified)).unwrap();
    }
}

/// A file that takes no room.
#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn put_hole(at: &Path, length: u64) {
    std::fs::File::create(at).unwrap().set_len(length).unwrap();
}

fn time(text: &str) -> SystemTime {
    httpdate::parse_http_date(text).unwrap()
}

/// A body that never ends, so that whoever reads it gets nowhere.
fn endless(length: u64) -> Script {
    Script::ok(Body::seeded(1, length)).stall_at(0)
}

/// Five bytes, whichever.
fn five() -> Script {
    Script::ok(Body::seeded(1, 5))
}

/// How it ended, and where.
#[track_caller]
fn ended(outcome: &Outcome) -> (&'static str, &str) {
    if let Some(error) = outcome.error() {
        panic!("{}: {error}", outcome.url);
    }
    (
        outcome.status.name(),
        outcome.path.as_deref().unwrap_or_default(),
    )
}

/// A run of URLs as the command makes it, which leaves no state when all is done.
fn without_state() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.options.state_dir = haulage::StateDir::RemoveWhenDone;
    sandbox
}

#[test]
fn two_urls_of_one_name_in_two_runs_are_both_kept() {
    let origin = Origin::plain();
    origin.on("/v1/setup.exe", Script::ok(Body::seeded(1, 200_000)));
    origin.on("/v2/setup.exe", Script::ok(Body::seeded(2, 300_000)));
    let sandbox = without_state();
    let (first, second) = (origin.url("/v1/setup.exe"), origin.url("/v2/setup.exe"));
    let one = sandbox.fetch(&first);
    assert_eq!((ended(&one), one.renamed), (("done", "setup.exe"), None));
    let two = sandbox.fetch(&second);
    let path = two.path.clone().unwrap();
    assert!(
        path.starts_with("setup~") && path.ends_with(".exe"),
        "{path}"
    );
    assert_eq!(two.renamed, Some(Renamed::AnotherFile));
    assert!(sandbox.read("setup.exe") == Body::seeded(1, 200_000).bytes());
    assert!(sandbox.read(&path) == Body::seeded(2, 300_000).bytes());
    // Again: neither is fetched, and each is found where it is.
    origin.on("/v1/setup.exe", endless(200_000));
    origin.on("/v2/setup.exe", endless(300_000));
    assert_eq!(ended(&sandbox.fetch(&first)), ("skipped", "setup.exe"));
    let again = sandbox.fetch(&second);
    assert_eq!(ended(&again), ("skipped", &*path));
    assert_eq!(again.renamed, Some(Renamed::AnotherFile));
    assert_eq!((again.verified.name(), again.attempts), ("length", 1));
    assert_eq!(sandbox.names().len(), 2);
}

#[test]
fn a_file_of_the_same_length_and_time_is_skipped_unread() {
    for origin in [Origin::plain(), Origin::tls()] {
        let script = endless(5 << 20).last_modified(OLD).etag("\"one\"");
        origin.on("/a", script.header("content-type", "text/plain"));
        let mut sandbox = Sandbox::trusting(&origin);
        sandbox.options.state_dir = haulage::StateDir::RemoveWhenDone;
        put(&sandbox.path("a"), &vec![7; 5 << 20], Some(OLD));
        let outcome = sandbox.fetch(&origin.url("/a"));
        assert_eq!(ended(&outcome), ("skipped", "a"));
        assert_eq!((outcome.bytes, outcome.segments), (5 << 20, 0));
        assert_eq!((outcome.http_status, outcome.attempts), (Some(200), 1));
        assert_eq!(outcome.verified.name(), "length");
        assert_eq!(outcome.etag.as_deref(), Some("\"one\""));
        assert_eq!(outcome.last_modified.as_deref(), Some(OLD));
        assert_eq!(outcome.content_type.as_deref(), Some("text/plain"));
        assert_eq!(outcome.final_url, Some(origin.url("/a")));
        assert_eq!(origin.log().len(), 1);
        assert!(sandbox.read("a") == vec![7; 5 << 20], "nothing is written");
        assert_eq!(sandbox.names(), ["a"]);
    }
}

#[test]
fn a_file_of_another_time_is_fetched_and_compared() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("hello")).last_modified(NEW));
    let sandbox = without_state();
    put(&sandbox.path("a"), b"hellO", Some(OLD));
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!(outcome.renamed, Some(Renamed::AnotherFile));
    assert_eq!(sandbox.read(&outcome.path.unwrap()), b"hello");
    assert_eq!(sandbox.read("a"), b"hellO");
    // The same bytes with another time get the server's, so that the next run need not fetch them.
    let sandbox = without_state();
    put(&sandbox.path("a"), b"hello", Some(OLD));
    assert_eq!(ended(&sandbox.fetch(&origin.url("/a"))), ("done", "a"));
    let about = std::fs::metadata(sandbox.path("a")).unwrap();
    assert_eq!(about.modified().unwrap(), time(NEW));
    assert_eq!(ended(&sandbox.fetch(&origin.url("/a"))), ("skipped", "a"));
}

#[test]
fn a_partial_file_of_another_tool_is_completed() {
    for (length, part) in [(300_000, 100_000), (3_000_000, 1_000_000), (300_000, 0)] {
        for origin in [Origin::plain(), Origin::tls()] {
            let body = Body::seeded(3, length);
            origin.on("/a", Script::ok(body.clone()));
            let mut sandbox = Sandbox::trusting(&origin);
            sandbox.options.state_dir = haulage::StateDir::RemoveWhenDone;
            put(&sandbox.path("a"), &body.bytes()[..part], None);
            let outcome = sandbox.fetch(&origin.url("/a"));
            assert_eq!(ended(&outcome), ("done", "a"));
            assert_eq!((outcome.renamed, outcome.bytes), (None, length));
            assert!(sandbox.read("a") == body.bytes());
            assert_eq!(sandbox.names(), ["a"]);
        }
    }
}

#[test]
fn a_response_without_length_is_fetched_and_compared() {
    for framed in [Script::chunked, Script::without_length] {
        let origin = Origin::plain();
        origin.on("/a", framed(Script::ok(Body::of("hello"))));
        for (there, path) in [("hello", "a"), ("hel", "a"), ("", "a"), ("help", "a~")] {
            let sandbox = without_state();
            sandbox.write("a", there);
            for _ in 0..2 {
                let outcome = sandbox.fetch(&origin.url("/a"));
                let (status, saved) = ended(&outcome);
                assert_eq!(status, "done", "{there:?}");
                assert!(saved.starts_with(path), "{there:?}: {saved}");
                assert_eq!(sandbox.read(saved), b"hello");
                assert_eq!(outcome.renamed.is_some(), path == "a~");
            }
            if path == "a~" {
                assert_eq!(sandbox.read("a"), there.as_bytes());
                assert_eq!(sandbox.names().len(), 2);
            }
        }
    }
}

#[test]
fn an_undone_coding_tells_no_length() {
    use std::io::Write as _;
    let origin = Origin::plain();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(b"hello hello hello hello").unwrap();
    let coded = encoder.finish().unwrap();
    let script = Script::ok(Body::of(coded.clone())).last_modified(OLD);
    origin.on("/a", script.header("content-encoding", "gzip"));
    let mut sandbox = without_state();
    sandbox.options.content_encoding = ContentEncoding::Decode;
    // Of the length that the encoded body has, and of its time.
    put(&sandbox.path("a"), &vec![b'x'; coded.len()], Some(OLD));
    let outcome = sandbox.fetch(&origin.url("/a"));
    let path = outcome.path.clone().unwrap();
    assert_eq!(outcome.renamed, Some(Renamed::AnotherFile));
    assert_eq!(sandbox.read(&path), b"hello hello hello hello");
    assert_eq!(ended(&sandbox.fetch(&origin.url("/a"))), ("done", &*path));
    assert_eq!(sandbox.names().len(), 2);
}

#[test]
fn a_file_that_another_tool_has_not_finished_is_never_skipped() {
    for marker in [
        "aria2",
        "st",
        "part",
        "crdownload",
        "opdownload",
        "!qB",
        "download",
    ] {
        let origin = Origin::plain();
        let body = Body::seeded(3, 300_000);
        origin.on("/a", Script::ok(body.clone()));
        let sandbox = without_state();
        let mut half = body.bytes()[..100_000].to_vec();
        half.resize(300_000, 0);
        put(&sandbox.path("a"), &half, None);
        sandbox.write(&format!("a.{marker}"), "");
        for _ in 0..2 {
            let outcome = sandbox.fetch(&origin.url("/a"));
            assert_eq!(kind(&outcome), "exists", "{marker}");
            let message = outcome.error().unwrap().to_string();
            assert!(message.contains(&format!("a.{marker} says")), "{message}");
            assert!(sandbox.read("a") == half, "{marker}");
        }
        // A prefix, or the whole, is completed all the same.
        for there in [&body.bytes()[..100_000], &body.bytes()] {
            put(&sandbox.path("a"), there, None);
            assert_eq!(ended(&sandbox.fetch(&origin.url("/a"))), ("done", "a"));
            assert!(sandbox.read("a") == body.bytes());
        }
    }
}

#[test]
fn a_name_and_a_distinct_name_that_are_both_taken_are_an_error() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("hello")));
    let mut sandbox = without_state();
    sandbox.write("a", "one");
    let distinct = sandbox.fetch(&origin.url("/a")).path.unwrap();
    sandbox.write(&distinct, "two");
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!(kind(&outcome), "exists");
    let message = outcome.error().unwrap().to_string();
    for word in ["--exists overwrite", "rename", "skip", &*distinct] {
        assert!(message.contains(word), "{message}");
    }
    assert_eq!(
        (sandbox.read("a"), sandbox.read(&distinct)),
        (b"one".into(), b"two".into())
    );
    // A part of the file at the distinct name is completed, too.
    sandbox.write(&distinct, "hel");
    assert_eq!(
        ended(&sandbox.fetch(&origin.url("/a"))),
        ("done", &*distinct)
    );
    for (existing, path) in [
        (Existing::Skip, "a"),
        (Existing::Rename, "a.1"),
        (Existing::Overwrite, "a"),
    ] {
        sandbox.options.existing = existing;
        let outcome = sandbox.fetch(&origin.url("/a"));
        assert_eq!(ended(&outcome).1, path);
    }
}

#[test]
fn a_checksum_decides_without_a_request() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("hello")));
    let sandbox = without_state();
    sandbox.write("right", "hello");
    sandbox.write("wrong", "hellO");
    let run = |path: &str| {
        let row = expecting(&origin.url(path), &[HELLO]);
        sandbox.run([row]).pop().unwrap()
    };
    let right = run("/right");
    assert_eq!(ended(&right), ("skipped", "right"));
    assert_eq!(right.verified.name(), "checksum");
    assert!(origin.log().is_empty());
    let wrong = run("/wrong");
    let path = wrong.path.clone().unwrap();
    assert_eq!(
        (wrong.status.name(), wrong.renamed),
        ("done", Some(Renamed::AnotherFile))
    );
    assert_eq!(sandbox.read(&path), b"hello");
    assert_eq!(sandbox.read("wrong"), b"hellO");
    // Neither is asked for again: the one at the distinct name is the right one.
    let again = run("/wrong");
    assert_eq!(ended(&again), ("skipped", &*path));
    assert_eq!(again.renamed, Some(Renamed::AnotherFile));
    assert_eq!(origin.log().len(), 1);
    sandbox.write("half", "hel");
    assert_eq!(ended(&run("/half")), ("done", "half"));
}

#[test]
fn a_file_that_is_skipped_is_hashed_for_the_results() {
    let origin = Origin::plain();
    origin.on("/a", five());
    let mut sandbox = without_state();
    sandbox.options.hashes = vec!["sha256".parse().unwrap()];
    sandbox.write("a", "hello");
    let url = origin.url("/a");
    for outcome in sandbox.run([get(&url), get(&url)]) {
        assert_eq!(ended(&outcome), ("skipped", "a"));
        assert_eq!(outcome.hashes[0].to_string(), HELLO);
    }
    assert_eq!(origin.log().len(), 1);
}

#[test]
fn a_link_is_neither_replaced_nor_written_through() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("hello")).chunked());
    for (there, path) in [("hello", "a"), ("hel", "a~"), ("other", "a~")] {
        let (sandbox, outside) = (without_state(), tempfile::tempdir().unwrap());
        let file = outside.path().join("file");
        put(&file, there.as_bytes(), None);
        symlink(&file, sandbox.path("a")).unwrap();
        let outcome = sandbox.fetch(&origin.url("/a"));
        let (status, saved) = ended(&outcome);
        assert_eq!(status, "done");
        assert!(saved.starts_with(path), "{there}: {saved}");
        assert_eq!(sandbox.read(saved), b"hello");
        assert!(
            std::fs::symlink_metadata(sandbox.path("a"))
                .unwrap()
                .is_symlink()
        );
        assert_eq!(std::fs::read(&file).unwrap(), there.as_bytes());
    }
}

#[test]
fn a_file_that_cannot_be_read_is_kept_beside_the_new_one() {
    use std::os::unix::fs::PermissionsExt;
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("hello")));
    let sandbox = without_state();
    sandbox.write("a", "hel");
    std::fs::set_permissions(sandbox.path("a"), std::fs::Permissions::from_mode(0o000)).unwrap();
    // Root can read it.
    let is_readable = std::fs::read(sandbox.path("a")).is_ok();
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!(outcome.renamed.is_none(), is_readable);
    assert_eq!(sandbox.read(&outcome.path.unwrap()), b"hello");
}

#[test]
fn a_file_that_appears_meanwhile_is_compared_like_any_other() {
    for (there, length) in [
        ("same", 200_000),
        ("half", 200_000),
        ("other", 200_000),
        ("half", 20),
    ] {
        let origin = Origin::plain();
        let gate = Gate::new();
        let body = Body::seeded(3, length);
        let script = Script::ok(body.clone());
        origin.on("/a", script.hold_at(length / 2, &gate));
        let sandbox = without_state();
        let mut run = sandbox.start();
        let mut events = run.events();
        run.feed([get(&origin.url("/a"))]);
        run.close();
        gate.wait_reached(1);
        let bytes = body.bytes();
        let appeared = match there {
            "same" => bytes.clone(),
            "half" => bytes[..bytes.len() / 2].to_vec(),
            _ => b"other".to_vec(),
        };
        put(&sandbox.path("a"), &appeared, None);
        gate.open();
        let outcome = block_on(rest(&mut events)).pop().unwrap();
        assert_done(&outcome);
        assert!(sandbox.read(outcome.path.as_deref().unwrap()) == bytes);
        assert_eq!(outcome.renamed.is_some(), there == "other");
        assert_eq!(sandbox.names().len(), 1 + usize::from(there == "other"));
        if there == "other" {
            assert_eq!(sandbox.read("a"), b"other");
        }
    }
}

#[test]
fn a_folder_or_a_pipe_that_appears_meanwhile_is_an_error() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.on("/a", Script::ok(Body::of("hello")).hold(&gate));
    let sandbox = without_state();
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([get(&origin.url("/a"))]);
    run.close();
    gate.wait_reached(1);
    std::fs::create_dir(sandbox.path("a")).unwrap();
    gate.open();
    let outcome = block_on(rest(&mut events)).pop().unwrap();
    assert_eq!(kind(&outcome), "exists");
    let message = outcome.error().unwrap().to_string();
    assert!(message.contains("no file; move it away"), "{message}");
    assert!(sandbox.path("a").is_dir());
}

#[test]
fn a_thousand_unknown_files_cost_a_request_each_and_no_body() {
    let origin = Origin::plain();
    origin.under("/", |_| endless(1 << 20));
    let mut sandbox = without_state();
    let urls: Vec<String> = (0..1000)
        .map(|row| origin.url(&format!("/{row}")))
        .collect();
    for row in 0..1000 {
        let path = sandbox.path(&row.to_string());
        put_hole(&path, 1 << 20);
    }
    let run = |sandbox: &Sandbox| {
        let rows: Vec<Row> = urls.iter().map(|url| get(url)).collect();
        for outcome in sandbox.run(rows) {
            assert_eq!(outcome.status.name(), "skipped", "{:?}", outcome.error());
        }
    };
    sandbox.options.existing = Existing::Skip;
    run(&sandbox);
    assert_eq!(origin.tally().requests, 0);
    sandbox.options.existing = Existing::Auto;
    sandbox.options.state_dir = haulage::StateDir::Keep;
    run(&sandbox);
    assert_eq!(origin.tally().requests, 1000);
    // Now they are known.
    run(&sandbox);
    assert_eq!(origin.tally().requests, 1000);
}

#[test]
fn bodies_that_are_not_read_do_not_stop_their_connection() {
    // Over HTTP/2 what has come of them counts towards the connection's window until it is given
    // back.
    let origin = Origin::tls();
    origin.under("/", |_| Script::ok(Body::seeded(1, 1 << 20)));
    let mut sandbox = Sandbox::trusting(&origin);
    sandbox.engine.per_host = Some(4);
    let rows: Vec<Row> = (0..200)
        .map(|row| {
            put_hole(&sandbox.path(&row.to_string()), 1 << 20);
            get(&origin.url(&format!("/{row}")))
        })
        .collect();
    for outcome in sandbox.run(rows) {
        assert_eq!(outcome.status.name(), "skipped", "{:?}", outcome.error());
    }
    assert_eq!(origin.tally().requests, 200);
    // A second one is opened before it is known that they can share the first.
    assert!(origin.connections() <= 2);
}

#[test]
fn many_files_are_compared_a_few_at_a_time() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::seeded(1, 300_000)).chunked());
    let sandbox = without_state();
    let rows: Vec<Row> = (0..40)
        .map(|row| {
            let half = Body::seeded(1, 300_000).bytes()[..row * 1000].to_vec();
            put(&sandbox.path(&row.to_string()), &half, None);
            get(&origin.url(&format!("/{row}")))
        })
        .collect();
    sandbox.run(rows).iter().for_each(assert_done);
    for row in 0..40 {
        assert!(sandbox.read(&row.to_string()) == Body::seeded(1, 300_000).bytes());
    }
    assert_eq!(sandbox.names().len(), 40);
}

/// What stands at the name, and what its server says.
#[derive(Debug, Clone, Copy)]
struct Case<'a> {
    body: &'a [u8],
    file: &'a [u8],
    is_link: bool,
    framing: fn(Script) -> Script,
    /// `Last-Modified`, and the file's own time.
    times: (Option<&'static str>, Option<&'static str>),
}

impl Case<'_> {
    fn origin(&self) -> Origin {
        let origin = Origin::plain();
        let mut script = (self.framing)(Script::ok(Body::of(self.body.to_vec())));
        if let Some(date) = self.times.0 {
            script = script.last_modified(date);
        }
        origin.on("/a", script);
        origin
    }

    /// Fetches twice, and sees what has become of each file.
    fn check(&self) {
        let (origin, sandbox) = (self.origin(), without_state());
        let outside = tempfile::tempdir().unwrap();
        let leads_to = outside.path().join("file");
        put(&leads_to, self.file, self.times.1);
        if self.is_link {
            symlink(&leads_to, sandbox.path("a")).unwrap();
        } else {
            put(&sandbox.path("a"), self.file, self.times.1);
        }
        let case = format!(
            "{} bytes, {:?}, link: {}",
            self.file.len(),
            self.times,
            self.is_link
        );
        let first = sandbox.fetch(&origin.url("/a"));
        let (status, path) = ended(&first);
        if status == "skipped" {
            // Length and time agree, and nothing else was looked at.
            assert_eq!((path, self.file.len()), ("a", self.body.len()), "{case}");
        } else {
            assert!(sandbox.read(path) == self.body, "{case}");
        }
        let may_be_replaced = path == "a" && status == "done" && self.body.starts_with(self.file);
        assert!(sandbox.read("a") == self.file || may_be_replaced, "{case}");
        assert_eq!(first.renamed.is_none(), path == "a", "{case}");
        assert_eq!(sandbox.path("a").is_symlink(), self.is_link, "{case}");
        assert!(std::fs::read(&leads_to).unwrap() == self.file, "{case}");
        let (path, names) = (path.to_owned(), sandbox.names());
        let second = sandbox.fetch(&origin.url("/a"));
        assert_eq!(ended(&second).1, path, "{case}");
        assert_eq!(second.renamed, first.renamed, "{case}");
        assert_eq!(sandbox.names(), names, "{case}");
        assert!(
            status == "skipped" || sandbox.read(&path) == self.body,
            "{case}"
        );
    }
}

#[test]
fn whatever_is_there_nothing_is_lost_and_a_second_run_agrees() {
    let body = Body::seeded(9, 70_000).bytes();
    let other = Body::seeded(8, 70_000).bytes();
    let longer = [&body[..], b"and more"].concat();
    let files = [
        &body[..],
        &body[..30_000],
        b"",
        &other,
        &other[..30_000],
        &longer,
    ];
    let framings: [fn(Script) -> Script; 3] =
        [|plain| plain, Script::chunked, Script::without_length];
    let times = [
        (None, None),
        (Some(OLD), None),
        (Some(OLD), Some(OLD)),
        (Some(OLD), Some(NEW)),
    ];
    for file in files {
        for framing in framings {
            for times in times {
                for is_link in [false, true] {
                    let case = Case {
                        body: &body,
                        file,
                        is_link,
                        framing,
                        times,
                    };
                    case.check();
                }
            }
        }
    }
}

#[test]
fn a_file_that_was_skipped_by_its_name_is_compared_later() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("hello")));
    let mut sandbox = Sandbox::new();
    sandbox.write("a", "hel");
    sandbox.options.existing = Existing::Skip;
    assert_eq!(ended(&sandbox.fetch(&origin.url("/a"))), ("skipped", "a"));
    sandbox.options.existing = Existing::Auto;
    assert_eq!(ended(&sandbox.fetch(&origin.url("/a"))), ("done", "a"));
    assert_eq!(sandbox.read("a"), b"hello");
}

#[test]
fn a_list_gives_the_same_names_on_every_run() {
    let origin = Origin::plain();
    origin.under("/", |request| Script::ok(Body::of(request.target.clone())));
    let sandbox = Sandbox::new();
    sandbox.write("a", "of another tool");
    let rows = || {
        ["/1/a", "/2/a", "/1/a", "/3/b"]
            .into_iter()
            .zip(1..)
            .map(|(path, line)| {
                let place = RowLocation {
                    input: "list".into(),
                    line,
                };
                Ok(Request::new(&origin.url(path)).unwrap().read_at(place))
            })
    };
    let names = || {
        let mut outcomes = sandbox.run(rows().collect::<Vec<Row>>());
        outcomes.sort_by_key(|outcome| outcome.row);
        let names = outcomes.iter().map(|outcome| ended(outcome).1.to_owned());
        (names.collect::<Vec<_>>(), outcomes)
    };
    let (first, outcomes) = names();
    assert!(
        first[0].starts_with("a~") && first[1].starts_with("a~"),
        "{first:?}"
    );
    assert_ne!(first[0], first[1]);
    assert_eq!(first[0], first[2]);
    let renamed: Vec<_> = outcomes.iter().map(|outcome| outcome.renamed).collect();
    let (file, row) = (Some(Renamed::AnotherFile), Some(Renamed::AnotherRow));
    assert_eq!(renamed, [file, row, file, None]);
    for _ in 0..2 {
        let asked = origin.tally().requests;
        let (again, outcomes) = names();
        assert_eq!(again, first);
        assert!(
            outcomes
                .iter()
                .all(|outcome| outcome.status.name() == "skipped")
        );
        assert_eq!(origin.tally().requests, asked);
        std::fs::remove_dir_all(sandbox.path(".haul")).unwrap();
        // Without a state each is asked for once, and found where it is.
        let (again, outcomes) = names();
        assert_eq!(again, first);
        assert!(
            outcomes
                .iter()
                .all(|outcome| outcome.status.name() == "skipped")
        );
        assert_eq!(origin.tally().requests, asked + 3);
    }
    assert_eq!(sandbox.read("a"), b"of another tool");
}

#[test]
fn each_layout_compares_what_stands_at_its_names() {
    let origin = Origin::plain();
    origin.under("/", |request| Script::ok(Body::of(request.target.clone())));
    for layout in [Layout::Flat, Layout::Tree, Layout::Hashed, Layout::Row] {
        let mut sandbox = without_state();
        sandbox.options.layout = layout;
        let rows = || {
            [
                get(&origin.url("/x/a.gif")),
                named(&origin.url("/x/b"), "y/b.bin"),
            ]
        };
        for outcome in sandbox.run(rows()) {
            assert_done(&outcome);
            sandbox.write(outcome.path.as_deref().unwrap(), "another");
        }
        for _ in 0..2 {
            for outcome in sandbox.run(rows()) {
                let path = outcome.path.as_deref().unwrap();
                assert!(path.contains('~'), "{layout:?}: {path}");
                let expected = outcome.url.strip_prefix(&origin.url("")).unwrap();
                assert_eq!(sandbox.read(path), expected.as_bytes());
                assert_eq!(outcome.renamed, Some(Renamed::AnotherFile));
            }
        }
    }
}

#[test]
fn a_name_that_the_server_gives_is_compared_as_well() {
    let origin = Origin::plain();
    let named = |script: Script| script.header("content-disposition", "attachment; filename=a");
    origin.on("/same", named(five()));
    origin.on("/half", named(Script::ok(Body::of("hello there"))));
    origin.on("/other", named(Script::ok(Body::of("other"))));
    let mut sandbox = without_state();
    sandbox.options.file_names = FileNames::FromServer;
    sandbox.write("a", "hello");
    assert_eq!(
        ended(&sandbox.fetch(&origin.url("/same"))),
        ("skipped", "a")
    );
    assert_eq!(ended(&sandbox.fetch(&origin.url("/half"))), ("done", "a"));
    let other = sandbox.fetch(&origin.url("/other"));
    let path = other.path.clone().unwrap();
    assert!(path.starts_with("a~"), "{path}");
    assert_eq!(other.renamed, Some(Renamed::AnotherFile));
    let again = sandbox.fetch(&origin.url("/other"));
    assert_eq!(ended(&again), ("skipped", &*path));
    // A checksum that the file at the name has not: it is fetched once.
    let row = expecting(&origin.url("/same"), &[HELLO]);
    origin.on("/same", named(Script::ok(Body::of("hello"))));
    let outcome = sandbox.run([row]).pop().unwrap();
    assert_eq!(outcome.status.name(), "done", "{:?}", outcome.error());
    assert_eq!(sandbox.read(outcome.path.as_deref().unwrap()), b"hello");
    assert_eq!(sandbox.read("a"), b"hello there");
}

#[test]
fn a_part_of_ours_goes_on_beside_an_existing_file() {
    for there in ["same", "other"] {
        let origin = Origin::plain();
        let gate = Gate::new();
        let body = Body::seeded(3, 2 << 20);
        let entity = || Script::entity(body.clone(), "\"one\"");
        origin.on("/a", [entity().hold_at(1 << 20, &gate), entity()]);
        let sandbox = Sandbox::new();
        block_on(async {
            let mut run = sandbox.start();
            let mut events = run.events();
            run.feed([get(&origin.url("/a"))]);
            run.close();
            gate.wait_reached(1);
            // What has come so far is on the disk before it is stopped.
            while let Some(event) = events.next().await {
                if let haulage::Event::Started(transfer) = event {
                    while transfer.received() < 512 << 10 {
                        tokio::task::yield_now().await;
                    }
                    break;
                }
            }
            run.cancel();
            rest(&mut events).await;
        });
        gate.open();
        let bytes = if there == "same" {
            body.bytes()
        } else {
            vec![7; 3 << 20]
        };
        put(&sandbox.path("a"), &bytes, None);
        let outcome = sandbox.fetch(&origin.url("/a"));
        let asked = origin.log().pop().unwrap();
        assert!(asked.headers.contains_key("range"), "it goes on");
        let (status, path) = ended(&outcome);
        if there == "same" {
            assert_eq!((status, path), ("skipped", "a"));
        } else {
            assert_eq!(status, "done");
            assert_eq!(outcome.renamed, Some(Renamed::AnotherFile));
            assert!(sandbox.read(path) == body.bytes());
            assert!(sandbox.read("a") == bytes);
        }
        let parts = std::fs::read_dir(sandbox.path(".haul/part")).unwrap();
        assert_eq!(parts.count(), 0, "{there}");
    }
}

#[test]
fn a_redirect_and_a_mirror_answer_for_the_file() {
    let (origin, mirror) = (Origin::plain(), Origin::plain());
    origin.on("/a", Script::redirect(302, "/b"));
    origin.on("/b", five());
    origin.on("/gone", Script::status(404));
    mirror.on("/gone", five());
    let sandbox = without_state();
    sandbox.write("a", "hello");
    sandbox.write("gone", "hello");
    assert_eq!(ended(&sandbox.fetch(&origin.url("/a"))), ("skipped", "a"));
    let request = Request::new(&origin.url("/gone")).unwrap();
    let request = request.mirror(&mirror.url("/gone")).unwrap();
    let outcome = sandbox.run([Ok(request)]).pop().unwrap();
    assert_eq!(ended(&outcome), ("skipped", "gone"));
    assert_eq!(outcome.final_url, Some(mirror.url("/gone")));
}

#[test]
fn a_status_that_is_no_file_fails_although_a_file_is_there() {
    let origin = Origin::plain();
    origin.on("/a", Script::status(404));
    let sandbox = without_state();
    sandbox.write("a", "hello");
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!((kind(&outcome), outcome.http_status), ("http", Some(404)));
    assert_eq!(sandbox.read("a"), b"hello");
}

#[test]
fn an_empty_file_is_the_same_as_an_empty_response() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::empty()));
    let sandbox = without_state();
    sandbox.write("a", "");
    assert_eq!(ended(&sandbox.fetch(&origin.url("/a"))), ("skipped", "a"));
    sandbox.write("a", "hello");
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!(
        (outcome.bytes, outcome.renamed),
        (0, Some(Renamed::AnotherFile))
    );
    assert_eq!(sandbox.read("a"), b"hello");
}

#[test]
fn a_file_that_vanishes_before_the_response_is_fetched() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.on("/a", Script::ok(Body::of("hello")).hold(&gate));
    let sandbox = without_state();
    sandbox.write("a", "hello");
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([get(&origin.url("/a"))]);
    run.close();
    gate.wait_reached(1);
    std::fs::remove_file(sandbox.path("a")).unwrap();
    gate.open();
    let outcome = block_on(next_outcome(&mut events));
    assert_eq!(ended(&outcome), ("done", "a"));
    assert_eq!(origin.log().len(), 1);
}

#[test]
fn a_plan_does_not_call_an_unknown_file_skipped() {
    let origin = Origin::plain();
    let mut sandbox = without_state();
    sandbox.options.purpose = Purpose::Plan;
    sandbox.write("a", "hel");
    sandbox.write("b", "hello");
    let rows = [
        get(&origin.url("/a")),
        expecting(&origin.url("/b"), &[HELLO]),
    ];
    let mut outcomes = sandbox.run(rows);
    outcomes.sort_by_key(|outcome| outcome.row);
    let statuses: Vec<_> = outcomes
        .iter()
        .map(|outcome| outcome.status.name())
        .collect();
    assert_eq!(statuses, ["planned", "skipped"]);
    assert!(origin.log().is_empty());
}
