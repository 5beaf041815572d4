//! What was brought of a file is gone on with where it is safe, within a run and in the next; everywhere else the file is begun
//! again. Bytes of two entities are never joined. Rows 12 to 24 of docs/faults.md.

use std::fs;

use haulage::{Codings, Event, Outcome, Place, Request};
use origin::{Asked, Body, Origin, RangeLie, Script};

use crate::bench::{Bench, assert_done, block_on, expecting, get, kind};

const LENGTH: u64 = 3 << 20;
/// Where a response breaks off.
const BREAK: u64 = 1 << 20;

fn a() -> Body {
    Body::seeded(1, LENGTH)
}

/// Another entity of the same length.
fn b() -> Body {
    Body::seeded(2, LENGTH)
}

fn broken(script: Script) -> Script {
    script.close_at(BREAK)
}

fn header<'a>(asked: &'a Asked, name: &str) -> &'a str {
    asked
        .headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// The Range of each request so far.
fn ranges(origin: &Origin) -> Vec<String> {
    let log = origin.log();
    let log = log.iter().filter(|asked| !asked.path.starts_with("/to"));
    log.map(|asked| header(asked, "range").to_owned()).collect()
}

/// Runs one URL whose first response breaks off, and whose next ones are these.
fn after_a_break(first: Script, then: impl Into<Vec<Script>>) -> (Origin, Bench, Outcome) {
    let origin = Origin::plain();
    let mut scripts = vec![broken(first)];
    scripts.extend(then.into());
    origin.on("/file", scripts);
    let bench = Bench::new();
    let outcome = bench.fetch(&origin.url("/file"));
    (origin, bench, outcome)
}

#[track_caller]
fn assert_is(bench: &Bench, body: &Body) {
    assert!(
        bench.read("file") == body.bytes(),
        "the file is another one"
    );
    assert_eq!(bench.names(), ["file"]);
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    let (origin, bench, outcome) = after_a_break(
        Script::entity(a(), "\"a\""),
        [Script::entity(a(), "\"a\"").header("content-type", "text/x")],
    );
    assert_done(&outcome);
    assert_is(&bench, &a());
    assert_eq!(ranges(&origin), ["", "bytes=1048576-"]);
    let again = &origin.log()[1];
    assert_eq!(header(again, "if-range"), "\"a\"");
    assert_eq!(header(again, "accept-encoding"), "identity");
    assert_eq!((outcome.attempts, outcome.resumed), (2, BREAK));
    assert_eq!((outcome.bytes, outcome.verified.name()), (LENGTH, "length"));
    assert_eq!(outcome.http_status, Some(206));
    assert!(outcome.restarted.is_none());
}

#[test]
fn it_may_break_off_again_and_again() {
    let script = || Script::entity(a(), "\"a\"").close_at(BREAK / 2);
    let origin = Origin::plain();
    origin.on("/file", script());
    let mut bench = Bench::new();
    bench.options.retry.retries = 5;
    let outcome = bench.fetch(&origin.url("/file"));
    assert_done(&outcome);
    assert_is(&bench, &a());
    assert_eq!(ranges(&origin)[5], "bytes=2621440-");
}

#[test]
fn a_date_is_as_good_where_it_is_strong() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let script = || Script::ok(a()).last_modified(date).ranges();
    let (origin, bench, outcome) = after_a_break(
        script().header("date", "Sun, 06 Nov 1994 08:51:00 GMT"),
        [script()],
    );
    assert_done(&outcome);
    assert_is(&bench, &a());
    assert_eq!(header(&origin.log()[1], "if-range"), date);
    assert_eq!(outcome.resumed, BREAK);
    // As old as it is new: another version may have the same date.
    let (origin, bench, outcome) = after_a_break(script().header("date", date), [script()]);
    assert_done(&outcome);
    assert_is(&bench, &a());
    assert_eq!(ranges(&origin), ["", ""]);
}

#[test]
fn row_12_a_whole_file_in_answer_to_a_range_starts_from_its_first_byte() {
    let entity = |body| Script::entity(body, "\"a\"").range_lie(RangeLie::Ignore);
    let (origin, bench, outcome) = after_a_break(entity(a()), [entity(a())]);
    assert_done(&outcome);
    assert_is(&bench, &a());
    assert_eq!(ranges(&origin), ["", "bytes=1048576-"]);
    let why = outcome.restarted.unwrap();
    assert!(why.contains("no part of the file"), "{why}");
    assert_eq!(outcome.resumed, 0);
}

