//! A large file is fetched by several lanes of its host where that is safe, and of use. Rows 16,
//! 22, 23 and 25 of docs/faults.md.

use std::sync::atomic::{AtomicU64, Ordering};

use haulage::{Event, Outcome, Run};
use origin::{Body, Gate, Limit, Origin, Script};

use crate::entities::{LENGTH, a, assert_is, b, entity, header, listed};
use crate::sandbox::{Sandbox, assert_done, block_on, expecting, get, rest};

/// Where the first response waits.
pub(crate) const WAITS: u64 = 1 << 20;
/// Where the second half of what it leaves begins.
pub(crate) const HALF: u64 = u64::midpoint(WAITS, LENGTH);

fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.options.min_split_size = 256 << 10;
    sandbox
}

/// An origin whose `/file` waits at a gate when it is asked for as a whole; what it answers to a
/// Range.
pub(crate) fn waiting(
    segments: impl Fn(&origin::Request, u64) -> Script + Send + Sync + 'static,
) -> (Origin, Gate) {
    two_kinds(segments, |first| first)
}

/// The same, and what becomes of the first response then.
fn two_kinds(
    segments: impl Fn(&origin::Request, u64) -> Script + Send + Sync + 'static,
    first: impl Fn(Script) -> Script + Send + Sync + 'static,
) -> (Origin, Gate) {
    let (origin, gate) = (Origin::plain(), Gate::new());
    let held = gate.clone();
    let segments_before = AtomicU64::new(0);
    origin.under("/file", move |request| {
        if request.headers.contains_key("range") {
            segments(request, 1 + segments_before.fetch_add(1, Ordering::Relaxed))
        } else {
            first(entity().hold_at(WAITS, &held))
        }
    });
    (origin, gate)
}

pub(crate) fn begin(sandbox: &Sandbox, row: haulage::Row) -> (Run, haulage::Events) {
    let mut run = sandbox.start();
    let events = run.events();
    run.feed([row]);
    run.close();
    (run, events)
}

pub(crate) fn end(mut events: haulage::Events) -> Outcome {
    block_on(rest(&mut events)).pop().unwrap()
}

#[test]
fn idle_lanes_take_the_second_half_of_the_largest_remainder() {
    let (origin, gate) = waiting(|_, _| entity());
    let sandbox = sandbox();
    let (_run, events) = begin(&sandbox, get(&origin.url("/file")));
    origin.wait_until(|tally| tally.requests >= 4);
    gate.open();
    let outcome = end(events);
    assert_done(&outcome);
    assert_is(&sandbox, &a());
    let log = origin.log();
    assert_eq!(header(&log[0], "range"), "");
    let mut ranges: Vec<(u64, u64)> = log[1..]
        .iter()
        .map(|segment| {
            let range = header(segment, "range").strip_prefix("bytes=").unwrap();
            let (start, end) = range.split_once('-').unwrap();
            (start.parse().unwrap(), end.parse().unwrap())
        })
        .collect();
    ranges.sort_unstable();
    assert_eq!(ranges.last().unwrap().1, LENGTH - 1);
    assert!(
        ranges
            .iter()
            .any(|range| (LENGTH / 2..=HALF).contains(&range.0)),
        "{ranges:?}"
    );
    for segment in &log[1..] {
        assert_eq!(header(segment, "if-range"), "\"a\"");
        assert_eq!(header(segment, "if-match"), "\"a\"");
        assert_eq!(header(segment, "accept-encoding"), "identity");
    }
    assert_eq!(outcome.attempts, u32::try_from(log.len()).unwrap());
    assert!(outcome.segments >= 3, "{}", outcome.segments);
    assert_eq!(
        (outcome.http_status, outcome.verified.name()),
        (Some(200), "length")
    );
}

