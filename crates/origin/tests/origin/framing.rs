//! Lies about the length, and bytes that are no response, byte by byte.

use std::io::ErrorKind;

use origin::{Body, Origin, Script};

use crate::client::{Client, ask, http2_client};

const OK: &str = "HTTP/1.1 200 OK\r\n";

/// All that is written in answer to one request, until the origin closes.
fn answer(origin: &Origin, path: &str) -> String {
    let mut client = Client::of(origin);
    client.send("GET", path);
    client.rest_as_text()
}

#[test]
fn lengths_that_lie() {
    let origin = Origin::plain();
    let script = || Script::ok(Body::of("abc")).close_at(u64::MAX);
    origin.on("/larger", script().header("content-length", "9"));
    let differing = script().header("content-length", "3");
    origin.on("/differing", differing.header("content-length", "4"));
    origin.on("/malformed", script().header("content-length", "three"));
    origin.on("/both", script().chunked().header("content-length", "7"));
    for (path, expected) in [
        ("/larger", "content-length: 9\r\n\r\nabc"),
        (
            "/differing",
            "content-length: 3\r\ncontent-length: 4\r\n\r\nabc",
        ),
        ("/malformed", "content-length: three\r\n\r\nabc"),
        (
            "/both",
            "content-length: 7\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        ),
    ] {
        assert_eq!(answer(&origin, path), format!("{OK}{expected}"));
    }
}

#[test]
fn bytes_after_the_length_on_a_kept_connection() {
    let origin = Origin::plain();
    let lying = Script::ok(Body::of("abcdef")).header("content-length", "3");
    let honest = Script::ok(Body::of("abc")).raw_at(u64::MAX, "def");
    origin.on("/a", [lying, honest]);
    let mut client = Client::of(&origin);
    for _ in 0..2 {
        let answer = client.get("/a");
        assert_eq!(answer.header("content-length"), Some("3"));
        assert_eq!(client.read(6), b"abcdef");
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn chunks_that_are_none() {
    let origin = Origin::plain();
    let chunked = || Script::ok(Body::of("abcdef")).chunked();
    origin.on("/size", chunked().raw_at(4, "zz\r\n").close_at(6));
    origin.on("/last", chunked().close_at(6));
    let head = format!("{OK}transfer-encoding: chunked\r\n\r\n");
    assert_eq!(
        answer(&origin, "/size"),
        format!("{head}4\r\nabcd\r\nzz\r\n2\r\nef\r\n")
    );
    assert_eq!(answer(&origin, "/last"), format!("{head}6\r\nabcdef\r\n"));
}

#[test]
fn raw_bytes_instead_of_a_response() {
    let origin = Origin::plain();
    let bytes = "HTTP/1.1 200 \u{fc}\r\nLocation: /a\rb\0\r\n\n";
    let raw = Script::raw(bytes);
    origin.on("/close", raw.clone().close_at(u64::MAX));
    origin.on("/open", raw.clone());
    origin.on("/reset", raw.reset_at(5));
    assert_eq!(answer(&origin, "/close"), bytes);

    let mut client = Client::of(&origin);
    for _ in 0..2 {
        client.send("HEAD", "/open");
        assert_eq!(client.read(bytes.len()), bytes.as_bytes());
    }
    let mut client = Client::of(&origin);
    client.send("GET", "/reset");
    assert_eq!(client.read(5), b"HTTP/");
    let error = client.rest().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn the_value_of_a_header_is_any_bytes() {
    let origin = Origin::plain();
    let location = b"/\xff\xfe\xe4";
    let script = Script::status(302).header_raw("location", location);
    origin.on("/a", script.close_at(0));
    let mut client = Client::of(&origin);
    client.send("GET", "/a");
    let answer = client.rest().unwrap();
    assert!(answer.windows(4).any(|part| part == location));
}

#[tokio::test]
async fn http2_lies_about_the_length_too() {
    let origin = Origin::tls();
    let script = Script::ok(Body::of("abc")).header("content-length", "9");
    origin.on("/a", script);
    let mut client = http2_client(&origin).await;
    let response = ask(&mut client, &origin, "/a").await.await.unwrap();
    let mut body = response.into_body();
    // `h2` counts.
    let mut last = Ok(bytes::Bytes::new());
    while let (Ok(_), Some(data)) = (&last, body.data().await) {
        last = data;
    }
    let error = last.unwrap_err();
    assert_eq!(error.reason(), Some(origin::Reason::PROTOCOL_ERROR));
}
