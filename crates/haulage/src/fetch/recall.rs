//! Takes a plain connection back from HTTP in the middle of a body, so that the rest of it can go from the socket to the file
//! directly.

use std::net::TcpStream as Socket;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::body::ResponseBody;
use super::flood::Bounded;

/// What every request of ours has for a body.
pub(super) type NoBody = Empty<Bytes>;

type Plain = TokioIo<Bounded<TcpStream>>;
type Parts = http1::Parts<Plain>;

/// Recalls one connection.
pub(crate) struct Recall(oneshot::Sender<oneshot::Sender<Parts>>);

/// The rest of a body, and where it comes from.
pub(crate) struct Rest {
    /// What had been read already, in order; there may be more behind it than the body.
    pub(crate) read: Vec<Bytes>,
    /// Where the rest comes from. Not blocking.
    pub(crate) socket: Socket,
}

/// Drives a connection until it ends or is recalled. What it ends with is told to whoever has a request on it.
pub(super) fn drive(connection: http1::Connection<Plain, NoBody>) -> Recall {
    let (recall, recalled) = oneshot::channel::<oneshot::Sender<Parts>>();
    tokio::spawn(async move {
        let mut connection = connection;
        tokio::select! {
            biased;
            _ = &mut connection => {}
            Ok(answer) = recalled => {
                // Whoever asked may have been stopped.
                let _ = answer.send(connection.into_parts());
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
        let parts = parts.await.ok()?;
        let mut read = Vec::new();
        // What hyper had handed over before it was stopped; then the body ends, since nobody feeds it any more.
        while let Some(bytes) = body.handed_over().await {
            read.push(bytes);
        }
        read.push(parts.read_buf);
        let socket = parts.io.into_inner().into_inner().into_std().ok()?;
        Some(Rest { read, socket })
    }
}
