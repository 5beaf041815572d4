//! Converts a row of the database to what it stands for, and back.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{CachedStatement, Row, RowIndex, ToSql};

use super::prior_record::PriorRecord;
use super::record::{Counts, Ended, Failure, Record, of_millis, to_millis};
use super::request_key::{RecordLocation, RequestKey};
use crate::checksum::Checksum;
use crate::error::ErrorKind;
use crate::outcome::Verified;
use crate::row_location::RowLocation;

/// The columns that say where a row is.
macro_rules! place {
    () => {
        "list, row, line"
    };
}

/// The columns of the first schema that say what became of a row.
macro_rules! first_content {
    () => {
        "ask, url, fields, status, path, bytes, error, message, transient, http_status, attempts, \
         started, duration, final_url, etag, last_modified, content_type, verified, hashes"
    };
}

/// The columns of the present schema that say what became of a row.
macro_rules! content {
    () => {
        concat!(first_content!(), ", resumed, segments")
    };
}

/// The columns that [`known`] reads, in this order. It reads them by position: looking up their
/// names costs as much as an eighth of reading the row.
macro_rules! known {
    () => {
        "list, row, ask, url, status, path, bytes, verified, hashes, etag, last_modified, fields, \
         error, message, transient, http_status"
    };
}

/// What is known of the rows of a list: its number, the first row, and how many rows.
pub(super) const KNOWN_FROM: &str = concat!(
    "SELECT ",
    known!(),
    " FROM item WHERE list = ?1 AND row >= ?2 ORDER BY row LIMIT ?3"
);
/// What is known of a row with this key and URL, wherever it is; the third parameter says whether
/// finished lists count.
pub(super) const KNOWN_BY_ASK: &str = concat!(
    "SELECT ",
    known!(),
    " FROM item JOIN list ON id = list WHERE ask = ?1 AND url = ?2 AND finished <= ?3 \
     ORDER BY status = 'failed', list DESC LIMIT 1"
);
/// The rows after this list and row in the newest list of each input, and how many of them. `+`
/// and `CROSS` make `SQLite` begin at that row; otherwise it reads the list from its start each
/// time.
pub(super) const RECORDS: &str = concat!(
    "SELECT ",
    place!(),
    ", ",
    content!(),
    ", input FROM item CROSS JOIN list ON id = list \
     WHERE (list, row) > (?1, ?2) AND +list IN (SELECT max(id) FROM list GROUP BY input) \
     ORDER BY list, row LIMIT ?3"
);
/// [`RECORDS`] for a database of an older schema, which is only read.
pub(super) const RECORDS_WITHOUT_COUNTS: &str = concat!(
    "SELECT ",
    place!(),
    ", ",
    first_content!(),
    ", NULL AS resumed, NULL AS segments, input FROM item CROSS JOIN list ON id = list \
     WHERE (list, row) > (?1, ?2) AND +list IN (SELECT max(id) FROM list GROUP BY input) \
     ORDER BY list, row LIMIT ?3"
);
/// The columns that [`record`] reads, but the name of the list.
pub(super) const SELECTED: &str = concat!(place!(), ", ", content!());
/// [`SELECTED`] for a database of an older schema, which is only read.
pub(super) const SELECTED_WITHOUT_COUNTS: &str = concat!(
    place!(),
    ", ",
    first_content!(),
    ", NULL AS resumed, NULL AS segments"
);
/// What is known of a row with this key and URL that has its file, among the rows of
/// `temp.looked_up`.
pub(super) const KNOWN_BY_OTHERS: &str = concat!(
    "SELECT ",
    known!(),
    " FROM item WHERE (list, row) IN (SELECT list, row FROM temp.looked_up WHERE ask = ?1) \
     AND ask = ?1 AND url = ?2 AND status <> 'failed' ORDER BY list DESC LIMIT 1"
);
/// All rows of a list, with the columns of [`ADD`] in their order.
pub(super) const ALL_OF: &str = concat!(
    "SELECT ",
    place!(),
    ", ",
    content!(),
    " FROM item WHERE list = ?1"
);
/// Adds a row unless one is recorded at its place.
pub(super) const ADD: &str = concat!(
    "INSERT OR IGNORE INTO item (",
    place!(),
    ", ",
    content!(),
    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
);
/// The number of columns of a row.
pub(super) const COLUMNS: usize = 24;
/// For [`Insert`].
pub(super) const INSERT: &str = concat!(
    "INSERT OR REPLACE INTO item (",
    place!(),
    ", ",
    content!(),
    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
);
/// Copies a row to another place: its new list, row and line, then its present list and row.
pub(super) const COPY: &str = concat!(
    "INSERT OR REPLACE INTO item (",
    place!(),
    ", ",
    content!(),
    ") SELECT ?1, ?2, ?3, ",
    content!(),
    " FROM item WHERE list = ?4 AND row = ?5"
);
/// Copies the first rows of a list to another, and those of other runs that read it at the same
/// time: the new list, the old one, and how many rows.
pub(super) const COPY_FIRST: &str = concat!(
    "INSERT INTO item (",
    place!(),
    ", ",
    content!(),
    ") SELECT ?1, row, line, ",
    content!(),
    " FROM item WHERE list = ?2 AND (row < ?3 OR row >= 4294967296)"
);

