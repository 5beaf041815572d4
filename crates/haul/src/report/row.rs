//! A row of results: the outcome of one item, for programs. Field names and their meaning are
//! stable.

mod carried;

use std::time::SystemTime;

/// The fields of a row, in their order. Those of `error` stand alone in a table.
pub(crate) use haulage::source::RESULT_COLUMNS as FIELDS;
use haulage::{Checksum, Error, Outcome, Renamed};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

pub(crate) use self::carried::{Carried, CarriedNames, json_text, text_of};

/// The fields of a row, in their order.
#[derive(Debug, Serialize)]
pub(crate) struct ResultRow<'a> {
    pub(super) row: u64,
    pub(super) input: Option<&'a str>,
    pub(super) line: Option<u64>,
    pub(super) url: &'a str,
    /// What the row of the list gives, not what became of it.
    pub(super) name: Option<&'a str>,
    pub(super) checksum: Option<String>,
    pub(super) final_url: Option<&'a str>,
    pub(super) status: &'static str,
    pub(super) path: Option<&'a str>,
    pub(super) renamed: Option<&'static str>,
    pub(super) bytes: u64,
    pub(super) http_status: Option<u16>,
    pub(super) error: Option<Failure>,
    pub(super) attempts: u32,
    pub(super) segments: Option<u32>,
    pub(super) resumed: Option<u64>,
    pub(super) restarted: Option<&'a str>,
    pub(super) started: String,
    pub(super) duration_ms: u64,
    pub(super) etag: Option<&'a str>,
    pub(super) last_modified: Option<&'a str>,
    pub(super) content_type: Option<&'a str>,
    pub(super) verified: &'static str,
    /// Only the hashes that were asked for.
    #[serde(flatten)]
    pub(super) hashes: Hashes<'a>,
    /// The columns of the list that have no purpose.
    #[serde(flatten)]
    pub(super) carried: Carried<'a>,
}

/// Each hash is a field, named after its algorithm.
#[derive(Debug)]
pub(super) struct Hashes<'a>(pub(super) &'a [Checksum]);

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
    pub(super) kind: &'static str,
    pub(super) message: String,
}

impl<'a> ResultRow<'a> {
    /// Returns the row of an outcome; `names` are those of the rows before.
    pub(crate) fn new(outcome: &'a Outcome, names: &'a mut CarriedNames) -> Self {
        Self {
            row: outcome.row,
            input: outcome.location.as_ref().map(|place| &*place.input),
            line: outcome.location.as_ref().map(|place| place.line),
            url: &outcome.url,
            name: outcome.name.as_deref(),
            checksum: joined(&outcome.checksums),
            final_url: outcome.final_url.as_deref(),
            status: outcome.status.name(),
            path: outcome.path.as_deref(),
            renamed: outcome.renamed.map(Renamed::reason),
            bytes: outcome.bytes,
            http_status: outcome.http_status,
            error: outcome.error().or(outcome.note.as_ref()).map(Failure::from),
            attempts: outcome.attempts,
            segments: outcome.known_segments(),
            resumed: outcome.known_resumed(),
            restarted: outcome.restart_reason.as_deref(),
            started: time(outcome.started),
            duration_ms: super::millis(outcome.duration),
            etag: outcome.etag.as_deref(),
            last_modified: outcome.last_modified.as_deref(),
            content_type: outcome.content_type.as_deref(),
            verified: outcome.verified.name(),
            hashes: Hashes(&outcome.hashes),
            carried: names.of(&outcome.carried),
        }
    }
}

/// Returns a time as RFC 3339 has it, to the millisecond, in UTC.
pub(crate) fn time(time: SystemTime) -> String {
    // A clock outside the years -9999 to 9999 is no reason to fail.
    format!("{:.3}", Timestamp::try_from(time).unwrap_or_default())
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind().name(),
            message: error.to_string(),
        }
    }
}

/// Returns checksums as `ALGO=HEX`, separated by spaces; `None` if there are none.
fn joined(checksums: &[Checksum]) -> Option<String> {
    let texts = checksums.iter().map(ToString::to_string);
    texts.reduce(|all, one| all + " " + &one)
}

/// Adds the value to `out` as a line of JSON, with characters escaped that could harm a terminal.
pub(crate) fn write_line(value: &impl Serialize, out: &mut String) {
    // Writing JSON fails only for maps with keys that are not strings, and there are none here.
    if let Ok(text) = serde_json::to_string(value) {
        out.push_str(&super::escape::json(&text));
        out.push('\n');
    }
}