#[test]
fn rows_13_and_15_what_is_no_part_that_was_asked_for_is_refused() {
    for (lie, says) in [
        (RangeLie::WrongStart, "begins elsewhere"),
        (RangeLie::WrongEnd, "without saying clearly"),
        (RangeLie::WrongTotal, "another length"),
        (RangeLie::Multipart, "several parts"),
        (RangeLie::UnknownUnit, "not counted in bytes"),
        (RangeLie::Unlabelled, "without saying which"),
        (RangeLie::Unsatisfiable, "nothing to send"),
    ] {
        let entity = || Script::entity(a(), "\"a\"");
        let (origin, bench, outcome) = after_a_break(entity(), [entity().range_lie(lie)]);
        assert_done(&outcome);
        assert_is(&bench, &a());
        assert_eq!(ranges(&origin), ["", "bytes=1048576-", ""], "{lie:?}");
        let why = outcome.restarted.unwrap();
        assert!(why.contains(says), "{lie:?}: {why}");
        assert_eq!((outcome.attempts, outcome.resumed), (3, 0));
    }
}

#[test]
fn row_14_a_part_that_is_shorter_than_asked_is_taken_and_the_rest_asked_for() {
    let entity = || Script::entity(a(), "\"a\"").range_lie(RangeLie::Shorter);
    let (origin, bench, outcome) = after_a_break(entity(), [entity()]);
    assert_done(&outcome);
    assert_is(&bench, &a());
    let ranges = ranges(&origin);
    assert_eq!(
        ranges[..4],
        ["", "bytes=1048576-", "bytes=2097152-", "bytes=2621440-"]
    );
    assert!(outcome.restarted.is_none());
}

#[test]
fn row_15_a_part_that_nobody_asked_for_is_refused() {
    let origin = Origin::plain();
    origin.on(
        "/file",
        Script::entity(a(), "\"a\"").range_lie(RangeLie::Unasked),
    );
    let bench = Bench::new();
    let outcome = bench.fetch(&origin.url("/file"));
    assert_eq!(kind(&outcome), "protocol");
    assert!(bench.names().is_empty());
}

#[test]
fn rows_16_and_18_a_file_that_changes_is_the_new_one_whole_however_its_server_takes_if_range() {
    let shorter = || Body::seeded(3, LENGTH - 5);
    for (lie, requests) in [
        (None, 2),
        (Some(RangeLie::Ignore), 2),
        (Some(RangeLie::IgnoresIfRange), 3),
    ] {
        for new in [b(), shorter()] {
            let mut entity = Script::entity(new.clone(), "\"b\"");
            if let Some(lie) = lie {
                entity = entity.range_lie(lie);
            }
            let (origin, bench, outcome) = after_a_break(Script::entity(a(), "\"a\""), [entity]);
            assert_done(&outcome);
            assert_is(&bench, &new);
            assert_eq!(origin.log().len(), requests, "{lie:?}");
            let why = outcome.restarted.unwrap();
            assert!(why.contains("has changed"), "{lie:?}: {why}");
            assert_eq!(outcome.etag.as_deref(), Some("\"b\""));
        }
    }
}

#[test]
fn row_16_without_anything_that_tells_entities_apart_a_file_is_begun_again() {
    for script in [
        || Script::ok(a()).ranges(),
        // Row 17.
        || Script::entity(a(), "W/\"a\""),
        || Script::entity(a(), "\"a\"").header("accept-ranges", "none"),
    ] {
        let (origin, bench, outcome) = after_a_break(script(), [script()]);
        assert_done(&outcome);
        assert_is(&bench, &a());
        assert_eq!(ranges(&origin), ["", ""]);
        assert_eq!(header(&origin.log()[1], "if-range"), "");
    }
}