#[test]
fn what_the_others_have_no_answer_for_is_taken_back() {
    let held = Gate::new();
    let waits = held.clone();
    // It is never opened.
    let (origin, gate) = waiting(move |_, _| entity().hold(&waits));
    let sandbox = sandbox();
    let (_run, events) = begin(&sandbox, get(&origin.url("/file")));
    held.wait_reached(2);
    gate.open();
    assert_done(&end(events));
    assert_is(&sandbox, &a());
}

#[test]
fn they_count_as_requests_to_the_host() {
    let (origin, gate) = waiting(|_, _| entity());
    let mut sandbox = sandbox();
    sandbox.engine.per_host = Some(2);
    sandbox.options.split = 16;
    let (_run, events) = begin(&sandbox, get(&origin.url("/file")));
    origin.wait_until(|tally| tally.requests >= 3);
    gate.open();
    assert_done(&end(events));
    assert_is(&sandbox, &a());
    // The origin learns of a response that was left early, with its connection, only after the next
    // one may have begun.
    assert!(origin.peak_in_flight() <= 4, "{}", origin.peak_in_flight());
}

#[test]
fn what_must_have_a_checksum_is_held_against_it_in_the_end() {
    let sum = format!("crc32c={:08x}", crc32c::crc32c(&a().bytes()));
    let (origin, gate) = waiting(|_, _| entity());
    let sandbox = sandbox();
    let (_run, events) = begin(&sandbox, expecting(&origin.url("/file"), &[&sum]));
    origin.wait_until(|tally| tally.requests >= 2);
    gate.open();
    let outcome = end(events);
    assert_done(&outcome);
    assert_eq!(outcome.verified.name(), "checksum");
    assert_eq!(outcome.hashes[0].to_string(), sum);
    assert_is(&sandbox, &a());
}

#[test]
fn rows_16_and_22_segment_of_another_entity_is_not_taken() {
    type Answer = Box<dyn Fn(&origin::Request) -> Script + Send + Sync>;
    // What was asked for, of the other one.
    let part = |request: &origin::Request, tag: &str| {
        let range = request.headers["range"].to_str().unwrap();
        let range = range.strip_prefix("bytes=").unwrap();
        let (start, last) = range.split_once('-').unwrap();
        let start: usize = start.parse().unwrap();
        // The item alone asks for all that follows.
        let end = usize::try_from(LENGTH).unwrap() - 1;
        let last = last.parse().unwrap_or(end);
        Script::status(206)
            .header("content-range", &format!("bytes {start}-{last}/{LENGTH}"))
            .etag(tag)
            .body(Body::of(b().bytes()[start..=last].to_vec()))
    };
    let answers: [Answer; 4] = [
        // 412.
        Box::new(|_| Script::entity(b(), "\"b\"")),
        // It takes no notice of If-Match.
        Box::new(|_| Script::ok(b()).etag("\"b\"")),
        // Nor of If-Range.
        Box::new(move |request| part(request, "\"b\"")),
        Box::new(move |request| part(request, "W/\"a\"")),
    ];
    for answer in answers {
        let (origin, gate) = waiting(move |request, _| answer(request));
        let sandbox = sandbox();
        let (_run, events) = begin(&sandbox, get(&origin.url("/file")));
        origin.wait_until(|tally| tally.requests >= 2);
        gate.open();
        let outcome = end(events);
        assert_done(&outcome);
        // Whichever it is, it is that one alone.
        let file = sandbox.read("file");
        assert!(
            file == a().bytes() || file == b().bytes(),
            "it is a mixture"
        );
        assert_eq!(sandbox.names(), ["file"]);
    }
}

