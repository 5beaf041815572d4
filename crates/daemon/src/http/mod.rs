//! The daemon's HTTP: connections, heads, bodies and times are bounded, and refusals are slow.

mod guard;
mod patient;
mod places;
mod query;
#[cfg(test)]
mod tests;
pub(crate) mod tls;
mod websocket;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, CONTENT_TYPE, HOST, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::time;
use tokio_rustls::TlsAcceptor;

pub(crate) use self::guard::Guard;
use self::guard::Refusal;
use self::patient::Patient;
use self::places::{Place, Places};
use crate::api;
use crate::hub::Hub;
use crate::page;
use crate::response::{Body, empty, full, text};
use crate::rpc::Answer;

/// How long the head of a request, or a TLS handshake, may take; also how long a connection may be
/// idle.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(30);
/// How long a client may take to read anything of what it is sent.
const READ_TIME: Duration = Duration::from_secs(30);
/// The most bytes of a head.
const MAX_HEAD: usize = 64 << 10;
/// The most fields of a head.
const MAX_FIELDS: usize = 64;
/// The most bytes of a body, as aria2 has it (`--rpc-max-request-size`).
pub(crate) const MAX_BODY: usize = 2 << 20;
/// How long a refusal takes. Refusals to all clients come one after another.
const REFUSAL_TIME: Duration = Duration::from_millis(100);
/// How long nothing is accepted after a failure, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);
/// How long connections may take to end.
const GRACE: Duration = Duration::from_secs(3);

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) hub: Arc<Hub>,
    pub(crate) guard: Guard,
    pub(crate) turnstile: Arc<Turnstile>,
    /// `None` without TLS.
    pub(crate) tls: Option<Tls>,
    pub(crate) most: Most,
}

/// How many connections there may be at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    /// Others wait until one is closed.
    connections: u32,
    /// Those of them whose clients have not shown the secret. A newer one takes the place of the
    /// oldest.
    strangers: usize,
}

impl Default for Most {
    fn default() -> Self {
        Self {
            connections: 4096,
            strangers: 256,
        }
    }
}

/// Makes TLS connections.
#[derive(Clone)]
pub(crate) struct Tls(pub(crate) TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tls(…)")
    }
}

/// Makes those wait who do not know the secret, one after another: so guesses are few.
#[derive(Debug, Default)]
pub(crate) struct Turnstile(Mutex<()>);

impl Turnstile {
    /// Waits if the answer is a refusal.
    async fn delay(&self, answer: &Answer) {
        if answer.refused {
            self.refuse().await;
        }
    }

    /// Waits before a refusal.
    async fn refuse(&self) {
        let _turn = self.0.lock().await;
        time::sleep(REFUSAL_TIME).await;
    }
}

