//! HTTP/1.1 over TLS.

use std::io::ErrorKind;
use std::net::Ipv4Addr;

use origin::{Body, Origin, Script};

use crate::client::{tls_client, tls_client_as};

#[test]
fn tls_with_http1() {
    let origin = Origin::tls_http1();
    assert!(origin.url("/").starts_with("https://localhost:"));
    let body = Body::seeded(1, 1 << 20);
    origin.on("/a", Script::ok(body.clone()));
    origin.on("/close", Script::ok(body.clone()).close_at(500_000));
    origin.on("/reset", Script::ok(body.clone()).reset_at(500_000));

    let mut client = tls_client(&origin);
    client.get("/a");
    assert_eq!(client.read(1 << 20), body.bytes());
    assert_eq!(client.socket.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    client.get("/close");
    // Without TLS's farewell rustls would say that this is no clean end.
    assert_eq!(client.rest().unwrap(), body.bytes()[..500_000]);

    let mut client = tls_client(&origin);
    client.get("/reset");
    assert_eq!(client.read(500_000), body.bytes()[..500_000]);
    assert_eq!(
        client.rest().unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
}

#[test]
fn the_certificate_is_for_the_address_it_listens_on() {
    let listen = (Ipv4Addr::new(127, 0, 0, 3), 0);
    let origin = Origin::builder()
        .tls()
        .http1_only()
        .listen(listen)
        .start()
        .unwrap();
    let mut client = tls_client_as(&origin, "127.0.0.3");
    assert_eq!(client.get("/").status(), 404);
    assert!(origin.url("/").starts_with("https://127.0.0.3:"));
}
