//! An HTTP/2 server on `h2`: a task for each stream, and one that drives the connection.

mod driver;
mod frame_flood;
mod stream;

use std::future::poll_fn;
use std::sync::Arc;

use h2::server::Builder;
use http::{Version, request};

use crate::lent_socket::LentSocket;
use crate::log;
use crate::request::Request;
use crate::respond::respond;
use crate::shared::Shared;
use crate::socket::{self, Socket};
use driver::{Driver, Next};
use stream::Http2;

/// Maximum bytes of a stream that may wait to be written.
const SEND_BUFFER: usize = 256 << 10;

/// Answers the requests of one connection until either side has enough.
pub(crate) async fn serve<S: Socket>(socket: S, shared: Arc<Shared>, connection: log::Connection) {
    let lent = LentSocket::new(socket);
    let handshake = Builder::new()
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_streams(shared.streams)
        .handshake(lent.clone());
    let Ok(h2) = handshake.await else { return };
    let mut driver = Driver::new(h2, lent.clone());

    let mut on_reuse = None;
    let last = loop {
        match poll_fn(|cx| driver.poll(cx)).await {
            Next::Request(head, responder, orders) => {
                if let Some(ending) = on_reuse {
                    break Next::End(ending);
                }
                let mut request = asked(*head, connection.number);
                let (script, ticket) = shared.asked(&mut request);
                on_reuse = script.on_reuse;
                let mut writer = Http2::new(&script, responder, orders);
                tokio::spawn(async move {
                    let over = respond(&script, &request, &mut writer, ticket).await;
                    writer.end(over.err()).await;
                });
            }
            last => break last,
        }
    };
    drop(driver);
    match (last, lent.reclaim()) {
        (Next::End(ending), Some(socket)) => {
            drop(connection);
            socket::end(socket, ending).await;
        }
        (Next::Flood(flood), Some(socket)) => flood.pour(socket).await,
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
