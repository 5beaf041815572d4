//! Memory as the destination: outcomes carry the bytes of their files.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use haulage::{ContentEncoding, Destination, Outcome, RunOptions};
use origin::{Body, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, expecting, get, kind};

/// A run whose files are kept in this many bytes of memory.
fn memory(limit: u64) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.options.destination = Destination::Memory { limit };
    sandbox
}

fn content(outcome: &Outcome) -> &[u8] {
    outcome.content.as_deref().unwrap()
}

#[test]
fn outcome_carries_the_bytes_and_nothing_is_on_disk() {
    let origin = Origin::plain();
    let (large, small) = (Body::seeded(1, 3 << 20), Body::seeded(2, 5000));
    origin.on("/large", Script::ok(large.clone()));
    origin.on("/chunked", Script::ok(small.clone()).chunked());
    origin.on("/until-close", Script::ok(small.clone()).without_length());
    origin.on("/empty", Script::ok(Body::empty()));
    let sandbox = memory(RunOptions::DEFAULT_MEMORY);
    let cases = [
        ("/large", large),
        ("/chunked", small.clone()),
        ("/until-close", small),
    ];
    for (path, body) in cases.into_iter().chain([("/empty", Body::empty())]) {
        let outcome = sandbox.fetch(&origin.url(path));
        assert_done(&outcome);
        assert!(content(&outcome) == body.bytes(), "{path}");
        assert_eq!((outcome.bytes, outcome.path.as_deref()), (body.len(), None));
    }
    assert_eq!(std::fs::read_dir(sandbox.path("")).unwrap().count(), 0);
}

#[test]
fn failed_outcome_carries_nothing() {
    let origin = Origin::plain();
    origin.on("/missing", Script::status(404));
    let outcome = memory(1 << 20).fetch(&origin.url("/missing"));
    assert_eq!((kind(&outcome), outcome.content), ("http", None));
    let body = Body::seeded(1, 200_000);
    origin.on("/a", Script::ok(body));
    let wrong = format!("sha256={}", "0".repeat(64));
    let outcomes = memory(1 << 20).run([expecting(&origin.url("/a"), &[&wrong])]);
    assert_eq!(
        (kind(&outcomes[0]), &outcomes[0].content),
        ("checksum", &None)
    );
}

#[test]
fn cut_file_is_resumed_in_memory() {
    let origin = Origin::plain();
    let body = Body::seeded(1, 2 << 20);
    let script = || Script::entity(body.clone(), "\"one\"").ranges();
    origin.on("/a", [script().reset_at(1 << 20), script()]);
    let outcome = memory(4 << 20).fetch(&origin.url("/a"));
    assert_done(&outcome);
    assert!(content(&outcome) == body.bytes());
    assert!(outcome.resumed > 0, "it was fetched anew");
}

#[test]
fn identical_rows_have_their_bytes_each() {
    let origin = Origin::plain();
    let body = Body::seeded(1, 5000);
    origin.under("/", move |_| Script::ok(Body::seeded(1, 5000)));
    let rows: Vec<_> = (0..3).map(|_| get(&origin.url("/a"))).collect();
    let outcomes = memory(1 << 20).run(rows);
    assert_eq!(outcomes.len(), 3);
    for outcome in &outcomes {
        assert_done(outcome);
        assert!(content(outcome) == body.bytes());
        assert_eq!(outcome.renamed, None);
    }
}

#[test]
fn files_wait_for_each_other_where_memory_is_small() {
    let origin = Origin::plain();
    origin.under("/known/", |_| Script::ok(Body::seeded(1, 100 << 10)));
    origin.under("/unknown/", |_| {
        Script::ok(Body::seeded(1, 100 << 10)).chunked()
    });
    let rows: Vec<_> = (0..60)
        .map(|row| {
            let kind = if row % 2 == 0 { "known" } else { "unknown" };
            get(&origin.url(&format!("/{kind}/{row}")))
        })
        .collect();
    let outcomes = memory(150 << 10).run(rows);
    assert_eq!(outcomes.len(), 60);
    let bytes = Body::seeded(1, 100 << 10).bytes();
    for outcome in &outcomes {
        assert_done(outcome);
        assert!(content(outcome) == bytes);
    }
}

#[test]
fn failing_files_give_their_memory_back() {
    let origin = Origin::plain();
    let body = || Body::seeded(1, 100 << 10);
    origin.under("/cut/", move |_| Script::ok(body()).truncate_at(50 << 10));
    origin.under("/never/", move |_| {
        Script::entity(body(), "\"one\"").ranges().reset_at(0)
    });
    origin.under("/good/", move |_| Script::ok(body()));
    let mut sandbox = memory(150 << 10);
    sandbox.options.retry.retries = 1;
    let rows: Vec<_> = (0..30)
        .map(|row| {
            let kind = ["cut", "never", "good"][row % 3];
            get(&origin.url(&format!("/{kind}/{row}")))
        })
        .collect();
    let outcomes = sandbox.run(rows);
    let done = outcomes.iter().filter(|outcome| outcome.error().is_none());
    assert_eq!((outcomes.len(), done.count()), (30, 10));
}

#[test]
fn file_that_is_larger_than_the_memory_is_refused() {
    let origin = Origin::plain();
    let body = || Body::seeded(1, 200 << 10);
    origin.on("/known", Script::ok(body()));
    origin.on("/unknown", Script::ok(body()).chunked());
    let sandbox = memory(100 << 10);
    for path in ["/known", "/unknown"] {
        let outcome = sandbox.fetch(&origin.url(path));
        assert_eq!(
            (kind(&outcome), outcome.content),
            ("refused", None),
            "{path}"
        );
    }
}

#[test]
fn codings_are_undone_in_memory() {
    let origin = Origin::plain();
    let text = b"hello, hello ".repeat(20_000);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&text).unwrap();
    let coded = Body::of(encoder.finish().unwrap());
    origin.on("/a", Script::ok(coded).header("content-encoding", "gzip"));
    let mut sandbox = memory(1 << 20);
    sandbox.options.content_encoding = ContentEncoding::Decode;
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_done(&outcome);
    assert!(content(&outcome) == text);
}
