//! Retries are for attempts without progress: a file that gets longer with each attempt is
//! completed, however often its connection breaks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use haulage::Event;
use origin::{Body, Gate, Origin, RangeLie, Script};

use crate::entities::{LENGTH, a, assert_is, entity};
use crate::sandbox::{Sandbox, assert_done, block_on, expecting, get, kind, rest};
use crate::splitting::{begin, end};

/// What each response brings before it breaks off.
const CUT: u64 = 100_000;
/// The requests that it takes to bring all of the file.
const REQUESTS: u64 = LENGTH.div_ceil(CUT);

fn sandbox(retries: u32) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = retries;
    sandbox.options.split = 1;
    sandbox
}

fn serving(script: fn() -> Script) -> Origin {
    let origin = Origin::plain();
    origin.under("/", move |_| script());
    origin
}

#[test]
fn attempts_with_progress_do_not_use_up_the_retries() {
    let origin = serving(|| entity().close_at(CUT));
    let sandbox = sandbox(1);
    let (_engine, mut events) = begin(&sandbox, get(&origin.url("/file")));
    let (mut retries, mut outcome) = (Vec::new(), None);
    block_on(async {
        while let Some(event) = events.next().await {
            match event {
                Event::Retrying { attempts, .. } => retries.push(u64::from(attempts)),
                Event::Ended(ended) => outcome = Some(ended),
                _ => {}
            }
        }
    });
    let outcome = outcome.unwrap();
    assert_done(&outcome);
    assert_is(&sandbox, &a());
    assert_eq!(u64::from(outcome.attempts), REQUESTS);
    assert_eq!(retries, (1..REQUESTS).collect::<Vec<_>>(), "each is told");
}

#[test]
fn a_file_of_less_than_256_kib_makes_progress_too() {
    let origin = serving(|| Script::entity(Body::seeded(1, 200_000), "\"a\"").close_at(66_000));
    let outcome = sandbox(1).fetch(&origin.url("/file"));
    assert_done(&outcome);
    assert_eq!((outcome.attempts, outcome.bytes), (4, 200_000));
}

#[test]
fn attempts_that_keep_too_little_or_nothing_count() {
    let too_little: fn() -> Script = || entity().close_at(60_000);
    let no_validator = || Script::ok(a()).close_at(CUT);
    let no_ranges = || entity().range_lie(RangeLie::Ignore).close_at(CUT);
    let no_length = || entity().chunked().close_at(CUT);
    let scripts = [too_little, no_validator, no_ranges, no_length];
    for (nth, script) in scripts.into_iter().enumerate() {
        let origin = serving(script);
        let outcome = sandbox(2).fetch(&origin.url("/file"));
        let ended = (kind(&outcome), outcome.attempts);
        assert_eq!(ended, ("incomplete", 3), "script {nth}");
    }
}

#[test]
fn a_server_that_only_claims_ranges_is_not_asked_for_ever() {
    let origin = Origin::plain();
    let nth = AtomicU64::new(0);
    // Each response gets further than the one before, and none is resumed.
    origin.under("/", move |_| {
        let nth = nth.fetch_add(1, Ordering::Relaxed) + 1;
        entity().range_lie(RangeLie::Ignore).close_at(nth * CUT)
    });
    let outcome = sandbox(2).fetch(&origin.url("/file"));
    assert_eq!((kind(&outcome), outcome.attempts), ("incomplete", 3));
}

#[test]
fn a_file_that_changes_each_time_is_not_asked_for_ever() {
    let origin = Origin::plain();
    let nth = AtomicU64::new(0);
    origin.under("/", move |_| {
        let tag = format!("\"{}\"", nth.fetch_add(1, Ordering::Relaxed));
        Script::entity(a(), &tag).close_at(CUT)
    });
    let outcome = sandbox(2).fetch(&origin.url("/file"));
    assert_eq!((kind(&outcome), outcome.attempts), ("incomplete", 3));
}

#[test]
fn failures_after_progress_count_from_the_last_of_it() {
    let origin = Origin::plain();
    let cut = || entity().close_at(CUT);
    let fails = || Script::status(503);
    let scripts = [cut(), fails(), cut(), fails(), cut(), fails(), fails()];
    origin.on("/file", scripts);
    let outcome = sandbox(2).fetch(&origin.url("/file"));
    assert_eq!((kind(&outcome), outcome.attempts), ("http", 7));
}

#[test]
fn progress_after_a_redirect_counts() {
    let origin = serving(|| entity().close_at(CUT));
    origin.on("/given", Script::redirect(302, "/elsewhere"));
    let mut sandbox = sandbox(1);
    // As many as one attempt takes.
    sandbox.options.max_redirects = 1;
    let outcome = sandbox.fetch(&origin.url("/given"));
    assert_done(&outcome);
    assert_eq!(origin.count("/elsewhere"), REQUESTS);
}

