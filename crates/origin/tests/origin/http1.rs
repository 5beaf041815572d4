//! HTTP/1.1, byte by byte.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use origin::{Body, Gate, Origin, Script};

use crate::client::Client;

#[test]
fn a_whole_response() {
    let origin = Origin::plain();
    let body = Body::seeded(7, 300_000);
    origin.on("/file", Script::ok(body.clone()).header("ETag", "\"one\""));

    let mut client = Client::of(&origin);
    let answer = client.get("/file");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("etag"), Some("\"one\""));
    assert_eq!(answer.header("content-length"), Some("300000"));
    assert_eq!(client.read(300_000), body.bytes());

    // The connection is kept, and HEAD has no body.
    client.send("HEAD", "/file");
    assert_eq!(client.head().header("content-length"), Some("300000"));
    assert_eq!(client.get("/unknown").status(), 404);
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_small_response_is_one_write() {
    let origin = Origin::plain();
    let mut socket = TcpStream::connect(origin.address()).unwrap();
    write!(socket, "GET /bytes/5K HTTP/1.1\r\n\r\n").unwrap();
    let mut read = [0; 10_000];
    let len = socket.read(&mut read).unwrap();
    assert!(len > 5000, "{len}");
    assert!(read[..len].ends_with(&Body::seeded(0, 5 << 10).bytes()));
}

#[test]
fn what_a_request_brings_along_is_left_behind() {
    let origin = Origin::plain();
    let mut client = Client::of(&origin);
    let both = "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\n\r\n";
    client.socket.write_all(both.as_bytes()).unwrap();
    assert_eq!(client.head().status(), 404);
    assert_eq!(client.head().status(), 404);
    let asked: Vec<String> = origin.log().into_iter().map(|asked| asked.path).collect();
    assert_eq!(asked, ["/a", "/b"]);
}

#[test]
fn heads_that_are_no_heads_are_refused() {
    let origin = Origin::plain();
    let flood = format!("GET / HTTP/1.1\r\na: {}", "b".repeat(64 << 10));
    for (head, status) in [("nonsense\r\n\r\n", 400), (flood.as_str(), 431)] {
        let mut client = Client::of(&origin);
        client.socket.write_all(head.as_bytes()).unwrap();
        assert_eq!(client.head().status(), status);
        assert_eq!(client.rest().unwrap(), b"");
    }
    assert!(origin.log().is_empty());
}

#[test]
fn close_is_a_fin_after_so_many_bytes() {
    let origin = Origin::plain();
    let body = Body::seeded(1, 1 << 20);
    origin.on("/a", Script::ok(body.clone()).close_at(700_001));
    origin.on("/b", Script::ok(body.clone()).close());
    let mut client = Client::of(&origin);
    assert_eq!(client.get("/a").header("content-length"), Some("1048576"));
    assert_eq!(client.rest().unwrap(), body.bytes()[..700_001]);

    let mut client = Client::of(&origin);
    client.send("GET", "/b");
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn reset_is_an_rst_after_so_many_bytes() {
    let origin = Origin::plain();
    let body = Body::seeded(1, 1 << 20);
    origin.on("/a", Script::ok(body.clone()).reset_at(200_001));
    let mut client = Client::of(&origin);
    client.get("/a");
    assert_eq!(client.read(200_001), body.bytes()[..200_001]);
    let error = client.rest().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    origin.on("/b", Script::ok(body).reset());
    let mut client = Client::of(&origin);
    client.send("GET", "/b");
    let error = client.rest().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// A reset throws away what the origin's kernel holds: it must hold nothing by then.
#[cfg(target_os = "linux")]
#[test]
fn who_reads_slowly_gets_what_came_before_the_reset_too() {
    let origin = Origin::plain();
    let body = Body::seeded(1, 1 << 20);
    origin.on("/a", Script::ok(body.clone()).reset_at(200_001));
    let mut client = Client::with_room_for(&origin, 4096);
    client.send("GET", "/a");
    // Now nothing but what the client has not read keeps the origin from the reset.
    origin.wait_until(|tally| tally.requests == 1 && tally.in_flight == 0);
    client.head();
    assert_eq!(client.read(200_001), body.bytes()[..200_001]);
    let error = client.rest().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn bodies_without_a_length() {
    let origin = Origin::plain();
    let body = Body::seeded(1, 200_000);
    origin.on("/close", Script::ok(body.clone()).without_length());
    origin.on("/chunked", Script::ok(body.clone()).chunked());
    origin.on(
        "/torn",
        Script::ok(body.clone()).chunked().close_at(200_000),
    );
    origin.on("/empty", Script::ok(Body::empty()).chunked());

    let mut client = Client::of(&origin);
    let answer = client.get("/chunked");
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.header("content-length"), None);
    assert_eq!(client.chunks(), body.bytes());
    client.get("/empty");
    assert_eq!(client.chunks(), b"");
    let answer = client.get("/close");
    assert_eq!(answer.header("content-length"), None);
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(client.rest().unwrap(), body.bytes());

    let mut client = Client::of(&origin);
    client.get("/torn");
    assert!(!client.rest().unwrap().ends_with(b"0\r\n\r\n"));
}

#[test]
fn statuses_that_have_no_body() {
    let origin = Origin::plain();
    origin.on("/a", Script::status(304).body(Body::of("abc")));
    let mut client = Client::of(&origin);
    for _ in 0..2 {
        let answer = client.get("/a");
        assert_eq!(answer.status(), 304);
        assert_eq!(answer.header("content-length"), None);
    }
}

#[test]
fn a_header_of_the_script_may_lie() {
    let origin = Origin::plain();
    origin.on(
        "/a",
        Script::ok(Body::of("abc")).header("content-length", "2"),
    );
    let answer = Client::of(&origin).get("/a");
    assert_eq!(answer.header("content-length"), Some("2"));
}

#[test]
fn a_gate_holds_the_head_or_the_body() {
    let origin = Origin::plain();
    let (head, body) = (Gate::new(), Gate::new());
    origin.on(
        "/a",
        Script::ok(Body::of("abcdef")).hold(&head).hold_at(3, &body),
    );
    let mut client = Client::of(&origin);
    client.send("GET", "/a");
    head.wait_reached(1);
    assert_eq!(origin.tally().in_flight, 1);
    head.open();
    assert_eq!(client.head().status(), 200);
    body.wait_reached(1);
    assert_eq!(client.read(3), b"abc");
    assert_eq!(origin.tally().in_flight, 1);
    body.open();
    assert_eq!(client.read(3), b"def");
    assert_eq!(
        origin.tally().in_flight,
        0,
        "it was over before its last byte was sent"
    );
}
