//! A row of the database, and what it stands for: how each is made of the other.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{CachedStatement, Row, RowIndex, params};

use super::ask::{Ask, Recorded};
use super::known::Known;
use super::record::{Ended, Failure, Record, of_millis, to_millis};
use crate::checksum::Checksum;
use crate::error::ErrorKind;
use crate::outcome::Verified;
use crate::request::Place;

/// The columns that say where a row stands.
macro_rules! place {
    () => {
        "list, row, line"
    };
}

/// All others: they are the same wherever it stands.
macro_rules! content {
    () => {
        "ask, url, fields, status, path, bytes, error, message, transient, http_status, attempts, \
         started, duration, final_url, etag, last_modified, content_type, verified, hashes"
    };
}

/// What [`known`] reads, in this order: by position, since to look names up costs as much as an eighth of a row that is known.
macro_rules! known {
    () => {
        "list, row, ask, url, status, path, bytes, verified, hashes, etag, last_modified, fields, \
         error, message, transient"
    };
}

/// What is known of the rows of a list from one on, so many of them.
pub(super) const KNOWN_FROM: &str = concat!(
    "SELECT ",
    known!(),
    " FROM item WHERE list = ?1 AND row >= ?2 ORDER BY row LIMIT ?3"
);
/// What is known of a row that asks for this, wherever it stands; whether those of finished lists count.
pub(super) const KNOWN_BY_ASK: &str = concat!(
    "SELECT ",
    known!(),
    " FROM item JOIN list ON id = list WHERE ask = ?1 AND url = ?2 AND finished <= ?3 \
     ORDER BY status = 'failed', list DESC LIMIT 1"
);
/// The rows of the newest list of each input after this one, so many of them.
pub(super) const RECORDS: &str = concat!(
    "SELECT ",
    place!(),
    ", ",
    content!(),
    ", input FROM item JOIN list ON id = list \
     WHERE (list, row) > (?1, ?2) AND id IN (SELECT max(id) FROM list GROUP BY input) \
     ORDER BY list, row LIMIT ?3"
);
/// For [`insert`].
pub(super) const INSERT: &str = concat!(
    "INSERT OR REPLACE INTO item (",
    place!(),
    ", ",
    content!(),
    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
);
/// A row that stands at another place too: list, row and line there, list and row here.
pub(super) const COPY: &str = concat!(
    "INSERT OR REPLACE INTO item (",
    place!(),
    ", ",
    content!(),
    ") SELECT ?1, ?2, ?3, ",
    content!(),
    " FROM item WHERE list = ?4 AND row = ?5"
);
/// The first rows of a list in another one: that list, this one, and how many.
pub(super) const COPY_FIRST: &str = concat!(
    "INSERT INTO item (",
    place!(),
    ", ",
    content!(),
    ") SELECT ?1, row, line, ",
    content!(),
    " FROM item WHERE list = ?2 AND row < ?3"
);

pub(super) fn line(record: &Record) -> Option<i64> {
    record.place.as_ref().map(|place| number(place.line))
}

/// Adds a row.
pub(super) fn insert(
    insert: &mut CachedStatement<'_>,
    list: i64,
    record: &Record,
) -> rusqlite::Result<()> {
    let (status, failure) = match &record.ended {
        Ended::Done => ("done", None),
        Ended::Skipped => ("skipped", None),
        Ended::Unchanged => ("unchanged", None),
        Ended::Failed(failure) => ("failed", Some(failure)),
    };
    // By position: to look names up costs as much as a quarter of the row.
    insert.execute(params![
        list,
        number(record.row),
        line(record),
        record.ask.key,
        record.url,
        record.ask.fields,
        status,
        record.path,
        number(record.bytes),
        failure.map(|failure| failure.kind.name()),
        failure.map(|failure| &failure.message),
        failure.map(|failure| failure.transient),
        record.http_status,
        record.attempts,
        to_millis(record.started),
        i64::try_from(record.duration.as_millis()).unwrap_or(i64::MAX),
        record.final_url,
        record.etag,
        record.last_modified,
        record.content_type,
        record.verified.name(),
        hashes_of(record),
    ])?;
    Ok(())
}

/// The hashes of a row, as they stand in it.
pub(super) fn hashes_of(record: &Record) -> Option<String> {
    let hashes: Vec<_> = record.hashes.iter().map(ToString::to_string).collect();
    (!hashes.is_empty()).then(|| hashes.join(" "))
}

/// The database's integers have a sign.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn known(row: &Row<'_>, is_elsewhere: bool) -> rusqlite::Result<Known> {
    Ok(Known {
        recorded: Recorded {
            list: row.get(0)?,
            row: unsigned(row, 1)?,
        },
        is_elsewhere,
        ask: row.get(2)?,
        url: row.get(3)?,
        ended: ended(row, 4)?,
        path: row.get(5)?,
        bytes: unsigned(row, 6)?,
        verified: verified(row, 7)?,
        hashes: hashes(row, 8)?,
        etag: row.get(9)?,
        last_modified: row.get(10)?,
        fields: row.get(11)?,
    })
}

pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let input: Arc<str> = row.get("input")?;
    let line: Option<i64> = row.get("line")?;
    Ok(Record {
        row: unsigned(row, "row")?,
        place: line.map(|line| Place {
            input,
            line: line.unsigned_abs(),
        }),
        ask: Ask {
            key: row.get("ask")?,
            fields: row.get("fields")?,
            recorded: None,
        },
        url: row.get("url")?,
        final_url: row.get("final_url")?,
        ended: ended(row, "status")?,
        path: row.get("path")?,
        bytes: unsigned(row, "bytes")?,
        http_status: row.get("http_status")?,
        attempts: row.get("attempts")?,
        started: of_millis(row.get("started")?),
        duration: Duration::from_millis(unsigned(row, "duration")?),
        etag: row.get("etag")?,
        last_modified: row.get("last_modified")?,
        content_type: row.get("content_type")?,
        verified: verified(row, "verified")?,
        hashes: hashes(row, "hashes")?,
    })
}

fn unsigned(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column)
        .map(|number| u64::try_from(number).unwrap_or_default())
}

fn ended(row: &Row<'_>, status: impl RowIndex) -> rusqlite::Result<Ended> {
    let status = row.get_ref(status)?.as_str()?;
    match status {
        "done" => Ok(Ended::Done),
        "skipped" => Ok(Ended::Skipped),
        "unchanged" => Ok(Ended::Unchanged),
        "failed" => {
            let kind: String = row.get("error")?;
            Ok(Ended::Failed(Failure {
                kind: ErrorKind::named(&kind).ok_or_else(|| strange(&kind))?,
                message: row.get("message")?,
                transient: row.get("transient")?,
            }))
        }
        other => Err(strange(other)),
    }
}

fn verified(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Verified> {
    let name = row.get_ref(column)?.as_str()?;
    Verified::named(name).ok_or_else(|| strange(name))
}

fn hashes(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Vec<Checksum>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else {
        return Ok(Vec::new());
    };
    text.split(' ')
        .map(|hash| hash.parse().map_err(|_| strange(hash)))
        .collect()
}

/// Something that we never write.
fn strange(text: &str) -> rusqlite::Error {
    let what = format!("{text:?} means nothing here");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, what.into())
}
