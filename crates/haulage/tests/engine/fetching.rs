//! One file: its bytes, over each transport, and what vouches for them.

use haulage::{Existing, Verification};
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, get, kind};
use crate::wild::Closed;

#[test]
fn every_byte_arrives_over_every_transport() {
    for origin in [Origin::plain(), Origin::tls_http1(), Origin::tls()] {
        let bodies: Vec<_> = [0, 1, 4096, 65_537, 5 << 20]
            .into_iter()
            .enumerate()
            .map(|(seed, length)| Body::seeded(seed as u64, length))
            .collect();
        for (number, body) in bodies.iter().enumerate() {
            origin.on(&format!("/{number}"), Script::ok(body.clone()));
        }
        let sandbox = Sandbox::trusting(&origin);
        let urls: Vec<_> = (0..bodies.len())
            .map(|number| get(&origin.url(&format!("/{number}"))))
            .collect();
        for outcome in sandbox.run(urls) {
            assert_done(&outcome);
            assert_eq!(outcome.verified.name(), "length");
            assert_eq!(outcome.attempts, 1);
            let body = &bodies[outcome.label.parse::<usize>().unwrap()];
            assert_eq!(outcome.bytes, body.len());
            assert!(
                sandbox.read(&outcome.label) == body.bytes(),
                "{}",
                outcome.url
            );
        }
    }
}

#[test]
fn many_requests_share_one_http2_connection() {
    let origin = Origin::tls();
    origin.under("/", |request| {
        Script::ok(Body::seeded(request.path().len() as u64, 5000))
    });
    let sandbox = Sandbox::trusting(&origin);
    let urls: Vec<_> = (0..300)
        .map(|number| get(&origin.url(&format!("/{number}"))))
        .collect();
    sandbox.run(urls).iter().for_each(assert_done);
    // A second one is opened before it is known that they can share the first.
    assert!(origin.connections() <= 2);
    assert!(
        origin
            .log()
            .iter()
            .all(|asked| asked.version == http::Version::HTTP_2)
    );
}

#[test]
fn connections_are_kept_and_never_more_than_the_cap() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::seeded(1, 5000)));
    let mut sandbox = Sandbox::new();
    sandbox.engine.per_host = Some(3);
    let urls: Vec<_> = (0..300)
        .map(|number| get(&origin.url(&format!("/{number}"))))
        .collect();
    sandbox.run(urls).iter().for_each(assert_done);
    assert!(
        origin.connections() <= 3,
        "{} connections",
        origin.connections()
    );
}

#[test]
fn a_body_that_ends_with_its_connection_is_taken_but_not_verified() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::seeded(1, 70_000)).without_length());
    origin.on("/b", Script::ok(Body::seeded(1, 70_000)).chunked());
    let sandbox = Sandbox::new();
    for (path, verified) in [("/a", "none"), ("/b", "length")] {
        let outcome = sandbox.fetch(&origin.url(path));
        assert_done(&outcome);
        assert_eq!((outcome.bytes, outcome.verified.name()), (70_000, verified));
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_at_once_and_for_good() {
    let origin = Origin::tls();
    origin.on("/a", Script::ok(Body::seeded(1, 10)));
    let mut sandbox = Sandbox::new();
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!((kind(&outcome), outcome.attempts), ("tls", 1));
    assert!(sandbox.names().is_empty());
    sandbox.options.route.tls.verification = Verification::Insecure;
    assert_done(&sandbox.fetch(&origin.url("/a")));
}

#[test]
fn the_head_says_when_it_was_modified_and_what_it_is() {
    let origin = Origin::plain();
    let script = Script::ok(Body::seeded(1, 10))
        .header("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")
        .header("etag", "\"x\"")
        .header("content-type", "image/gif");
    origin.on("/a.gif", script);
    let mut sandbox = Sandbox::new();
    let outcome = sandbox.fetch(&origin.url("/a.gif"));
    assert_eq!(outcome.etag.as_deref(), Some("\"x\""));
    assert_eq!(outcome.content_type.as_deref(), Some("image/gif"));
    let modified = |sandbox: &Sandbox| {
        let about = std::fs::metadata(sandbox.path("a.gif")).unwrap();
        let since = about.modified().unwrap();
        since.duration_since(std::time::UNIX_EPOCH).unwrap()
    };
    assert_eq!(modified(&sandbox).as_secs(), 784_111_777);
    sandbox.options.server_times = false;
    sandbox.options.existing = Existing::Overwrite;
    assert_done(&sandbox.fetch(&origin.url("/a.gif")));
    assert!(modified(&sandbox).as_secs() > 784_111_777);
}

#[test]
fn a_request_says_who_asks_and_what_was_given() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::empty()));
    let mut sandbox = Sandbox::new();
    sandbox
        .options
        .headers
        .insert("x-mine", http::HeaderValue::from_static("1"));
    let outcome = sandbox.fetch(&origin.url("/a").replace("http://", "http://me:secret@"));
    assert_done(&outcome);
    assert!(!format!("{outcome:?}").contains("secret"));
    let asked = origin.log().pop().unwrap();
    assert!(
        asked.headers["user-agent"]
            .to_str()
            .unwrap()
            .starts_with("haulage/")
    );
    assert_eq!(asked.headers["authorization"], "Basic bWU6c2VjcmV0");
    assert_eq!(asked.headers["x-mine"], "1");
    assert_eq!(asked.headers["host"], origin.authority());
}

#[test]
fn a_host_that_does_not_exist_and_a_port_that_is_closed_say_so() {
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 1;
    let outcome = sandbox.fetch("http://nowhere.invalid/a");
    assert_eq!(kind(&outcome), "dns");
    let closed = Closed::new();
    let outcome = sandbox.fetch(&format!("{}/a", closed.url()));
    assert_eq!((kind(&outcome), outcome.attempts), ("connect", 2));
}

#[test]
fn a_coding_that_hides_the_end_does_not_make_half_a_file_whole() {
    let origin = Origin::plain();
    let script = Script::ok(Body::seeded(1, 100))
        .header("transfer-encoding", "identity")
        .header("content-length", "100");
    origin.on("/a", script.close_at(10));
    let sandbox = Sandbox::new();
    // It is no coding, so the length holds.
    assert_eq!(kind(&sandbox.fetch(&origin.url("/a"))), "incomplete");
    assert!(sandbox.names().is_empty());
}

#[test]
fn an_http2_connection_that_is_silent_is_replaced() {
    let origin = Origin::tls();
    let never = Gate::new();
    let file = Script::ok(Body::seeded(1, 10));
    origin.on("/a", [file.clone().hold(&never), file]);
    let mut sandbox = Sandbox::trusting(&origin);
    sandbox.options.timeout = std::time::Duration::from_secs(1);
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_done(&outcome);
    assert_eq!((outcome.attempts, origin.connections()), (2, 2));
}

#[test]
fn a_timeout_that_no_clock_can_hold_is_refused() {
    let mut sandbox = Sandbox::new();
    sandbox.options.timeout = std::time::Duration::MAX;
    let error = sandbox.try_start().unwrap_err();
    assert_eq!(error.kind().name(), "input");
}
