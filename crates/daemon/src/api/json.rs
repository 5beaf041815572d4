//! Responses with JSON.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::response::{Body, full};

/// The type of JSON.
pub(super) const JSON: &str = "application/json";

/// Returns a response with a value as JSON.
pub(super) fn json_response(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    // Writing JSON to memory does not fail for what is written here.
    json_text(status, serde_json::to_vec(value).unwrap_or_default().into())
}

/// Returns a response with a text that is JSON.
pub(super) fn json_text(status: StatusCode, text: Bytes) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
