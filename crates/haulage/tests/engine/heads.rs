//! Response heads that are not as they should be, and what they mean all the same (RFC 9110 §15,
//! RFC 9112 §2.2, §4, §5).

use std::time::Duration;

use haulage::FileNames;
use origin::{Body, Gate, Origin, Script};

use crate::sandbox::{Sandbox, assert_done, block_on, get, kind, rest};

/// A response of these very bytes, on a connection that stays open.
fn raw(response: &str) -> Script {
    Script::raw(response.as_bytes().to_vec())
}

/// Fetches each of these heads, with `hello` behind it, as the first of two files on one
/// connection. The second must arrive too.
#[track_caller]
fn assert_read(head: &str, connections: u64) {
    let origin = Origin::plain();
    origin.on("/a", raw(&format!("{head}hello")));
    origin.on("/b", Script::ok(Body::of("next")));
    let mut sandbox = Sandbox::new();
    sandbox.engine.jobs = 1;
    let outcomes = sandbox.run(["/a", "/b"].map(|path| get(&origin.url(path))));
    for outcome in &outcomes {
        let error = outcome.error();
        assert!(error.is_none(), "{head:?}: {error:?}");
    }
    assert_eq!(
        (sandbox.read("a"), sandbox.read("b")),
        (b"hello".to_vec(), b"next".to_vec())
    );
    assert_eq!(origin.connections(), connections, "{head:?}");
}

#[track_caller]
fn assert_no_http(head: &str) {
    let origin = Origin::plain();
    origin.on("/a", raw(&format!("{head}hello")).close_at(u64::MAX));
    let sandbox = Sandbox::new();
    let outcome = sandbox.fetch(&origin.url("/a"));
    assert_eq!(
        (kind(&outcome), outcome.attempts),
        ("protocol", 1),
        "{head:?}"
    );
    assert!(sandbox.names().is_empty(), "{head:?}");
}

#[test]
fn odd_line_in_a_head_affects_itself_alone() {
    for line in [
        "X-Folded: a\r\n b\r\n\tc\r\n",
        "X-Control: a\x01b\x1b[31m\x7f\r\n",
        "X-Space : a\r\n",
        "No colon\r\n",
        "b a d: name\r\n",
        ": no name\r\n",
        "na\u{ef}ve: name\r\n",
        "Bare-Lf: a\n",
    ] {
        assert_read(
            &format!("HTTP/1.1 200 OK\r\n{line}Content-Length: 5\r\n\r\n"),
            1,
        );
        assert_read(
            &format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n{line}\r\n"),
            1,
        );
    }
}