pub(super) fn line(record: &Record) -> Option<i64> {
    record.location.as_ref().map(|place| number(place.line))
}

/// Inserts the rows of a group, one after another. A row has many values in common with the row
/// before; those stay bound, since binding them all costs as much as a tenth of the row.
pub(super) struct Insert<'a, 's> {
    statement: &'a mut CachedStatement<'s>,
    /// The list and the row whose values are bound; `None` before the first row.
    before: Option<(i64, &'a Record)>,
}

impl<'a, 's> Insert<'a, 's> {
    pub(super) fn new(statement: &'a mut CachedStatement<'s>) -> Self {
        Self {
            statement,
            before: None,
        }
    }

    pub(super) fn row(&mut self, list: i64, record: &'a Record) -> rusqlite::Result<()> {
        let before = self.before.replace((list, record));
        let mut bind = Bind {
            statement: self.statement,
            now: (list, record),
            before,
            at: 0,
        };
        // In the order of the columns. Values are bound by position: looking up the names costs as
        // much as a quarter of the row.
        bind.column(|(list, _)| list)?;
        bind.column(|(_, record)| number(record.row))?;
        bind.column(|(_, record)| line(record))?;
        bind.column(|(_, record)| record.key.hash)?;
        bind.column(|(_, record)| &record.url)?;
        bind.column(|(_, record)| record.key.fields.as_ref())?;
        bind.column(|(_, record)| status(record))?;
        bind.column(|(_, record)| record.path.as_ref())?;
        bind.column(|(_, record)| number(record.bytes))?;
        bind.column(|(_, record)| failure(record).map(|failure| failure.kind.name()))?;
        bind.column(|(_, record)| failure(record).map(|failure| &failure.message))?;
        bind.column(|(_, record)| failure(record).map(|failure| failure.transient))?;
        bind.column(|(_, record)| record.http_status)?;
        bind.column(|(_, record)| record.attempts)?;
        bind.column(|(_, record)| to_millis(record.started))?;
        bind.column(|(_, record)| i64::try_from(record.duration.as_millis()).unwrap_or(i64::MAX))?;
        bind.column(|(_, record)| record.final_url.as_ref())?;
        bind.column(|(_, record)| record.etag.as_ref())?;
        bind.column(|(_, record)| record.last_modified.as_ref())?;
        bind.column(|(_, record)| record.content_type.as_ref())?;
        bind.column(|(_, record)| record.verified.name())?;
        bind.column(|(_, record)| hashes_of(record))?;
        bind.column(|(_, record)| record.counts.map(|counts| number(counts.resumed)))?;
        bind.column(|(_, record)| record.counts.map(|counts| counts.segments))?;
        self.statement.raw_execute()?;
        Ok(())
    }
}

/// A row whose values are being bound.
struct Bind<'a, 'b, 's> {
    statement: &'b mut CachedStatement<'s>,
    now: (i64, &'a Record),
    before: Option<(i64, &'a Record)>,
    at: usize,
}

impl<'a> Bind<'a, '_, '_> {
    /// Binds the next column, unless it has the same value as in the row before.
    fn column<T: ToSql + PartialEq>(
        &mut self,
        of: impl Fn((i64, &'a Record)) -> T,
    ) -> rusqlite::Result<()> {
        self.at += 1;
        let value = of(self.now);
        if self.before.is_some_and(|before| of(before) == value) {
            return Ok(());
        }
        self.statement.raw_bind_parameter(self.at, value)
    }
}

fn status(record: &Record) -> &'static str {
    match &record.ended {
        Ended::Done => "done",
        Ended::Skipped => "skipped",
        Ended::Unchanged => "unchanged",
        Ended::Failed(_) => "failed",
    }
}

/// Returns the failure of a record: that of the row, or one that did not make it fail.
fn failure(record: &Record) -> Option<&Failure> {
    match &record.ended {
        Ended::Failed(failure) => Some(failure),
        Ended::Done | Ended::Skipped | Ended::Unchanged => record.note.as_ref(),
    }
}

/// Returns the hashes of a record as its column holds them; `None` if it has none.
pub(super) fn hashes_of(record: &Record) -> Option<String> {
    let hashes: Vec<_> = record.hashes.iter().map(ToString::to_string).collect();
    (!hashes.is_empty()).then(|| hashes.join(" "))
}

/// Converts a number to the signed integers of the database; what does not fit becomes the largest.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn known(row: &Row<'_>, is_elsewhere: bool) -> rusqlite::Result<PriorRecord> {
    Ok(PriorRecord {
        recorded: Some(RecordLocation {
            list: row.get(0)?,
            row: unsigned(row, 1)?,
        }),
        is_elsewhere,
        request_hash: row.get(2)?,
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
    let ended = ended(row, "status")?;
    let line: Option<i64> = row.get("line")?;
    Ok(Record {
        row: unsigned(row, "row")?,
        location: line.map(|line| RowLocation {
            input,
            line: line.unsigned_abs(),
        }),
        key: RequestKey {
            hash: row.get("ask")?,
            fields: row.get("fields")?,
            recorded: None,
        },
        url: row.get("url")?,
        final_url: row.get("final_url")?,
        note: match ended {
            Ended::Failed(_) => None,
            _ => recorded_failure(row)?,
        },
        ended,
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
        counts: counts(row)?,
    })
}

/// Reads the counts, which versions before the third schema did not record.
fn counts(row: &Row<'_>) -> rusqlite::Result<Option<Counts>> {
    let resumed: Option<i64> = row.get("resumed")?;
    let segments: Option<u32> = row.get("segments")?;
    Ok(resumed.zip(segments).map(|(resumed, segments)| Counts {
        resumed: u64::try_from(resumed).unwrap_or_default(),
        segments,
    }))
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
            let recorded = recorded_failure(row)?;
            recorded.map(Ended::Failed).ok_or_else(|| strange(status))
        }
        other => Err(strange(other)),
    }
}

/// Reads a failure; `None` if there is none.
fn recorded_failure(row: &Row<'_>) -> rusqlite::Result<Option<Failure>> {
    let Some(kind) = row.get::<_, Option<String>>("error")? else {
        return Ok(None);
    };
    let kind = ErrorKind::named(&kind).ok_or_else(|| strange(&kind))?;
    let status: Option<u16> = row.get("http_status")?;
    Ok(Some(Failure {
        kind,
        status: status.filter(|_| kind == ErrorKind::Http),
        message: row.get("message")?,
        transient: row.get("transient")?,
    }))
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

/// Returns the error for text in a column that we never write.
fn strange(text: &str) -> rusqlite::Error {
    let what = format!("{text:?} means nothing here");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, what.into())
}
