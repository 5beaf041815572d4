//! One request and the head of its answer.

use http::{HeaderMap, Method, Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use url::{Position, Url};

use super::classify::{self, Unprocessed};
use super::connect::Connection;
use super::idle::IdleTimer;
use super::recall::NoBody;
use crate::error::{Error, ErrorKind};

/// Why there is no response.
pub(crate) enum Unanswered {
    /// The server has certainly not begun to process it: it can go again as if nothing had been.
    Unprocessed(Unprocessed, Error),
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
    // The head as a whole has this time: one that comes byte by byte has no more of it than one that does not come.
    let answer = match connection {
        Connection::Http1(http1) => {
            http1.allowance.renew();
            let answer = idle.guard(async {
                http1.sender.ready().await.map_err(|_| Unsent)?;
                Ok(http1.sender.try_send_request(request).await)
            });
            let answer = answer.await;
            http1.allowance.lift();
            answer
        }
        Connection::Http2(shared) => {
            let answer = idle.guard(async {
                shared.sender.ready().await.map_err(|_| Unsent)?;
                Ok(shared.sender.try_send_request(request).await)
            });
            answer.await
        }
    };
    match answer.map_err(Unanswered::Failed)? {
        Err(Unsent) => Err(closed()),
        Ok(answer) => answer.map_err(unanswered),
    }
}

/// The connection was closed before the request could be handed over to it.
struct Unsent;

fn unanswered(mut error: TrySendError<Request<NoBody>>) -> Unanswered {
    if error.take_message().is_some() {
        return closed();
    }
    let cause = error.into_error();
    match classify::unprocessed(&cause) {
        Some(unprocessed) => Unanswered::Unprocessed(unprocessed, classify::exchange(cause)),
        None => Unanswered::Failed(classify::exchange(cause)),
    }
}

/// Nothing of the request was sent.
pub(crate) fn closed() -> Unanswered {
    let error = Error::new(
        ErrorKind::Reset,
        "the server closed the connection before it was asked",
    );
    Unanswered::Unprocessed(Unprocessed::Connection, error)
}

impl Connection {
    /// Whether a request could still be sent.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Http1(http1) => !http1.sender.is_closed(),
            Self::Http2(shared) => !shared.sender.is_closed(),
        }
    }
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