#[test]
fn status_line_is_read_as_curl_reads_it() {
    for line in [
        "HTTP/1.1 200\r\n",
        "HTTP/1.1 200 \r\n",
        "HTTP/1.1 200 OK\n",
        "http/1.1 200 OK\r\n",
        "HTTP/1.1  200  OK\r\n",
        "HTTP/1.1 200 \u{1f44d} \x07\r\n",
        "\r\n\r\nHTTP/1.1 200 OK\r\n",
    ] {
        assert_read(&format!("{line}Content-Length: 5\r\n\r\n"), 1);
    }
    // A continuation of nothing.
    assert_read(
        "HTTP/1.1 200 OK\r\n before: any\r\nContent-Length: 5\r\n\r\n",
        1,
    );
    // HTTP/1.0 has to ask for the connection to stay.
    assert_read("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 2);
    let kept = "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n";
    assert_read(kept, 1);
}

#[test]
fn odd_framing_is_read_as_meant_on_a_connection_of_its_own() {
    assert_read("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n", 2);
    assert_read("HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\n\r\n", 2);
    for name in ["Transfer-Encoding :", "Transfer-Encoding:\r\n\t"] {
        let origin = Origin::plain();
        let head = format!("HTTP/1.1 200 OK\r\n{name} chunked\r\n\r\n");
        origin.on("/a", raw(&format!("{head}5\r\nhello\r\n0\r\n\r\n")));
        let sandbox = Sandbox::new();
        assert_done(&sandbox.fetch(&origin.url("/a")));
        assert_eq!(sandbox.read("a"), b"hello");
    }
}

#[test]
fn head_that_may_hide_framing_or_a_line_is_no_http() {
    for line in [
        "Transfer-Encoding\x01: chunked",
        "Transfer-Encoding: chunked\x0b",
        "Content-Length: 5\x0c",
        "Content Length: 5",
        "Transfer-Encoding chunked",
        "X: a\rContent-Length: 3",
        "X: a\0b",
        "X\0: a",
    ] {
        assert_no_http(&format!(
            "HTTP/1.1 200 OK\r\n{line}\r\nContent-Length: 5\r\n\r\n"
        ));
    }
    for line in [
        "HTTP/2 200 OK",
        "HTTP/1.1 2000",
        "ICY 200 OK",
        "HTTP/1.1 200 O\0K",
    ] {
        assert_no_http(&format!("{line}\r\nContent-Length: 5\r\n\r\n"));
    }
}

#[test]
fn folded_and_odd_values_are_used_like_any_other() {
    let origin = Origin::plain();
    origin.on(
        "/folded",
        raw("HTTP/1.1 200 OK\r\nContent-Disposition: attachment;\r\n\tfilename=\"a\r\n  b.txt\"\r\nContent-Length: 1\r\n\r\n1"),
    );
    origin.on(
        "/control",
        raw("HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=\"a\x01c.txt\"\r\nContent-Length: 1\r\n\r\n2"),
    );
    let mut sandbox = Sandbox::new();
    sandbox.options.file_names = FileNames::FromServer;
    for path in ["/folded", "/control"] {
        assert_done(&sandbox.fetch(&origin.url(path)));
    }
    let names = sandbox.names();
    assert!(names.contains(&"a b.txt".to_owned()), "{names:?}");
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.iter().all(|name| !name.contains('\x01')), "{names:?}");
}

#[test]
fn location_that_is_folded_has_a_space_there() {
    let origin = Origin::plain();
    let head = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation:\r\n /b\r\n\tc\r\n\r\n";
    origin.on("/a", raw(head));
    origin.on("/b%20c", Script::ok(Body::of("hello")));
    let sandbox = Sandbox::new();
    assert_done(&sandbox.fetch(&origin.url("/a")));
    assert_eq!(sandbox.read("a"), b"hello");
}

#[test]
fn trailers_may_end_with_line_feeds_alone() {
    for trailers in ["A: b\n\n", "A: b\nC: d\r\n\n", "\n", "A: b\r\n\r\n"] {
        let origin = Origin::plain();
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n";
        origin.on("/a", raw(&format!("{head}{trailers}")));
        origin.on("/b", Script::ok(Body::of("next")));
        let mut sandbox = Sandbox::new();
        sandbox.engine.jobs = 1;
        let outcomes = sandbox.run(["/a", "/b"].map(|path| get(&origin.url(path))));
        outcomes.iter().for_each(assert_done);
        assert_eq!(sandbox.read("a"), b"hello", "{trailers:?}");
        assert_eq!(origin.connections(), 1, "{trailers:?}");
    }
}

#[test]
fn large_heads_are_read_up_to_what_browsers_take() {
    for origin in [Origin::plain(), Origin::tls()] {
        let file = || Script::ok(Body::of("hello"));
        origin.on("/many", file().flood_headers(998));
        origin.on("/long", file().flood_header(250 << 10));
        origin.on("/longer", file().flood_header(300 << 10));
        origin.on("/more", file().flood_headers(1001));
        let sandbox = Sandbox::trusting(&origin);
        for path in ["/many", "/long"] {
            assert_done(&sandbox.fetch(&origin.url(path)));
        }
        for path in ["/longer", "/more"] {
            assert_eq!(
                kind(&sandbox.fetch(&origin.url(path))),
                "protocol",
                "{path}"
            );
        }
    }
}

