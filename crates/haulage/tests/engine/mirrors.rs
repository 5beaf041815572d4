//! Mirrors of one item bring segments of its file side by side, where a checksum would find a
//! mixture; and one that lies is found. Row 16 of docs/faults.md.

use haulage::{Outcome, Request, Row};
use origin::{Gate, Origin, Script};

use crate::entities::{LENGTH, a, assert_is, b, entity, header, ranges};
use crate::sandbox::{Sandbox, assert_done, block_on, next_outcome};
use crate::splitting::{HALF, WAITS, begin, end, slow, waiting};
use crate::wild::Closed;

/// One request at a time to each host; and what the first response has left is split once.
fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    one_segment(&mut sandbox);
    sandbox
}

fn one_segment(sandbox: &mut Sandbox) {
    sandbox.engine.per_host = Some(1);
    sandbox.options.min_split_size = 2 << 20;
}

/// A file that is to be `a`, at one of these.
#[expect(clippy::unnecessary_wraps, reason = "this is what a source yields")]
fn checked(first: &str, mirror: &str) -> Row {
    let sum = format!("crc32c={:08x}", crc32c::crc32c(&a().bytes()));
    let request = Request::new(first).unwrap().mirror(mirror).unwrap();
    Ok(request.checksum(sum.parse().unwrap()).unwrap())
}

/// Fetches a file whose first response waits at a gate until another origin has been asked, and has
/// answered: it is `a`.
#[track_caller]
fn fetched(sandbox: &Sandbox, row: Row, other: &Origin, gate: &Gate) -> Outcome {
    let (_engine, events) = begin(sandbox, row);
    other.wait_until(|tally| tally.requests >= 1 && tally.in_flight == 0);
    gate.open();
    let outcome = end(events);
    assert_done(&outcome);
    assert_is(sandbox, &a());
    outcome
}

/// Where the one segment of a mirror begins, which is the second half of what the first response
/// leaves.
#[track_caller]
fn segment_of(mirror: &Origin) -> u64 {
    let range = ranges(mirror).swap_remove(0);
    let (start, last) = range
        .strip_prefix("bytes=")
        .unwrap()
        .split_once('-')
        .unwrap();
    let start = start.parse().unwrap();
    assert!((LENGTH / 2..=HALF).contains(&start), "{start}");
    assert_eq!(last, (LENGTH - 1).to_string());
    start
}

#[test]
fn under_a_checksum_mirrors_bring_shares_side_by_side() {
    let ((first, gate), mirror) = (waiting(|_, _| entity()), Origin::plain());
    // What it calls its copy means nothing elsewhere.
    mirror.on("/copy", Script::entity(a(), "\"another\""));
    let sandbox = sandbox();
    let row = checked(&first.url("/file"), &mirror.url("/copy"));
    let outcome = fetched(&sandbox, row, &mirror, &gate);
    assert_eq!(ranges(&first), [""]);
    segment_of(&mirror);
    assert_eq!(mirror.log().len(), 1);
    let segment = &mirror.log()[0];
    assert_eq!(
        (header(segment, "if-range"), header(segment, "if-match")),
        ("", "")
    );
    assert_eq!((outcome.verified.name(), outcome.segments), ("checksum", 2));
    assert_eq!(outcome.restart_reason, None);
}

#[test]
fn without_one_they_do_not() {
    let (first, mirror) = (Origin::plain(), Origin::plain());
    first.on("/file", slow(entity()));
    mirror.on("/copy", entity());
    let sandbox = sandbox();
    let request = Request::new(&first.url("/file")).unwrap();
    let request = request.mirror(&mirror.url("/copy")).unwrap();
    let outcome = sandbox.run([Ok(request)]).pop().unwrap();
    assert_done(&outcome);
    assert_eq!(mirror.log().len(), 0);
}

#[test]
fn beside_a_response_over_http2_a_mirror_brings_a_segment() {
    let (first, mirror, gate) = (Origin::tls(), Origin::plain(), Gate::new());
    first.on("/file", entity().hold_at(WAITS, &gate));
    mirror.on("/copy", entity());
    let mut sandbox = Sandbox::trusting(&first);
    one_segment(&mut sandbox);
    // There would be room for one more.
    sandbox.engine.per_host = Some(2);
    let row = checked(&first.url("/file"), &mirror.url("/copy"));
    fetched(&sandbox, row, &mirror, &gate);
    assert_eq!(ranges(&first), [""]);
}

#[test]
fn row_16_of_a_mirror_that_lies_nothing_is_kept_and_nothing_more_is_asked() {
    let ((first, gate), mirror) = (waiting(|_, _| entity()), Origin::plain());
    mirror.on("/copy", Script::entity(b(), "\"a\""));
    let sandbox = sandbox();
    let row = checked(&first.url("/file"), &mirror.url("/copy"));
    let outcome = fetched(&sandbox, row, &mirror, &gate);
    let from_there = format!("bytes={}-", segment_of(&mirror));
    assert_eq!(ranges(&first), [String::new(), from_there]);
    assert_eq!(mirror.log().len(), 1);
    assert_eq!(outcome.verified.name(), "checksum");
    let why = outcome.restart_reason.unwrap();
    assert!(why.contains("one of its URLs has another file"), "{why}");
}

