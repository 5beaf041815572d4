//! Servers that take their time: silence, drips, and limits on the whole.

use std::time::Duration;

use origin::{Body, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, kind};

const SOON: Duration = Duration::from_millis(200);

fn file() -> Script {
    Script::ok(Body::seeded(1, 10_000))
}

/// A sandbox in which nothing is repeated, and little time is given.
fn impatient(origin: &Origin) -> Sandbox {
    let mut sandbox = Sandbox::trusting(origin);
    sandbox.options.retry.retries = 0;
    sandbox.options.timeout = SOON;
    sandbox
}

#[test]
fn a_head_that_comes_byte_by_byte_has_no_more_time_than_one_that_does_not() {
    for origin in [Origin::plain(), Origin::tls_http1()] {
        let dripping = file().drip_head(1, Duration::from_millis(20));
        origin.on("/drips", dripping);
        origin.on("/stalls", file().stall_head_at(10));
        for path in ["/drips", "/stalls"] {
            let outcome = impatient(&origin).fetch(&origin.url(path));
            assert_eq!(kind(&outcome), "timeout", "{}", origin.url(path));
            assert!(outcome.error().unwrap().is_transient());
        }
    }
}

#[test]
fn a_body_that_drips_is_a_stalled_one_below_the_lowest_speed() {
    for origin in [Origin::plain(), Origin::tls()] {
        // 1,000 bytes per second.
        origin.on("/a", file().drip(10, Duration::from_millis(10)));
        let mut sandbox = impatient(&origin);
        // Some of them come in this time, however slow this machine is.
        sandbox.options.timeout = 10 * SOON;
        sandbox.options.lowest_speed = 50_000;
        let outcome = sandbox.fetch(&origin.url("/a"));
        assert_eq!(kind(&outcome), "timeout");
        let error = outcome.error().unwrap();
        assert!(error.is_too_slow());
        let message = error.to_string();
        assert!(message.contains("--lowest-speed"), "{message}");
        assert!(sandbox.names().is_empty());
    }
}

#[test]
fn what_has_stalled_goes_on_over_a_fresh_connection_from_where_it_was() {
    let body = || Script::entity(Body::seeded(2, 1 << 20), "\"a\"");
    // Some of it comes at once, and then nothing; or next to nothing all the time.
    let stalled = [
        ("/stalls", body().stall_at(500_000)),
        ("/drips", body().drip(100, Duration::from_millis(20))),
    ];
    let goes_on = |origin: Origin| {
        for (path, stalled) in stalled.clone() {
            origin.on(path, [stalled, body()]);
            let mut sandbox = impatient(&origin);
            // Some bytes come in this time, however slow this machine is.
            sandbox.options.timeout = 5 * SOON;
            // Further attempts may take longer than that, too.
            sandbox.options.retry.retries = 50;
            sandbox.options.lowest_speed = 50_000;
            let outcome = sandbox.fetch(&origin.url(path));
            assert_done(&outcome);
            assert!(outcome.attempts >= 2);
            assert!(outcome.resumed > 0, "it began again");
            assert!(sandbox.read(&path[1..]) == Body::seeded(2, 1 << 20).bytes());
            let log = origin.log();
            let asked: Vec<_> = log.iter().filter(|asked| asked.path == path).collect();
            assert_ne!(asked[0].connection, asked[1].connection);
        }
    };
    std::thread::scope(|scope| {
        for origin in [Origin::plain(), Origin::tls_http1(), Origin::tls()] {
            scope.spawn(|| goes_on(origin));
        }
    });
}

#[test]
fn a_body_that_others_could_share_and_that_stalls_has_no_more_time_than_any() {
    let origin = Origin::plain();
    let large = Script::entity(Body::seeded(2, 1 << 20), "\"a\"");
    origin.on("/a", large.stall_at(500_000));
    let mut sandbox = impatient(&origin);
    sandbox.options.min_split_size = 256 << 10;
    // Nobody has the time to take a share, and only silence counts.
    sandbox.engine.per_host = Some(1);
    sandbox.options.lowest_speed = 0;
    sandbox.options.timeout = 3 * SOON;
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!(kind(&outcome), "timeout");
    let error = outcome.error().unwrap();
    assert!(!error.is_too_slow());
    let message = error.to_string();
    assert!(message.contains("nothing was received"), "{message}");
}

#[test]
fn a_body_that_drips_fast_enough_is_waited_for() {
    let origin = Origin::plain();
    // Three seconds, in which it comes thrice as fast as it has to.
    origin.on("/a", file().drip(500, Duration::from_millis(150)));
    let mut sandbox = impatient(&origin);
    sandbox.options.timeout = 10 * SOON;
    sandbox.options.lowest_speed = 1000;
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_done(&outcome);
    let timeout = sandbox.options.timeout;
    assert!(outcome.duration > timeout, "{:?}", outcome.duration);
}