#[test]
fn only_200_203_and_a_whole_206_are_files() {
    for origin in [Origin::plain(), Origin::tls()] {
        let sandbox = Sandbox::trusting(&origin);
        for status in [201, 204, 205, 206, 207, 208, 218, 226, 299] {
            let path = format!("/{status}");
            origin.on(&path, Script::status(status).body(Body::of("hello")));
            let outcome = sandbox.fetch(&origin.url(&path));
            let expected = if status == 206 { "protocol" } else { "http" };
            let found = (kind(&outcome), outcome.attempts);
            assert_eq!(found, (expected, 1), "{}", origin.url(&path));
            assert_eq!(outcome.http_status, Some(status));
        }
        assert!(sandbox.names().is_empty());
        origin.on("/203", Script::status(203).body(Body::of("hello")));
        let whole = Script::status(206).body(Body::of("hello"));
        let whole = whole.header("content-range", "bytes 0-4/5");
        origin.on("/whole", whole.clone());
        origin.on("/chunked", whole.chunked());
        origin.on("/to", Script::redirect(302, "/whole"));
        for name in ["203", "whole", "chunked", "to"] {
            let outcome = sandbox.fetch(&origin.url(&format!("/{name}")));
            assert_done(&outcome);
            assert_eq!((outcome.bytes, outcome.verified.name()), (5, "length"));
            assert_eq!(sandbox.read(name), b"hello");
        }
    }
}

#[test]
fn unasked_206_that_leaves_the_whole_in_doubt_is_refused() {
    let origin = Origin::plain();
    let part = || Script::status(206).body(Body::of("hello"));
    for (path, script) in [
        ("/first", part().header("content-range", "bytes 0-4/9")),
        ("/last", part().header("content-range", "bytes 4-8/9")),
        ("/open", part().header("content-range", "bytes 0-4/*")),
        ("/unit", part().header("content-range", "items 0-4/5")),
        ("/longer", part().header("content-range", "bytes 0-5/6")),
        ("/bare", part()),
        (
            "/multipart",
            part()
                .header("content-range", "bytes 0-4/5")
                .header("content-type", "multipart/byteranges; boundary=x"),
        ),
    ] {
        origin.on(path, script);
        let sandbox = Sandbox::new();
        let outcome = sandbox.fetch(&origin.url(path));
        assert_eq!(
            (kind(&outcome), outcome.attempts),
            ("protocol", 1),
            "{path}"
        );
        assert!(sandbox.names().is_empty(), "{path}");
    }
    // Fewer bytes than it says, though its framing is whole.
    let short = part().header("content-range", "bytes 0-5/6").chunked();
    origin.on("/short", [short, Script::ok(Body::of("hello!"))]);
    let sandbox = Sandbox::new();
    let outcome = sandbox.fetch(&origin.url("/short"));
    assert_done(&outcome);
    assert_eq!(
        (outcome.attempts, sandbox.read("short")),
        (2, b"hello!".to_vec())
    );
}

#[test]
fn accepted_is_not_ready_and_is_asked_for_again() {
    for origin in [Origin::plain(), Origin::tls()] {
        let sandbox = Sandbox::trusting(&origin);
        let not_ready = || Script::status(202).body(Body::of("wait"));
        let ready = Script::ok(Body::of("hello"));
        origin.on("/later", [not_ready(), not_ready(), ready.clone()]);
        let outcome = sandbox.fetch(&origin.url("/later"));
        assert_done(&outcome);
        assert_eq!(
            (outcome.attempts, sandbox.read("later")),
            (3, b"hello".to_vec())
        );
        origin.on("/never", not_ready());
        let outcome = sandbox.fetch(&origin.url("/never"));
        assert_eq!((kind(&outcome), outcome.attempts), ("http", 6));
        assert_eq!(outcome.http_status, Some(202));
        assert!(outcome.error().unwrap().is_transient());
        assert_eq!(sandbox.names(), ["later"]);
    }
}

