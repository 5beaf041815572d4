//! Connections that are opened before there are requests for them.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use haulage::Row;
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, get};
use crate::wild::Wild;

/// Twenty rows of this server.
fn rows(url: impl Fn(usize) -> String) -> Vec<Row> {
    (0..20).map(|number| get(&url(number))).collect()
}

/// Runs twenty rows of an origin that holds all responses back; returns how many connections it
/// has had, and how many requests, before it lets the first one go on.
fn connections_ahead(origin: &Origin, sandbox: &Sandbox, wanted: u64) -> (u64, usize) {
    let gate = Gate::new();
    let held = gate.clone();
    origin.under("/", move |_| Script::ok(Body::seeded(1, 5000)).hold(&held));
    let rows = rows(|number| origin.url(&format!("/{number}")));
    std::thread::scope(|scope| {
        let run = scope.spawn(|| sandbox.run(rows));
        gate.wait_reached(1);
        origin.wait_until(|tally| tally.connections >= wanted);
        let seen = (origin.connections(), origin.peak_in_flight());
        gate.open();
        run.join().unwrap().iter().for_each(assert_done);
        seen
    })
}

#[test]
fn connections_are_opened_ahead_of_requests() {
    let origin = Origin::plain();
    let (connections, requests) = connections_ahead(&origin, &Sandbox::new(), 8);
    assert!(connections > requests as u64, "{connections}, {requests}");
    assert!(origin.peak_connections() <= 16);
}

#[test]
fn a_second_connection_is_opened_before_the_protocol_is_known() {
    let origin = Origin::tls();
    connections_ahead(&origin, &Sandbox::trusting(&origin), 2);
    assert_eq!(origin.connections(), 2);
    assert_eq!(origin.tally().requests, 20);
}

#[test]
fn connections_ahead_keep_to_the_cap() {
    let origin = Origin::plain();
    let mut sandbox = Sandbox::new();
    sandbox.engine.per_host = Some(5);
    connections_ahead(&origin, &sandbox, 5);
    assert_eq!(origin.peak_connections(), 5);
    let origin = Origin::plain();
    sandbox.engine.per_host = Some(1);
    connections_ahead(&origin, &sandbox, 1);
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_server_that_closes_connections_ahead_fails_nothing() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    // Those after the fourth are closed at once.
    let server = Wild::serving(move |mut stream| {
        if counted.fetch_add(1, Ordering::Relaxed) >= 4 {
            let _ = stream.shutdown(Shutdown::Both);
            return stream;
        }
        let mut head = [0; 4096];
        while stream.read(&mut head).is_ok_and(|read| read > 0) {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(answer).unwrap();
        }
        stream
    });
    let mut sandbox = Sandbox::new();
    sandbox.options.retry.retries = 100;
    let outcomes = sandbox.run(rows(|number| format!("{}{number}", server.url("http"))));
    assert_eq!(outcomes.len(), 20);
    outcomes.iter().for_each(assert_done);
}