#[test]
fn row_17_a_part_whose_tag_is_weak_now_is_not_joined() {
    let (_origin, bench, outcome) = after_a_break(
        Script::entity(a(), "\"a\""),
        [
            Script::entity(b(), "W/\"a\"").range_lie(RangeLie::IgnoresIfRange),
            Script::entity(b(), "\"b\""),
        ],
    );
    assert_done(&outcome);
    assert_is(&bench, &b());
    let why = outcome.restarted.unwrap();
    assert!(why.contains("did not say whether"), "{why}");
}

#[test]
fn row_20_what_is_here_is_more_than_there_is_now() {
    let short = || Script::entity(Body::seeded(4, BREAK / 2), "\"a\"");
    let (origin, bench, outcome) = after_a_break(Script::entity(a(), "\"a\""), [short()]);
    assert_done(&outcome);
    assert_is(&bench, &Body::seeded(4, BREAK / 2));
    assert_eq!(ranges(&origin), ["", "bytes=1048576-", ""]);
}

#[test]
fn row_21_what_came_in_a_coding_is_begun_again() {
    let zipped = || {
        let mut bytes = vec![0; 300_000];
        bytes[0] = 7;
        bytes
    };
    let origin = Origin::plain();
    let script = || Script::entity(Body::of(zipped()), "\"a\"").header("content-encoding", "x-own");
    origin.on("/file", [script().close_at(290_000), script()]);
    let outcome = Bench::new().fetch(&origin.url("/file"));
    assert_done(&outcome);
    assert_eq!(ranges(&origin), ["", ""]);
    // What came without one goes on without one, though another is welcome.
    let origin = Origin::plain();
    origin.on(
        "/file",
        [
            broken(Script::entity(a(), "\"a\"")),
            Script::entity(a(), "\"a\""),
        ],
    );
    let mut bench = Bench::new();
    bench.options.codings = Codings::Undone;
    assert_done(&bench.fetch(&origin.url("/file")));
    assert_is(&bench, &a());
    assert_eq!(header(&origin.log()[1], "accept-encoding"), "identity");
}

#[test]
fn row_23_a_server_that_takes_ranges_amiss_is_asked_for_the_whole() {
    for refusal in [400, 403, 501] {
        let origin = Origin::plain();
        origin.under("/file", move |request| {
            if request.headers.contains_key("range") {
                Script::status(refusal)
            } else if request.nth == 1 {
                broken(Script::entity(a(), "\"a\""))
            } else {
                Script::entity(a(), "\"a\"")
            }
        });
        let bench = Bench::new();
        let outcome = bench.fetch(&origin.url("/file"));
        assert_done(&outcome);
        assert_is(&bench, &a());
        assert_eq!(ranges(&origin), ["", "bytes=1048576-", ""]);
    }
}

#[test]
fn row_24_where_a_url_leads_may_change_and_what_is_there_may_not() {
    for (same, requests) in [(true, 2), (false, 2)] {
        let origin = Origin::plain();
        origin.under("/to", |request| {
            Script::redirect(302, &format!("/signed{}", request.nth))
        });
        origin.on(
            "/signed1",
            [broken(Script::entity(a(), "\"a\"")), Script::status(403)],
        );
        let (body, tag) = if same { (a(), "\"a\"") } else { (b(), "\"b\"") };
        origin.on("/signed2", Script::entity(body.clone(), tag));
        let bench = Bench::new();
        let outcome = bench
            .run([crate::bench::named(&origin.url("/to"), "file")])
            .pop()
            .unwrap();
        assert_done(&outcome);
        assert_is(&bench, &body);
        assert_eq!(ranges(&origin), ["", "bytes=1048576-"]);
        assert_eq!(origin.log().len(), 2 * requests);
        assert_eq!(outcome.restarted.is_none(), same);
    }
}

#[test]
fn a_checksum_joins_bytes_too_and_finds_a_mixture() {
    let sum = |body: &Body| {
        let sum = crc32c::crc32c(&body.bytes());
        format!("crc32c={sum:08x}")
    };
    // Nothing tells the entities apart but the checksum.
    let script = |body| Script::ok(body).ranges();
    for (wanted, then) in [(a(), a()), (b(), b())] {
        let origin = Origin::plain();
        origin.on("/file", [broken(script(a())), script(then)]);
        let bench = Bench::new();
        let outcome = bench
            .run([expecting(&origin.url("/file"), &[&sum(&wanted)])])
            .pop()
            .unwrap();
        assert_done(&outcome);
        assert_is(&bench, &wanted);
        assert_eq!(outcome.verified.name(), "checksum");
        assert_eq!(ranges(&origin)[1], "bytes=1048576-");
    }
}

