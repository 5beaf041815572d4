//! A row of results: the outcome of one item, for programs. Field names and their meaning are
//! stable.

use haulage::{Checksum, Error, Outcome, Renamed};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// The fields of a row, in their order.
#[derive(Debug, Serialize)]
pub(crate) struct ResultRow<'a> {
    row: u64,
    input: Option<&'a str>,
    line: Option<u64>,
    url: &'a str,
    final_url: Option<&'a str>,
    status: &'static str,
    path: Option<&'a str>,
    renamed: Option<&'static str>,
    bytes: u64,
    http_status: Option<u16>,
    error: Option<Failure>,
    attempts: u32,
    segments: Option<u32>,
    resumed: Option<u64>,
    restarted: Option<&'a str>,
    started: String,
    duration_ms: u64,
    etag: Option<&'a str>,
    last_modified: Option<&'a str>,
    content_type: Option<&'a str>,
    verified: &'static str,
    /// Only the hashes that were asked for.
    #[serde(flatten)]
    hashes: Hashes<'a>,
}

/// Each hash is a field, named after its algorithm.
#[derive(Debug)]
struct Hashes<'a>(&'a [Checksum]);

impl Serialize for Hashes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .map(|hash| (hash.algorithm().name(), hash.hex())),
        )
    }
}

/// The error of a failed item.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    kind: &'static str,
    message: String,
}

impl<'a> From<&'a Outcome> for ResultRow<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        Self {
            row: outcome.row,
            input: outcome.location.as_ref().map(|place| &*place.input),
            line: outcome.location.as_ref().map(|place| place.line),
            url: &outcome.url,
            final_url: outcome.final_url.as_deref(),
            status: outcome.status.name(),
            path: outcome.path.as_deref(),
            renamed: outcome.renamed.map(Renamed::reason),
            bytes: outcome.bytes,
            http_status: outcome.http_status,
            error: outcome.error().map(Failure::from),
            attempts: outcome.attempts,
            segments: outcome.known_segments(),
            resumed: outcome.known_resumed(),
            restarted: outcome.restart_reason.as_deref(),
            // A clock outside the years -9999 to 9999 is no reason to fail.
            started: format!(
                "{:.3}",
                Timestamp::try_from(outcome.started).unwrap_or_default()
            ),
            duration_ms: super::millis(outcome.duration),
            etag: outcome.etag.as_deref(),
            last_modified: outcome.last_modified.as_deref(),
            content_type: outcome.content_type.as_deref(),
            verified: outcome.verified.name(),
            hashes: Hashes(&outcome.hashes),
        }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind().name(),
            message: error.to_string(),
        }
    }
}

/// Adds the value to `out` as a line of JSON, with characters escaped that could harm a terminal.
pub(crate) fn write_line(value: &impl Serialize, out: &mut String) {
    // Writing JSON fails only for maps with keys that are not strings, and there are none here.
    if let Ok(text) = serde_json::to_string(value) {
        out.push_str(&super::escape::json(&text));
        out.push('\n');
    }
}
