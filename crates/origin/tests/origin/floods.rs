//! Too much of everything, byte by byte.

use http::StatusCode;
use origin::{Body, Frames, Origin, Reason, Script};

use crate::client::{Client, ask, frame, http2_client, read, tls_http2, whole};

#[test]
fn headers_by_number_and_by_size() {
    let origin = Origin::plain();
    origin.on("/many", Script::ok(Body::of("abc")).flood_headers(20_000));
    origin.on("/long", Script::ok(Body::of("abc")).flood_header(300_000));
    let mut client = Client::of(&origin);
    let answer = client.get("/many");
    assert_eq!(answer.header("x-flood-0"), Some("0"));
    assert_eq!(answer.header("x-flood-19999"), Some("19999"));
    assert_eq!(client.read(3), b"abc");
    let answer = client.get("/long");
    assert_eq!(answer.header("x-long").unwrap().len(), 300_000);
    assert_eq!(client.read(3), b"abc");
}

#[test]
fn a_head_without_end() {
    let origin = Origin::plain();
    let script = || Script::ok(Body::empty());
    origin.on("/headers", script().flood_headers(u64::MAX));
    origin.on("/header", script().flood_header(u64::MAX));
    origin.on("/early", script().early(103, u64::MAX));
    origin.on("/trailers", script().flood_trailers(u64::MAX));
    for path in ["/headers", "/header", "/early", "/trailers"] {
        let mut client = Client::of(&origin);
        client.send("GET", path);
        client.read(3 << 20);
    }
    origin.wait_until(|tally| tally.in_flight == 0 && tally.open_connections == 0);
}

#[test]
fn trailers() {
    let origin = Origin::plain();
    origin.on("/a", Script::ok(Body::of("abc")).flood_trailers(2));
    let mut client = Client::of(&origin);
    for _ in 0..2 {
        client.get("/a");
        let body = b"3\r\nabc\r\n0\r\nx-trailer-0: 0\r\nx-trailer-1: 1\r\n\r\n";
        assert_eq!(client.read(body.len()), body);
    }
}

#[test]
fn responses_before_the_response() {
    let origin = Origin::plain();
    let script = Script::ok(Body::of("abc")).early(100, 1).early(103, 2);
    origin.on("/a", script);
    let mut client = Client::of(&origin);
    client.send("GET", "/a");
    let statuses = [(); 4].map(|()| client.head().status());
    assert_eq!(statuses, [100, 103, 103, 200]);
    assert_eq!(client.read(3), b"abc");
}

#[tokio::test]
async fn http2_headers_trailers_and_early_responses() {
    let origin = Origin::tls();
    let script = Script::ok(Body::of("abc"))
        .early(103, 3)
        .flood_headers(500)
        .flood_header(10_000)
        .flood_trailers(700);
    origin.on("/a", script);
    let mut client = http2_client(&origin).await;
    let mut asked = ask(&mut client, &origin, "/a").await;
    for _ in 0..3 {
        let early = std::future::poll_fn(|cx| asked.poll_informational(cx)).await;
        assert_eq!(early.unwrap().unwrap().status(), StatusCode::EARLY_HINTS);
    }
    let response = asked.await.unwrap();
    assert_eq!(response.headers()["x-flood-499"], "499");
    assert_eq!(response.headers()["x-long"].len(), 10_000);
    let mut body = response.into_body();
    assert_eq!(body.data().await.unwrap().unwrap(), "abc");
    assert!(body.data().await.is_none());
    let trailers = body.trailers().await.unwrap().unwrap();
    assert_eq!((trailers.len(), &trailers["x-trailer-9"]), (700, &9.into()));
}

