//! What an engine says of itself while it runs.

use haulage::{Engine, EngineOptions, RunOptions};
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{assert_done, block_on, get, rest};

#[test]
fn snapshot_has_what_is_in_flight_and_waits() {
    for origin in [Origin::plain(), Origin::tls()] {
        let gate = Gate::new();
        let held = gate.clone();
        origin.under("/", move |_| Script::ok(Body::of("a")).hold_at(0, &held));
        let mut options = EngineOptions::default();
        (options.jobs, options.per_host) = (2, Some(2));
        let engine = Engine::start(options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut options = RunOptions::new(folder.path());
        options.route.tls.verification = haulage::Verification::Insecure;
        let rows: Vec<_> = (0..5)
            .map(|row| get(&origin.url(&format!("/{row}"))))
            .collect();
        let mut run = engine.run(options, rows).unwrap();
        let mut events = run.events();
        gate.wait_reached(2);
        let snapshot = engine.snapshot(50);
        assert_eq!((snapshot.in_flight, snapshot.queued), (2, 3));
        assert_eq!((snapshot.hosts, snapshot.busiest.len()), (1, 1));
        let host = &snapshot.busiest[0];
        assert_eq!(*host.host, *origin.url("").trim_end_matches('/'));
        assert_eq!((host.in_flight, host.limit, host.queued), (2, 2, 3));
        // Another one may be on its way: it is not known beforehand whether they are shared.
        let connections = usize::try_from(origin.connections()).unwrap();
        assert!((1..=connections).contains(&snapshot.open_connections));
        gate.open();
        block_on(rest(&mut events)).iter().for_each(assert_done);
        let after = engine.snapshot(50);
        assert_eq!((after.in_flight, after.queued), (0, 0));
        assert_eq!(after.received_bytes, 5);
    }
}
