//! What an origin is told, what it remembers, and how it ends.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use http::Version;
use origin::{Body, Gate, Origin, Script};

use crate::client::Client;

#[test]
fn one_script_after_the_other() {
    let origin = Origin::plain();
    let scripts = [
        Script::status(503),
        Script::redirect(302, "/b"),
        Script::ok(Body::of("x")),
    ];
    origin.on("/a", scripts);
    let mut client = Client::of(&origin);
    assert_eq!(client.get("/a").status(), 503);
    assert_eq!(client.get("/a").header("location"), Some("/b"));
    for _ in 0..2 {
        assert_eq!(client.get("/a").status(), 200);
        assert_eq!(client.read(1), b"x");
    }
    assert_eq!(origin.count("/a"), 4);
}

#[test]
fn paths_as_a_function() {
    let origin = Origin::plain();
    origin.under("/n/", |request| {
        Script::ok(Body::of(format!("{} {}", request.path(), request.nth)))
    });
    let mut client = Client::of(&origin);
    for expected in ["/n/1 1", "/n/1 2", "/n/2 1"] {
        client.get(&expected[..4]);
        assert_eq!(client.read(expected.len()), expected.as_bytes());
    }
}

#[test]
fn who_leaves_while_held_is_no_longer_in_flight() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.on("/a", Script::ok(Body::of("abc")).hold(&gate));
    let mut client = Client::of(&origin);
    client.send("GET", "/a");
    gate.wait_reached(1);
    drop(client);
    origin.wait_until(|tally| tally.in_flight == 0 && tally.open_connections == 0);
    assert!(origin.log()[0].ended.is_some());
}

#[test]
fn the_log() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.under("/held/", {
        let gate = gate.clone();
        move |_| Script::ok(Body::of("x")).hold(&gate)
    });
    let mut clients: Vec<_> = (0..3).map(|_| Client::of(&origin)).collect();
    for (client, nth) in clients.iter_mut().zip(1..) {
        client.send("GET", &format!("/held/{nth}?q"));
        gate.wait_reached(nth);
    }
    gate.open();
    for client in &mut clients {
        client.head();
        client.read(1);
    }
    let log = origin.log();
    let seen: Vec<_> = log
        .iter()
        .map(|asked| (asked.path.as_str(), asked.in_flight))
        .collect();
    assert_eq!(seen, [("/held/1?q", 1), ("/held/2?q", 2), ("/held/3?q", 3)]);
    assert!(log.iter().all(|asked| asked.ended.unwrap() > asked.at));
    assert!(log.iter().all(|asked| asked.version == Version::HTTP_11));
    assert_eq!(log[0].headers["host"], "test");
    assert_eq!((origin.peak_in_flight(), origin.peak_connections()), (3, 3));
    assert_eq!(origin.count("/held/1"), 1);

    let quiet = Origin::builder().quiet().start().unwrap();
    Client::of(&quiet).get("/a");
    assert!(quiet.log().is_empty());
    assert_eq!((quiet.count("/a"), quiet.tally().requests), (1, 1));
}

#[test]
fn one_client_is_never_counted_twice() {
    let origin = Origin::plain();
    let mut client = Client::of(&origin);
    for len in [0, 1, 16_384, 16_385, 400_000] {
        for query in ["", "?chunked"] {
            client.get(&format!("/bytes/{len}{query}"));
            if query.is_empty() {
                client.read(len)
            } else {
                client.chunks()
            };
        }
    }
    assert_eq!(origin.peak_in_flight(), 1);
}

#[test]
fn flags_are_images() {
    let origin = Origin::plain();
    origin.serve_flags(Duration::ZERO);
    let mut client = Client::of(&origin);
    let answer = client.get("/data/flags/fr/fr.gif");
    assert_eq!(answer.header("content-type"), Some("image/gif"));
    let len = answer.header("content-length").unwrap().parse().unwrap();
    assert_eq!(client.read(len), origin::flags::gif("fr").unwrap());
    assert_eq!(client.get("/data/flags/xx/xx.gif").status(), 404);
}

#[test]
fn another_address() {
    let ip = Ipv4Addr::new(127, 0, 0, 2);
    let origin = Origin::builder().listen((ip, 0)).start().unwrap();
    assert_eq!(origin.address().ip(), ip);
    assert_eq!(
        origin.url("/a"),
        format!("http://127.0.0.2:{}/a", origin.address().port())
    );
    assert_eq!(Client::of(&origin).get("/a").status(), 404);
    let taken = Origin::builder().listen(origin.address()).start();
    assert_eq!(taken.unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[test]
fn dropping_it_ends_it_amid_a_transfer() {
    let origin = Origin::plain();
    let address = origin.address();
    let gate = Gate::new();
    origin.on("/held", Script::ok(Body::of("abc")).hold(&gate));
    let mut stalled = Client::of(&origin);
    stalled.get("/bytes/10G");
    let mut held = Client::of(&origin);
    held.send("GET", "/held");
    gate.wait_reached(1);
    drop(origin);
    // FIN or RST, with whatever had been sent.
    let _ = stalled.rest();
    let _ = held.rest();
    assert_eq!(
        TcpStream::connect(address).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}

#[tokio::test]
async fn it_lives_and_dies_within_a_runtime() {
    let origin = Origin::plain();
    let gate = Gate::new();
    origin.on("/a", Script::ok(Body::of("abc")).hold(&gate));
    let mut client = Client::of(&origin);
    client.send("GET", "/a");
    gate.reached(1).await;
    gate.open();
    client.head();
    origin.until(|tally| tally.in_flight == 0).await;
}
