//! What a request fails with.

use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;

use super::json::json_response;
use crate::hub::NotRecorded;
use crate::queue::NoSuchGid;
use crate::response::Body;

/// A failure of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(super) status: StatusCode,
    /// A stable name.
    kind: &'static str,
    /// One line for people.
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            message: message.into(),
            header: None,
        }
    }

    /// Returns the failure of a request that cannot be understood.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", message)
    }

    /// Returns the failure of a request whose content cannot be used.
    pub(super) fn input(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "input", message)
    }

    /// Returns the failure of a client that has not shown the secret.
    pub(super) fn unauthorized() -> Self {
        let message = "the secret is missing or wrong; send Authorization: Bearer SECRET";
        Self {
            header: Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            ..Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
        }
    }

    /// Returns the failure of a request that a form of any page could send.
    pub(super) fn may_be_a_form() -> Self {
        let message =
            "without a secret, changes need Content-Type: application/json, or the field X-Haul";
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// Returns the failure of a request for a path at which nothing is.
    pub(super) fn nothing_there() -> Self {
        let message = "there is nothing at this path; see /api/v1/openapi.json";
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// Returns the failure of a request with another method than these.
    pub(super) fn method_not_allowed(methods: &str) -> Self {
        let value = HeaderValue::from_str(methods);
        Self {
            header: value.ok().map(|value| (ALLOW, value)),
            ..Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                format!("use {methods}"),
            )
        }
    }

    /// Returns the failure of a request for something that a run is not ready for.
    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// Returns the failure of a body of more than this many bytes.
    pub(super) fn too_large(most: usize) -> Self {
        let message = format!("at most {} MiB are read", most >> 20);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// Returns the failure of a body that came too slowly.
    pub(super) fn too_slow() -> Self {
        let message = "the body came too slowly";
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", message)
    }

    /// Returns the failure of a request for which too many others are served.
    pub(super) fn busy() -> Self {
        let message = "too many clients read what is recorded; try again";
        Self {
            header: Some((RETRY_AFTER, HeaderValue::from_static("10"))),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
        }
    }

    /// Returns a failure of the daemon itself.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// Returns the failure of a name that stands for no run.
    pub(super) fn no_run(name: &str, why: NoSuchGid) -> Self {
        match why {
            NoSuchGid::Invalid | NoSuchGid::Unknown => {
                let message = format!("there is no run {name:?}");
                Self::new(StatusCode::NOT_FOUND, "not_found", message)
            }
            NoSuchGid::Ambiguous => Self::conflict(format!(
                "several runs begin with {name:?}; write more of it"
            )),
        }
    }

    /// Returns the response that says it.
    pub(super) fn into_response(self) -> Response<Body> {
        let error = json!({"kind": self.kind, "message": self.message});
        let mut response = json_response(self.status, &json!({"error": error}));
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<NotRecorded> for ApiError {
    fn from(_: NotRecorded) -> Self {
        Self::internal("the queue cannot be recorded; is the disk full?")
    }
}