#[test]
fn after_it_was_found_it_brings_no_segment_of_any_other_file() {
    let ((first, gate), mirror) = (waiting(|_, _| entity()), Origin::plain());
    mirror.on("/copy", Script::entity(b(), "\"a\""));
    mirror.on("/next", entity());
    first.on("/next", slow(entity()));
    let sandbox = sandbox();
    let rows = |name: &str, copy: &str| checked(&first.url(name), &mirror.url(copy));
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([rows("/file", "/copy")]);
    // It brings all of its segment, so that this does not fit.
    mirror.wait_until(|tally| tally.requests >= 1 && tally.in_flight == 0);
    gate.open();
    assert_done(&block_on(next_outcome(&mut events)));
    run.feed([rows("/next", "/next")]);
    run.close();
    assert_done(&end(events));
    assert_eq!(mirror.count("/next"), 0);
}

#[test]
fn row_16_if_the_first_lies_the_mirror_brings_all_of_it() {
    let (first, mirror, gate) = (Origin::plain(), Origin::plain(), Gate::new());
    let held = gate.clone();
    first.under("/file", move |_| {
        Script::entity(b(), "\"a\"").hold_at(WAITS, &held)
    });
    mirror.on("/copy", entity());
    let sandbox = sandbox();
    let row = checked(&first.url("/file"), &mirror.url("/copy"));
    let outcome = fetched(&sandbox, row, &mirror, &gate);
    let from_there = format!("bytes={}-", segment_of(&mirror));
    assert_eq!(ranges(&first), [String::new(), from_there]);
    assert_eq!(ranges(&mirror)[1..], [""]);
    assert_eq!(outcome.final_url, Some(mirror.url("/copy")));
}

#[test]
fn what_one_brings_after_another_is_no_mixture_that_is_kept_either() {
    let (first, mirror) = (Origin::plain(), Origin::plain());
    first.on("/file", Script::entity(b(), "\"a\"").close_at(WAITS));
    mirror.on("/copy", entity());
    let sandbox = sandbox();
    let row = checked(&first.url("/file"), &mirror.url("/copy"));
    let outcome = sandbox.run([row]).pop().unwrap();
    assert_done(&outcome);
    assert_is(&sandbox, &a());
    // What it had brought is gone on with, and what the other one had, it brings too.
    let rest = format!("bytes={WAITS}-");
    let beginning = format!("bytes=0-{}", WAITS - 1);
    assert_eq!(ranges(&mirror), [rest, beginning]);
}

#[test]
fn a_mirror_may_lead_elsewhere() {
    let ((first, gate), mirror) = (waiting(|_, _| entity()), Origin::plain());
    let nearest = Origin::plain();
    mirror.on("/copy", Script::redirect(302, &nearest.url("/there")));
    nearest.on("/there", entity());
    let sandbox = sandbox();
    let row = checked(&first.url("/file"), &mirror.url("/copy"));
    fetched(&sandbox, row, &nearest, &gate);
    segment_of(&nearest);
    assert_eq!(ranges(&first), [""]);
}

#[test]
fn one_that_is_of_no_use_costs_nothing() {
    let loops = Origin::plain();
    loops.on("/copy", Script::redirect(302, &loops.url("/copy")));
    let answers = [
        Script::status(404),
        Script::status(429).header("retry-after", "3600"),
        Script::ok(a()),
        Script::entity(origin::Body::seeded(1, LENGTH - 1), "\"a\""),
        entity().close_at(100_000),
        entity().reset(),
        Script::redirect(302, &loops.url("/copy")),
    ];
    std::thread::scope(|scope| {
        for answer in answers {
            scope.spawn(move || {
                let ((first, gate), mirror) = (waiting(|_, _| entity()), Origin::plain());
                mirror.on("/copy", answer);
                let sandbox = sandbox();
                let row = checked(&first.url("/file"), &mirror.url("/copy"));
                fetched(&sandbox, row, &mirror, &gate);
            });
        }
    });
}

#[test]
fn nor_does_one_that_nobody_is_at() {
    let first = Origin::plain();
    first.on("/file", slow(entity()));
    let gone = Closed::new();
    let sandbox = sandbox();
    let outcome = sandbox
        .run([checked(&first.url("/file"), &gone.url())])
        .pop()
        .unwrap();
    assert_done(&outcome);
    assert_is(&sandbox, &a());
    assert_eq!(first.log().len(), 1);
}

#[test]
fn row_25_what_a_mirror_never_sends_the_first_does() {
    let ((first, gate), mirror) = (waiting(|_, _| entity()), Origin::plain());
    mirror.on("/copy", entity().hold_at(0, &Gate::new()));
    let mut sandbox = sandbox();
    // It is not given up for its silence.
    sandbox.options.timeout = std::time::Duration::from_hours(1);
    let row = checked(&first.url("/file"), &mirror.url("/copy"));
    let (_engine, events) = begin(&sandbox, row);
    mirror.wait_until(|tally| tally.requests >= 1);
    gate.open();
    assert_done(&end(events));
    assert_is(&sandbox, &a());
}