#[test]
fn a_mirror_goes_on_with_what_came_from_another_only_under_a_checksum() {
    let sum = format!("crc32c={:08x}", crc32c::crc32c(&a().bytes()));
    for is_checked in [true, false] {
        let (one, two) = (Origin::plain(), Origin::plain());
        one.on("/file", broken(Script::entity(a(), "\"a\"")));
        // The same tag means nothing elsewhere.
        two.on("/file", Script::entity(a(), "\"a\""));
        let mut request = Request::new(&one.url("/file")).unwrap();
        request = request.mirror(&two.url("/file")).unwrap();
        if is_checked {
            request = request.checksum(sum.parse().unwrap()).unwrap();
        }
        let bench = Bench::new();
        let outcome = bench.run([Ok(request)]).pop().unwrap();
        assert_done(&outcome);
        assert_is(&bench, &a());
        let asked = if is_checked { "bytes=1048576-" } else { "" };
        assert_eq!(ranges(&two), [asked]);
        assert_eq!(header(&two.log()[0], "if-range"), "");
    }
}

#[expect(clippy::unnecessary_wraps, reason = "this is what a source yields")]
fn listed(url: &str) -> haulage::Row {
    let input = "list".into();
    Ok(Request::new(url).unwrap().read_at(Place { input, line: 1 }))
}

/// A destination in which a run has left a part of `/file`.
fn interrupted(origin: &Origin) -> Bench {
    origin.on("/file", broken(Script::entity(a(), "\"a\"")));
    let mut bench = Bench::new();
    bench.options.retry.retries = 0;
    let outcome = bench.run([listed(&origin.url("/file"))]).pop().unwrap();
    assert_eq!(kind(&outcome), "incomplete");
    assert!(bench.names().is_empty());
    bench
}

fn parts(bench: &Bench) -> Vec<std::path::PathBuf> {
    let parts = fs::read_dir(bench.path(".haul/part")).unwrap();
    parts.map(|part| part.unwrap().path()).collect()
}

#[test]
fn the_next_run_goes_on_where_one_stopped() {
    let origin = Origin::plain();
    let bench = interrupted(&origin);
    assert_eq!(parts(&bench).len(), 1);
    origin.on("/file", Script::entity(a(), "\"a\""));
    let outcome = bench.run([listed(&origin.url("/file"))]).pop().unwrap();
    assert_done(&outcome);
    assert_is(&bench, &a());
    assert_eq!(ranges(&origin), ["", "bytes=1048576-"]);
    assert_eq!((outcome.attempts, outcome.resumed), (1, BREAK));
    assert!(parts(&bench).is_empty());
    // It is known as what the first response said that it is.
    let recorded = haulage::results(bench.path("")).unwrap();
    let etags: Vec<_> = recorded.map(|row| row.unwrap().etag).collect();
    assert_eq!(etags, [Some("\"a\"".into())]);
}

#[test]
fn a_url_alone_leaves_its_part_too() {
    let origin = Origin::plain();
    origin.on("/file", broken(Script::entity(a(), "\"a\"")));
    let mut bench = Bench::new();
    bench.options.retry.retries = 0;
    bench.options.workspace = haulage::Workspace::RemoveWhenDone;
    assert_eq!(kind(&bench.fetch(&origin.url("/file"))), "incomplete");
    origin.on("/file", Script::entity(a(), "\"a\""));
    let outcome = bench.fetch(&origin.url("/file"));
    assert_done(&outcome);
    assert_eq!(outcome.resumed, BREAK);
    assert_is(&bench, &a());
    assert!(!bench.path(".haul").exists());
}

