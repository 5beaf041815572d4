//! The bodies of requests: bounded, and not slower than they may be.

use std::fs::File;
use std::io::Write as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};
use serde::de::DeserializeOwned;
use tokio::time;

use super::error::ApiError;

/// The most bytes of a body that is JSON.
const MAX_JSON: usize = 8 << 20;
/// The most bytes of a list.
pub(super) const MAX_LIST: usize = 64 << 20;
/// How long JSON may take, and how long a list may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a list may take.
const LIST_TIME: Duration = Duration::from_mins(10);
/// How many bytes of a list are written at once.
const CHUNK: usize = 1 << 20;

/// Reads a body that is JSON.
///
/// # Errors
/// When it is none, is too large or too slow, or is another value than it should be.
pub(super) async fn read_json<T: DeserializeOwned>(body: Incoming) -> Result<T, ApiError> {
    if is_larger(&body, MAX_JSON) {
        return Err(ApiError::too_large(MAX_JSON));
    }
    let body = Limited::new(body, MAX_JSON).collect();
    let body = match time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return Err(ApiError::too_large(MAX_JSON)),
        Err(_) => return Err(ApiError::too_slow()),
    };
    serde_json::from_slice(&body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => ApiError::input(error.to_string()),
        _ => ApiError::malformed(format!("the body is no JSON: {error}")),
    })
}

/// Writes a body to a file, and flushes it.
///
/// # Errors
/// When it is too large or too slow, breaks off, or cannot be written.
pub(super) async fn save(body: Incoming, file: File) -> Result<(), ApiError> {
    if is_larger(&body, MAX_LIST) {
        return Err(ApiError::too_large(MAX_LIST));
    }
    let saved = time::timeout(LIST_TIME, save_frames(body, file)).await;
    saved.map_err(|_| ApiError::too_slow())?
}

async fn save_frames(mut body: Incoming, mut file: File) -> Result<(), ApiError> {
    let (mut length, mut waiting) = (0, BytesMut::new());
    loop {
        let frame = time::timeout(PATIENCE, body.frame()).await;
        let frame = match frame.map_err(|_| ApiError::too_slow())? {
            None => break,
            Some(Ok(frame)) => frame,
            Some(Err(_)) => return Err(ApiError::malformed("the body broke off")),
        };
        let data = frame.into_data().unwrap_or_default();
        length += data.len();
        if length > MAX_LIST {
            return Err(ApiError::too_large(MAX_LIST));
        }
        waiting.extend_from_slice(&data);
        if waiting.len() >= CHUNK {
            file = write(file, waiting.split().freeze()).await?;
        }
    }
    let file = write(file, waiting.freeze()).await?;
    let synced = tokio::task::spawn_blocking(move || file.sync_all()).await;
    written(synced)
}

async fn write(mut file: File, bytes: Bytes) -> Result<File, ApiError> {
    let writing = tokio::task::spawn_blocking(move || {
        file.write_all(&bytes)?;
        Ok(file)
    });
    written(writing.await)
}

/// Returns what came of writing.
pub(super) fn written<T>(
    result: Result<std::io::Result<T>, tokio::task::JoinError>,
) -> Result<T, ApiError> {
    let result = result.map_err(|_| ApiError::internal("the list cannot be written"))?;
    result.map_err(|error| ApiError::internal(format!("the list cannot be written: {error}")))
}

fn is_larger(body: &Incoming, most: usize) -> bool {
    usize::try_from(body.size_hint().lower()).is_ok_and(|length| length > most)
}
