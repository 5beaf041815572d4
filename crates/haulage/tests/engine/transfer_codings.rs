//! Transfer codings (RFC 9112 §7): no part of the file, so they are undone, or the response is
//! refused.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use haulage::ContentEncoding;
use origin::{Body, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, expecting, get, kind};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A body in chunks, with this Transfer-Encoding.
fn chunked(body: Vec<u8>, codings: &str) -> Script {
    Script::ok(Body::of(body))
        .chunked()
        .header("transfer-encoding", codings)
}

/// A body that ends with its connection, with this Transfer-Encoding.
fn open_ended(body: Vec<u8>, codings: &str) -> Script {
    Script::ok(Body::of(body))
        .without_length()
        .header("transfer-encoding", codings)
}

fn text() -> Vec<u8> {
    b"hello, hello ".repeat(30_000)
}

/// Fetches these one after another, the second one on the connection of the first if that stays.
fn fetch_both(origin: &Origin, sandbox: &mut Sandbox, first: Script) -> haulage::Outcome {
    origin.on("/a", first);
    origin.on("/b", Script::ok(Body::of("next")));
    sandbox.engine.jobs = 1;
    let mut outcomes = sandbox.run(["/a", "/b"].map(|path| get(&origin.url(path))));
    let second = outcomes.pop().unwrap();
    assert_done(&second);
    assert_eq!(sandbox.read("b"), b"next");
    outcomes.pop().unwrap()
}

#[test]
fn transfer_codings_are_undone_and_the_connection_goes_on() {
    let text = text();
    for (body, codings) in [
        (gzip(&text), "gzip, chunked"),
        (gzip(&text), "X-GZip , Chunked"),
        (gzip(&text), ", gzip,, chunked,"),
        (zlib(&text), "deflate, chunked"),
        (deflate(&text), "deflate, chunked"),
        (zlib(&gzip(&text)), "gzip, deflate, chunked"),
        (gzip(&text), "identity, gzip, chunked"),
        (text.clone(), "identity, chunked"),
    ] {
        for trailers in [0, 3] {
            let origin = Origin::plain();
            let mut sandbox = Sandbox::new();
            let mut script = chunked(body.clone(), codings);
            if trailers > 0 {
                script = script.flood_trailers(trailers);
            }
            let outcome = fetch_both(&origin, &mut sandbox, script);
            assert_done(&outcome);
            assert_eq!(outcome.bytes, text.len() as u64, "{codings}");
            assert_eq!(outcome.verified.name(), "length", "{codings}");
            assert!(sandbox.read("a") == text, "{codings}");
            assert_eq!(origin.connections(), 1, "{codings}");
        }
    }
}

#[test]
fn codings_on_several_lines_are_one_list() {
    let origin = Origin::plain();
    let script = chunked(gzip(&text()), "gzip").header("transfer-encoding", "chunked");
    let mut sandbox = Sandbox::new();
    assert_done(&fetch_both(&origin, &mut sandbox, script));
    assert!(sandbox.read("a") == text());
}

#[test]
fn coding_without_chunks_ends_with_its_connection() {
    for origin in [Origin::plain(), Origin::tls_http1()] {
        let mut sandbox = Sandbox::trusting(&origin);
        // A length beside it does not count (RFC 9112 §6.3).
        let script = open_ended(gzip(&text()), "gzip").header("content-length", "9");
        let outcome = fetch_both(&origin, &mut sandbox, script);
        assert_done(&outcome);
        assert!(sandbox.read("a") == text());
        assert_eq!(outcome.verified.name(), "none");
    }
}

#[test]
fn no_coding_at_all_leaves_the_length_in_place() {
    for codings in ["identity", "", ",", "Identity, identity"] {
        let origin = Origin::plain();
        let mut sandbox = Sandbox::new();
        let script = Script::ok(Body::of("hello"))
            .header("transfer-encoding", codings)
            .header("content-length", "5");
        assert_done(&fetch_both(&origin, &mut sandbox, script));
        assert_eq!(sandbox.read("a"), b"hello", "{codings:?}");
        // Somebody on the way may have taken it differently.
        assert_eq!(origin.connections(), 2, "{codings:?}");
        let cut = Script::ok(Body::of("hello"))
            .header("transfer-encoding", codings)
            .header("content-length", "9")
            .close_at(5);
        origin.on("/cut", cut);
        sandbox.options.retry.retries = 0;
        let outcome = sandbox.fetch(&origin.url("/cut"));
        assert_eq!(kind(&outcome), "incomplete", "{codings:?}");
    }
}

#[test]
fn other_transfer_codings_are_no_http_and_leave_nothing() {
    for codings in [
        "compress, chunked",
        "br, chunked",
        "zstd, chunked",
        "made-up, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "chunked, identity",
        "gzip;q=1, chunked",
        "chunked;a=b",
        "xchunked",
        "gzip, gzip, gzip, gzip, gzip, gzip, chunked",
    ] {
        let origin = Origin::plain();
        let script = chunked(gzip(&text()), codings).close_at(u64::MAX);
        origin.on("/a", script);
        let sandbox = Sandbox::new();
        let outcome = sandbox.fetch(&origin.url("/a"));
        let found = (kind(&outcome), outcome.attempts, outcome.http_status);
        assert_eq!(found, ("protocol", 1, Some(200)), "{codings}");
        assert!(sandbox.names().is_empty(), "{codings}");
    }
}

