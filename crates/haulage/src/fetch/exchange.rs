//! One request, its head, its bytes.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use url::{Position, Url};

use super::classify;
use super::connect::{Connection, Http1, NoBody};
use super::idle::IdleTimer;
use crate::error::{Error, ErrorKind};

/// Most bytes of a body that nobody wants, read so that its connection can be used again.
const WORTH_DRAINING: u64 = 64 << 10;

/// Why there is no response.
pub(crate) enum Unanswered {
    /// The connection was closed before anything of the request was sent: it can go again as if nothing had been.
    NotSent,
    /// It was sent, or may have been, and this happened.
    Failed(Error),
}

/// Sends a GET for `url` and waits for the head of the response.
pub(crate) async fn send(
    connection: &mut Connection,
    url: &Url,
    headers: HeaderMap,
    idle: &mut IdleTimer,
) -> Result<Response<Incoming>, Unanswered> {
    let request = get(connection, url, headers).map_err(Unanswered::Failed)?;
    let answer = match connection {
        Connection::Http1(Http1 { sender, .. }) => {
            if sender.ready().await.is_err() {
                return Err(Unanswered::NotSent);
            }
            idle.guard(sender.try_send_request(request)).await
        }
        Connection::Http2(shared) => {
            if shared.sender.ready().await.is_err() {
                return Err(Unanswered::NotSent);
            }
            idle.guard(shared.sender.try_send_request(request)).await
        }
    };
    answer
        .map_err(Unanswered::Failed)?
        .map_err(|mut error: TrySendError<_>| {
            if error.take_message().is_some() {
                Unanswered::NotSent
            } else {
                Unanswered::Failed(classify::exchange(error.error()))
            }
        })
}

impl Connection {
    /// Whether a request could still be sent.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Http1(connection) => !connection.sender.is_closed(),
            Self::Http2(shared) => !shared.sender.is_closed(),
        }
    }
}

/// The next bytes of a body; `None` at its end.
///
/// # Errors
/// Of kind `timeout`, `incomplete`, `reset` or `protocol`.
pub(crate) async fn next_bytes(
    body: &mut Incoming,
    idle: &mut IdleTimer,
) -> Result<Option<Bytes>, Error> {
    loop {
        match idle.guard(body.frame()).await? {
            None => return Ok(None),
            // Trailers say nothing that is used.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Ok(Some(bytes)),
                Err(_) => {}
            },
            Some(Err(cause)) => return Err(classify::body(&cause)),
        }
    }
}

/// Whether a body that has ended is one that its server has ended. Over HTTP/2 only `END_STREAM` says so (RFC 9113 §8.1); hyper also
/// takes a stream that was reset with `NO_ERROR` or `CANCEL` for the end, and without a length that would look like the whole.
///
/// # Errors
/// Of kind `incomplete`.
pub(crate) fn check_end(connection: Option<&Connection>, body: &Incoming) -> Result<(), Error> {
    use hyper::body::Body as _;
    match connection {
        Some(Connection::Http2(_)) if !body.is_end_stream() => Err(Error::new(
            ErrorKind::Incomplete,
            "the server broke the HTTP/2 stream off before the file was complete",
        )),
        _ => Ok(()),
    }
}

/// Reads the rest of a body that nobody wants, if it is short; says whether it came to its end, so that its connection can
/// be used again.
pub(crate) async fn drain(body: &mut Incoming, idle: &mut IdleTimer) -> bool {
    use hyper::body::Body as _;
    if body.is_end_stream() {
        return true;
    }
    let mut rest = match body.size_hint().upper() {
        Some(length) if length > WORTH_DRAINING => return false,
        _ => WORTH_DRAINING,
    };
    while let Ok(bytes) = next_bytes(body, idle).await {
        match bytes {
            None => return true,
            Some(bytes) => match rest.checked_sub(bytes.len() as u64) {
                Some(left) => rest = left,
                None => return false,
            },
        }
    }
    false
}

fn get(
    connection: &Connection,
    url: &Url,
    mut headers: HeaderMap,
) -> Result<Request<NoBody>, Error> {
    let (text, version) = match connection {
        // RFC 9112 §3.2.1: origin-form.
        Connection::Http1(_) => (
            &url[Position::BeforePath..Position::AfterQuery],
            Version::HTTP_11,
        ),
        Connection::Http2(_) => {
            // RFC 9113 §8.3.1: `:authority` takes its place.
            headers.remove(http::header::HOST);
            (&url[..Position::AfterQuery], Version::HTTP_2)
        }
    };
    let uri = Uri::try_from(text).map_err(|cause| {
        Error::new(
            ErrorKind::Input,
            format!("{url} cannot be asked for: {cause}"),
        )
        .caused_by(cause)
    })?;
    let mut request = Request::new(NoBody::new());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri;
    *request.version_mut() = version;
    *request.headers_mut() = headers;
    Ok(request)
}