#[test]
fn answers_that_are_no_part_leave_the_file_to_the_others() {
    let length = LENGTH - 1;
    let whole = format!("bytes 0-{length}/{LENGTH}");
    let answers = [
        Script::status(201).body(Body::of("x")),
        Script::status(202).header("retry-after", "1"),
        Script::status(302)
            .header("location", "/file")
            .header("retry-after", "60"),
        Script::status(206)
            .body(b())
            .etag("\"a\"")
            .header("content-range", &whole),
        Script::ok(b())
            .etag("\"a\"")
            .chunked()
            .header("transfer-encoding", "gzip, chunked"),
    ];
    for answer in answers {
        let shown = answer.clone();
        let (origin, gate) = waiting(move |_, _| answer.clone());
        let sandbox = sandbox();
        let (_run, events) = begin(&sandbox, get(&origin.url("/file")));
        origin.wait_until(|tally| tally.requests >= 2);
        gate.open();
        assert_done(&end(events));
        assert!(sandbox.read("file") == a().bytes(), "{shown:?}");
    }
}

#[test]
fn segment_redirect_framed_twice_ends_its_connection() {
    let (origin, gate) = waiting(|request, _| {
        if request.query("moved").is_some() {
            return entity();
        }
        Script::redirect(302, "/file?moved=1")
            .body(Body::of("moved"))
            .chunked()
            .header("content-length", "7")
    });
    let sandbox = sandbox();
    let (_run, events) = begin(&sandbox, get(&origin.url("/file")));
    origin.wait_until(|tally| tally.requests >= 4);
    gate.open();
    assert_done(&end(events));
    assert_is(&sandbox, &a());
    let log = origin.log();
    let is_redirected =
        |asked: &origin::LoggedRequest| asked.path == "/file" && !header(asked, "range").is_empty();
    let redirected: Vec<_> = (0..log.len())
        .filter(|nth| is_redirected(&log[*nth]))
        .collect();
    assert!(!redirected.is_empty());
    for nth in redirected {
        let mut later = log[nth + 1..].iter();
        let number = log[nth].connection;
        assert!(
            later.all(|asked| asked.connection != number),
            "connection {number} was used again"
        );
    }
}

#[test]
fn row_23_a_server_that_allows_one_connection_is_left_with_one() {
    for refusal in [429, 503, 403] {
        let (origin, gate) = waiting(|_, _| entity());
        origin.limit("/file", Limit::at_once(1, Script::status(refusal)));
        let sandbox = sandbox();
        let (_run, events) = begin(&sandbox, get(&origin.url("/file")));
        origin.wait_until(|tally| tally.requests >= 2);
        gate.open();
        let outcome = end(events);
        assert_done(&outcome);
        assert_is(&sandbox, &a());
    }
}

#[test]
fn a_server_that_refuses_every_range_is_asked_for_the_whole() {
    for refusal in [400, 403, 501] {
        let (origin, gate) = waiting(move |_, _| Script::status(refusal));
        let sandbox = sandbox();
        let (_run, events) = begin(&sandbox, get(&origin.url("/file")));
        origin.wait_until(|tally| tally.requests >= 2);
        gate.open();
        assert_done(&end(events));
        assert_is(&sandbox, &a());
    }
}

#[test]
fn segment_that_breaks_off_is_brought_by_others() {
    let (origin, gate) = waiting(|_, nth| {
        if nth <= 2 {
            entity().close_at(100_000)
        } else {
            entity()
        }
    });
    let sandbox = sandbox();
    let (_run, events) = begin(&sandbox, get(&origin.url("/file")));
    origin.wait_until(|tally| tally.requests >= 2);
    gate.open();
    let outcome = end(events);
    assert_done(&outcome);
    assert_is(&sandbox, &a());
}

#[test]
fn the_others_go_on_when_the_first_response_breaks_off() {
    let segments = Gate::new();
    let held = segments.clone();
    let (origin, gate) = two_kinds(
        move |_, _| entity().hold_at(1, &held),
        |first| first.close_at(WAITS),
    );
    let sandbox = sandbox();
    let (_run, events) = begin(&sandbox, get(&origin.url("/file")));
    segments.wait_reached(1);
    gate.open();
    // It has gone.
    origin.wait_until(|tally| tally.in_flight < usize::try_from(tally.requests).unwrap());
    segments.open();
    let outcome = end(events);
    assert_done(&outcome);
    assert_is(&sandbox, &a());
    let whole = origin
        .log()
        .iter()
        .filter(|asked| header(asked, "range").is_empty())
        .count();
    assert_eq!(whole, 1, "it was begun again");
}