/// Serves all connections, until the daemon closes.
pub(crate) async fn serve(listener: TcpListener, server: Arc<Server>) {
    let places = Places::new(server.most.connections, server.most.strangers);
    let closing = server.hub.closing.clone();
    let accepting = async {
        while let Some(place) = places.free().await {
            let Ok((stream, _)) = listener.accept().await else {
                time::sleep(PAUSE).await;
                continue;
            };
            // Answers are small, and a client waits for each.
            let _ = stream.set_nodelay(true);
            let stream = Patient::new(stream, READ_TIME);
            let (server, place) = (Arc::clone(&server), Arc::new(place.take()));
            tokio::spawn(async move {
                let serving = accepted(stream, &server, &place);
                place.unless_lost(serving).await;
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = closing.cancelled() => {}
    }
    drop(listener);
    // Those that take longer are cut off.
    let _ = time::timeout(GRACE, places.all_free()).await;
}

/// Serves a connection that was accepted, with TLS or without.
async fn accepted<S>(stream: S, server: &Arc<Server>, place: &Arc<Place>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match &server.tls {
        None => connection(stream, server, place).await,
        Some(Tls(tls)) => {
            let handshake = time::timeout(HEAD_TIME, tls.accept(stream)).await;
            if let Ok(Ok(stream)) = handshake {
                connection(stream, server, place).await;
            }
        }
    }
}

/// Serves a connection until it is closed, or becomes a WebSocket, which has its place then.
async fn connection<S>(stream: S, server: &Arc<Server>, place: &Arc<Place>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let closing = server.hub.closing.clone();
    let respond = move |request| {
        let (server, place) = (Arc::clone(server), Arc::clone(place));
        async move { Ok::<_, Infallible>(respond(request, &server, &place).await) }
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS)
        .serve_connection(TokioIo::new(stream), service_fn(respond))
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    // A client that breaks off has no answer to get.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = closing.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Returns the response to a request.
async fn respond(
    request: Request<Incoming>,
    server: &Server,
    place: &Arc<Place>,
) -> Response<Body> {
    let is_for_us = is_for_host(request.uri(), request.headers());
    let path = request.uri().path();
    if is_for_us && page::has(path) && server.guard.check_page(request.headers()).is_ok() {
        let has_secret = server.hub.secret().is_set();
        return page::respond(request.method(), path, request.headers(), has_secret);
    }
    let checked = server.guard.check(request.headers());
    let checked = checked.and_then(|origin| is_for_us.then_some(origin).ok_or(Refusal::Host));
    let (origin, response) = match checked {
        Err(Refusal::Host) => {
            let why = "this name is none of the daemon's; use its address\n";
            (None, text(StatusCode::MISDIRECTED_REQUEST, why))
        }
        Err(Refusal::Origin) => {
            let why = "pages of this origin are not allowed; see --allow-origin\n";
            (None, text(StatusCode::FORBIDDEN, why))
        }
        Ok(origin) => {
            let origin = origin.and_then(|origin| HeaderValue::from_str(origin).ok());
            (origin, routed(request, server, place).await)
        }
    };
    with_origin(response, origin)
}

/// Returns whether the target of a request, if it is a URL as for a proxy, has the host that the
/// field `Host` has (RFC 9112 §3.2.2).
fn is_for_host(target: &Uri, headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    target.authority().is_none_or(|authority| {
        host.is_some_and(|host| authority.as_str().eq_ignore_ascii_case(host))
    })
}

/// Lets a page of a foreign origin that is allowed read a response.
fn with_origin(mut response: Response<Body>, origin: Option<HeaderValue>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    response
}

async fn routed(
    mut request: Request<Incoming>,
    server: &Server,
    place: &Arc<Place>,
) -> Response<Body> {
    let (hub, turnstile) = (&server.hub, &server.turnstile);
    if !hub.secret().is_set() {
        place.admit();
    }
    match request.uri().path() {
        "/jsonrpc" => {}
        path if path.starts_with(api::PREFIX) => {
            if request.method() == Method::OPTIONS {
                return preflight(&request, "GET, POST, PATCH, DELETE, OPTIONS");
            }
            admit(request.headers(), hub, place);
            let response = api::respond(request, hub).await;
            if response.status() == StatusCode::UNAUTHORIZED {
                turnstile.refuse().await;
            }
            return response;
        }
        "/healthz" if is_read(request.method()) => return text(StatusCode::OK, "ok\n"),
        "/metrics" if is_read(request.method()) => {
            admit(request.headers(), hub, place);
            let response = api::metrics(request.headers(), hub);
            if response.status() == StatusCode::UNAUTHORIZED {
                turnstile.refuse().await;
            }
            return response;
        }
        "/healthz" | "/metrics" => {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            return response;
        }
        _ => return text(StatusCode::NOT_FOUND, "the daemon is at /jsonrpc\n"),
    }
    match *request.method() {
        Method::GET if websocket::is_wanted(request.headers()) => {
            let (hub, turnstile) = (Arc::clone(hub), Arc::clone(turnstile));
            websocket::open(&mut request, hub, turnstile, Arc::clone(place))
        }
        // An image of any page could send it.
        Method::GET if !hub.secret().is_set() => text(
            StatusCode::FORBIDDEN,
            "without a secret, use POST or a WebSocket\n",
        ),
        Method::GET => {
            let call = query::call(request.uri().query().unwrap_or_default());
            let call = call.unwrap_or_default();
            let answer = hub.answer_value(call, || place.admit()).await;
            answered(answer, turnstile).await
        }
        Method::POST => post(request.into_body(), server, place).await,
        Method::OPTIONS => preflight(&request, "POST, GET, OPTIONS"),
        _ => {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "use GET or POST\n");
            let allowed = HeaderValue::from_static("GET, POST, OPTIONS");
            response.headers_mut().insert(ALLOW, allowed);
            response
        }
    }
}

/// Notes that a client has shown the secret in the head of a request, if it has. To be called only
/// for requests with which a wrong secret is refused slowly: a client can find out whether it was
/// noted, and with that whether its guess was right.
fn admit(headers: &HeaderMap, hub: &Hub, place: &Place) {
    if api::is_admitted(headers, hub) {
        place.admit();
    }
}

fn is_read(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

async fn post(body: Incoming, server: &Server, place: &Place) -> Response<Body> {
    const TOO_LARGE: &str = "at most 2 MiB are read\n";
    if usize::try_from(body.size_hint().lower()).is_ok_and(|length| length > MAX_BODY) {
        return text(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE);
    }
    let body = Limited::new(body, MAX_BODY).collect();
    let body = match time::timeout(BODY_TIME, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return text(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE),
        Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body came too slowly\n"),
    };
    let answer = server.hub.answer(&body, || place.admit()).await;
    answered(answer, &server.turnstile).await
}

async fn answered(answer: Answer, turnstile: &Turnstile) -> Response<Body> {
    turnstile.delay(&answer).await;
    let mut response = Response::new(full(answer.body.to_string()));
    let status = StatusCode::from_u16(answer.status);
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = HeaderValue::from_static("application/json-rpc");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// Answers a browser that asks what a page may send.
fn preflight(request: &Request<Incoming>, methods: &'static str) -> Response<Body> {
    let mut response = empty(StatusCode::OK);
    let headers = response.headers_mut();
    let methods = HeaderValue::from_static(methods);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("1728000"));
    if let Some(wanted) = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    response
}
