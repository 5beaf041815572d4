//! One request and the head of its answer.

use http::{Method, Request, Uri, Version};
use hyper::client::conn::TrySendError;
use url::{Position, Url};

use super::body::ResponseBody;
use super::classify::{self, Unprocessed};
use super::connection::{Connection, NoBody, Shared};
use super::headers::RequestHeaders;
use super::idle::IdleTimer;
use crate::error::{Error, ErrorKind};
use crate::plan::fields::Fields;
use crate::plan::head::Head;

/// Why there is no response.
pub(crate) enum Unanswered {
    /// The server has certainly not begun to process it: it can go again as if nothing had been.
    Unprocessed(Unprocessed, Error),
    /// It was sent, or may have been, and this happened.
    Failed(Error),
}

/// Sends a GET for `url` and waits for the head of the response. The head as a whole has the timeout: one that comes byte by byte has
/// no more of it than one that does not come.
pub(crate) async fn send(
    connection: &mut Connection,
    url: &Url,
    headers: &RequestHeaders<'_>,
    idle: &mut IdleTimer,
) -> Result<(Head, ResponseBody), Unanswered> {
    match connection {
        Connection::Http1(http1) => {
            let answer = idle.guard(http1.get(url, headers)).await;
            match answer.map_err(Unanswered::Failed)? {
                Ok((head, coming)) => Ok((head, ResponseBody::Http1(coming))),
                Err(failure) => Err(Unanswered::Failed(classify::exchange_of_http1(failure))),
            }
        }
        Connection::Http2(shared) => over_http2(shared, url, headers, idle).await,
    }
}

async fn over_http2(
    shared: &mut Shared,
    url: &Url,
    headers: &RequestHeaders<'_>,
    idle: &mut IdleTimer,
) -> Result<(Head, ResponseBody), Unanswered> {
    let request = http2_get(url, headers).map_err(Unanswered::Failed)?;
    let answer = idle.guard(async {
        shared.sender.ready().await.map_err(|_| Unsent)?;
        Ok(shared.sender.try_send_request(request).await)
    });
    let answer = match answer.await.map_err(Unanswered::Failed)? {
        Err(Unsent) => return Err(closed()),
        Ok(answer) => answer.map_err(unanswered)?,
    };
    let (parts, incoming) = answer.into_parts();
    let head = Head {
        status: parts.status,
        version: parts.version,
        fields: Fields::from(&parts.headers),
    };
    Ok((head, ResponseBody::Http2(incoming)))
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

fn http2_get(url: &Url, headers: &RequestHeaders<'_>) -> Result<Request<NoBody>, Error> {
    let text = &url[..Position::AfterQuery];
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
    *request.version_mut() = Version::HTTP_2;
    // RFC 9113 §8.3.1: `:authority` takes the place of `Host`.
    for (name, value) in headers.fields() {
        request.headers_mut().append(name, value.clone());
    }
    Ok(request)
}
