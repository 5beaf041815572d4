//! Which version of HTTP is spoken, and over how many connections and streams.

use std::collections::HashMap;
use std::time::Duration;

use haulage::HttpVersion;
use http::Version;
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, get, kind};

fn sandbox(origin: &Origin, http: HttpVersion) -> Sandbox {
    let mut sandbox = Sandbox::trusting(origin);
    sandbox.options.retry.retries = 0;
    sandbox.options.route.http = http;
    sandbox
}

#[test]
fn one_version_can_be_asked_for() {
    let origin = Origin::tls();
    origin.on("/a", Script::ok(Body::seeded(1, 1000)));
    for (http, version) in [
        (HttpVersion::Negotiated, Version::HTTP_2),
        (HttpVersion::Http1, Version::HTTP_11),
        (HttpVersion::Http2PriorKnowledge, Version::HTTP_2),
    ] {
        assert_done(&sandbox(&origin, http).fetch(&origin.url("/a")));
        assert_eq!(origin.log().pop().unwrap().version, version);
    }
}

#[test]
fn http2_is_spoken_without_tls_where_that_is_known() {
    let origin = Origin::builder().http2_only().start().unwrap();
    origin.under("/", |_| Script::ok(Body::seeded(1, 1000)));
    let rows: Vec<_> = (0..100)
        .map(|number| get(&origin.url(&format!("/{number}"))))
        .collect();
    let outcomes = sandbox(&origin, HttpVersion::Http2PriorKnowledge).run(rows);
    outcomes.iter().for_each(assert_done);
    assert_eq!(origin.connections(), 1, "the lanes share it");
}

#[test]
fn a_server_that_does_not_speak_what_was_asked_for_fails() {
    let one = Origin::tls_http1();
    let two = Origin::builder().tls().http2_only().start().unwrap();
    for (origin, http) in [
        (&one, HttpVersion::Http2PriorKnowledge),
        (&two, HttpVersion::Http1),
    ] {
        origin.on("/a", Script::ok(Body::seeded(1, 1000)));
        let outcome = sandbox(origin, http).fetch(&origin.url("/a"));
        assert!(["tls", "protocol"].contains(&kind(&outcome)));
        let error = outcome.error().unwrap();
        assert!(
            !error.is_transient() && error.to_string().contains("leave out"),
            "{error}"
        );
        assert_eq!(origin.count("/a"), 0);
    }
    let plain = Origin::plain();
    plain.on("/a", Script::ok(Body::seeded(1, 1000)));
    let outcome = sandbox(&plain, HttpVersion::Http2PriorKnowledge).fetch(&plain.url("/a"));
    assert!(outcome.error().is_some());
    assert_eq!(plain.count("/a"), 0);
}

/// Returns an origin whose connections take at most `streams` requests at once.
fn with_streams(streams: u32) -> Origin {
    let builder = Origin::builder().tls().streams(streams);
    builder.start().unwrap()
}

fn rows(origin: &Origin, count: usize) -> Vec<haulage::Row> {
    let url = |number| get(&origin.url(&format!("/{number}")));
    (0..count).map(url).collect()
}

/// Returns the most requests that were in flight at once on one connection, and how many
/// connections had any.
fn peak_of_a_connection(origin: &Origin) -> (i32, usize) {
    let mut connections: HashMap<u64, Vec<_>> = HashMap::new();
    for asked in origin.log() {
        let changes = connections.entry(asked.connection).or_default();
        changes.extend([(asked.at, 1), (asked.ended.unwrap(), -1)]);
    }
    let peaks = connections.values_mut().map(|changes| {
        changes.sort_unstable();
        let mut now = 0;
        let in_flight = changes.iter().map(|(_, change)| {
            now += change;
            now
        });
        in_flight.max().unwrap()
    });
    (peaks.max().unwrap(), connections.len())
}

#[test]
fn http2_streams_are_as_many_as_the_server_allows() {
    let (origin, gate) = (with_streams(3), Gate::new());
    let held = gate.clone();
    origin.under("/", move |_| Script::ok(Body::seeded(1, 1000)).hold(&held));
    let (sandbox, rows) = (Sandbox::trusting(&origin), rows(&origin, 60));
    let outcomes = std::thread::scope(|scope| {
        let run = scope.spawn(|| sandbox.run(rows));
        gate.wait_reached(3);
        gate.open();
        run.join().unwrap()
    });
    outcomes.iter().for_each(assert_done);
    assert!(outcomes.iter().all(|outcome| outcome.attempts == 1));
    assert_eq!(peak_of_a_connection(&origin).0, 3);
}

#[test]
fn explicit_per_host_caps_http2_streams() {
    let origin = with_streams(100);
    origin.under("/", |_| Script::ok(Body::seeded(1, 1000)));
    let mut sandbox = Sandbox::trusting(&origin);
    sandbox.engine.per_host = Some(2);
    let outcomes = sandbox.run(rows(&origin, 60));
    outcomes.iter().for_each(assert_done);
    assert_eq!(origin.peak_in_flight(), 2);
}

#[test]
fn few_streams_get_more_connections_within_per_host() {
    for (per_host, expected) in [(None, 2..=16), (Some(1), 1..=1)] {
        let origin = with_streams(2);
        origin.under("/", |_| {
            Script::ok(Body::seeded(1, 1000)).delay(Duration::from_millis(10))
        });
        let mut sandbox = Sandbox::trusting(&origin);
        sandbox.engine.per_host = per_host;
        let outcomes = sandbox.run(rows(&origin, if per_host.is_none() { 300 } else { 60 }));
        outcomes.iter().for_each(assert_done);
        let (peak, connections) = peak_of_a_connection(&origin);
        assert!(peak <= 2, "{peak}");
        assert!(expected.contains(&connections), "{connections}");
    }
}
