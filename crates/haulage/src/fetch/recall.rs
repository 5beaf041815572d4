//! Takes a connection back from HTTP in the middle of a body, so that the rest of it can go from the socket to the file directly.

use std::io;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::client::TlsStream;

use super::body::ResponseBody;
use super::flood::Bounded;
use crate::wire::Wire;

/// What every request of ours has for a body.
pub(super) type NoBody = Empty<Bytes>;

/// What HTTP/1.1 speaks over, and what it can be taken apart into.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    fn into_wire(self) -> io::Result<Wire>;
}

impl Stream for TcpStream {
    fn into_wire(self) -> io::Result<Wire> {
        Ok(Wire::plain(self.into_std()?))
    }
}

impl Stream for TlsStream<TcpStream> {
    fn into_wire(self) -> io::Result<Wire> {
        let (socket, session) = self.into_inner();
        Ok(Wire {
            socket: socket.into_std()?,
            session: Some(Box::new(session)),
        })
    }
}

/// Recalls one connection.
pub(crate) struct Recall(oneshot::Sender<oneshot::Sender<(io::Result<Wire>, Bytes)>>);

/// The rest of a body, and where it comes from.
pub(crate) struct Rest {
    /// What had been read already, in order; there may be more behind it than the body.
    pub(crate) read: Vec<Bytes>,
    /// Where the rest comes from. Not blocking.
    pub(crate) wire: Wire,
}

/// Drives a connection until it ends or is recalled. What it ends with is told to whoever has a request on it.
pub(super) fn drive<S: Stream>(
    connection: http1::Connection<TokioIo<Bounded<S>>, NoBody>,
) -> Recall {
    let (recall, recalled) = oneshot::channel::<oneshot::Sender<_>>();
    tokio::spawn(async move {
        let mut connection = connection;
        tokio::select! {
            biased;
            _ = &mut connection => {}
            Ok(answer) = recalled => {
                let parts = connection.into_parts();
                let wire = parts.io.into_inner().into_inner().into_wire();
                // Whoever asked may have been stopped.
                let _ = answer.send((wire, parts.read_buf));
            }
        }
    });
    Recall(recall)
}

impl Recall {
    /// Takes the connection from under a body. `None` when it has just ended; the body then says how.
    pub(crate) async fn take(self, body: &mut ResponseBody) -> Option<Rest> {
        let (answer, parts) = oneshot::channel();
        self.0.send(answer).ok()?;
        let (wire, rest) = parts.await.ok()?;
        let mut read = Vec::new();
        // What hyper had handed over before it was stopped; then the body ends, since nobody feeds it any more.
        while let Some(bytes) = body.handed_over().await {
            read.push(bytes);
        }
        read.push(rest);
        let wire = wire.ok()?;
        Some(Rest { read, wire })
    }
}
