//! Connections, of which there may be only a few at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::{Guard, Most, Server, Turnstile, serve};
use crate::hub::fake;

/// Longer than anything takes that a test waits for; shorter than the daemon waits for a client
/// that does not read.
const PATIENCE: Duration = Duration::from_secs(20);
/// A call that needs no secret.
const OPEN: &str = r#"{"id":1,"method":"system.listMethods"}"#;

/// A daemon that runs until the test ends.
struct Daemon {
    address: String,
    turnstile: Arc<Turnstile>,
    _folder: TempDir,
}

impl Daemon {
    async fn start(connections: u32, strangers: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let turnstile = Arc::<Turnstile>::default();
        let server = Server {
            hub: fake::hub(folder.path(), false),
            guard: Guard::new(Vec::new(), false, false),
            turnstile: Arc::clone(&turnstile),
            tls: None,
            most: Most {
                connections,
                strangers,
            },
        };
        tokio::spawn(serve(listener, Arc::new(server)));
        Self {
            address,
            turnstile,
            _folder: folder,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    async fn socket(&self) -> WebSocketStream<TcpStream> {
        let opening = async {
            let url = format!("ws://{}/jsonrpc", self.address);
            let opened = tokio_tungstenite::client_async(url, self.connect().await).await;
            opened.unwrap().0
        };
        time::timeout(PATIENCE, opening).await.unwrap()
    }

    /// Makes all that came before a stranger longer than somebody.
    async fn meet_stranger(&self) -> TcpStream {
        let mut stranger = self.connect().await;
        assert!(is_answered(&mut stranger, "GET /healthz", "x").await);
        stranger
    }
}

fn call(token: &str) -> String {
    format!(r#"{{"id":1,"method":"aria2.getVersion","params":["token:{token}"]}}"#)
}

/// Sends a text over a WebSocket, and returns whether it is answered.
async fn is_told(socket: &mut WebSocketStream<TcpStream>, text: &str) -> bool {
    let telling = async {
        // What is closed cannot be sent to.
        let _ = socket.send(Message::text(text)).await;
        matches!(socket.next().await, Some(Ok(Message::Text(_))))
    };
    time::timeout(PATIENCE, telling).await.unwrap()
}

/// Sends a request with a token over a connection, and returns whether there is a response.
async fn is_answered(stream: &mut TcpStream, line: &str, token: &str) -> bool {
    let request =
        format!("{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
    let answering = async {
        // What is closed cannot be sent to.
        let _ = stream.write_all(request.as_bytes()).await;
        // Responses are small: each is in one piece.
        let received = stream.read(&mut [0; 4096]).await;
        received.is_ok_and(|length| length > 0)
    };
    time::timeout(PATIENCE, answering).await.unwrap()
}

#[tokio::test]
async fn connections_of_strangers_keep_out_nobody() {
    let daemon = Daemon::start(16, 4).await;
    let (mut known, mut stranger) = (daemon.socket().await, daemon.socket().await);
    assert!(is_told(&mut known, &call(fake::SECRET)).await);
    // Answers that need no secret, and wrong ones, make nobody known.
    assert!(is_told(&mut stranger, OPEN).await);
    assert!(is_told(&mut stranger, &call("x")).await);
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(daemon.connect().await);
    }
    let closed = time::timeout(PATIENCE, stranger.next()).await.unwrap();
    assert!(!matches!(closed, Some(Ok(Message::Text(_)))));
    assert!(is_told(&mut known, OPEN).await);
    let mut another = daemon.socket().await;
    assert!(is_told(&mut another, &call(fake::SECRET)).await);
}

#[tokio::test]
async fn strangers_that_wait_for_a_refusal_lose_their_places() {
    let daemon = Daemon::start(8, 4).await;
    // No refusal comes while the test has the turn.
    let _turn = daemon.turnstile.0.lock().await;
    let mut guessing = Vec::new();
    for _ in 0..24 {
        let mut socket = daemon.socket().await;
        socket.send(Message::text(call("x"))).await.unwrap();
        guessing.push(socket);
    }
    let mut known = daemon.socket().await;
    assert!(is_told(&mut known, &call(fake::SECRET)).await);
}

#[tokio::test]
async fn strangers_that_do_not_read_lose_their_places() {
    let daemon = Daemon::start(8, 4).await;
    let calls = format!("[{}{OPEN}]", format!("{OPEN},").repeat(999));
    for _ in 0..12 {
        let (mut socket, calls) = (daemon.socket().await, calls.clone());
        // Until the daemon closes; it stops reading before, since nobody reads what it sends.
        tokio::spawn(
            async move { while socket.send(Message::text(calls.clone())).await.is_ok() {} },
        );
    }
    let mut known = daemon.socket().await;
    assert!(is_told(&mut known, &call(fake::SECRET)).await);
}

#[tokio::test]
async fn token_makes_known_only_where_a_wrong_one_waits() {
    let daemon = Daemon::start(8, 1).await;
    for (line, is_kept) in [
        ("GET /api/v1/status", true),
        ("GET /metrics", true),
        ("GET /healthz", false),
        ("GET /jsonrpc", false),
        ("GET /nothing", false),
        ("PUT /metrics", false),
        ("OPTIONS /api/v1/status", false),
    ] {
        let mut stream = daemon.connect().await;
        assert!(is_answered(&mut stream, line, fake::SECRET).await);
        let _stranger = daemon.meet_stranger().await;
        let answered = is_answered(&mut stream, "GET /healthz", fake::SECRET).await;
        assert_eq!(answered, is_kept, "{line}");
    }
}
