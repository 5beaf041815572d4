//! What is tried again, what is not, and what is left behind.

use std::time::Duration;

use haulage::Verification;
use origin::{Body, Gate, Origin, Reason, Script};

use crate::sandbox::{Sandbox, assert_done, get, kind};

fn file() -> Body {
    Body::seeded(3, 300_000)
}

#[test]
fn what_may_pass_is_tried_again_until_it_has() {
    let origin = Origin::plain();
    let broken = [
        Script::status(503),
        Script::status(429),
        Script::status(408),
        Script::ok(file()).close_at(100_000),
        Script::ok(file()).reset_at(100_000),
        Script::ok(file()),
    ];
    origin.on("/a", broken);
    let sandbox = Sandbox::new();
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_done(&outcome);
    assert_eq!((outcome.attempts, outcome.bytes), (6, 300_000));
    assert!(sandbox.read("a") == file().bytes());
}

#[test]
fn what_is_permanent_is_asked_for_once_and_leaves_no_file() {
    let origin = Origin::plain();
    for status in [204, 206, 400, 401, 403, 404, 410] {
        let path = format!("/{status}");
        origin.on(&path, Script::status(status).body(Body::seeded(1, 100)));
        let sandbox = Sandbox::new();
        let outcome = sandbox.fetch(&origin.url(&path));
        assert_ne!(kind(&outcome), "none", "{status}");
        assert_eq!(outcome.http_status, Some(status));
        assert_eq!((outcome.path.as_deref(), outcome.bytes), (None, 0));
        assert_eq!(origin.count(&path), 1, "{status}");
        assert!(sandbox.names().is_empty(), "{status}");
    }
}

#[test]
fn a_body_that_is_cut_short_is_incomplete_and_leaves_no_file() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(file()).close_at(299_999));
    origin.on("/b", Script::ok(file()).chunked().close_at(299_999));
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 1;
    for path in ["/a", "/b"] {
        let outcome = sandbox.fetch(&origin.url(path));
        assert_eq!(
            (kind(&outcome), outcome.attempts),
            ("incomplete", 2),
            "{path}"
        );
    }
    assert!(sandbox.names().is_empty());
    assert_eq!(
        std::fs::read_dir(sandbox.path(".haul/part"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn a_stream_that_was_reset_is_no_whole_body_whatever_the_reason() {
    let origin = Origin::tls();
    let reasons = [Reason::NO_ERROR, Reason::CANCEL, Reason::INTERNAL_ERROR];
    for (path, reason) in ["/a", "/b", "/c"].into_iter().zip(reasons) {
        let cut = Script::ok(file())
            .without_length()
            .reset_stream_at(100_000, reason);
        origin.on(path, [cut, Script::ok(file()).without_length()]);
        let mut sandbox = Sandbox::new();
        sandbox.options.route.tls.verification = Verification::Insecure;
        let outcome = sandbox.fetch(&origin.url(path));
        assert_done(&outcome);
        assert_eq!(outcome.attempts, 2, "{reason:?}");
        assert!(sandbox.read(&path[1..]) == file().bytes(), "{reason:?}");
    }
}

#[test]
fn the_attempts_end() {
    let origin = Origin::plain();
    origin.on("/a", Script::status(500));
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 2;
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!(
        (kind(&outcome), outcome.attempts, outcome.http_status),
        ("http", 3, Some(500))
    );
    assert_eq!(origin.count("/a"), 3);
}

#[test]
fn silence_is_a_timeout() {
    let origin = Origin::plain();
    let never = Gate::new();
    origin.on("/head", Script::ok(file()).hold(&never));
    origin.on("/body", Script::ok(file()).hold_at(1000, &never));
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 0;
    sandbox.options.timeout = Duration::from_millis(50);
    for path in ["/head", "/body"] {
        assert_eq!(kind(&sandbox.fetch(&origin.url(path))), "timeout", "{path}");
    }
}

#[test]
fn after_a_repetition_the_url_as_given_is_asked_again() {
    let origin = Origin::plain();
    origin.on(
        "/given",
        [
            Script::redirect(302, "/expired"),
            Script::redirect(302, "/fresh"),
        ],
    );
    origin.on("/expired", Script::status(500));
    origin.on("/fresh", Script::ok(file()));
    assert_done(&Sandbox::new().fetch(&origin.url("/given")));
    assert_eq!(origin.count("/given"), 2);
}

#[test]
fn a_connection_that_was_closed_while_idle_costs_no_attempt() {
    let origin = Origin::plain();
    // Each answer is followed by the end of its connection.
    origin.under("/", |_| {
        Script::ok(Body::seeded(1, 1000)).header("connection", "close")
    });
    let mut sandbox = Sandbox::new();
    sandbox.engine.jobs = 1;
    let urls: Vec<_> = (0..20)
        .map(|number| get(&origin.url(&format!("/{number}"))))
        .collect();
    for outcome in sandbox.run(urls) {
        assert_done(&outcome);
        assert_eq!(outcome.attempts, 1);
    }
}
