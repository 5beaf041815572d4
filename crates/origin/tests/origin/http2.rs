//! HTTP/2, stream by stream.

use http::Version;
use origin::{Body, Gate, Origin, Script};

use crate::client::{ask, http2_client, read, whole};

#[tokio::test]
async fn streams_side_by_side() {
    let origin = Origin::tls();
    let body = Body::seeded(1, 1 << 20);
    origin.on("/a", Script::ok(body.clone()).header("connection", "close"));
    let gate = Gate::new();
    origin.on("/held", Script::ok(Body::of("abc")).hold(&gate));

    let mut client = http2_client(&origin).await;
    let held = ask(&mut client, &origin, "/held").await;
    gate.reached(1).await;
    let response = ask(&mut client, &origin, "/a").await.await.unwrap();
    assert_eq!(response.headers()["content-length"], "1048576");
    assert_eq!(whole(response).await, body.bytes());
    gate.open();
    assert_eq!(whole(held.await.unwrap()).await, b"abc");

    let empty = ask(&mut client, &origin, "/unknown").await.await.unwrap();
    assert_eq!(empty.status(), 404);
    assert_eq!(whole(empty).await, b"");
    assert_eq!((origin.connections(), origin.peak_in_flight()), (1, 2));
    let log = origin.log();
    assert!(
        log.iter()
            .all(|asked| asked.version == Version::HTTP_2 && asked.connection == 1)
    );
    assert_eq!(log[1].path, "/a");
}

#[tokio::test]
async fn resets_the_stream_alone() {
    let origin = Origin::tls();
    let body = Body::seeded(1, 4 << 20);
    origin.on("/reset", Script::ok(body.clone()).reset_at(3_000_001));
    origin.on("/before", Script::status(200).reset());
    let mut client = http2_client(&origin).await;
    let response = ask(&mut client, &origin, "/reset").await.await.unwrap();
    let (start, error) = read(response).await;
    assert_eq!(start.len(), 3_000_001);
    assert!(body.matches(0, &start));
    assert_eq!(error.unwrap().reason(), Some(h2::Reason::INTERNAL_ERROR));
    let error = ask(&mut client, &origin, "/before")
        .await
        .await
        .unwrap_err();
    assert_eq!(error.reason(), Some(h2::Reason::INTERNAL_ERROR));
    let response = ask(&mut client, &origin, "/bytes/10").await.await.unwrap();
    assert_eq!(whole(response).await.len(), 10);
}

#[tokio::test]
async fn closes_the_connection() {
    let origin = Origin::tls();
    let body = Body::seeded(1, 4 << 20);
    origin.on("/close", Script::ok(body.clone()).close_at(3_000_001));
    let mut client = http2_client(&origin).await;
    let response = ask(&mut client, &origin, "/close").await.await.unwrap();
    let (start, error) = read(response).await;
    assert_eq!(start.len(), 3_000_001);
    assert!(body.matches(0, &start));
    assert!(error.unwrap().is_io());
    origin
        .until(|tally| tally.in_flight == 0 && tally.open_connections == 0)
        .await;
}

#[tokio::test]
async fn who_leaves_is_no_longer_in_flight() {
    let origin = Origin::tls();
    let gate = Gate::new();
    origin.on("/before", Script::ok(Body::of("abc")).hold(&gate));
    origin.on("/amid", Script::ok(Body::of("abc")).hold_at(2, &gate));
    let mut client = http2_client(&origin).await;
    let before = ask(&mut client, &origin, "/before").await;
    let amid = ask(&mut client, &origin, "/amid").await.await.unwrap();
    gate.reached(2).await;
    drop((before, amid));
    origin.until(|tally| tally.in_flight == 0).await;
}