#[test]
fn shares_that_bring_nothing_more_are_given_up() {
    let held = Gate::new();
    let waits = held.clone();
    let (origin, gate) = waiting(move |_, _| entity().hold_at(0, &waits));
    let sandbox = sandbox();
    let (_run, events) = begin(&sandbox, get(&origin.url("/file")));
    held.wait_reached(3);
    // The first response has not ended, and nobody else is asked.
    origin.wait_until(|tally| tally.in_flight == 1);
    gate.open();
    held.open();
    assert_done(&end(events));
    assert_is(&sandbox, &a());
}

#[test]
fn row_25_what_crawls_in_the_end_is_taken_over() {
    // The gate is never opened: what the first response does not bring, others do, to the last
    // byte.
    let (origin, _gate) = waiting(|_, _| entity());
    let mut sandbox = sandbox();
    // It is not given up for its silence.
    sandbox.options.timeout = std::time::Duration::from_hours(1);
    let (_run, events) = begin(&sandbox, get(&origin.url("/file")));
    let outcome = end(events);
    assert_done(&outcome);
    assert_is(&sandbox, &a());
}

#[test]
fn a_run_that_is_stopped_goes_on_with_what_is_missing_in_the_middle() {
    let segments = Gate::new();
    let (origin, _gate) = waiting(move |_, _| entity().hold_at(200_000, &segments));
    let sandbox = sandbox();
    let (run, mut events) = begin(&sandbox, listed(&origin.url("/file")));
    block_on(async {
        let Some(Event::Started(transfer)) = events.next().await else {
            panic!("it starts");
        };
        while transfer.received() < WAITS + 3 * 200_000 {
            tokio::task::yield_now().await;
        }
        run.cancel();
        rest(&mut events).await;
    });
    assert!(sandbox.names().is_empty());
    drop((run, events));
    origin.under("/file", |_| entity());
    let outcome = sandbox.run([listed(&origin.url("/file"))]).pop().unwrap();
    assert_done(&outcome);
    assert_is(&sandbox, &a());
    // But for what two brought at once.
    assert!(outcome.resumed > WAITS + 400_000, "{}", outcome.resumed);
}

/// A file that takes four seconds, so that it would be split if anything spoke for it.
pub(crate) fn slow(script: Script) -> Script {
    script.drip(LENGTH / 32, std::time::Duration::from_millis(130))
}

#[test]
fn without_a_strong_validator_without_ranges_or_by_request_a_file_comes_as_one() {
    let sum = format!("crc32c={:08x}", crc32c::crc32c(&a().bytes()));
    let (none, one) = (&[][..], &[&*sum][..]);
    let cases = [
        (Script::ok(a()).ranges(), none, 4),
        (Script::ok(a()).ranges(), one, 4),
        (Script::entity(a(), "W/\"a\""), none, 4),
        (entity().header("accept-ranges", "none"), none, 4),
        (entity(), none, 1),
    ];
    std::thread::scope(|scope| {
        for (script, sums, split) in cases {
            scope.spawn(move || {
                let origin = Origin::plain();
                origin.on("/file", slow(script));
                let mut sandbox = sandbox();
                sandbox.options.split = split;
                let row = expecting(&origin.url("/file"), sums);
                let outcome = sandbox.run([row]).pop().unwrap();
                assert_done(&outcome);
                assert_eq!(origin.log().len(), 1);
            });
        }
    });
}

#[test]
fn on_one_http2_connection_a_file_comes_as_one() {
    let origin = Origin::tls();
    origin.on("/file", slow(entity()));
    let mut sandbox = Sandbox::trusting(&origin);
    sandbox.options.min_split_size = 256 << 10;
    let outcome = sandbox.fetch(&origin.url("/file"));
    assert_done(&outcome);
    assert_eq!(origin.log().len(), 1);
}
