//! Ends that come too early, byte by byte.

use std::io::{ErrorKind, Write};

use origin::{Body, Origin, Script};

use crate::client::{Client, ask, http2_client, read, tls_client, whole};

#[test]
fn a_head_is_cut() {
    let origin = Origin::plain();
    let script = || Script::ok(Body::of("abc"));
    origin.on("/close", script().close_head_at(20));
    origin.on("/truncate", script().truncate_head_at(20));
    origin.on("/reset", script().reset_head_at(20));
    for path in ["/close", "/truncate"] {
        let mut client = Client::of(&origin);
        client.send("GET", path);
        assert_eq!(client.rest().unwrap(), b"HTTP/1.1 200 OK\r\ncon");
    }
    let mut client = Client::of(&origin);
    client.send("GET", "/reset");
    assert_eq!(client.read(20), b"HTTP/1.1 200 OK\r\ncon");
    let error = client.rest().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn tls_ends_without_its_farewell() {
    let origin = Origin::tls_http1();
    let body = Body::seeded(1, 100_000);
    origin.on("/amid", Script::ok(body.clone()).truncate_at(70_001));
    let whole = Script::ok(body.clone()).without_length();
    origin.on("/end", whole.clone().truncate_at(100_000));
    origin.on("/well", whole);
    for (path, len) in [("/amid", 70_001), ("/end", 100_000)] {
        let mut client = tls_client(&origin);
        client.get(path);
        assert_eq!(client.read(len), body.bytes()[..len]);
        // As rustls calls the lack of a close_notify; a reset would be another error.
        let error = client.rest().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{path}");
    }
    let mut client = tls_client(&origin);
    client.get("/well");
    assert_eq!(client.rest().unwrap(), body.bytes());
}

#[test]
fn a_kept_connection_closes_as_it_is_used_again() {
    let origin = Origin::plain();
    origin.on("/close", Script::ok(Body::of("abc")).close_on_reuse());
    origin.on("/reset", Script::ok(Body::of("abc")).reset_on_reuse());

    let mut client = Client::of(&origin);
    let answer = client.get("/close");
    assert_eq!(answer.header("connection"), None);
    assert_eq!(client.read(3), b"abc");
    client.socket.write_all(b"G").unwrap();
    assert_eq!(client.rest().unwrap(), b"");

    let mut client = Client::of(&origin);
    client.get("/reset");
    assert_eq!(client.read(3), b"abc");
    client.send("GET", "/reset");
    let error = client.rest().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(origin.tally().requests, 2, "what met the end was not asked");
}

#[tokio::test]
async fn http2_closes_as_it_is_used_again() {
    let origin = Origin::tls();
    origin.on("/a", Script::ok(Body::of("abc")).reset_on_reuse());
    let mut client = http2_client(&origin).await;
    let response = ask(&mut client, &origin, "/a").await.await.unwrap();
    assert_eq!(whole(response).await, b"abc");
    let error = ask(&mut client, &origin, "/a").await.await.unwrap_err();
    assert!(error.is_io(), "{error:?}");
    assert_eq!(origin.tally().requests, 1);
}

#[tokio::test]
async fn http2_ends_without_the_farewell_of_tls() {
    let origin = Origin::tls();
    origin.on("/a", Script::ok(Body::of("abc")).truncate_at(2));
    let mut client = http2_client(&origin).await;
    let response = ask(&mut client, &origin, "/a").await.await.unwrap();
    let (start, error) = read(response).await;
    assert_eq!(start, b"ab");
    let error = error.unwrap().into_io().unwrap();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}