#[test]
fn a_run_that_is_stopped_keeps_what_it_has() {
    let origin = Origin::plain();
    origin.on("/file", Script::entity(a(), "\"a\"").stall_at(BREAK));
    let bench = Bench::new();
    let mut engine = bench.start();
    let mut events = engine.events();
    engine.feed([listed(&origin.url("/file"))]);
    engine.close();
    block_on(async {
        let Some(Event::Started(transfer)) = events.next().await else {
            panic!("it starts");
        };
        while transfer.received() < BREAK {
            tokio::task::yield_now().await;
        }
        engine.cancel();
        while events.next().await.is_some() {}
    });
    origin.on("/file", Script::entity(a(), "\"a\""));
    let outcome = bench.run([listed(&origin.url("/file"))]).pop().unwrap();
    assert_done(&outcome);
    assert_eq!(outcome.resumed, BREAK);
    assert_is(&bench, &a());
}

#[test]
fn row_16_between_runs_a_file_may_change() {
    for lie in [None, Some(RangeLie::IgnoresIfRange)] {
        let origin = Origin::plain();
        let bench = interrupted(&origin);
        let mut entity = Script::entity(b(), "\"b\"");
        if let Some(lie) = lie {
            entity = entity.range_lie(lie);
        }
        origin.on("/file", entity);
        let outcome = bench.run([listed(&origin.url("/file"))]).pop().unwrap();
        assert_done(&outcome);
        assert_is(&bench, &b());
        assert!(outcome.restarted.unwrap().contains("has changed"));
        assert!(parts(&bench).is_empty());
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "somebody else's files")]
fn row_62_a_part_that_is_not_as_it_was_left_is_not_used() {
    type Spoil = fn(&std::path::Path);
    let spoils: [Spoil; 4] = [
        |part| fs::remove_file(part).unwrap(),
        |part| fs::write(part, "short").unwrap(),
        |part| {
            let other = part.with_file_name("other");
            fs::rename(part, &other).unwrap();
            std::os::unix::fs::symlink(&other, part).unwrap();
        },
        // Somebody can write to it under another name.
        |part| fs::hard_link(part, part.with_file_name("../alias")).unwrap(),
    ];
    for spoil in spoils {
        let origin = Origin::plain();
        let bench = interrupted(&origin);
        spoil(&parts(&bench)[0]);
        origin.on("/file", Script::entity(a(), "\"a\""));
        let outcome = bench.run([listed(&origin.url("/file"))]).pop().unwrap();
        assert_done(&outcome);
        assert_is(&bench, &a());
        assert_eq!(ranges(&origin), ["", ""]);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "somebody else's files")]
fn row_62_a_part_that_nobody_has_recorded_is_removed() {
    let origin = Origin::plain();
    let bench = interrupted(&origin);
    for name in ["1", "7", "x"] {
        fs::write(bench.path(".haul/part").join(name), "someone's").unwrap();
    }
    origin.on("/file", Script::entity(a(), "\"a\""));
    let outcome = bench.run([listed(&origin.url("/file"))]).pop().unwrap();
    assert_eq!((outcome.status.name(), outcome.resumed), ("done", BREAK));
    assert_is(&bench, &a());
    assert!(parts(&bench).is_empty());
}

#[test]
fn a_part_goes_when_nobody_asks_for_it_any_more() {
    let origin = Origin::plain();
    let bench = interrupted(&origin);
    origin.on("/other", Script::ok(Body::of("x")));
    bench.run([get(&origin.url("/other"))]);
    assert_eq!(parts(&bench).len(), 1, "the list may be run again");
    bench.run([listed(&origin.url("/other"))]);
    assert!(parts(&bench).is_empty());
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_begun_again_once() {
    let sum = format!("crc32c={:08x}", crc32c::crc32c(&a().bytes()));
    let origin = Origin::plain();
    origin.on("/file", [Script::ok(b()), Script::ok(a())]);
    origin.on("/never", Script::ok(b()));
    let bench = Bench::new();
    let outcome = bench
        .run([expecting(&origin.url("/file"), &[&sum])])
        .pop()
        .unwrap();
    assert_done(&outcome);
    assert_eq!(outcome.attempts, 2);
    let outcome = bench
        .run([expecting(&origin.url("/never"), &[&sum])])
        .pop()
        .unwrap();
    assert_eq!((kind(&outcome), outcome.attempts), ("checksum", 2));
    let error = outcome.error().unwrap().to_string();
    assert!(error.contains(&sum[7..]), "{error}");
}
