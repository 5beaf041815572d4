//! Clients over WebSocket (RFC 6455): calls and their answers, and notifications.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::sync::broadcast::error::RecvError;
use tokio::time;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::{MAX_BODY, Place, Turnstile};
use crate::hub::Hub;
use crate::response::{Body, empty, text};

/// How long a client may take to read what it is sent.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// Returns whether a request asks for a WebSocket.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(UPGRADE).map(HeaderValue::as_bytes);
    upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case(b"websocket"))
}

/// Answers the request for a WebSocket, and serves it.
pub(super) fn open(
    request: &mut Request<Incoming>,
    hub: Arc<Hub>,
    turnstile: Arc<Turnstile>,
    place: Arc<Place>,
) -> Response<Body> {
    let headers = request.headers();
    let version = headers.get(SEC_WEBSOCKET_VERSION);
    let Some(key) = headers
        .get(SEC_WEBSOCKET_KEY)
        .filter(|_| version.is_some_and(|version| version == "13"))
    else {
        return text(
            StatusCode::BAD_REQUEST,
            "a WebSocket needs a key and version 13\n",
        );
    };
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()));
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let serving = async {
            // Fails when the client has gone.
            if let Ok(upgraded) = upgrade.await {
                let config = WebSocketConfig::default()
                    .max_message_size(Some(MAX_BODY))
                    .max_frame_size(Some(MAX_BODY));
                let stream = TokioIo::new(upgraded);
                let socket =
                    WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
                serve(socket, &hub, &turnstile, &place).await;
            }
        };
        place.unless_lost(serving).await;
    });
    let mut response = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = accept {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// What the daemon does next.
enum Step {
    Send(String),
    /// Sends what the library has answered by itself, such as a pong. Until the client reads it,
    /// nothing more is taken: pings without an end would fill the memory.
    Flush,
    Close,
}

/// Answers calls in order and sends notifications, until either side closes. It may be dropped
/// wherever it waits: for a message, for the turnstile, or for a client to read.
async fn serve<S>(mut socket: WebSocketStream<S>, hub: &Hub, turnstile: &Turnstile, place: &Place)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut notifications = hub.notifications();
    loop {
        let step = tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(call))) => {
                    let answer = hub.answer(call.as_bytes(), || place.admit()).await;
                    turnstile.delay(&answer).await;
                    Step::Send(answer.body.to_string())
                }
                Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => Step::Close,
                Some(Ok(_)) => Step::Flush,
            },
            notification = notifications.recv() => match notification {
                Ok(text) => Step::Send(text.to_string()),
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => Step::Close,
            },
            () = hub.closing.cancelled() => Step::Close,
        };
        let is_over = matches!(step, Step::Close);
        let sending = async {
            match step {
                Step::Send(text) => socket.send(Message::text(text)).await,
                Step::Flush => socket.flush().await,
                Step::Close => socket.close(None).await,
            }
        };
        let sent = time::timeout(WRITE_TIME, sending).await;
        if is_over || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}
