//! What was brought of a file is gone on with where it is safe; everywhere else the file is begun
//! again. Bytes of two entities are never joined. Rows 12 to 24 of docs/faults.md.

use haulage::{ContentEncoding, Outcome, Request};
use origin::{Body, Origin, RangeLie, Script};

use crate::entities::{BREAK, LENGTH, a, assert_is, b, broken, entity, header, ranges};
use crate::sandbox::{Sandbox, assert_done, expecting, kind};

/// Runs one URL whose first response breaks off, and whose next ones are these.
fn after_a_break(first: Script, then: impl Into<Vec<Script>>) -> (Origin, Sandbox, Outcome) {
    let origin = Origin::plain();
    let mut scripts = vec![broken(first)];
    scripts.extend(then.into());
    origin.on("/file", scripts);
    let sandbox = Sandbox::new();
    let outcome = sandbox.fetch(&origin.url("/file"));
    (origin, sandbox, outcome)
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    let (origin, sandbox, outcome) =
        after_a_break(entity(), [entity().header("content-type", "text/x")]);
    assert_done(&outcome);
    assert_is(&sandbox, &a());
    assert_eq!(ranges(&origin), ["", "bytes=1048576-"]);
    let again = &origin.log()[1];
    assert_eq!(header(again, "if-range"), "\"a\"");
    assert_eq!(header(again, "accept-encoding"), "identity");
    assert_eq!((outcome.attempts, outcome.resumed), (2, BREAK));
    assert_eq!((outcome.bytes, outcome.verified.name()), (LENGTH, "length"));
    assert_eq!(outcome.http_status, Some(206));
    assert!(outcome.restart_reason.is_none());
}

#[test]
fn it_may_break_off_again_and_again() {
    let script = || entity().close_at(BREAK / 2);
    let origin = Origin::plain();
    origin.on("/file", script());
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 7;
    let outcome = sandbox.fetch(&origin.url("/file"));
    assert_done(&outcome);
    assert_is(&sandbox, &a());
    assert_eq!(ranges(&origin)[5], "bytes=2621440-");
}

#[test]
fn a_date_is_as_good_where_it_is_strong() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let script = || Script::ok(a()).last_modified(date).ranges();
    let (origin, sandbox, outcome) = after_a_break(
        script().header("date", "Sun, 06 Nov 1994 08:51:00 GMT"),
        [script()],
    );
    assert_done(&outcome);
    assert_is(&sandbox, &a());
    assert_eq!(header(&origin.log()[1], "if-range"), date);
    assert_eq!(outcome.resumed, BREAK);
    // As old as it is new: another version may have the same date.
    let (origin, sandbox, outcome) = after_a_break(script().header("date", date), [script()]);
    assert_done(&outcome);
    assert_is(&sandbox, &a());
    assert_eq!(ranges(&origin), ["", ""]);
}

#[test]
fn row_12_a_whole_file_in_answer_to_a_range_starts_from_its_first_byte() {
    let entity = |body| Script::entity(body, "\"a\"").range_lie(RangeLie::Ignore);
    let (origin, sandbox, outcome) = after_a_break(entity(a()), [entity(a())]);
    assert_done(&outcome);
    assert_is(&sandbox, &a());
    assert_eq!(ranges(&origin), ["", "bytes=1048576-"]);
    let why = outcome.restart_reason.unwrap();
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
        let entity = || entity();
        let (origin, sandbox, outcome) = after_a_break(entity(), [entity().range_lie(lie)]);
        assert_done(&outcome);
        assert_is(&sandbox, &a());
        assert_eq!(ranges(&origin), ["", "bytes=1048576-", ""], "{lie:?}");
        let why = outcome.restart_reason.unwrap();
        assert!(why.contains(says), "{lie:?}: {why}");
        assert_eq!((outcome.attempts, outcome.resumed), (3, 0));
    }
}

/// A 206 of all there is.
fn whole_part(body: &Body, tag: &str) -> Script {
    let range = format!("bytes 0-{}/{}", body.len() - 1, body.len());
    let script = Script::status(206).body(body.clone()).etag(tag);
    script.header("content-range", &range)
}

