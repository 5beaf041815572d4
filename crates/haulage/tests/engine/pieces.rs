//! Files with hashes of their pieces: of a damaged one, only the damaged pieces are fetched again.

use std::num::NonZeroU64;

use haulage::{Algorithm, Error, Existing, Outcome, PieceHashes, Request, Row, Status};
use origin::{Body, Origin, Script};

use crate::entities::ranges;
use crate::sandbox::{Sandbox, assert_done};

/// Bytes in a piece.
const PIECE: usize = 256 << 10;
/// Bytes in the file: 32 pieces, the last of which is shorter.
const TOTAL: usize = 8 * 1024 * 1024 - 1000;

fn file() -> Body {
    Body::seeded(7, TOTAL as u64)
}

/// Returns the hashes of the pieces of a file.
fn hashes(bytes: &[u8]) -> PieceHashes {
    let digests = bytes.chunks(PIECE);
    let digests = digests.flat_map(|piece| *blake3::hash(piece).as_bytes());
    let digests: Vec<u8> = digests.collect();
    let length = NonZeroU64::new(PIECE as u64).unwrap();
    PieceHashes::new(Algorithm::Blake3, length, digests).unwrap()
}

/// A row whose file is to be [`file`], with or without a checksum of the whole.
fn row(url: &str, has_checksum: bool) -> Request {
    let bytes = file().bytes();
    let request = Request::new(url).unwrap().named("a").unwrap();
    let request = request.sized(TOTAL as u64).pieces(hashes(&bytes));
    if !has_checksum {
        return request;
    }
    let sum = format!("crc32c={:08x}", crc32c::crc32c(&bytes));
    request.checksum(sum.parse().unwrap()).unwrap()
}

fn serve(origin: &Origin, body: Body) -> String {
    origin.on("/a", Script::ok(body).ranges());
    origin.url("/a")
}

/// Returns the file with other bytes at these places.
fn damaged(places: &[usize]) -> Vec<u8> {
    let mut bytes = file().bytes();
    for at in places {
        bytes[*at] ^= 1;
    }
    bytes
}

fn run(sandbox: &Sandbox, request: Request) -> Outcome {
    sandbox.run([Ok(request) as Row]).pop().unwrap()
}

#[track_caller]
fn error_of(outcome: &Outcome) -> &Error {
    match &outcome.status {
        Status::Failed(error) => error,
        other => panic!("it is {}", other.name()),
    }
}

/// Returns the `Range` of the piece in which a byte is.
fn range_of(at: usize) -> String {
    let start = at - at % PIECE;
    let end = (start + PIECE).min(TOTAL);
    if end == TOTAL {
        format!("bytes={start}-")
    } else {
        format!("bytes={start}-{}", end - 1)
    }
}

#[test]
fn of_a_damaged_file_only_the_damaged_pieces_are_fetched() {
    let places = [5, 3_000_000, TOTAL - 1];
    for has_checksum in [true, false] {
        let (origin, sandbox) = (Origin::plain(), Sandbox::new());
        let url = serve(&origin, file());
        sandbox.write("a", damaged(&places));
        let outcome = run(&sandbox, row(&url, has_checksum));
        assert_done(&outcome);
        assert_eq!(ranges(&origin), places.map(range_of));
        assert!(sandbox.read("a") == file().bytes());
        assert_eq!(sandbox.names(), ["a"]);
        assert_eq!(outcome.path.as_deref(), Some("a"));
        assert_eq!(outcome.verified.name(), "checksum");
        let kept = TOTAL - 2 * PIECE - (TOTAL % PIECE);
        assert_eq!(outcome.from_earlier_runs, kept as u64);
    }
}

#[test]
fn a_file_whose_pieces_are_right_is_not_fetched() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    let url = serve(&origin, file());
    sandbox.write("a", file().bytes());
    let outcome = run(&sandbox, row(&url, false));
    assert_eq!(outcome.status.name(), "skipped");
    assert_eq!(outcome.verified.name(), "checksum");
    assert_eq!(origin.log().len(), 0);
}

