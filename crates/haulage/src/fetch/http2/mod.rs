//! HTTP/2 as a client (RFC 9113): many requests share a connection, which runs in a task of its
//! own.

mod budget;
mod driver;
mod losses;
mod read_to_end;
mod window;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{Reason, RecvStream};
use http::uri::InvalidUri;
use http::{HeaderMap, Method, Request, Uri, Version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

pub(crate) use self::budget::Budget;
use self::budget::BudgetShare;
use self::driver::{Driver, Gauge};
use self::read_to_end::ReadToEnd;
use super::classify::{self, SendError, Unprocessed, closed_before_request};
use super::flood::{Bounded, MAX_HEAD_BYTES, MAX_HEAD_LINES};
use super::headers::RequestHeaders;
use super::idle::IdleTimer;
use super::open_count::Opened;
use super::tcp::Socket;
use crate::error::{Error, ErrorKind};
use crate::http_url::HttpUrl;
use crate::plan::fields::Fields;
use crate::plan::head::Head;

/// Maximum requests at once before the server has announced its own limit (RFC 9113 §6.5.2
/// recommends at least this many).
const MAX_STREAMS: usize = 100;

/// A handle of a shared connection.
#[derive(Clone)]
pub(crate) struct Http2Handle {
    /// Identifies the connection among those to the same host.
    pub(crate) number: u64,
    /// The network thread that the connection runs on.
    pub(crate) worker: usize,
    sender: SendRequest<Bytes>,
    received: Arc<AtomicU64>,
    /// The round trip time of the first packet.
    round_trip: Duration,
    /// Whether packets were lost at several times in the last round trips.
    is_lossy: Arc<AtomicBool>,
    /// The address at the other end; `None` where the system does not tell. Each handle has a
    /// clone: its reference count is the number of handles.
    peer: Arc<Option<SocketAddr>>,
    /// Cancelled when the connection takes no further request.
    over: CancellationToken,
}

/// What is known about the network path of a new stream.
pub(super) struct Path {
    /// The round trip time of the first packet.
    pub(super) round_trip: Duration,
    /// The socket that the kernel is asked about; `None` where that is not possible.
    pub(super) socket: Option<Socket>,
    /// The address at the other end; `None` where the system does not tell.
    pub(super) peer: Option<SocketAddr>,
    /// Counts the connection as open.
    pub(super) opened: Opened,
}

/// Begins to speak HTTP/2 on `stream`; the connection ends with its last handle. The server may
/// send ahead within the `budget` of all connections.
pub(super) async fn open(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    number: u64,
    worker: usize,
    path: Path,
    budget: Arc<Budget>,
) -> Result<Http2Handle, Error> {
    let over = CancellationToken::new();
    let Path {
        round_trip,
        socket,
        peer,
        opened,
    } = path;
    let mut window = window::FIRST;
    let share = BudgetShare::new(budget, window.connection);
    window.connection = share.bytes();
    let (sender, connection) = Builder::new()
        .initial_window_size(window.stream)
        .initial_connection_window_size(window.connection)
        .initial_max_send_streams(MAX_STREAMS)
        // The size as RFC 9113 §6.5.2 counts it.
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
        .enable_push(false)
        .handshake(Bounded::new(ReadToEnd::new(stream), over.clone()))
        .await
        .map_err(classify::exchange)?;
    let (received, is_lossy) = (Arc::default(), Arc::default());
    let gauge = Gauge::new(socket, round_trip, Arc::clone(&is_lossy));
    let ends = over.clone().drop_guard();
    let driver = Driver::new(
        connection,
        Arc::clone(&received),
        round_trip,
        window,
        share,
        gauge,
    );
    tokio::spawn(async move {
        driver.await;
        drop(opened);
        drop(ends);
    });
    Ok(Http2Handle {
        number,
        worker,
        sender,
        received,
        round_trip,
        is_lossy,
        peer: Arc::new(peer),
        over,
    })
}

impl Http2Handle {
    /// Returns whether another request can be sent.
    pub(crate) fn is_open(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        !matches!(self.sender.poll_ready(&mut context), Poll::Ready(Err(_)))
    }

    /// Returns what a round trip took when the connection was opened.
    pub(crate) fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// Returns the address at the other end: that of a proxy, if there is one.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        *self.peer
    }

    /// Returns whether packets have been lost at several times of late.
    pub(crate) fn is_lossy(&self) -> bool {
        self.is_lossy.load(Ordering::Relaxed)
    }

    /// Returns how many handles of the connection there are.
    pub(crate) fn handles(&self) -> usize {
        Arc::strong_count(&self.peer)
    }

    /// Returns how many requests the server allows at once.
    pub(crate) fn most_streams(&self) -> usize {
        self.sender.current_max_send_streams()
    }

    /// Waits until the connection takes no further request: its server has closed it, or said
    /// goodbye (GOAWAY), whatever is still under way on it.
    pub(super) async fn ended(&self) {
        self.over.cancelled().await;
    }

    /// Sends a GET for `url` and waits for the head of the response.
    pub(super) async fn get(
        &mut self,
        url: &HttpUrl,
        headers: &RequestHeaders<'_>,
        idle: &mut IdleTimer,
    ) -> Result<(Head, Http2Body), SendError> {
        let request = request(url, headers).map_err(SendError::Failed)?;
        let sender = &mut self.sender;
        let answer = idle.guard(async {
            // Waits here while the server allows no more streams.
            poll_fn(|context| sender.poll_ready(context))
                .await
                .map_err(|_| closed_before_request())?;
            let (answer, _) = sender.send_request(request, true).map_err(unsent)?;
            answer.await.map_err(send_error)
        });
        let (parts, stream) = answer.await.map_err(SendError::Failed)??.into_parts();
        bounded(&parts.headers).map_err(SendError::Failed)?;
        let head = Head {
            status: parts.status,
            version: parts.version,
            fields: Fields::from(&parts.headers),
        };
        let received = Arc::clone(&self.received);
        Ok((head, Http2Body::new(stream, &parts.headers, received)))
    }
}