#[test]
fn coding_that_is_cut_or_corrupt_is_never_saved() {
    let whole = gzip(&text());
    let cut = whole[..whole.len() - 1].to_vec();
    let mut corrupt = whole.clone();
    corrupt[40] ^= 0xff;
    for (script, expected) in [
        (chunked(cut.clone(), "gzip, chunked"), "decode"),
        (chunked(corrupt.clone(), "gzip, chunked"), "decode"),
        (
            chunked(whole.clone(), "gzip, chunked").close_at(100),
            "incomplete",
        ),
        (
            chunked(whole.clone(), "gzip, chunked").close_at(u64::MAX),
            "incomplete",
        ),
        (open_ended(cut, "gzip"), "incomplete"),
        (open_ended(whole[..1].to_vec(), "gzip"), "incomplete"),
        (open_ended(Vec::new(), "gzip"), "incomplete"),
        (open_ended(corrupt, "gzip"), "decode"),
        (chunked(b"no gzip".to_vec(), "gzip, chunked"), "decode"),
    ] {
        let origin = Origin::plain();
        origin.on("/a", script.clone());
        let mut sandbox = Sandbox::new();
        sandbox.options.retry.retries = 1;
        let outcome = sandbox.fetch(&origin.url("/a"));
        let attempts = if expected == "incomplete" { 2 } else { 1 };
        let found = (kind(&outcome), outcome.attempts);
        assert_eq!(
            found,
            (expected, attempts),
            "{script:?}: {:?}",
            outcome.error()
        );
        let error = outcome.error().unwrap().to_string();
        assert!(!error.contains("--compressed"), "{error}");
        assert!(sandbox.names().is_empty());
        let parts = std::fs::read_dir(sandbox.path(".haul/part")).unwrap();
        assert_eq!(parts.count(), 0);
    }
}

#[test]
fn transfer_coding_has_the_bounds_of_a_content_coding() {
    let origin = Origin::plain();
    let bomb = gzip(&gzip(&vec![0; 80 << 20]));
    origin.on("/bomb", chunked(bomb, "gzip, gzip, chunked"));
    origin.on("/large", chunked(gzip(&[0; 5001]), "gzip, chunked"));
    origin.on("/fits", chunked(gzip(&[0; 5000]), "gzip, chunked"));
    let mut sandbox = Sandbox::new();
    assert_eq!(kind(&sandbox.fetch(&origin.url("/bomb"))), "decode");
    sandbox.options.max_size = Some(5000);
    assert_eq!(kind(&sandbox.fetch(&origin.url("/large"))), "refused");
    assert_done(&sandbox.fetch(&origin.url("/fits")));
    assert_eq!(sandbox.names(), ["fits"]);
}

#[test]
fn content_coding_below_a_transfer_coding_stays_unless_asked() {
    let stored = gzip(&text());
    let script = chunked(zlib(&stored), "deflate, chunked").header("content-encoding", "gzip");
    for (codings, file) in [
        (ContentEncoding::Keep, &stored),
        (ContentEncoding::Decode, &text()),
    ] {
        let origin = Origin::plain();
        origin.on("/a", script.clone());
        let mut sandbox = Sandbox::new();
        sandbox.options.content_encoding = codings;
        assert_done(&sandbox.fetch(&origin.url("/a")));
        assert!(sandbox.read("a") == *file);
    }
}

#[test]
fn checksum_is_that_of_the_file_without_its_transfer_coding() {
    let origin = Origin::plain();
    origin.on("/a", chunked(gzip(&text()), "gzip, chunked"));
    let sum = format!("crc32c={:08x}", crc32c::crc32c(&text()));
    let row = expecting(&origin.url("/a"), &[&sum]);
    let outcome = Sandbox::new().run([row]).pop().unwrap();
    assert_done(&outcome);
    assert_eq!(outcome.verified.name(), "checksum");
}

#[test]
fn part_in_a_transfer_coding_is_never_joined() {
    let file = Body::seeded(5, 1 << 20);
    let rest = file.bytes()[512 << 10..].to_vec();
    let origin = Origin::plain();
    let part = Script::status(206)
        .body(Body::of(gzip(&rest)))
        .chunked()
        .header("transfer-encoding", "gzip, chunked")
        .header("content-range", "bytes 524288-1048575/1048576")
        .etag("\"a\"");
    let whole = Script::entity(file.clone(), "\"a\"");
    origin.on("/a", [whole.clone().close_at(512 << 10), part, whole]);
    let sandbox = Sandbox::new();
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_done(&outcome);
    assert!(sandbox.read("a") == file.bytes());
    assert_eq!(outcome.resumed, 0);
    let ranges: Vec<_> = origin
        .log()
        .iter()
        .map(|asked| asked.headers.contains_key("range"))
        .collect();
    assert_eq!(ranges, [false, true, false]);
}

#[test]
fn file_in_a_transfer_coding_is_begun_again_after_a_break() {
    let file = Body::seeded(5, 1 << 20);
    let origin = Origin::plain();
    let coded = || chunked(gzip(&file.bytes()), "gzip, chunked").etag("\"a\"");
    origin.on("/a", [coded().close_at(800 << 10), coded()]);
    let sandbox = Sandbox::new();
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_done(&outcome);
    assert!(sandbox.read("a") == file.bytes());
    assert_eq!((outcome.attempts, outcome.resumed), (2, 0));
    assert!(!origin.log()[1].headers.contains_key("range"));
}

#[test]
fn status_that_is_no_file_counts_whatever_its_coding() {
    let origin = Origin::plain();
    let with = |status, codings: &str| {
        let script = Script::status(status).body(Body::of("x"));
        script.chunked().header("transfer-encoding", codings)
    };
    origin.on("/gone", with(404, "br, chunked").close_at(u64::MAX));
    origin.on(
        "/to",
        with(302, "gzip, chunked").header("location", "/file"),
    );
    origin.on("/file", Script::ok(Body::of("hello")));
    let sandbox = Sandbox::new();
    assert_eq!(kind(&sandbox.fetch(&origin.url("/gone"))), "http");
    assert_done(&sandbox.fetch(&origin.url("/to")));
}