#[test]
fn file_that_changes_without_end_is_given_up() {
    const MOST: u64 = 100;
    let origin = Origin::plain();
    origin.under("/", |request| {
        // Each version breaks off, is resumed twice, and is gone.
        let etag = format!("\"{}\"", (request.nth - 1) / 3);
        match request.nth {
            MOST.. => Script::status(404),
            _ => Script::entity(a(), &etag).close_at(CUT),
        }
    });
    let outcome = sandbox(2).fetch(&origin.url("/file"));
    assert_eq!(kind(&outcome), "incomplete");
    assert!(origin.count("/file") < MOST);
}

#[test]
fn progress_at_any_mirror_counts() {
    let (first, second) = (Origin::plain(), serving(|| entity().close_at(CUT)));
    first.on("/file", Script::status(503));
    let sum = format!("crc32c={:08x}", crc32c::crc32c(&a().bytes()));
    let row = expecting(&first.url("/file"), &[&sum]);
    let row = row.map(|request| request.mirror(&second.url("/file")).unwrap());
    let sandbox = sandbox(1);
    let outcome = sandbox.run([row]).pop().unwrap();
    assert_done(&outcome);
    assert_is(&sandbox, &a());
    assert_eq!(second.count("/file"), REQUESTS);
}

#[test]
fn progress_of_any_segment_counts() {
    let (first_waits, segments_wait) = (Gate::new(), Gate::new());
    let origin = Origin::plain();
    let (first, segments) = (first_waits.clone(), segments_wait.clone());
    let ranges = AtomicU64::new(0);
    origin.under("/file", move |request| {
        let is_segment = request.headers.contains_key("if-match");
        let nth = ranges.fetch_add(u64::from(is_segment), Ordering::Relaxed);
        match request.nth {
            1 => Script::status(503),
            // Too little to be progress by itself.
            2 => entity().hold_at(30_000, &first).close_at(30_001),
            _ if is_segment && nth == 0 => entity().hold_at(CUT, &segments).close_at(CUT + 1),
            _ if is_segment => Script::status(503),
            _ => entity(),
        }
    });
    let mut sandbox = sandbox(1);
    sandbox.options.split = 2;
    sandbox.options.min_split_size = 256 << 10;
    let (_engine, events) = begin(&sandbox, get(&origin.url("/file")));
    segments_wait.wait_reached(1);
    first_waits.open();
    segments_wait.open();
    let outcome = end(events);
    assert_done(&outcome);
    assert_is(&sandbox, &a());
}

#[test]
fn a_long_body_that_breaks_off_leaves_time_for_retries() {
    let origin = Origin::plain();
    let slow = entity().delay_at(10, Duration::from_millis(400));
    origin.on("/file", [slow.close_at(CUT), entity()]);
    let too_short = Body::seeded(1, 80_000);
    let slow = Script::entity(too_short.clone(), "\"a\"").delay_at(10, Duration::from_millis(400));
    origin.on("/short", [slow.close_at(40_000), Script::ok(too_short)]);
    let slow = Script::ok(a()).delay_at(10, Duration::from_millis(400));
    origin.on("/unkept", [slow.close_at(CUT), Script::ok(a())]);
    let mut sandbox = sandbox(5);
    sandbox.options.retry.max_time = Duration::from_millis(300);
    assert_done(&sandbox.fetch(&origin.url("/file")));
    assert_done(&sandbox.fetch(&origin.url("/short")));
    let unkept = sandbox.fetch(&origin.url("/unkept"));
    assert_eq!((kind(&unkept), unkept.attempts), ("incomplete", 1));
}

#[test]
fn max_time_ends_an_item_however_it_progresses() {
    let origin = serving(|| {
        let slow = entity().delay_at(10, Duration::from_millis(50));
        slow.close_at(70_000)
    });
    let mut sandbox = sandbox(5);
    sandbox.options.max_time = Some(Duration::from_millis(200));
    let outcome = sandbox.fetch(&origin.url("/file"));
    assert_ne!(kind(&outcome), "none");
    assert!(outcome.error().unwrap().to_string().contains("--max-time"));
}

#[test]
fn a_host_that_brings_files_piece_by_piece_is_not_given_up() {
    // One connection after another breaks, for longer than a host in trouble gets.
    let origin = serving(|| {
        let slow = entity().delay_at(10, Duration::from_millis(100));
        slow.close_at(CUT)
    });
    let mut sandbox = sandbox(1);
    sandbox.engine.per_host = Some(1);
    sandbox.options.retry.max_time = Duration::from_secs(1);
    let rows: Vec<_> = (0..3)
        .map(|nth| get(&origin.url(&format!("/{nth}"))))
        .collect();
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed(rows);
    run.close();
    block_on(rest(&mut events)).iter().for_each(assert_done);
}