/// A body that is being received on a stream of its own. Dropping it before its end resets the
/// stream.
pub(crate) struct Http2Body {
    stream: RecvStream,
    /// Bytes that remain; `None` where the head has no length.
    left: Option<u64>,
    /// Bytes of bodies that the lanes have taken from the connection.
    received: Arc<AtomicU64>,
}

impl Http2Body {
    fn new(stream: RecvStream, headers: &HeaderMap, received: Arc<AtomicU64>) -> Self {
        // h2 checks the body against this length (RFC 9113 §8.1.1).
        let length = headers.get(http::header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        Self {
            left: if stream.is_end_stream() {
                Some(0)
            } else {
                length
            },
            stream,
            received,
        }
    }

    /// Returns how many bytes are to come; `None` where that is not known.
    pub(super) fn length(&self) -> Option<u64> {
        self.left
    }

    /// Returns whether it is known that nothing more comes.
    pub(super) fn is_at_end(&self) -> bool {
        self.stream.is_end_stream()
    }

    /// Returns the next bytes of the body; `None` at its end.
    pub(super) async fn next(&mut self, idle: &mut IdleTimer) -> Result<Option<Bytes>, Error> {
        loop {
            let stream = &mut self.stream;
            match idle
                .guard_body(poll_fn(|context| stream.poll_data(context)))
                .await?
            {
                Some(Ok(bytes)) => {
                    self.took(bytes.len());
                    if !bytes.is_empty() {
                        return Ok(Some(bytes));
                    }
                }
                Some(Err(cause)) => return Err(self.broken(cause)),
                None => break,
            }
        }
        // Trailers are read but not used.
        let stream = &mut self.stream;
        let trailers = poll_fn(|context| stream.poll_trailers(context));
        match idle.guard_body(trailers).await? {
            Ok(trailers) if self.stream.is_end_stream() => {
                trailers.as_ref().map_or(Ok(()), bounded)?;
                Ok(None)
            }
            Ok(_) => Err(ended()),
            Err(cause) => Err(self.broken(cause)),
        }
    }

    /// Notes that this number of bytes was taken, and allows the server to send as many more.
    fn took(&mut self, bytes: usize) {
        // It fails only for more bytes than were received.
        let _ = self.stream.flow_control().release_capacity(bytes);
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(bytes as u64);
        }
    }

    fn broken(&self, cause: h2::Error) -> Error {
        // Neither reset is an end of the body: only `END_STREAM` is (RFC 9113 §8.1).
        if cause.is_reset() && matches!(cause.reason(), Some(Reason::NO_ERROR | Reason::CANCEL)) {
            return ended();
        }
        let is_unprocessed = classify::unprocessed(&cause) == Some(Unprocessed::Connection);
        let error = classify::body(cause, self.left.is_some_and(|left| left > 0));
        if is_unprocessed {
            error.maybe_unprocessed()
        } else {
            error
        }
    }
}

/// Refuses a head, or trailers, with too many lines. h2 bounds their bytes, by leaving out what is
/// too much of trailers.
fn bounded(headers: &HeaderMap) -> Result<(), Error> {
    if headers.len() > MAX_HEAD_LINES {
        return Err(Error::new(
            ErrorKind::Protocol,
            format!("the server sent more than {MAX_HEAD_LINES} headers"),
        ));
    }
    Ok(())
}

fn ended() -> Error {
    Error::new(
        ErrorKind::Incomplete,
        "the server ended the stream before the file was complete",
    )
    .maybe_unprocessed()
}

/// Returns the failure of a request that h2 did not accept.
fn unsent(cause: h2::Error) -> SendError {
    if cause.is_go_away() || cause.is_io() {
        return closed_before_request();
    }
    SendError::Failed(classify::exchange(cause))
}

fn send_error(cause: h2::Error) -> SendError {
    match classify::unprocessed(&cause) {
        Some(unprocessed) => SendError::NotProcessed(unprocessed, classify::exchange(cause)),
        None => SendError::Failed(classify::exchange(cause)),
    }
}

