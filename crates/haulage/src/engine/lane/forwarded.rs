//! Requests that are sent to a proxy: a failure may be the proxy's own, or that of the server
//! behind it.

use http::StatusCode;

use super::link::Link;
use crate::error::{Error, ErrorKind};
use crate::fetch::connection::Connection;
use crate::fetch::proxy::Forward;
use crate::plan::head::Head;

impl Link {
    /// Returns how its requests go through an HTTP proxy; `None` if they do not.
    fn forward(&self) -> Option<&Forward> {
        match &self.connection {
            Some(Connection::Http1(http1)) => http1.forward(),
            _ => None,
        }
    }

    /// Returns the failure that an error response means: where requests are sent to a proxy, the
    /// response may be the proxy's own. A refused login counts for other requests only if the proxy
    /// itself says so: a server behind it may answer the same.
    pub(crate) async fn explain_response(&self, error: Error, head: &Head) -> Error {
        let Some(forward) = self.forward() else {
            return explain_direct(error, head.status);
        };
        if forward.may_refuse_login(head.status) {
            let own = forward.refused(head);
            if Box::pin(self.connector.refuses_login(&forward.proxy, &own)).await {
                return own;
            }
        }
        forward.explain(error, head)
    }

    /// Returns the failure of a request without an answer: what it was sent to as to a proxy may
    /// speak something else.
    pub(crate) async fn explain_silence(&self, error: Error) -> Error {
        let may_be_other = matches!(error.kind(), ErrorKind::Reset | ErrorKind::Protocol);
        match self.forward() {
            Some(forward) if may_be_other && !self.is_reused => {
                let explained = Box::pin(self.connector.explain_silence(&forward.proxy)).await;
                explained.unwrap_or(error)
            }
            _ => error,
        }
    }
}

/// Returns the failure that an error response means which no proxy of ours has sent.
fn explain_direct(error: Error, status: StatusCode) -> Error {
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return error.and(
            "what answers is a proxy that asks for a login; give it with -x and --proxy-user",
        );
    }
    error
}
