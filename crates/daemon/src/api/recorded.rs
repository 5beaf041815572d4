//! What is recorded of a list that is over: its results, and a page about it.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use haulage::{Error, ErrorKind};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
};
use http::{HeaderValue, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time;

use super::error::ApiError;
use super::query::Query;
use super::runs::find;
use crate::hub::Hub;
use crate::response::Body;
use crate::tools::{RecordedList, ResultsFormat};

/// How many bytes are sent at once.
const CHUNK: usize = 64 << 10;
/// How many such pieces wait for a client that is slow.
const BACKLOG: usize = 4;
/// How long a client waits for its turn.
const TURN_TIME: Duration = Duration::from_secs(30);

/// A list whose outcomes are recorded.
struct Recorded {
    id: String,
    folder: PathBuf,
    input: String,
    name: String,
    title: String,
}

impl Recorded {
    /// Finds a list that is over.
    fn find(hub: &Hub, id: &str) -> Result<Self, ApiError> {
        hub.look(|service| {
            let gid = find(service, id)?;
            let download = service.queue.get(gid).ok_or_else(ApiError::nothing_there)?;
            if !download.is_list() {
                return Err(ApiError::conflict("only the results of lists are recorded"));
            }
            if !download.state.is_stopped() {
                return Err(ApiError::conflict("the run is not over"));
            }
            Ok(Self {
                id: gid.to_string(),
                folder: service.folder_of(download),
                input: hub.lists.path(gid).to_string_lossy().into_owned(),
                name: download.name.clone(),
                title: download.title(),
            })
        })
    }

    fn list(&self) -> RecordedList<'_> {
        RecordedList::new(&self.folder, &self.input, &self.name, &self.title)
    }
}

/// Returns the results of a list.
pub(super) async fn results(
    hub: &Arc<Hub>,
    id: &str,
    query: &str,
) -> Result<Response<Body>, ApiError> {
    let query = Query::read(query, &["format"])?;
    let (format, content_type, extension) = match query.get("format") {
        None | Some("jsonl") => (ResultsFormat::Jsonl, "application/x-ndjson", "jsonl"),
        Some("csv") => (ResultsFormat::Csv, "text/csv; charset=utf-8", "csv"),
        Some(other) => {
            let message = format!("format: {other:?} is neither jsonl nor csv");
            return Err(ApiError::malformed(message));
        }
    };
    let turn = turn(&hub.readers, TURN_TIME).await?;
    let recorded = Recorded::find(hub, id)?;
    let name = format!("haul-{}.{extension}", recorded.id);
    let (pieces, mut received) = mpsc::channel(BACKLOG);
    let tools = Arc::clone(&hub.tools);
    tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::with_capacity(CHUNK, Pieces(pieces.clone()));
        let written = tools.write_results(&recorded.list(), format, &mut out);
        let flushed = out.flush();
        if let Err(error) = written {
            // A client that has gone needs no answer.
            let _ = pieces.blocking_send(Err(error));
        }
        drop((flushed, turn));
    });
    // What cannot be read at all has a status of its own.
    let first = match received.recv().await {
        Some(Err(error)) => return Err(unreadable(&error)),
        first => first,
    };
    let pieces = stream::unfold((first, received), |(first, mut received)| async {
        let piece = match first {
            Some(piece) => piece,
            None => received.recv().await?,
        };
        // A body that breaks off is not taken for a whole one.
        let frame = piece.map(Frame::data).map_err(io::Error::other);
        Some((frame, (None, received)))
    });
    let response = Response::new(StreamBody::new(pieces).boxed_unsync());
    Ok(as_file(response, content_type, &name))
}

/// Returns the page about a list.
pub(super) async fn report(hub: &Arc<Hub>, id: &str) -> Result<Response<Body>, ApiError> {
    let turn = turn(&hub.readers, TURN_TIME).await?;
    let recorded = Recorded::find(hub, id)?;
    let name = format!("haul-{}.html", recorded.id);
    let tools = Arc::clone(&hub.tools);
    let page = tokio::task::spawn_blocking(move || tools.report(&recorded.list())).await;
    let page = page.map_err(|_| ApiError::internal("the report cannot be made"))?;
    let page = page.map_err(|error| unreadable(&error))?;
    let page = Bytes::from(page);
    let length = HeaderValue::from(page.len());
    let response = Response::new(in_pieces(page, turn));
    let mut response = as_file(response, "text/html; charset=utf-8", &name);
    // Its script must not act as the daemon's own page.
    let sandbox = HeaderValue::from_static("sandbox allow-scripts");
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, sandbox);
    headers.insert(CONTENT_LENGTH, length);
    Ok(response)
}

/// Returns a body that has its turn until its last piece is taken. It is large: few are in memory
/// until they are sent.
fn in_pieces(content: Bytes, turn: OwnedSemaphorePermit) -> Body {
    let pieces = stream::unfold((content, turn), |(mut content, turn)| async {
        if content.is_empty() {
            return None;
        }
        let piece = content.split_to(CHUNK.min(content.len()));
        Some((Ok(Frame::data(piece)), (content, turn)))
    });
    StreamBody::new(pieces).boxed_unsync()
}

/// Waits until few enough others are sent what is recorded: each of them has a thread.
///
/// # Errors
/// When that takes too long.
async fn turn(
    readers: &Arc<Semaphore>,
    patience: Duration,
) -> Result<OwnedSemaphorePermit, ApiError> {
    let turn = time::timeout(patience, Arc::clone(readers).acquire_owned()).await;
    turn.ok().and_then(Result::ok).ok_or_else(ApiError::busy)
}

fn as_file(mut response: Response<Body>, content_type: &'static str, name: &str) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The name has letters and digits only.
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    response
}

fn unreadable(error: &Error) -> ApiError {
    match error.kind() {
        // Its folder is gone, or it was removed before it began.
        ErrorKind::Input => ApiError::conflict(error.to_string()),
        _ => ApiError::internal(error.to_string()),
    }
}

/// Sends what is written to a body, piece by piece.
struct Pieces(Sender<Result<Bytes, Error>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn client_whose_turn_does_not_come_is_told_so() {
        let readers = Arc::new(Semaphore::new(1));
        let first = turn(&readers, TURN_TIME).await.unwrap();
        let busy = turn(&readers, Duration::ZERO).await.unwrap_err();
        assert_eq!(busy.into_response().headers()["retry-after"], "10");
        drop(first);
        assert!(turn(&readers, Duration::ZERO).await.is_ok());
    }

    #[tokio::test]
    async fn body_has_its_turn_until_it_is_taken() {
        let readers = Arc::new(Semaphore::new(1));
        let content: Vec<u8> = (0..=u8::MAX).cycle().take(2 * CHUNK + 1).collect();
        let first = turn(&readers, TURN_TIME).await.unwrap();
        let mut body = in_pieces(content.clone().into(), first);
        let (mut taken, mut lengths) = (Vec::new(), Vec::new());
        while let Some(frame) = body.frame().await {
            assert_eq!(readers.available_permits(), 0);
            let piece = frame.unwrap().into_data().unwrap();
            lengths.push(piece.len());
            taken.extend(piece);
        }
        assert_eq!(readers.available_permits(), 1);
        assert_eq!(lengths, [CHUNK, CHUNK, 1]);
        assert_eq!(taken, content);
    }
}
