//! Listens, and hands each connection to the version of HTTP it speaks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::time;
use tokio_rustls::TlsAcceptor;

use crate::builder::Versions;
use crate::limit::Limits;
use crate::log::{Log, Ticket};
use crate::routes::{Request, Routes};
use crate::script::Script;
use crate::{http1, http2, ranges};

/// What all connections of an origin have in common.
pub(crate) struct Shared {
    pub(crate) routes: Routes,
    pub(crate) limits: Limits,
    pub(crate) log: Arc<Log>,
    pub(crate) versions: Versions,
    /// How many requests at once a connection of HTTP/2 takes.
    pub(crate) streams: u32,
}

impl Shared {
    /// Notes a request, and finds what to do for it.
    pub(crate) fn asked(&self, request: &mut Request) -> (Arc<Script>, Ticket) {
        let mut ticket = self.log.asked(request);
        self.routes.note(request);
        let script = match self.limits.admit(request.path(), Instant::now()) {
            Ok(permit) => {
                ticket.permit = permit;
                self.routes.script(request)
            }
            Err(refusal) => refusal,
        };
        if script.ranges {
            let answer = ranges::answer(Script::clone(&script), request);
            return (Arc::new(answer), ticket);
        }
        (script, ticket)
    }
}

/// Accepts connections for ever.
pub(crate) async fn run(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => drop(tokio::spawn(serve(tcp, tls.clone(), Arc::clone(&shared)))),
            // Too many open files, perhaps: to try again at once would be to do nothing else.
            Err(_) => time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn serve(tcp: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let connection = shared.log.accepted();
    // Otherwise a small last piece would wait for the client's acknowledgement.
    let _ = tcp.set_nodelay(true);
    let Some(tls) = tls else {
        return match shared.versions {
            Versions::Both | Versions::Http1 => http1::serve(tcp, shared, connection).await,
            Versions::Http2 => http2::serve(tcp, shared, connection).await,
        };
    };
    let Ok(socket) = tls.accept(tcp).await else {
        return;
    };
    if socket.get_ref().1.alpn_protocol() == Some(b"h2") {
        http2::serve(socket, shared, connection).await;
    } else {
        http1::serve(socket, shared, connection).await;
    }
}
