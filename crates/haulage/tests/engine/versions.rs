//! Which version of HTTP is spoken.

use haulage::HttpVersion;
use http::Version;
use origin::{Body, Origin, Script};

use crate::bench::{Bench, assert_done, get, kind};

fn bench(origin: &Origin, http: HttpVersion) -> Bench {
    let mut bench = Bench::trusting(origin);
    bench.options.retry.retries = 0;
    bench.options.http = http;
    bench
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
        assert_done(&bench(&origin, http).fetch(&origin.url("/a")));
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
    let outcomes = bench(&origin, HttpVersion::Http2PriorKnowledge).run(rows);
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
        let outcome = bench(origin, http).fetch(&origin.url("/a"));
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
    let outcome = bench(&plain, HttpVersion::Http2PriorKnowledge).fetch(&plain.url("/a"));
    assert!(outcome.error().is_some());
    assert_eq!(plain.count("/a"), 0);
}