#[test]
fn files_that_are_not_ready_do_not_keep_others_waiting() {
    let origin = Origin::plain();
    origin.under("/never/", |_| Script::status(202));
    origin.under("/ready/", |_| Script::ok(Body::of("hello")));
    let mut sandbox = Sandbox::new();
    sandbox.engine.per_host = Some(2);
    // A host in trouble is given up after this.
    sandbox.options.retry.max_time = Duration::from_millis(20);
    let rows = (0..60).map(|number| {
        let folder = if number < 40 { "never" } else { "ready" };
        get(&origin.url(&format!("/{folder}/{number}")))
    });
    let outcomes = sandbox.run(rows.collect::<Vec<_>>());
    let failed = outcomes.iter().filter(|outcome| kind(outcome) == "http");
    let failed: Vec<_> = failed.collect();
    assert_eq!(failed.len(), 40);
    for outcome in failed {
        let error = outcome.error().unwrap().to_string();
        assert!(!error.contains("in trouble"), "{error}");
    }
}

/// The frame of HTTP/2 with which a stream's head comes: 200, and a field with this value.
fn http2_head(stream: u8, value: &[u8]) -> Vec<u8> {
    // RFC 7541 §6.1, §6.2.2: the eighth field of the static table, and a literal with a name of its
    // own.
    let mut block = vec![0x88, 0x00, 1, b'x', u8::try_from(value.len()).unwrap()];
    block.extend_from_slice(value);
    let length = u8::try_from(block.len()).unwrap();
    let mut frame = vec![0, 0, length, 1, 4, 0, 0, 0, stream];
    frame.extend(block);
    // DATA that ends the stream.
    frame.extend([0, 0, 5, 0, 1, 0, 0, 0, stream]);
    frame.extend_from_slice(b"hello");
    frame
}

#[test]
fn http2_head_that_h2_cannot_read_harms_no_other_file() {
    let origin = Origin::tls();
    origin.on("/good", Script::raw(http2_head(1, b"fine")));
    let sandbox = Sandbox::trusting(&origin);
    assert_done(&sandbox.fetch(&origin.url("/good")));
    let origin = Origin::tls();
    origin.on("/odd", Script::raw(http2_head(1, b"a\x01b")));
    let sandbox = Sandbox::trusting(&origin);
    let outcome = sandbox.fetch(&origin.url("/odd"));
    assert_eq!(kind(&outcome), "protocol");
    let error = outcome.error().unwrap().to_string();
    assert!(error.contains("--http1.1"), "{error}");
    let origin = Origin::tls();
    let (body, head, odd) = (Gate::new(), Gate::new(), Gate::new());
    let file = Script::ok(Body::seeded(1, 100_000));
    origin.on("/body", [file.clone().hold_at(50_000, &body), file.clone()]);
    origin.on("/head", [file.clone().hold(&head), file.clone()]);
    let unreadable = Script::raw(http2_head(5, b"a\x01b")).hold(&odd);
    origin.on("/odd", [unreadable, file]);
    let sandbox = Sandbox::trusting(&origin);
    let mut run = sandbox.start();
    let mut events = run.events();
    for (path, gate) in [("/body", &body), ("/head", &head), ("/odd", &odd)] {
        run.feed([get(&origin.url(path))]);
        gate.wait_reached(1);
    }
    run.close();
    odd.open();
    for outcome in block_on(rest(&mut events)) {
        assert_done(&outcome);
        assert_eq!(outcome.attempts, 2, "{}", outcome.url);
    }
    for name in ["body", "head", "odd"] {
        assert!(sandbox.read(name) == Body::seeded(1, 100_000).bytes());
    }
}