#[test]
fn whole_file_as_a_206_in_answer_to_a_range_starts_from_its_first_byte() {
    for (body, tag) in [(a(), "\"a\""), (b(), "\"b\"")] {
        for script in [whole_part(&body, tag), whole_part(&body, tag).chunked()] {
            let (origin, sandbox, outcome) = after_a_break(entity(), [script]);
            assert_done(&outcome);
            assert_is(&sandbox, &body);
            assert_eq!(ranges(&origin), ["", "bytes=1048576-"]);
            assert_eq!((outcome.resumed, outcome.attempts), (0, 2));
            assert!(outcome.restart_reason.is_some());
        }
    }
}

#[test]
fn other_success_in_answer_to_a_range_is_no_part_and_no_file() {
    for status in [201, 204, 205, 207, 226] {
        let answer = Script::status(status).body(Body::of("x")).etag("\"a\"");
        let (origin, sandbox, outcome) = after_a_break(entity(), [answer]);
        assert_eq!((kind(&outcome), outcome.attempts), ("http", 2), "{status}");
        assert!(sandbox.names().is_empty() && outcome.restart_reason.is_none());
        assert_eq!(origin.log().len(), 2);
    }
    // What is not ready yet is gone on with later.
    let not_ready = Script::status(202).body(Body::of("wait"));
    let (origin, sandbox, outcome) = after_a_break(entity(), [not_ready, entity()]);
    assert_done(&outcome);
    assert_is(&sandbox, &a());
    assert_eq!(ranges(&origin), ["", "bytes=1048576-", "bytes=1048576-"]);
    assert_eq!((outcome.resumed, outcome.restart_reason), (BREAK, None));
}

#[test]
fn row_14_a_part_that_is_shorter_than_asked_is_taken_and_the_rest_asked_for() {
    let entity = || entity().range_lie(RangeLie::Shorter);
    let (origin, sandbox, outcome) = after_a_break(entity(), [entity()]);
    assert_done(&outcome);
    assert_is(&sandbox, &a());
    let ranges = ranges(&origin);
    assert_eq!(
        ranges[..4],
        ["", "bytes=1048576-", "bytes=2621440-", "bytes=3407872-"]
    );
    assert!(outcome.restart_reason.is_none());
}

#[test]
fn row_15_a_part_that_nobody_asked_for_is_refused() {
    let origin = Origin::plain();
    origin.on("/file", entity().range_lie(RangeLie::Unasked));
    let sandbox = Sandbox::new();
    let outcome = sandbox.fetch(&origin.url("/file"));
    assert_eq!(kind(&outcome), "protocol");
    assert!(sandbox.names().is_empty());
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
            let mut changed = Script::entity(new.clone(), "\"b\"");
            if let Some(lie) = lie {
                changed = changed.range_lie(lie);
            }
            let (origin, sandbox, outcome) = after_a_break(entity(), [changed]);
            assert_done(&outcome);
            assert_is(&sandbox, &new);
            assert_eq!(origin.log().len(), requests, "{lie:?}");
            let why = outcome.restart_reason.unwrap();
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
        || entity().header("accept-ranges", "none"),
    ] {
        let (origin, sandbox, outcome) = after_a_break(script(), [script()]);
        assert_done(&outcome);
        assert_is(&sandbox, &a());
        assert_eq!(ranges(&origin), ["", ""]);
        assert_eq!(header(&origin.log()[1], "if-range"), "");
    }
}

#[test]
fn row_17_a_part_whose_tag_is_weak_now_is_not_joined() {
    let (_origin, sandbox, outcome) = after_a_break(
        entity(),
        [
            Script::entity(b(), "W/\"a\"").range_lie(RangeLie::IgnoresIfRange),
            Script::entity(b(), "\"b\""),
        ],
    );
    assert_done(&outcome);
    assert_is(&sandbox, &b());
    let why = outcome.restart_reason.unwrap();
    assert!(why.contains("did not say whether"), "{why}");
}