fn request(url: &HttpUrl, headers: &RequestHeaders<'_>) -> Result<Request<()>, Error> {
    let uri = uri_of(url).map_err(|cause| {
        Error::new(
            ErrorKind::Input,
            format!("{url} cannot be asked for: {cause}"),
        )
        .caused_by(cause)
    })?;
    let mut request = Request::new(());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_2;
    // RFC 9113 §8.3.1: `:authority` takes the place of `Host`. The options refuse fields that must
    // not be sent (§8.2.2).
    for (name, value) in headers.fields() {
        request.headers_mut().append(name, value.clone());
    }
    Ok(request)
}

/// Returns what becomes `:scheme`, `:authority` and `:path`. The only byte of our paths that `Uri`
/// refuses is the backtick, so that one is percent-encoded.
fn uri_of(url: &HttpUrl) -> Result<Uri, InvalidUri> {
    Uri::try_from(url.as_str()).or_else(|refused| {
        let path = url.path();
        if !path.contains('`') {
            return Err(refused);
        }
        let query = &url.target()[path.len()..];
        let encoded = format!("{}{}{query}", url.origin(), path.replace('`', "%60"));
        Uri::try_from(encoded)
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::pin::Pin;

    use http::Response;
    use tokio::io::ReadBuf;

    use super::*;

    fn path() -> Path {
        Path {
            round_trip: Duration::from_millis(1),
            socket: None,
            peer: None,
            opened: crate::fetch::open_count::OpenCount::default().opened(),
        }
    }

    #[tokio::test]
    async fn goodbye_is_noticed_while_a_response_is_under_way() {
        let (near, far) = tokio::io::duplex(1 << 16);
        let server = tokio::spawn(async move {
            let mut connection = h2::server::handshake(far).await.unwrap();
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            let body = respond.send_response(Response::new(()), false).unwrap();
            connection.graceful_shutdown();
            // The response is still open.
            let _body = body;
            while connection.accept().await.is_some() {}
        });
        let shared = open(near, 1, 0, path(), Arc::default()).await.unwrap();
        let mut sender = shared.sender.clone().ready().await.unwrap();
        let request = Request::get("http://h/").body(()).unwrap();
        let (answer, _) = sender.send_request(request, true).unwrap();
        let response = answer.await.unwrap();
        shared.ended().await;
        assert!(!response.body().is_end_stream());
        server.abort();
    }

    /// A server that answers the request with SETTINGS, and, after the client was at its turn, with
    /// a GOAWAY that does not cover the request; then it closes the connection.
    struct SaysGoodbye {
        answer: std::slice::Iter<'static, &'static [u8]>,
        is_asked: bool,
        reader: Option<Waker>,
    }

    impl AsyncRead for SaysGoodbye {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if !self.is_asked {
                self.reader = Some(context.waker().clone());
                return Poll::Pending;
            }
            match self.answer.next() {
                Some([]) => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                frame => {
                    buffer.put_slice(frame.copied().unwrap_or_default());
                    Poll::Ready(Ok(()))
                }
            }
        }
    }

    impl AsyncWrite for SaysGoodbye {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            if self.is_asked {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            // HEADERS of the first stream, which are also its end (RFC 9113 §6.2).
            self.is_asked = bytes.windows(6).any(|bytes| bytes == [1, 5, 0, 0, 0, 1]);
            if self.is_asked
                && let Some(reader) = self.reader.take()
            {
                reader.wake();
            }
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn goodbye_counts_though_the_connection_is_closed() {
        const ANSWER: &[&[u8]] = &[
            b"\0\0\0\x04\0\0\0\0\0",
            b"",
            b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ];
        let server = SaysGoodbye {
            answer: ANSWER.iter(),
            is_asked: false,
            reader: None,
        };
        let shared = open(server, 1, 0, path(), Arc::default()).await.unwrap();
        let mut sender = shared.sender.clone().ready().await.unwrap();
        let request = Request::get("http://h/").body(()).unwrap();
        let (answer, _) = sender.send_request(request, true).unwrap();
        let error = answer.await.unwrap_err();
        assert_eq!(classify::unprocessed(&error), Some(Unprocessed::Connection));
    }

    #[test]
    fn path_has_the_bytes_of_the_target() {
        for target in [
            "/a'b?c'd",
            "/a|b[c]{d}^?e|f[g]{h}^`",
            "/a\\b?c\\d",
            "/%zz%2f/%2e%2e/x",
            "//x",
            "/%22%3C%3E",
            "/*",
        ] {
            let uri = uri_of(&HttpUrl::of(&format!("https://h{target}"))).unwrap();
            assert_eq!(uri.path_and_query().unwrap().as_str(), target);
            assert_eq!(uri.authority().unwrap(), "h");
        }
        let uri = uri_of(&HttpUrl::of("https://h/a`b?c`")).unwrap();
        assert_eq!(uri.path_and_query().unwrap().as_str(), "/a%60b?c`");
    }
}
