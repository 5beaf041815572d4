//! Accepts connections, and serves each with the version of HTTP it speaks.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{self, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::HandshakeKind;

use crate::shared::{Shared, Versions};
use crate::{http1, http2};

/// Accepts connections for ever.
pub(crate) async fn run(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => drop(tokio::spawn(serve(tcp, tls.clone(), Arc::clone(&shared)))),
            // There may be too many open files: without a pause this would be a busy loop.
            Err(_) => time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn serve(tcp: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let connection = shared.log.accepted();
    // Without this, a small last piece would wait for the client's acknowledgement.
    let _ = tcp.set_nodelay(true);
    let Some(tls) = tls else {
        return match shared.versions {
            Versions::Both | Versions::Http1 => http1::serve(tcp, shared, connection).await,
            Versions::Http2 => http2::serve(tcp, shared, connection).await,
        };
    };
    let socket = match tls.accept(tcp).into_fallible().await {
        Ok(socket) => socket,
        Err((_, tcp)) => return linger(tcp).await,
    };
    let is_resumed = socket.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
    shared.log.shook_hands(is_resumed);
    if socket.get_ref().1.alpn_protocol() == Some(b"h2") {
        http2::serve(socket, shared, connection).await;
    } else {
        http1::serve(socket, shared, connection).await;
    }
}

/// Closes a connection whose handshake has failed. To close it with bytes unread would be to reset
/// it, and its client would not see the alert.
async fn linger(mut tcp: TcpStream) {
    let _ = tcp.shutdown().await;
    let mut nowhere = io::sink();
    let rest = io::copy(&mut tcp, &mut nowhere);
    let _ = time::timeout(Duration::from_secs(5), rest).await;
}
