//! Serves metrics over HTTP. Clients that are slow, or send too much, are closed: connections,
//! heads and times are bounded.

use std::convert::Infallible;
use std::future::ready;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time;

use super::accept::Format;

/// The most connections at once. Others wait until one is closed.
const MOST_CONNECTIONS: usize = 32;
/// How long the head of a request may take.
const HEAD_TIME: Duration = Duration::from_secs(2);
/// How long a connection may take in all.
const CONNECTION_TIME: Duration = Duration::from_secs(5);
/// The most bytes of the head of a request.
const MOST_HEAD_BYTES: usize = 16 << 10;
/// The most fields of it.
const MOST_HEAD_FIELDS: usize = 64;
/// How long nothing is accepted after a failure, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves the metrics of a registry, for ever.
pub(super) async fn serve(listener: TcpListener, registry: Arc<Registry>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        // It fails only if it is closed, which it never is.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            time::sleep(PAUSE).await;
            continue;
        };
        let registry = Arc::clone(&registry);
        tokio::spawn(async move {
            // What it cannot send in time has no reader.
            let _ = time::timeout(CONNECTION_TIME, answer(stream, &registry)).await;
            drop(place);
        });
    }
}

/// Answers one request.
async fn answer(stream: TcpStream, registry: &Registry) {
    let respond = |request| ready(Ok::<_, Infallible>(respond(&request, registry)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MOST_HEAD_BYTES)
        .max_headers(MOST_HEAD_FIELDS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service_fn(respond));
    // A client that breaks off has no answer to get.
    let _ = connection.await;
}

/// Returns the answer to a request.
fn respond<B>(request: &Request<B>, registry: &Registry) -> Response<String> {
    if request.uri().path() != "/metrics" {
        let mut response = Response::new("the metrics are at /metrics\n".to_owned());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut response = Response::new("only GET and HEAD are allowed\n".to_owned());
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    let accept = request.headers().get(ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    let format = Format::for_client(accept.unwrap_or_default());
    let mut response = Response::new(format.text(registry));
    let content_type = HeaderValue::from_static(format.content_type());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
