//! One request and the head of its answer.

use url::Url;

use super::body::ResponseBody;
use super::classify::{self, Unprocessed};
use super::connection::Connection;
use super::headers::RequestHeaders;
use super::idle::IdleTimer;
use crate::error::{Error, ErrorKind};
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
        Connection::Http2(shared) => {
            let (head, incoming) = shared.get(url, headers, idle).await?;
            Ok((head, ResponseBody::Http2(incoming)))
        }
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
