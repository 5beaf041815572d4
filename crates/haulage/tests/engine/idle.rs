//! Connections that wait: what their servers do with them meanwhile is noticed at once.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use haulage::{HttpVersion, Row, Verification};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

use crate::sandbox::{Sandbox, assert_done, block_on, get, next_outcome, rest};
use crate::wild::Wild;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const REQUEST_TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n";
/// Less than the time for which an idle connection is kept, and far more than it takes to notice
/// its end.
const SOON: Duration = Duration::from_secs(10);

/// Rows that come when they are sent: until the sender is dropped the run goes on.
fn rows() -> (Sender<Row>, impl Iterator<Item = Row> + Send + 'static) {
    let (send, rows) = channel();
    (send, rows.into_iter())
}

/// Fetches a file, sees the client close its connection while the run goes on, and fetches another
/// one.
fn assert_noticed(sandbox: &Sandbox, server: &Wild, scheme: &str) {
    let mut run = sandbox.start();
    let (send, rows) = rows();
    let mut events = run.events();
    run.feed(rows);
    run.close();
    block_on(async {
        send.send(get(&server.url(scheme))).unwrap();
        assert_done(&next_outcome(&mut events).await);
        server.closed().recv_timeout(SOON).unwrap();
        let again = format!("{}?again", server.url(scheme));
        send.send(get(&again)).unwrap();
        let outcome = next_outcome(&mut events).await;
        assert_done(&outcome);
        assert_eq!(outcome.attempts, 1);
        drop(send);
        rest(&mut events).await;
    });
}

/// Answers one request.
fn answer(stream: &mut (impl std::io::Read + std::io::Write)) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    stream.write_all(ANSWER).unwrap();
    stream.flush().unwrap();
}

/// How the server speaks TLS, with a certificate of its own.
fn tls() -> Arc<ServerConfig> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = signing_key.serialize_der().try_into().unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    Arc::new(config)
}

#[test]
fn tls_session_is_resumed_on_further_connections() {
    let (config, resumed) = (tls(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&resumed);
    let server = Wild::serving(move |stream: TcpStream| {
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut tls = StreamOwned::new(session, stream);
        let _ = tls.read(&mut [0; 4096]);
        let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
        tls.write_all(answer).unwrap();
        if tls.conn.handshake_kind() == Some(HandshakeKind::Resumed) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        tls.sock
    });
    let mut sandbox = Sandbox::new();
    sandbox.options.route.tls.verification = Verification::Insecure;
    sandbox.engine.per_host = Some(1);
    let rows: Vec<Row> = (0..6)
        .map(|row| get(&format!("{}{row}", server.url("https"))))
        .collect();
    sandbox.run(rows).iter().for_each(assert_done);
    assert_eq!(resumed.load(Ordering::Relaxed), 5);
}

#[test]
fn idle_connection_that_is_closed_is_given_up() {
    let server = Wild::serving(|mut stream: TcpStream| {
        answer(&mut stream);
        stream.shutdown(Shutdown::Write).unwrap();
        stream
    });
    assert_noticed(&Sandbox::new(), &server, "http");
}

#[test]
fn idle_connection_that_says_408_is_given_up() {
    let server = Wild::serving(|mut stream: TcpStream| {
        answer(&mut stream);
        // In another segment than the answer, as a rule; else it is noticed even earlier.
        stream.write_all(REQUEST_TIMEOUT).unwrap();
        stream
    });
    assert_noticed(&Sandbox::new(), &server, "http");
}

#[test]
fn connection_that_takes_no_further_request_is_given_up() {
    let server = Wild::serving(|mut stream: TcpStream| {
        let _ = stream.read(&mut [0; 4096]);
        let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
        stream.write_all(answer).unwrap();
        stream
    });
    assert_noticed(&Sandbox::new(), &server, "http");
}

#[test]
fn idle_connection_that_says_close_notify_is_given_up() {
    let config = tls();
    let server = Wild::serving(move |stream: TcpStream| {
        let session = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut tls = StreamOwned::new(session, stream);
        answer(&mut tls);
        tls.conn.send_close_notify();
        tls.flush().unwrap();
        tls.sock
    });
    let mut sandbox = Sandbox::new();
    sandbox.options.route.tls.verification = Verification::Insecure;
    assert_noticed(&sandbox, &server, "https");
}

#[test]
fn idle_http2_connection_that_says_goodbye_is_given_up() {
    let server = Wild::serving(|stream: TcpStream| {
        let kept = stream.try_clone().unwrap();
        stream.set_nonblocking(true).unwrap();
        block_on(async {
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            let mut connection = h2::server::handshake(stream).await.unwrap();
            if let Some(Ok((_, mut respond))) = connection.accept().await {
                let mut body = respond
                    .send_response(http::Response::new(()), false)
                    .unwrap();
                body.send_data("ok".into(), true).unwrap();
                connection.graceful_shutdown();
                while connection.accept().await.is_some() {}
            }
        });
        kept.set_nonblocking(false).unwrap();
        kept
    });
    let mut sandbox = Sandbox::new();
    sandbox.options.route.http = HttpVersion::Http2PriorKnowledge;
    assert_noticed(&sandbox, &server, "http");
}
