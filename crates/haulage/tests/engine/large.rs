//! Bodies that go from their socket to their file directly: large ones, and what the kernel holds
//! of short ones.

use std::time::Duration;

use haulage::Event;
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, get, kind, rest};

/// Enough to be taken past HTTP.
const LENGTH: u64 = 40 << 20;

fn file() -> Body {
    Body::seeded(5, LENGTH)
}

/// Both ways in which bodies come that can be taken past HTTP.
fn origins() -> [(Origin, Sandbox); 2] {
    [Origin::plain(), Origin::tls_http1()].map(|origin| {
        let sandbox = Sandbox::trusting(&origin);
        (origin, sandbox)
    })
}

#[test]
fn a_large_body_is_whole_and_the_next_item_has_a_connection() {
    for (origin, mut sandbox) in origins() {
        origin.on("/large", Script::ok(file()));
        origin.on("/small", Script::ok(Body::seeded(1, 1000)));
        sandbox.engine.jobs = 1;
        let urls = ["/small", "/large", "/small?again"].map(|path| get(&origin.url(path)));
        let mut outcomes = sandbox.run(urls);
        outcomes.sort_by_key(|outcome| outcome.row);
        outcomes.iter().for_each(assert_done);
        assert!(sandbox.read("large") == file().bytes());
        assert_eq!(outcomes[1].bytes, LENGTH);
        assert_eq!(outcomes[1].verified.name(), "length");
        assert!(outcomes.iter().all(|outcome| outcome.attempts == 1));
        assert_eq!(origin.connections(), 2);
    }
}

#[test]
fn one_that_breaks_off_is_fetched_again() {
    for broken in [
        Script::ok(file()).close_at(LENGTH - 1),
        Script::ok(file()).reset_at(LENGTH / 2),
        Script::ok(file()).close_at(0),
        // Over TLS, without its farewell.
        Script::ok(file()).truncate_at(LENGTH - 1),
    ] {
        for (origin, sandbox) in origins() {
            origin.on("/large", [broken.clone(), Script::ok(file())]);
            let outcome = sandbox.fetch(&origin.url("/large"));
            assert_done(&outcome);
            assert_eq!(outcome.attempts, 2);
            assert!(sandbox.read("large") == file().bytes());
        }
    }
}

#[test]
fn the_rest_of_one_flows_too() {
    let entity = || Script::entity(file(), "\"a\"");
    for (origin, mut sandbox) in origins() {
        origin.on("/large", [entity().close_at(3 << 20), entity()]);
        sandbox.options.split = 1;
        let outcome = sandbox.fetch(&origin.url("/large"));
        assert_done(&outcome);
        assert_eq!((outcome.attempts, outcome.resumed), (2, 3 << 20));
        assert!(sandbox.read("large") == file().bytes());
    }
}

#[test]
fn one_that_breaks_off_for_good_leaves_nothing_and_says_why() {
    for (origin, mut sandbox) in origins() {
        origin.on("/cut", Script::ok(file()).close_at(LENGTH - 1));
        origin.on("/reset", Script::ok(file()).reset_at(LENGTH / 2));
        origin.on("/stall", Script::ok(file()).stall_at(LENGTH / 2));
        sandbox.options.retry.retries = 0;
        for (path, expected) in [("/cut", "incomplete"), ("/reset", "reset")] {
            assert_eq!(kind(&sandbox.fetch(&origin.url(path))), expected, "{path}");
        }
        sandbox.options.timeout = Duration::from_millis(200);
        assert_eq!(kind(&sandbox.fetch(&origin.url("/stall"))), "timeout");
        assert!(sandbox.names().is_empty());
        let parts = std::fs::read_dir(sandbox.path(".haul/part")).unwrap();
        assert_eq!(parts.count(), 0);
    }
}

#[test]
fn one_under_way_can_be_stopped() {
    for (origin, sandbox) in origins() {
        let gate = Gate::new();
        origin.on("/large", Script::ok(file()).hold_at(LENGTH / 2, &gate));
        let mut run = sandbox.start();
        let mut events = run.events();
        run.feed([get(&origin.url("/large"))]);
        run.close();
        let outcomes = block_on(async {
            let Some(Event::Started(transfer)) = events.next().await else {
                panic!("it has not started");
            };
            gate.reached(1).await;
            while transfer.received() < LENGTH / 2 {
                tokio::task::yield_now().await;
            }
            run.cancel();
            rest(&mut events).await
        });
        assert_eq!(kind(&outcomes[0]), "cancelled");
        origin.wait_until(|tally| tally.open_connections == 0);
        assert!(sandbox.names().is_empty());
    }
}

/// Long enough for the kernel to hold much of it, and short enough to be drawn from there.
const SHORT: u64 = 700 << 10;

#[test]
fn short_bodies_are_whole_and_their_connection_goes_on() {
    for (origin, mut sandbox) in origins() {
        sandbox.engine.jobs = 1;
        let paths: Vec<_> = (0..20).map(|number| format!("/{number}")).collect();
        for (path, seed) in paths.iter().zip(0..) {
            origin.on(path, Script::ok(Body::seeded(seed, SHORT)));
        }
        let rows: Vec<_> = paths.iter().map(|path| get(&origin.url(path))).collect();
        let outcomes = sandbox.run(rows);
        outcomes.iter().for_each(assert_done);
        for (path, seed) in paths.iter().zip(0..) {
            assert!(sandbox.read(&path[1..]) == Body::seeded(seed, SHORT).bytes());
        }
        assert_eq!(origin.connections(), 1);
    }
}

#[test]
fn a_short_one_that_breaks_off_is_fetched_again() {
    let file = || Body::seeded(7, SHORT);
    for (broken, timeout) in [
        (Script::ok(file()).close_at(SHORT - 1), None),
        (Script::ok(file()).reset_at(SHORT / 2), None),
        (Script::ok(file()).truncate_at(SHORT / 3), None),
        (
            Script::ok(file()).stall_at(SHORT - 1),
            Some(Duration::from_millis(500)),
        ),
    ] {
        for (origin, mut sandbox) in origins() {
            if let Some(timeout) = timeout {
                sandbox.options.timeout = timeout;
                sandbox.options.retry.retries = 50;
            }
            origin.on("/short", [broken.clone(), Script::ok(file())]);
            let outcome = sandbox.fetch(&origin.url("/short"));
            assert_done(&outcome);
            // On a slow machine further attempts may take longer than that, too.
            assert!(outcome.attempts == 2 || outcome.attempts > 2 && timeout.is_some());
            assert!(sandbox.read("short") == file().bytes());
        }
    }
}
