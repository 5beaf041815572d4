//! A stream as the destination: bytes go out as they come, and none of them twice.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use haulage::{Destination, Output, Request};
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, get, kind, rest};

/// Gives each write to the test, which may let it wait.
struct Piped(SyncSender<Vec<u8>>);

impl Write for Piped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.0.send(bytes.to_vec()).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn piped(pieces: usize) -> (Sandbox, Receiver<Vec<u8>>) {
    let (send, received) = sync_channel(pieces);
    let mut sandbox = Sandbox::new();
    sandbox.options.destination = Destination::Output(Output::new(Piped(send)));
    (sandbox, received)
}

fn all(sandbox: Sandbox, received: &Receiver<Vec<u8>>) -> Vec<u8> {
    drop(sandbox);
    received.iter().flatten().collect()
}

#[test]
fn every_byte_goes_out_in_order_and_nothing_to_disk() {
    let origin = Origin::plain();
    let body = Body::seeded(1, 5 << 20);
    origin.on("/a", Script::ok(body.clone()));
    let (sandbox, received) = piped(1 << 20);
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_done(&outcome);
    assert_eq!((outcome.bytes, outcome.path.as_deref()), (5 << 20, None));
    assert_eq!(outcome.verified.name(), "length");
    assert_eq!(std::fs::read_dir(sandbox.path("")).unwrap().count(), 0);
    assert!(all(sandbox, &received) == body.bytes());
}

#[test]
fn what_is_not_the_file_itself_never_goes_out() {
    let origin = Origin::plain();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(b"hello").unwrap();
    let coded = Script::ok(Body::of(encoder.finish().unwrap()))
        .chunked()
        .header("transfer-encoding", "gzip, chunked");
    let whole = Script::status(206)
        .body(Body::of("hello"))
        .header("content-range", "bytes 0-4/5");
    let not_ready = Script::status(202).body(Body::of("wait"));
    origin.on("/coded", coded);
    origin.on("/whole", whole);
    origin.on("/later", [not_ready, Script::ok(Body::of("hello"))]);
    for path in ["/coded", "/whole", "/later"] {
        let (sandbox, received) = piped(10);
        assert_done(&sandbox.fetch(&origin.url(path)));
        assert_eq!(all(sandbox, &received), b"hello", "{path}");
    }
    for (path, status) in [("/part", 206), ("/created", 201)] {
        origin.on(path, Script::status(status).body(Body::of("hello")));
        let (sandbox, received) = piped(10);
        assert_ne!(kind(&sandbox.fetch(&origin.url(path))), "none");
        assert_eq!(all(sandbox, &received), b"", "{path}");
    }
}

#[test]
fn bytes_are_there_as_soon_as_they_have_come() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.on("/a", Script::ok(Body::of("onetwo")).hold_at(3, &gate));
    let (sandbox, received) = piped(10);
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([get(&origin.url("/a"))]);
    run.close();
    // Where they are held back, they never come.
    let next = || received.recv_timeout(Duration::from_secs(30));
    assert_eq!(next().unwrap(), b"one");
    gate.open();
    assert_eq!(next().unwrap(), b"two");
    assert_done(&block_on(rest(&mut events))[0]);
}

#[test]
fn a_reader_that_is_slow_slows_the_server() {
    const LENGTH: u64 = 64 << 20;
    /// What the kernel's buffers and ours may hold.
    const BETWEEN: u64 = 16 << 20;
    let origin = Origin::plain();
    let gate = Gate::new();
    let body = Body::seeded(1, LENGTH);
    origin.on("/a", Script::ok(body).hold_at(LENGTH / 2, &gate));
    let (sandbox, received) = piped(0);
    let mut run = sandbox.start();
    let mut events = run.events();
    run.feed([get(&origin.url("/a"))]);
    run.close();
    let mut taken = 0;
    while gate.arrivals() == 0 {
        // Nothing more may come while the server is on its way to the gate.
        let bytes = received.recv_timeout(Duration::from_millis(10));
        taken += bytes.map_or(0, |bytes| bytes.len() as u64);
    }
    assert!(taken + BETWEEN >= LENGTH / 2, "{taken}: nobody waited");
    gate.open();
    while taken < LENGTH {
        taken += received.recv().unwrap().len() as u64;
    }
    assert_done(&block_on(rest(&mut events))[0]);
}

#[test]
fn once_bytes_have_gone_out_there_is_no_further_attempt() {
    let origin = Origin::plain();
    let file = Script::ok(Body::seeded(1, 300_000));
    let broken = [
        Script::status(503),
        file.clone().reset_at(0),
        file.clone().close_at(100_000),
        file,
    ];
    origin.on("/a", broken);
    let (sandbox, received) = piped(1 << 20);
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!((kind(&outcome), outcome.attempts), ("incomplete", 3));
    let message = outcome.error().unwrap().to_string();
    assert!(message.contains("written out"), "{message}");
    let taken = all(sandbox, &received);
    assert!(!taken.is_empty() && taken.len() <= 100_000);
    assert!(Body::seeded(1, 300_000).bytes().starts_with(&taken));
}

#[test]
fn a_wrong_checksum_is_told_of_though_the_bytes_are_out() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("123456789")));
    for (checksum, expected) in [("crc32c=e3069283", "none"), ("crc32c=e3069284", "checksum")] {
        let (sandbox, received) = piped(10);
        let request = Request::new(&origin.url("/a")).unwrap();
        let request = request.checksum(checksum.parse().unwrap()).unwrap();
        let outcome = sandbox.run([Ok(request)]).pop().unwrap();
        assert_eq!(kind(&outcome), expected);
        assert_eq!(all(sandbox, &received), b"123456789");
    }
}

#[test]
fn a_second_file_is_not_mixed_with_the_first() {
    let origin = Origin::plain();
    origin.under("/", |_| Script::ok(Body::of("file")));
    let (sandbox, received) = piped(10);
    let outcomes = sandbox.run([get(&origin.url("/a")), get(&origin.url("/b"))]);
    let kinds: Vec<_> = outcomes.iter().map(kind).collect();
    assert!(
        kinds == ["none", "disk"] || kinds == ["disk", "none"],
        "{kinds:?}"
    );
    assert_eq!(all(sandbox, &received), b"file");
}

#[test]
fn once_bytes_have_gone_out_no_mirror_is_asked() {
    let (first, second) = (Origin::plain(), Origin::plain());
    let file = Script::ok(Body::seeded(1, 300_000));
    first.on("/a", file.clone().close_at(100_000));
    second.on("/a", file);
    let (sandbox, received) = piped(1 << 20);
    let request = Request::new(&first.url("/a")).unwrap();
    let request = request.mirror(&second.url("/a")).unwrap();
    let outcome = sandbox.run([Ok(request)]).pop().unwrap();
    assert_eq!((kind(&outcome), outcome.attempts), ("incomplete", 1));
    assert_eq!(second.count("/a"), 0);
    assert!(all(sandbox, &received).len() <= 100_000);
}
