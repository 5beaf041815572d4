//! Drips and stalls, byte by byte.

use std::time::{Duration, Instant};

use origin::{Body, Origin, Script};

use crate::client::{Client, ask, http2_client};

#[test]
fn a_body_drips() {
    let origin = Origin::plain();
    let tick = Duration::from_millis(20);
    origin.on("/a", Script::ok(Body::of("abcdefghij")).drip(4, tick));
    let start = Instant::now();
    let mut client = Client::of(&origin);
    client.get("/a");
    assert_eq!(client.read(10), b"abcdefghij");
    // After the first four, and after the second.
    assert!(start.elapsed() >= tick * 2, "{:?}", start.elapsed());
    assert_eq!(origin.peak_in_flight(), 1);
}

#[test]
fn a_head_drips() {
    let origin = Origin::plain();
    let tick = Duration::from_millis(5);
    let script = Script::ok(Body::of("abc")).drip_head(10, tick);
    origin.on("/a", script);
    let start = Instant::now();
    let mut client = Client::of(&origin);
    let answer = client.get("/a");
    assert_eq!(answer.header("content-length"), Some("3"));
    assert_eq!(client.read(3), b"abc");
    // "HTTP/1.1 200 OK", "content-length: 3" and an empty line are 38 bytes.
    assert!(start.elapsed() >= tick * 3, "{:?}", start.elapsed());
}

#[test]
fn nothing_is_said_until_the_client_leaves() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("abc")).stall());
    let mut client = Client::of(&origin);
    client.send("GET", "/a");
    origin.wait_until(|tally| tally.in_flight == 1);
    client.hears_nothing();
    drop(client);
    origin.wait_until(|tally| tally.in_flight == 0 && tally.open_connections == 0);
}

#[test]
fn half_a_head_line_is_all_that_comes() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("abc")).stall_head_at(20));
    origin.on("/empty", Script::status(404).stall_head_at(12));
    let mut client = Client::of(&origin);
    client.send("GET", "/a");
    assert_eq!(client.read(20), b"HTTP/1.1 200 OK\r\ncon");
    client.hears_nothing();
    let mut client = Client::of(&origin);
    client.send("GET", "/empty");
    assert_eq!(client.read(12), b"HTTP/1.1 404");
    client.hears_nothing();
    assert_eq!(origin.tally().in_flight, 2);
}

#[test]
fn a_body_stalls_where_it_is_told_to() {
    let origin = Origin::plain();
    let body = Body::seeded(1, 100_000);
    origin.on("/a", Script::ok(body.clone()).stall_at(70_001));
    origin.on(
        "/chunked",
        Script::ok(Body::of("abc")).chunked().stall_at(3),
    );
    let mut client = Client::of(&origin);
    client.get("/a");
    assert_eq!(client.read(70_001), body.bytes()[..70_001]);
    client.hears_nothing();

    // All its bytes, but not the last chunk.
    let mut client = Client::of(&origin);
    client.get("/chunked");
    assert_eq!(client.read(8), b"3\r\nabc\r\n");
    client.hears_nothing();
}

#[tokio::test]
async fn streams_drip_and_stall() {
    let origin = Origin::tls();
    let tick = Duration::from_millis(20);
    let script = Script::ok(Body::of("abcdef")).drip_head(1, tick);
    origin.on("/a", script.drip(4, tick).stall_at(6));
    origin.on("/head", Script::ok(Body::of("x")).stall_head_at(20));
    let mut client = http2_client(&origin).await;
    let start = Instant::now();
    let response = ask(&mut client, &origin, "/a").await.await.unwrap();
    let mut body = response.into_body();
    let mut read = Vec::new();
    while read.len() < 6 {
        read.extend_from_slice(&body.data().await.unwrap().unwrap());
    }
    assert_eq!(read, b"abcdef");
    assert!(start.elapsed() >= tick * 2, "{:?}", start.elapsed());
    let silent = ask(&mut client, &origin, "/head").await;
    origin.until(|tally| tally.in_flight == 2).await;
    drop((silent, body));
    origin.until(|tally| tally.in_flight == 0).await;
}
