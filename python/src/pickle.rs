//! Outcomes for other processes: what `pickle` writes of them, and makes of it again.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use haulage::{Checksum, Error, ErrorKind, Outcome, Renamed, RowLocation, Status, Verified};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// What an outcome consists of: a dict, whose keys later versions may add to.
#[derive(IntoPyObject, FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct State {
    row: u64,
    location: Option<(String, u64)>,
    url: String,
    final_url: Option<String>,
    label: String,
    status: String,
    /// Its kind, and its message.
    error: Option<(String, String)>,
    path: Option<String>,
    renamed: Option<String>,
    folder: Option<OsString>,
    bytes: u64,
    content: Option<Py<PyBytes>>,
    http_status: Option<u16>,
    attempts: u32,
    /// Segments, and bytes that were resumed.
    counts: Option<(u32, u64)>,
    restart_reason: Option<String>,
    /// Seconds and nanoseconds since 1970.
    started: (u64, u32),
    /// Seconds and nanoseconds.
    duration: (u64, u32),
    etag: Option<String>,
    last_modified: Option<String>,
    content_type: Option<String>,
    verified: String,
    /// `ALGORITHM=HEX`.
    hashes: Vec<String>,
    carried: Vec<(String, String)>,
}

impl State {
    pub(crate) fn of(py: Python<'_>, outcome: &Outcome, folder: Option<OsString>) -> Self {
        let since_epoch = outcome.started.duration_since(SystemTime::UNIX_EPOCH);
        let content = outcome.content.as_deref();
        let counts = (outcome.known_segments(), outcome.known_resumed());
        let owned = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        Self {
            row: outcome.row,
            location: (outcome.location.as_ref())
                .map(|place| (place.input.to_string(), place.line)),
            url: outcome.url.to_string(),
            final_url: outcome.final_url.clone(),
            label: outcome.label.to_string(),
            status: outcome.status.name().to_owned(),
            error: (outcome.error()).map(|error| (error.kind().to_string(), error.to_string())),
            path: owned(&outcome.path),
            renamed: outcome.renamed.map(|renamed| renamed.reason().to_owned()),
            folder,
            bytes: outcome.bytes,
            content: content.map(|content| PyBytes::new(py, content).unbind()),
            http_status: outcome.http_status,
            attempts: outcome.attempts,
            counts: counts.0.zip(counts.1),
            restart_reason: outcome.restart_reason.as_deref().map(str::to_owned),
            started: parts(since_epoch.unwrap_or_default()),
            duration: parts(outcome.duration),
            etag: owned(&outcome.etag),
            last_modified: owned(&outcome.last_modified),
            content_type: owned(&outcome.content_type),
            verified: outcome.verified.name().to_owned(),
            hashes: outcome.hashes.iter().map(Checksum::to_string).collect(),
            carried: (outcome.carried.iter())
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
        }
    }

    /// Returns the outcome, and its destination.
    pub(crate) fn restored(self, py: Python<'_>) -> PyResult<(Outcome, Option<OsString>)> {
        let status = match (&*self.status, self.error) {
            ("done", _) => Status::Done,
            ("skipped", _) => Status::Skipped,
            ("unchanged", _) => Status::Unchanged,
            ("planned", _) => Status::Planned,
            ("failed", Some((kind, message))) => Status::Failed(error(&kind, message)?),
            _ => return Err(unknown(&self.status)),
        };
        let hashes: Result<Vec<Checksum>, Error> =
            self.hashes.iter().map(|hash| hash.parse()).collect();
        let shared = |text: Option<String>| text.map(Arc::from);
        let mut outcome = Outcome::new(self.row, self.url, status);
        if let Some((segments, resumed)) = self.counts {
            outcome = outcome.counted(segments, resumed);
        }
        outcome.location = (self.location).map(|(input, line)| RowLocation {
            input: input.into(),
            line,
        });
        outcome.final_url = self.final_url;
        outcome.label = self.label.into();
        outcome.path = shared(self.path);
        outcome.renamed = [Renamed::AnotherFile, Renamed::AnotherRow]
            .into_iter()
            .find(|renamed| self.renamed.as_deref() == Some(renamed.reason()));
        outcome.bytes = self.bytes;
        outcome.content = (self.content).map(|content| content.as_bytes(py).to_vec().into());
        outcome.http_status = self.http_status;
        outcome.attempts = self.attempts;
        outcome.restart_reason = self.restart_reason.map(String::into_boxed_str);
        outcome.started = SystemTime::UNIX_EPOCH + duration(self.started);
        outcome.duration = duration(self.duration);
        outcome.etag = shared(self.etag);
        outcome.last_modified = shared(self.last_modified);
        outcome.content_type = shared(self.content_type);
        outcome.verified =
            Verified::named(&self.verified).ok_or_else(|| unknown(&self.verified))?;
        outcome.hashes = hashes.map_err(|error| PyValueError::new_err(error.to_string()))?;
        outcome.carried = (self.carried.into_iter())
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Ok((outcome, self.folder))
    }
}

/// Returns an error of a kind that is given by its name.
pub(crate) fn error(kind: &str, message: String) -> PyResult<Error> {
    let kind = ErrorKind::named(kind).ok_or_else(|| unknown(kind))?;
    Ok(Error::new(kind, message))
}

fn unknown(word: &str) -> PyErr {
    PyValueError::new_err(format!(
        "another version of haulage has written it: there is no {word:?} here"
    ))
}

fn parts(time: Duration) -> (u64, u32) {
    (time.as_secs(), time.subsec_nanos())
}

/// Returns a time; too large a number of nanoseconds counts as so many seconds.
fn duration((seconds, nanoseconds): (u64, u32)) -> Duration {
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds.into())
}