#[test]
fn if_the_server_has_another_file_the_damaged_one_stays() {
    for has_checksum in [true, false] {
        let (origin, sandbox) = (Origin::plain(), Sandbox::new());
        let url = serve(&origin, Body::seeded(8, TOTAL as u64));
        sandbox.write("a", damaged(&[5]));
        let outcome = run(&sandbox, row(&url, has_checksum));
        let error = error_of(&outcome);
        assert_eq!(error.kind().name(), "checksum", "{error}");
        assert!(sandbox.read("a") == damaged(&[5]));
        assert_eq!(sandbox.names(), ["a"]);
        // The piece, the piece again, and then all of it once.
        assert_eq!(ranges(&origin).len(), 3, "{:?}", ranges(&origin));
    }
}

#[test]
fn a_file_with_few_right_pieces_stays_beside_the_new_one() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    let url = serve(&origin, file());
    let all: Vec<_> = (0..20).map(|piece| piece * PIECE).collect();
    sandbox.write("a", damaged(&all));
    let outcome = run(&sandbox, row(&url, true));
    assert_done(&outcome);
    assert_eq!(sandbox.names().len(), 2);
    assert!(sandbox.read("a") == damaged(&all));
    assert_eq!(ranges(&origin), [""]);
}

#[test]
fn a_file_of_another_length_is_another_one() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    let url = serve(&origin, file());
    let longer = [file().bytes(), vec![0]].concat();
    sandbox.write("a", &longer);
    let outcome = run(&sandbox, row(&url, true));
    assert_done(&outcome);
    assert_eq!(sandbox.names().len(), 2);
    assert!(sandbox.read("a") == longer);
}

#[test]
fn a_file_that_another_program_has_not_finished_stays() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    let url = serve(&origin, file());
    sandbox.write("a", damaged(&[5]));
    sandbox.write("a.aria2", "");
    let outcome = run(&sandbox, row(&url, true));
    let error = error_of(&outcome);
    assert_eq!(error.kind().name(), "exists", "{error}");
    assert!(sandbox.read("a") == damaged(&[5]));
}

#[test]
fn a_link_to_a_damaged_file_stays() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    let url = serve(&origin, file());
    sandbox.write("real", damaged(&[5]));
    std::os::unix::fs::symlink("real", sandbox.path("a")).unwrap();
    let outcome = run(&sandbox, row(&url, true));
    assert_done(&outcome);
    assert!(sandbox.read("real") == damaged(&[5]));
    assert!(sandbox.path("a").is_symlink());
    assert_eq!(sandbox.names().len(), 3);
}

#[test]
fn what_is_overwritten_is_not_read() {
    let (origin, mut sandbox) = (Origin::plain(), Sandbox::new());
    let url = serve(&origin, file());
    sandbox.options.existing = Existing::Overwrite;
    sandbox.write("a", damaged(&[5]));
    let outcome = run(&sandbox, row(&url, true));
    assert_done(&outcome);
    assert_eq!(ranges(&origin), [""]);
    assert!(sandbox.read("a") == file().bytes());
}

#[test]
fn damaged_pieces_of_a_download_are_fetched_again_from_another_mirror() {
    for has_checksum in [true, false] {
        let (wrong, right, sandbox) = (Origin::plain(), Origin::plain(), Sandbox::new());
        let url = serve(&wrong, Body::of(damaged(&[5, 3_000_000])));
        let mirror = serve(&right, file());
        let request = row(&url, has_checksum).mirror(&mirror).unwrap();
        let mut sandbox = sandbox;
        // One segment: all of it comes from the first URL.
        sandbox.options.min_split_size = u64::MAX;
        let outcome = run(&sandbox, request);
        assert_done(&outcome);
        assert!(sandbox.read("a") == file().bytes());
        assert_eq!(ranges(&wrong), [""]);
        assert_eq!(ranges(&right), [5, 3_000_000].map(range_of));
        let why = outcome.restart_reason.unwrap();
        assert!(
            why.contains("524288 of 8387608 bytes are in damaged pieces"),
            "{why}"
        );
    }
}

#[test]
fn damaged_pieces_of_the_only_url_are_fetched_again_once() {
    let (origin, mut sandbox) = (Origin::plain(), Sandbox::new());
    sandbox.options.min_split_size = u64::MAX;
    let wrong = Script::ok(Body::of(damaged(&[5]))).ranges();
    origin.on("/a", [wrong, Script::ok(file()).ranges()]);
    let outcome = run(&sandbox, row(&origin.url("/a"), true));
    assert_done(&outcome);
    assert_eq!(ranges(&origin), [String::new(), range_of(5)]);
    assert!(sandbox.read("a") == file().bytes());
}
