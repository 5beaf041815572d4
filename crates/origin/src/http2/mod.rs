//! An HTTP/2 server on `h2`: a task for each stream, and one that drives the connection.

mod driver;
mod stream;
mod torrent;

use std::future::poll_fn;
use std::sync::Arc;

use h2::server::Builder;
use http::{Version, request};

use crate::leash::Leash;
use crate::log;
use crate::play::play;
use crate::request::Request;
use crate::shared::Shared;
use crate::socket::{self, Socket};
use driver::{Driver, Next};
use stream::Http2;

/// Maximum bytes of a stream that may wait to be written.
const SEND_BUFFER: usize = 256 << 10;

/// Answers the requests of one connection until either side has enough.
pub(crate) async fn serve<S: Socket>(socket: S, shared: Arc<Shared>, connection: log::Connection) {
    let leash = Leash::new(socket);
    let handshake = Builder::new()
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_streams(shared.streams)
        .handshake(leash.clone());
    let Ok(h2) = handshake.await else { return };
    let mut driver = Driver::new(h2, leash.clone());

    let mut on_reuse = None;
    let last = loop {
        match poll_fn(|cx| driver.poll(cx)).await {
            Next::Request(head, respond, orders) => {
                if let Some(ending) = on_reuse {
                    break Next::End(ending);
                }
                let mut request = asked(*head, connection.number);
                let (script, ticket) = shared.asked(&mut request);
                on_reuse = script.on_reuse;
                let mut wire = Http2::new(&script, respond, orders);
                tokio::spawn(async move {
                    let over = play(&script, &request, &mut wire, ticket).await;
                    wire.end(over.err()).await;
                });
            }
            last => break last,
        }
    };
    drop(driver);
    match (last, leash.slip()) {
        (Next::End(ending), Some(socket)) => {
            drop(connection);
            socket::end(socket, ending).await;
        }
        (Next::Torrent(torrent), Some(socket)) => torrent.pour(socket).await,
        _ => {}
    }
}

fn asked(head: request::Parts, connection: u64) -> Request {
    let target = head.uri.path_and_query();
    Request {
        method: head.method,
        target: target.map_or_else(String::new, ToString::to_string),
        headers: head.headers,
        version: Version::HTTP_2,
        connection,
        nth: 0,
    }
}
