//! HTTP/2: farewells of a connection, graceful and not.

use std::iter;

use origin::{Body, Gate, Origin, Reason, Script};

use crate::client::{Client, ask, frame, http2_client, tls_http2, whole};

#[tokio::test]
async fn those_that_were_not_served_may_go_again() {
    let origin = Origin::tls();
    let gate = Gate::new();
    let body = Body::seeded(1, 1 << 20);
    origin.on("/first", Script::ok(body.clone()).hold_at(1000, &gate));
    origin.on("/refused", Script::ok(body.clone()).goaway());
    let mut client = http2_client(&origin).await;
    let first = ask(&mut client, &origin, "/first").await.await.unwrap();
    gate.reached(1).await;
    let error = ask(&mut client, &origin, "/refused")
        .await
        .await
        .unwrap_err();
    assert!(error.is_go_away() && error.is_remote(), "{error:?}");
    assert_eq!(error.reason(), Some(Reason::NO_ERROR));
    gate.open();
    assert_eq!(whole(first).await, body.bytes());
    origin.until(|tally| tally.open_connections == 0).await;
}

#[tokio::test]
async fn the_last_one_comes_to_its_end() {
    let origin = Origin::tls();
    let body = Body::seeded(1, 1 << 20);
    let gate = Gate::new();
    let script = Script::ok(body.clone()).goaway_at(1000);
    origin.on("/last", script.hold_at(1000, &gate));
    let mut client = http2_client(&origin).await;
    let last = ask(&mut client, &origin, "/last").await.await.unwrap();
    gate.reached(1).await;
    gate.open();
    assert_eq!(whole(last).await, body.bytes());
    origin.until(|tally| tally.open_connections == 0).await;
    assert!(client.ready().await.is_err());
}

#[test]
fn an_abrupt_one_gives_its_reason() {
    let origin = Origin::tls();
    let script = || Script::ok(Body::of("abc"));
    origin.on("/before", script().abandon(Reason::ENHANCE_YOUR_CALM));
    origin.on("/amid", script().abandon_at(2, Reason::INTERNAL_ERROR));
    for (path, data, code) in [("/before", &b""[..], 11), ("/amid", b"ab", 2)] {
        let mut socket = tls_http2(&origin, path);
        let frames: Vec<_> = iter::from_fn(|| frame(&mut socket)).collect();
        let sent = frames.iter().filter(|frame| frame.kind == 0);
        let sent: Vec<u8> = sent.flat_map(|frame| frame.payload.clone()).collect();
        assert_eq!(sent, data, "{path}");
        let last = frames.last().unwrap();
        assert_eq!(last.kind, 7);
        // It may have been this stream's fault.
        assert_eq!(last.payload, [0, 0, 0, 1, 0, 0, 0, code]);
    }
    origin.wait_until(|tally| tally.in_flight == 0 && tally.open_connections == 0);
}

#[test]
fn http1_closes_instead() {
    let origin = Origin::plain();
    let script = || Script::ok(Body::of("abc"));
    origin.on("/a", script().goaway());
    origin.on("/b", script().abandon_at(2, Reason::CANCEL));
    origin.on("/c", script().goaway_at(2));
    let mut client = Client::of(&origin);
    client.get("/c");
    assert_eq!(client.read(3), b"abc");
    client.get("/b");
    assert_eq!(client.rest().unwrap(), b"ab");
    let mut client = Client::of(&origin);
    client.send("GET", "/a");
    assert_eq!(client.rest().unwrap(), b"");
}
