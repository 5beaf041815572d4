//! What a file and an item may come to.

use std::time::{Duration, Instant};

use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, get, kind};

const LIMIT: u64 = 100_000;

#[test]
fn a_file_that_says_that_it_is_too_large_is_refused_before_its_body() {
    let never = Gate::new();
    for origin in [Origin::plain(), Origin::tls()] {
        let long = Script::ok(Body::seeded(1, LIMIT + 1)).hold_at(0, &never);
        origin.on("/long", long);
        let mut sandbox = Sandbox::trusting(&origin);
        sandbox.options.max_size = Some(LIMIT);
        let outcome = sandbox.fetch(&origin.url("/long"));
        assert_eq!((kind(&outcome), outcome.attempts), ("refused", 1));
        let message = outcome.error().unwrap().to_string();
        assert!(message.contains("--max-size"), "{message}");
    }
}

#[test]
fn a_file_that_grows_too_large_is_refused_and_nothing_stays() {
    for origin in [Origin::plain(), Origin::tls()] {
        let long = || Script::ok(Body::seeded(1, 10 * LIMIT));
        origin.on("/chunked", long().chunked());
        origin.on("/closed", long().without_length());
        let mut sandbox = Sandbox::trusting(&origin);
        sandbox.options.max_size = Some(LIMIT);
        for path in ["/chunked", "/closed"] {
            let outcome = sandbox.fetch(&origin.url(path));
            assert_eq!((kind(&outcome), outcome.attempts), ("refused", 1), "{path}");
        }
        assert!(sandbox.names().is_empty());
        let parts = std::fs::read_dir(sandbox.path(".haul/part")).unwrap();
        assert_eq!(parts.count(), 0);
    }
}

#[test]
fn a_file_of_just_that_size_is_saved_and_its_connection_serves_others() {
    let origin = Origin::plain();
    origin.on("/length", Script::ok(Body::seeded(1, LIMIT)));
    origin.on("/chunked", Script::ok(Body::seeded(1, LIMIT)).chunked());
    let mut sandbox = Sandbox::new();
    sandbox.options.max_size = Some(LIMIT);
    sandbox.engine.jobs = 1;
    let rows = ["/length", "/chunked"].map(|path| get(&origin.url(path)));
    sandbox.run(rows).iter().for_each(assert_done);
    assert_eq!(origin.connections(), 1);
}

/// Less than any timeout or wait that is not cut short by it.
const TIME: Duration = Duration::from_millis(300);
/// More than any test takes in which it is.
const TOO_LONG: Duration = Duration::from_secs(20);

#[test]
fn the_time_of_an_item_is_over_wherever_it_is() {
    for origin in [Origin::plain(), Origin::tls_http1(), Origin::tls()] {
        let file = || Script::ok(Body::seeded(1, LIMIT));
        let slow = Duration::from_millis(50);
        origin.on("/head", file().stall());
        origin.on("/body", file().drip(1, Duration::from_millis(10)));
        origin.on("/hops", Script::redirect(302, "/hops").delay(slow));
        origin.on("/attempts", Script::status(503).delay(slow));
        let mut sandbox = Sandbox::trusting(&origin);
        sandbox.options.max_time = Some(TIME);
        sandbox.options.max_redirects = 100_000;
        sandbox.options.retry.retries = 100_000;
        let start = Instant::now();
        let outcomes = sandbox
            .run(["/head", "/body", "/hops", "/attempts"].map(|path| get(&origin.url(path))));
        assert!(start.elapsed() < TOO_LONG, "{:?}", start.elapsed());
        for outcome in outcomes {
            let error = outcome.error().unwrap();
            assert!(error.to_string().contains("--max-time"), "{error}");
            let expected = [("timeout", false), ("http", true)];
            assert!(expected.contains(&(error.kind().name(), error.is_transient())));
            assert!(outcome.duration >= TIME / 2, "{:?}", outcome.duration);
        }
        // What has been given up does not keep others from connecting.
        sandbox.options.max_time = None;
        origin.on("/fine", file());
        assert_done(&sandbox.fetch(&origin.url("/fine")));
    }
}

#[test]
fn an_item_does_not_wait_for_an_attempt_that_has_no_time() {
    let origin = Origin::plain();
    origin.on("/a", Script::status(503).header("retry-after", "60"));
    let mut sandbox = Sandbox::new();
    sandbox.options.max_time = Some(TOO_LONG);
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!((kind(&outcome), outcome.attempts), ("http", 1));
    let message = outcome.error().unwrap().to_string();
    assert!(message.contains("--max-time"), "{message}");
}

#[test]
fn a_lane_whose_time_is_over_lets_others_connect() {
    // Nothing answers there: the handshake never ends.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let mut sandbox = Sandbox::new();
    sandbox.options.max_time = Some(TIME);
    let rows: Vec<_> = (0..3)
        .map(|number| get(&format!("https://127.0.0.1:{port}/{number}")))
        .collect();
    for outcome in sandbox.run(rows) {
        assert_eq!((kind(&outcome), outcome.attempts), ("timeout", 1));
    }
}
