//! Sends one request and receives the head of its response.

use super::body::ResponseBody;
use super::classify::{self, SendError};
use super::connection::Connection;
use super::headers::RequestHeaders;
use super::idle::IdleTimer;
use crate::http_url::HttpUrl;
use crate::plan::head::Head;

/// Sends a GET for `url` and waits for the head of the response. The head as a whole has the
/// timeout: one that comes byte by byte has no more of it than one that does not come.
pub(crate) async fn send(
    connection: &mut Connection,
    url: &HttpUrl,
    headers: &RequestHeaders<'_>,
    idle: &mut IdleTimer,
) -> Result<(Head, ResponseBody), SendError> {
    match connection {
        Connection::Http1(http1) => {
            let answer = idle.guard(http1.get(url, headers)).await;
            match answer.map_err(SendError::Failed)? {
                Ok((head, state)) => Ok((head, ResponseBody::Http1(state))),
                Err(failure) => Err(SendError::Failed(match http1.forward() {
                    None => classify::exchange_of_http1(failure),
                    Some(forward) => classify::exchange_with_proxy(failure, &forward.proxy),
                })),
            }
        }
        Connection::Http2(shared) => {
            let (head, incoming) = shared.get(url, headers, idle).await?;
            Ok((head, ResponseBody::Http2(incoming)))
        }
    }
}