#[test]
fn row_20_what_is_here_is_more_than_there_is_now() {
    let short = || Script::entity(Body::seeded(4, BREAK / 2), "\"a\"");
    let (origin, sandbox, outcome) = after_a_break(entity(), [short()]);
    assert_done(&outcome);
    assert_is(&sandbox, &Body::seeded(4, BREAK / 2));
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
    let outcome = Sandbox::new().fetch(&origin.url("/file"));
    assert_done(&outcome);
    assert_eq!(ranges(&origin), ["", ""]);
    // What came without one goes on without one, though another is welcome.
    let origin = Origin::plain();
    origin.on("/file", [broken(entity()), entity()]);
    let mut sandbox = Sandbox::new();
    sandbox.options.content_encoding = ContentEncoding::Decode;
    assert_done(&sandbox.fetch(&origin.url("/file")));
    assert_is(&sandbox, &a());
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
                broken(entity())
            } else {
                entity()
            }
        });
        let sandbox = Sandbox::new();
        let outcome = sandbox.fetch(&origin.url("/file"));
        assert_done(&outcome);
        assert_is(&sandbox, &a());
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
        origin.on("/signed1", [broken(entity()), Script::status(403)]);
        let (body, tag) = if same { (a(), "\"a\"") } else { (b(), "\"b\"") };
        origin.on("/signed2", Script::entity(body.clone(), tag));
        let sandbox = Sandbox::new();
        let outcome = sandbox
            .run([crate::sandbox::named(&origin.url("/to"), "file")])
            .pop()
            .unwrap();
        assert_done(&outcome);
        assert_is(&sandbox, &body);
        assert_eq!(ranges(&origin), ["", "bytes=1048576-"]);
        assert_eq!(origin.log().len(), 2 * requests);
        assert_eq!(outcome.restart_reason.is_none(), same);
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
        let sandbox = Sandbox::new();
        let outcome = sandbox
            .run([expecting(&origin.url("/file"), &[&sum(&wanted)])])
            .pop()
            .unwrap();
        assert_done(&outcome);
        assert_is(&sandbox, &wanted);
        assert_eq!(outcome.verified.name(), "checksum");
        assert_eq!(ranges(&origin)[1], "bytes=1048576-");
    }
}

#[test]
fn a_mirror_goes_on_with_what_came_from_another_only_under_a_checksum() {
    let sum = format!("crc32c={:08x}", crc32c::crc32c(&a().bytes()));
    for is_checked in [true, false] {
        let (one, two) = (Origin::plain(), Origin::plain());
        one.on("/file", broken(entity()));
        // The same tag means nothing elsewhere.
        two.on("/file", entity());
        let mut request = Request::new(&one.url("/file")).unwrap();
        request = request.mirror(&two.url("/file")).unwrap();
        if is_checked {
            request = request.checksum(sum.parse().unwrap()).unwrap();
        }
        let sandbox = Sandbox::new();
        let outcome = sandbox.run([Ok(request)]).pop().unwrap();
        assert_done(&outcome);
        assert_is(&sandbox, &a());
        let asked = if is_checked { "bytes=1048576-" } else { "" };
        assert_eq!(ranges(&two), [asked]);
        assert_eq!(header(&two.log()[0], "if-range"), "");
    }
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_begun_again_once() {
    let sum = format!("crc32c={:08x}", crc32c::crc32c(&a().bytes()));
    let origin = Origin::plain();
    origin.on("/file", [Script::ok(b()), Script::ok(a())]);
    origin.on("/never", Script::ok(b()));
    let sandbox = Sandbox::new();
    let outcome = sandbox
        .run([expecting(&origin.url("/file"), &[&sum])])
        .pop()
        .unwrap();
    assert_done(&outcome);
    assert_eq!(outcome.attempts, 2);
    let outcome = sandbox
        .run([expecting(&origin.url("/never"), &[&sum])])
        .pop()
        .unwrap();
    assert_eq!((kind(&outcome), outcome.attempts), ("checksum", 2));
    let error = outcome.error().unwrap().to_string();
    assert!(error.contains(&sum[7..]), "{error}");
}