#[tokio::test]
async fn http2_goes_on_after_frames_that_carry_nothing() {
    let origin = Origin::tls();
    let body = Body::seeded(1, 1 << 20);
    let script = Script::ok(body.clone()).flood(Frames::Ping, 20_000);
    origin.on("/a", script.flood_at(500_000, Frames::Data, 20));
    let mut client = http2_client(&origin).await;
    for _ in 0..2 {
        let response = ask(&mut client, &origin, "/a").await.await.unwrap();
        assert_eq!(whole(response).await, body.bytes());
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn settings_and_continuations_and_the_end() {
    let origin = Origin::tls();
    let script = Script::ok(Body::of("abc"));
    origin.on("/settings", script.clone().flood(Frames::Settings, 30_000));
    origin.on("/headers", script.flood(Frames::Continuation, 30_000));
    for (path, kind, more) in [("/settings", 4, 2), ("/headers", 9, 0)] {
        let mut socket = tls_http2(&origin, path);
        let mut frames = Vec::new();
        while let Some(frame) = frame(&mut socket) {
            frames.push(frame);
        }
        // The origin's own SETTINGS, and that it has seen the client's, are there anyway.
        let flood = frames.iter().filter(|frame| frame.kind == kind);
        assert_eq!(flood.count(), 30_000 + more, "{path}");
        let open = frames.iter().find(|frame| frame.kind == 1);
        assert_eq!(
            open.map(|frame| (frame.flags, frame.stream)),
            (path == "/headers").then_some((0, 1))
        );
        assert!(frames.iter().all(|frame| frame.flags & 4 == 0));
    }
}

#[test]
fn endless_frames_end_with_the_client() {
    let origin = Origin::tls();
    let script = Script::ok(Body::of("abc"));
    for (frames, kind) in [
        (Frames::Ping, 6),
        (Frames::Settings, 4),
        (Frames::Continuation, 9),
    ] {
        origin.on("/a", script.clone().flood(frames, u64::MAX));
        let mut socket = tls_http2(&origin, "/a");
        let mut number = 0;
        while number < 200_000 {
            number += usize::from(frame(&mut socket).unwrap().kind == kind);
        }
        drop(socket);
        origin.wait_until(|tally| tally.in_flight == 0 && tally.open_connections == 0);
    }
}

#[test]
fn raw_frames_where_a_response_should_be() {
    let origin = Origin::tls();
    // A head of stream 1 that says 200 and ends it, and DATA on stream 0.
    origin.on("/a", Script::raw(&b"\0\0\x01\x01\x05\0\0\0\x01\x88"[..]));
    let data = &b"\0\0\x01\0\0\0\0\0\0x"[..];
    origin.on(
        "/b",
        Script::ok(Body::of("abc")).raw_at(2, data).stall_at(2),
    );
    let mut socket = tls_http2(&origin, "/a");
    let head = loop {
        let frame = frame(&mut socket).unwrap();
        if frame.kind == 1 {
            break frame;
        }
    };
    assert_eq!((head.flags, head.stream), (5, 1));
    assert_eq!(head.payload, b"\x88");

    let mut socket = tls_http2(&origin, "/b");
    let mut data = Vec::new();
    while data.len() < 2 {
        let frame = frame(&mut socket).unwrap();
        if frame.kind == 0 {
            data.push((frame.stream, frame.payload));
        }
    }
    assert_eq!(data, [(1, b"ab".to_vec()), (0, b"x".to_vec())]);
}

#[tokio::test]
async fn streams_are_reset_for_whatever_reason() {
    let origin = Origin::tls();
    let script = || Script::ok(Body::of("abc"));
    for reason in [
        Reason::REFUSED_STREAM,
        Reason::CANCEL,
        Reason::ENHANCE_YOUR_CALM,
    ] {
        origin.on("/before", script().reset_stream(reason));
        origin.on("/amid", script().reset_stream_at(2, reason));
        let mut client = http2_client(&origin).await;
        let error = ask(&mut client, &origin, "/before")
            .await
            .await
            .unwrap_err();
        assert_eq!(error.reason(), Some(reason));
        let response = ask(&mut client, &origin, "/amid").await.await.unwrap();
        let (start, error) = read(response).await;
        assert_eq!(start, b"ab");
        assert_eq!(error.unwrap().reason(), Some(reason));
    }
}
