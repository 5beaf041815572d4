//! Limits of bytes per second hold over lanes, streams and segments, and may be changed.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use haulage::HttpVersion;
use origin::{Body, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, get, next_outcome, rest};

const MIB: u64 = 1 << 20;
/// What may come before its time: a turn, and what was not received for a moment.
const SLACK: Duration = Duration::from_millis(100);

/// Long enough for requests to overlap.
const LATENCY: Duration = Duration::from_millis(10);

/// Returns how long it takes to fetch `files` files of each of these origins.
#[track_caller]
fn took(sandbox: &Sandbox, origins: &[&Origin], files: u64, bytes: u64) -> Duration {
    let mut rows = Vec::new();
    for origin in origins {
        origin.under("/", move |_| {
            let file = Script::ok(Body::seeded(1, bytes)).delay(LATENCY);
            file.ranges().etag("\"one\"")
        });
        rows.extend((0..files).map(|file| get(&origin.url(&format!("/{file}")))));
    }
    let start = Instant::now();
    let outcomes = sandbox.run(rows);
    let took = start.elapsed();
    outcomes.iter().for_each(assert_done);
    assert!(outcomes.iter().all(|outcome| outcome.bytes == bytes));
    took
}

#[track_caller]
fn assert_about(took: Duration, seconds: f64) {
    let least = Duration::from_secs_f64(seconds).saturating_sub(SLACK);
    // How much longer it takes says more of the machine than of the limit: that bytes come as fast
    // as they may is what the tests of `rate` show.
    assert!(took >= least && took < least * 30, "{took:?}");
}

#[test]
fn lanes_and_streams_together_keep_to_the_limit() {
    for (origin, http) in [
        (Origin::plain(), HttpVersion::Http1),
        (Origin::tls(), HttpVersion::Http1),
        (Origin::tls(), HttpVersion::Negotiated),
    ] {
        let mut sandbox = Sandbox::trusting(&origin);
        sandbox.options.route.http = http;
        sandbox.engine.limit_rate = NonZeroU64::new(2 * MIB);
        assert_about(took(&sandbox, &[&origin], 40, MIB / 20), 1.0);
        assert!(origin.peak_in_flight() > 1);
    }
}

#[test]
fn each_host_has_its_own_limit_where_that_is_asked_for() {
    let (one, other) = (Origin::plain(), Origin::tls());
    let mut sandbox = Sandbox::trusting(&other);
    sandbox.options.layout = haulage::Layout::Tree;
    sandbox.engine.limit_rate_per_host = NonZeroU64::new(MIB);
    assert_about(took(&sandbox, &[&one, &other], 16, MIB / 16), 1.0);
    sandbox.options.existing = haulage::Existing::Overwrite;
    sandbox.engine.limit_rate = NonZeroU64::new(MIB);
    assert_about(took(&sandbox, &[&one, &other], 16, MIB / 16), 2.0);
}

#[test]
fn a_large_file_keeps_to_it_with_all_its_segments() {
    let origin = Origin::plain();
    let mut sandbox = Sandbox::new();
    sandbox.options.min_split_size = MIB;
    sandbox.engine.limit_rate = NonZeroU64::new(32 * MIB);
    // Directly from the socket to the file.
    assert_about(took(&sandbox, &[&origin], 1, 48 * MIB), 1.5);
    sandbox.options.existing = haulage::Existing::Overwrite;
    sandbox.engine.limit_rate = NonZeroU64::new(4 * MIB);
    assert_about(took(&sandbox, &[&origin], 1, 12 * MIB), 3.0);
    assert!(origin.peak_in_flight() > 1, "it was never split");
}

#[test]
fn a_limit_is_changed_while_files_come() {
    let origin = Origin::plain();
    origin.on("/small", Script::ok(Body::seeded(1, 100)));
    origin.on("/large", Script::ok(Body::seeded(2, 60 * MIB)));
    let mut sandbox = Sandbox::new();
    // At this rate it would take a quarter of an hour.
    sandbox.engine.limit_rate = NonZeroU64::new(64 << 10);
    sandbox.engine.limit_rate_per_host = NonZeroU64::new(64 << 10);
    let engine = haulage::Engine::start(sandbox.engine.clone()).unwrap();
    let mut run = engine.open(sandbox.options.clone()).unwrap();
    let mut events = run.events();
    run.feed(["/large", "/small"].map(|path| get(&origin.url(path))));
    run.close();
    let first = block_on(next_outcome(&mut events));
    assert_done(&first);
    assert_eq!(first.bytes, 100);
    engine.limit_rate(None);
    engine.limit_rate_per_host(NonZeroU64::new(1 << 40));
    block_on(rest(&mut events)).iter().for_each(assert_done);
    assert_eq!(sandbox.read("large").len() as u64, 60 * MIB);
}

#[test]
fn a_run_that_is_limited_ends_at_once_when_it_is_stopped() {
    let origin = Origin::plain();
    origin.on("/large", Script::ok(Body::seeded(2, 60 * MIB)));
    let mut sandbox = Sandbox::new();
    sandbox.engine.limit_rate = NonZeroU64::new(1);
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([get(&origin.url("/large"))]);
    origin.wait_until(|origin| origin.requests == 1);
    run.cancel();
    let outcomes = block_on(rest(&mut events));
    assert_eq!(crate::sandbox::kind(&outcomes[0]), "cancelled");
}
