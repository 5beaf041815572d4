//! Checksums: what they let through, what they keep out, and what is told of them.

use haulage::{Algorithm, Checksum, Existing};
use origin::{Body, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, expecting, get, kind, next_outcome, rest};

const HELLO: &str = "sha256=2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const OTHER: &str = "sha256=2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9825";
const HELLO_MD5: &str = "md5=5d41402abc4b2a76b9719d911017c592";

fn hello() -> Origin {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("hello")));
    origin
}

fn shown(hashes: &[Checksum]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_file_with_the_right_checksums_is_named_and_vouched_for() {
    let (origin, sandbox) = (hello(), Sandbox::new());
    let row = expecting(&origin.url("/a"), &[HELLO, HELLO_MD5]);
    let outcome = sandbox.run([row]).pop().unwrap();
    assert_done(&outcome);
    assert_eq!(outcome.verified.name(), "checksum");
    assert_eq!(shown(&outcome.hashes), [HELLO, HELLO_MD5]);
}

#[test]
fn a_file_with_a_wrong_checksum_gets_no_name_and_is_asked_for_once_more() {
    let (origin, sandbox) = (hello(), Sandbox::new());
    // One of several is enough.
    let row = expecting(&origin.url("/a"), &[OTHER, HELLO_MD5]);
    let outcome = sandbox.run([row]).pop().unwrap();
    assert_eq!((kind(&outcome), outcome.attempts), ("checksum", 2));
    let message = outcome.error().unwrap().to_string();
    for checksum in [HELLO, OTHER] {
        let hex = checksum.strip_prefix("sha256=").unwrap();
        assert!(message.contains(hex), "{message}");
    }
    assert!(outcome.hashes.is_empty() && sandbox.names().is_empty());
    assert_eq!(
        std::fs::read_dir(sandbox.path(".haul/part"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn large_bodies_are_hashed_in_order() {
    let origin = Origin::plain();
    let body = Body::seeded(7, 9_000_001);
    origin.on("/a", Script::ok(body.clone()));
    let mut sandbox = Sandbox::new();
    sandbox.options.hashes = Algorithm::ALL.to_vec();
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_done(&outcome);
    assert_eq!(outcome.hashes.len(), Algorithm::ALL.len());
    // A hash that was only computed verifies nothing.
    assert_eq!(outcome.verified.name(), "length");
    let all: Vec<String> = shown(&outcome.hashes);
    let row = expecting(
        &origin.url("/a"),
        &all.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let again = Sandbox::new().run([row]).pop().unwrap();
    assert_eq!(again.verified.name(), "checksum");
    // Known from elsewhere: the body is what it was, so this one is right.
    assert!(all.contains(&format!("crc32c={:08x}", crc32c(&body.bytes()))));
}

/// CRC-32C a bit at a time (RFC 9260 appendix A).
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(!0, step)
}

#[test]
fn nothing_is_computed_that_nobody_asked_for() {
    let (origin, sandbox) = (hello(), Sandbox::new());
    assert!(sandbox.fetch(&origin.url("/a")).hashes.is_empty());
}

#[test]
fn a_file_that_is_there_is_held_against_its_checksum() {
    let (origin, mut sandbox) = (hello(), Sandbox::new());
    sandbox.options.existing = Existing::Skip;
    sandbox.write("right", "hello");
    sandbox.write("wrong", "hellO");
    let rows = [
        expecting(&origin.url("/right"), &[HELLO]),
        expecting(&origin.url("/wrong"), &[HELLO]),
        expecting(&origin.url("/missing"), &[HELLO]),
        get(&origin.url("/?none")),
    ];
    sandbox.write("index.html", "anything");
    for outcome in sandbox.run(rows) {
        let status = (outcome.status.name(), outcome.verified.name());
        match outcome.row {
            0 => {
                assert_eq!(status, ("skipped", "checksum"));
                assert_eq!(
                    (outcome.bytes, shown(&outcome.hashes)),
                    (5, vec![HELLO.to_owned()])
                );
            }
            1 => {
                assert_eq!(kind(&outcome), "exists");
                let message = outcome.error().unwrap().to_string();
                assert!(message.contains("--exists overwrite"), "{message}");
            }
            2 => assert_eq!(status, ("done", "checksum")),
            _ => assert_eq!(status, ("skipped", "none")),
        }
    }
    assert_eq!(origin.log().len(), 1, "only what is missing was asked for");
    assert_eq!(sandbox.read("wrong"), b"hellO");
}

#[test]
fn overwriting_puts_the_right_file_in_the_place_of_a_wrong_one() {
    let (origin, mut sandbox) = (hello(), Sandbox::new());
    sandbox.options.existing = Existing::Overwrite;
    sandbox.write("a", "hellO");
    let row = || expecting(&origin.url("/a"), &[HELLO]);
    assert_done(&sandbox.run([row()])[0]);
    assert_eq!(sandbox.read("a"), b"hello");
    let wrong = expecting(&origin.url("/a"), &[OTHER]);
    assert_eq!(kind(&sandbox.run([wrong])[0]), "checksum");
    assert_eq!(sandbox.read("a"), b"hello");
}

#[test]
fn what_is_there_is_hashed_for_the_results_too_and_for_identical_rows() {
    let (origin, mut sandbox) = (hello(), Sandbox::new());
    sandbox.options.hashes = vec![Algorithm::Md5];
    sandbox.write("there", "hello");
    let rows = ["/there", "/there", "/new", "/new"].map(|path| get(&origin.url(path)));
    for outcome in sandbox.run(rows) {
        assert_eq!(shown(&outcome.hashes), [HELLO_MD5], "row {}", outcome.row);
        assert_ne!(outcome.verified.name(), "checksum");
    }
    assert_eq!(origin.log().len(), 2, "for each file one");
}

#[test]
fn a_row_with_another_checksum_is_another_file() {
    let (origin, sandbox) = (hello(), Sandbox::new());
    let url = origin.url("/a.txt");
    let rows = [
        expecting(&url, &[HELLO]),
        expecting(&url, &[HELLO]),
        expecting(&url, &[OTHER]),
    ];
    let mut outcomes = sandbox.run(rows);
    outcomes.sort_by_key(|outcome| outcome.row);
    let told: Vec<_> = outcomes
        .iter()
        .map(|outcome| (outcome.status.name(), outcome.path.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("done", Some("a.txt")),
            ("skipped", Some("a.txt")),
            ("failed", None)
        ]
    );
    assert_eq!(outcomes[1].verified.name(), "checksum");
    assert_eq!(kind(&outcomes[2]), "checksum");
}

#[test]
fn a_file_that_somebody_has_replaced_is_not_vouched_for() {
    let (origin, sandbox) = (hello(), Sandbox::new());
    let row = || expecting(&origin.url("/a"), &[HELLO]);
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([row()]);
    assert_done(&block_on(next_outcome(&mut events)));
    sandbox.write("a", "other");
    run.feed([row()]);
    run.close();
    let again = block_on(rest(&mut events)).pop().unwrap();
    assert_eq!(
        (again.status.name(), again.verified.name()),
        ("skipped", "none")
    );
}

/// Of "hello": in base64, as headers have it.
const HELLO_SHA256: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
const HELLO_CRC32C: &str = "mnG7TA==";
/// Of something else.
const OTHER_SHA256: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[test]
fn what_a_response_vouches_for_is_held_against_the_file() {
    for (name, value) in [
        ("repr-digest", format!("sha-256=:{HELLO_SHA256}:")),
        ("content-digest", format!("sha-256=:{HELLO_SHA256}:")),
        ("digest", format!("sha-256={HELLO_SHA256}")),
        ("content-md5", "XUFAKrxLKna5cZ2REBfFkg==".to_owned()),
        ("x-goog-hash", format!("crc32c={HELLO_CRC32C}")),
    ] {
        let (origin, sandbox) = (Origin::plain(), Sandbox::new());
        let script = |body: &str| Script::ok(Body::of(body.to_owned())).header(name, &value);
        origin.on("/a", script("hello"));
        origin.on("/spoilt", [script("hellO"), script("hello")]);
        origin.on("/wrong", script("hellO"));
        let outcome = sandbox.fetch(&origin.url("/a"));
        assert_done(&outcome);
        assert_eq!(outcome.verified.name(), "digest", "{name}");
        assert!(outcome.hashes.is_empty(), "nobody has asked for them");
        let outcome = sandbox.fetch(&origin.url("/spoilt"));
        assert_done(&outcome);
        assert_eq!(
            (outcome.attempts, sandbox.read("spoilt")),
            (2, b"hello".to_vec())
        );
        let outcome = sandbox.fetch(&origin.url("/wrong"));
        assert_eq!((kind(&outcome), outcome.attempts), ("checksum", 2));
        let error = outcome.error().unwrap().to_string();
        assert!(error.contains("its own header says"), "{error}");
        assert_eq!(sandbox.names(), ["a", "spoilt"]);
    }
}

#[test]
fn what_a_row_says_of_its_file_counts_more_than_what_its_server_says() {
    let (origin, sandbox) = (Origin::plain(), Sandbox::new());
    let digest = format!("sha-256=:{OTHER_SHA256}:");
    origin.on(
        "/a",
        Script::ok(Body::of("hello")).header("repr-digest", &digest),
    );
    let row = expecting(&origin.url("/a"), &[HELLO_MD5]);
    let outcome = sandbox.run([row]).pop().unwrap();
    assert_done(&outcome);
    assert_eq!(outcome.verified.name(), "checksum");
}

#[test]
fn a_digest_of_what_was_sent_says_nothing_of_what_that_stands_for() {
    let packed = zstd::encode_all(&b"hello"[..], 3).unwrap();
    let origin = Origin::plain();
    let digest = format!("sha-256=:{OTHER_SHA256}:");
    let script = Script::ok(Body::of(packed)).header("content-encoding", "zstd");
    origin.on("/a", script.header("repr-digest", &digest));
    let mut sandbox = Sandbox::new();
    sandbox.options.content_encoding = haulage::ContentEncoding::Decode;
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_done(&outcome);
    assert_eq!(sandbox.read("a"), b"hello");
    // As it was sent, it is not what it should be.
    sandbox.options.content_encoding = haulage::ContentEncoding::Keep;
    let outcome = sandbox
        .run([crate::sandbox::named(&origin.url("/a"), "b")])
        .pop()
        .unwrap();
    assert_eq!(kind(&outcome), "checksum");
}

#[test]
fn what_was_gone_on_with_is_held_against_what_the_first_response_said() {
    let body = Body::seeded(5, 1 << 20);
    let sum = crc32c::crc32c(&body.bytes());
    let goog = |sum: u32| format!("crc32c={}", base64(&sum.to_be_bytes()));
    for (sum, status) in [(sum, "digest"), (sum ^ 1, "none")] {
        let script = || Script::entity(body.clone(), "\"a\"");
        let origin = Origin::plain();
        let first = script().header("x-goog-hash", &goog(sum)).close_at(500_000);
        origin.on("/a", [first, script()]);
        let mut sandbox = Sandbox::new();
        sandbox.options.retry.retries = 1;
        let outcome = sandbox.fetch(&origin.url("/a"));
        assert_eq!(outcome.verified.name(), status);
        assert_eq!(outcome.error().is_some(), status == "none");
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}
