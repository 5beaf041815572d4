//! Content codings: saved as they were sent, or undone.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use haulage::{Algorithm, ContentEncoding, Request};
use origin::{Body, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, get, kind};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn coded(body: Vec<u8>, codings: &str) -> Script {
    Script::ok(Body::of(body)).header("content-encoding", codings)
}

fn undoing() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.options.content_encoding = ContentEncoding::Decode;
    sandbox
}

#[test]
fn bytes_are_saved_as_they_were_sent_unless_asked_otherwise() {
    let origin = Origin::plain();
    let body = gzip(b"hello");
    origin.on("/a.tar.gz", coded(body.clone(), "gzip"));
    origin.on("/b", coded(b"hello".to_vec(), "made-up"));
    let sandbox = Sandbox::new();
    assert_done(&sandbox.fetch(&origin.url("/a.tar.gz")));
    assert_done(&sandbox.fetch(&origin.url("/b")));
    assert_eq!(sandbox.read("a.tar.gz"), body);
    assert!(
        origin
            .log()
            .iter()
            .all(|asked| !asked.headers.contains_key("accept-encoding"))
    );
}

#[test]
fn codings_are_asked_for_and_undone() {
    let origin = Origin::plain();
    let text = b"hello, hello ".repeat(300_000);
    let (gzipped, zstded) = (gzip(&text), zstd::encode_all(&text[..], 3).unwrap());
    origin.on("/gzip", coded(gzipped.clone(), "gzip"));
    origin.on("/chunked", coded(gzipped.clone(), "x-gzip").chunked());
    origin.on("/both", coded(gzip(&zstded), "zstd, gzip"));
    origin.on("/plain", coded(text.clone(), "identity"));
    origin.on("/empty", coded(Vec::new(), "gzip"));
    let mut sandbox = undoing();
    sandbox.options.hashes = vec![Algorithm::Sha256];
    let mut hashes = Vec::new();
    for path in ["/gzip", "/chunked", "/both", "/plain"] {
        let outcome = sandbox.fetch(&origin.url(path));
        assert_done(&outcome);
        // The length is the file's, whatever the response's was; and so is the hash.
        assert_eq!(outcome.bytes, text.len() as u64);
        assert_eq!(outcome.verified.name(), "length");
        assert!(sandbox.read(&path[1..]) == text);
        hashes.extend(outcome.hashes);
    }
    hashes.dedup();
    assert_eq!(hashes.len(), 1, "{hashes:?}");
    let expecting = Request::new(&origin.url("/gzip?again"))
        .unwrap()
        .named("again")
        .unwrap()
        .checksum(hashes.remove(0))
        .unwrap();
    origin.on("/gzip?again", coded(gzipped, "gzip"));
    let outcome = sandbox.run([Ok(expecting)]).pop().unwrap();
    assert_eq!(outcome.verified.name(), "checksum");
    let outcome = sandbox.fetch(&origin.url("/empty"));
    assert_done(&outcome);
    assert_eq!(outcome.bytes, 0);
    for asked in origin.log() {
        assert_eq!(asked.headers["accept-encoding"], "gzip, br, zstd");
    }
}

#[test]
fn what_cannot_be_undone_is_no_file_and_is_asked_for_once() {
    let origin = Origin::plain();
    let good = gzip(&b"hello".repeat(1000));
    let cut = good[..good.len() - 1].to_vec();
    let mut corrupt = good.clone();
    corrupt[15] ^= 0xff;
    let more = [&good[..], b"more"].concat();
    origin.on("/cut", coded(cut.clone(), "gzip"));
    origin.on("/cut-open", coded(cut, "gzip").without_length());
    origin.on("/corrupt", coded(corrupt, "gzip"));
    origin.on("/more", coded(more, "gzip"));
    origin.on("/unknown", coded(good, "compress"));
    let six_times = (0..6).fold(b"hello".to_vec(), |bytes, _| gzip(&bytes));
    origin.on(
        "/stacked",
        coded(six_times, "gzip, gzip, gzip, gzip, gzip, gzip"),
    );
    let sandbox = undoing();
    for path in [
        "/cut",
        "/cut-open",
        "/corrupt",
        "/more",
        "/unknown",
        "/stacked",
    ] {
        let outcome = sandbox.fetch(&origin.url(path));
        assert_eq!((kind(&outcome), outcome.attempts), ("decode", 1), "{path}");
    }
    assert!(sandbox.names().is_empty());
}

#[test]
fn a_transfer_that_is_cut_short_is_incomplete_and_tried_again() {
    let origin = Origin::plain();
    let body = gzip(&Body::seeded(1, 50_000).bytes());
    let whole = coded(body, "gzip");
    origin.on("/a", [whole.clone().close_at(20_000), whole]);
    let outcome = undoing().fetch(&origin.url("/a"));
    assert_done(&outcome);
    assert_eq!((outcome.attempts, outcome.bytes), (2, 50_000));
}

#[test]
fn a_bomb_is_given_up_and_leaves_nothing() {
    let origin = Origin::plain();
    let bomb = gzip(&gzip(&vec![0; 80 << 20]));
    origin.on("/a", coded(bomb, "gzip, gzip"));
    let sandbox = undoing();
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!(kind(&outcome), "decode");
    assert!(sandbox.names().is_empty());
    let parts = std::fs::read_dir(sandbox.path(".haul/part")).unwrap();
    assert_eq!(parts.count(), 0);
}

#[test]
fn no_file_is_longer_than_was_allowed_however_it_comes() {
    let origin = Origin::plain();
    origin.on("/coded", coded(gzip(&[0; 5001]), "gzip"));
    origin.on("/plain", Script::ok(Body::seeded(1, 5001)));
    origin.on("/fits", coded(gzip(&[0; 5000]), "gzip"));
    let mut sandbox = undoing();
    sandbox.options.max_size = Some(5000);
    for path in ["/coded", "/plain"] {
        assert_eq!(kind(&sandbox.fetch(&origin.url(path))), "refused", "{path}");
    }
    let outcomes = sandbox.run([get(&origin.url("/fits"))]);
    assert_done(&outcomes[0]);
    assert_eq!(sandbox.names(), ["fits"]);
}
