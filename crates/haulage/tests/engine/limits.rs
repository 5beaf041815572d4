//! What a file and an item may come to.

use origin::{Body, Gate, Origin, Script};

use crate::bench::{Bench, assert_done, get, kind};

const LIMIT: u64 = 100_000;

#[test]
fn a_file_that_says_that_it_is_too_large_is_refused_before_its_body() {
    let never = Gate::new();
    for origin in [Origin::plain(), Origin::tls()] {
        let long = Script::ok(Body::seeded(1, LIMIT + 1)).hold_at(0, &never);
        origin.on("/long", long);
        let mut bench = Bench::trusting(&origin);
        bench.options.max_size = Some(LIMIT);
        let outcome = bench.fetch(&origin.url("/long"));
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
        let mut bench = Bench::trusting(&origin);
        bench.options.max_size = Some(LIMIT);
        for path in ["/chunked", "/closed"] {
            let outcome = bench.fetch(&origin.url(path));
            assert_eq!((kind(&outcome), outcome.attempts), ("refused", 1), "{path}");
        }
        assert!(bench.names().is_empty());
        let parts = std::fs::read_dir(bench.path(".haul/part")).unwrap();
        assert_eq!(parts.count(), 0);
    }
}

#[test]
fn a_file_of_just_that_size_is_saved_and_its_connection_serves_others() {
    let origin = Origin::plain();
    origin.on("/length", Script::ok(Body::seeded(1, LIMIT)));
    origin.on("/chunked", Script::ok(Body::seeded(1, LIMIT)).chunked());
    let mut bench = Bench::new();
    bench.options.max_size = Some(LIMIT);
    bench.options.jobs = 1;
    let rows = ["/length", "/chunked"].map(|path| get(&origin.url(path)));
    bench.run(rows).iter().for_each(assert_done);
    assert_eq!(origin.connections(), 1);
}
