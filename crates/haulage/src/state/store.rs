//! The database: every statement that is ever sent to it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, RowIndex, params};

use super::ask::{Ask, Recorded};
use super::known::Known;
use super::record::{Ended, Failure, Record, of_millis, to_millis};
use super::schema::{self, Unfit};
use crate::error::{Error, ErrorKind};
use crate::outcome::Verified;
use crate::request::Place;

/// How long somebody else may have it, who looks into it.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open database.
pub(super) struct Store {
    connection: Connection,
    /// The lists that are being read, by their inputs.
    lists: HashMap<Box<str>, i64>,
}

/// Whether what earlier runs have done counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    GoOn,
    /// Only what those have done that did not come to their end.
    Anew,
}

/// How a database is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// To write; made when missing.
    Write {
        /// On a file system whose memory cannot be shared between processes, so that nobody else can look into it meanwhile.
        alone: bool,
    },
    Read,
}

impl Store {
    /// Opens a database at a path in which nothing is a link: one is not followed.
    pub(super) fn open(path: &Path, access: Access) -> Result<Self, Error> {
        Self::try_open(path, access).map_err(|unfit| unfit_error(path, unfit))
    }

    fn try_open(path: &Path, access: Access) -> Result<Self, Unfit> {
        let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | match access {
                Access::Write { .. } => {
                    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
                }
                Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            };
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        match access {
            Access::Write { alone } => {
                if alone {
                    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
                }
                // Whatever it says, it keeps a journal.
                let _: String =
                    connection
                        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
                // A power cut may take the last group, and breaks nothing.
                connection.pragma_update(None, "synchronous", "NORMAL")?;
                // Rows are appended, and hardly ever looked at again: 512 KiB do.
                connection.pragma_update(None, "cache_size", -512)?;
                schema::migrate(&mut connection)?;
            }
            Access::Read => {
                schema::version(&connection)?;
            }
        }
        Ok(Self {
            connection,
            lists: HashMap::new(),
        })
    }

    /// Records a group, all or nothing.
    pub(super) fn record(&mut self, group: &[Record]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            let mut copy = transaction.prepare_cached(&copy())?;
            for record in group {
                let input = record.place.as_ref().map_or("", |place| &place.input);
                let list = if let Some(list) = self.lists.get(input) {
                    *list
                } else {
                    let list = list_of(&transaction, input)?;
                    self.lists.insert(input.into(), list);
                    list
                };
                let copied = match record.ask.recorded {
                    Some(from) => {
                        let line = line(record);
                        copy.execute(params![list, number(record.row), line, from.list, from.row])?
                    }
                    None => 0,
                };
                if copied == 0 {
                    execute(&mut insert, list, record)?;
                }
            }
        }
        transaction.commit()
    }

    /// The list that this input is now, if it was recorded. One that a run has come to the end of counts for nothing in
    /// a new `pass`, which begins it anew.
    pub(super) fn list(&mut self, input: &str, pass: Pass) -> rusqlite::Result<Option<i64>> {
        let Some(mut list) = newest(&self.connection, input)? else {
            return Ok(None);
        };
        if pass == Pass::Anew && is_finished(&self.connection, list)? {
            self.connection
                .execute("INSERT INTO list (input) VALUES (?1)", [input])?;
            list = self.connection.last_insert_rowid();
        }
        self.lists.insert(input.into(), list);
        Ok(Some(list))
    }

    /// Whether an older list of this input is kept: the run that found it changed did not come to its end.
    pub(super) fn has_older(&self, input: &str) -> rusqlite::Result<bool> {
        let lists = "SELECT count(*) > 1 FROM list WHERE input = ?1";
        self.connection.query_row(lists, [input], |row| row.get(0))
    }

    /// Whether a file was fetched for a row that asks for something else.
    pub(super) fn is_of_another(&self, path: &str, ask: i64, url: &str) -> rusqlite::Result<bool> {
        self.connection
            .execute_batch("CREATE INDEX IF NOT EXISTS item_path ON item (path)")?;
        self.connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM item WHERE path = ?1 AND status IN ('done', 'unchanged') AND NOT (ask = ?2 AND url = ?3))",
            )?
            .query_row(params![path, ask, url], |row| row.get(0))
    }

    /// The list has other rows now from this one on: those before it go to a new one, and the old one stays until all rows
    /// have been looked up.
    pub(super) fn renew(&mut self, input: &str, old: i64, from: u64) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        transaction.execute("INSERT INTO list (input) VALUES (?1)", [input])?;
        let new = transaction.last_insert_rowid();
        let columns = COLUMNS;
        transaction.execute(
            &format!(
                "INSERT INTO item (list, {columns}) SELECT ?1, {columns} FROM item WHERE list = ?2 AND row < ?3"
            ),
            params![new, old, number(from)],
        )?;
        transaction.commit()?;
        self.lists.insert(input.into(), new);
        Ok(())
    }

    /// What is known of the rows of a list from this one on, so many of them.
    pub(super) fn known(&self, list: i64, from: u64, most: usize) -> rusqlite::Result<Vec<Known>> {
        self.connection
            .prepare_cached(&format!(
                "SELECT {KNOWN} FROM item WHERE list = ?1 AND row >= ?2 ORDER BY row LIMIT ?3"
            ))?
            .query_map(params![list, number(from), number(most as u64)], |row| {
                known(row, None)
            })?
            .collect()
    }

    /// What is known of a row that asks for this, wherever it stood.
    pub(super) fn find(&self, ask: i64, url: &str, pass: Pass) -> rusqlite::Result<Option<Known>> {
        self.connection
            .prepare_cached(
                &format!(
                "SELECT {KNOWN}, list FROM item JOIN list ON id = list
                 WHERE ask = ?1 AND url = ?2 AND finished <= ?3 ORDER BY status = 'failed', list DESC LIMIT 1"
            ))?
            .query_row(params![ask, url, pass == Pass::GoOn], |row| {
                let (list, at) = (row.get("list")?, row.get("row")?);
                known(row, Some(Recorded { list, row: at }))
            })
            .optional()
    }

    /// Lets rows be found by what they ask for. Rows are appended without that, which is much cheaper.
    pub(super) fn index(&self) -> rusqlite::Result<()> {
        self.connection
            .execute_batch("CREATE INDEX IF NOT EXISTS item_ask ON item (ask)")
    }

    pub(super) fn is_empty(&self) -> rusqlite::Result<bool> {
        let any = "SELECT EXISTS (SELECT 1 FROM item)";
        self.connection
            .query_row(any, [], |row| row.get(0))
            .map(|any: bool| !any)
    }

    /// All rows of these inputs have been seen, this one the last: forgets those that are in them no more.
    pub(super) fn tidy<'a>(
        &mut self,
        lasts: impl Iterator<Item = (&'a str, u64)>,
        is_finished: bool,
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        for (input, last) in lasts {
            let Some(list) = newest(&transaction, input)? else {
                continue;
            };
            transaction.execute(
                "DELETE FROM item WHERE list = ?1 AND row > ?2",
                params![list, number(last)],
            )?;
            transaction.execute(
                "DELETE FROM item WHERE list IN (SELECT id FROM list WHERE input = ?1 AND id < ?2)",
                params![input, list],
            )?;
            transaction.execute(
                "DELETE FROM list WHERE input = ?1 AND id < ?2",
                params![input, list],
            )?;
            if is_finished {
                transaction.execute("UPDATE list SET finished = 1 WHERE id = ?1", [list])?;
            }
        }
        transaction
            .execute_batch("DROP INDEX IF EXISTS item_ask; DROP INDEX IF EXISTS item_path")?;
        transaction.commit()
    }

    /// Whether only URLs of a command line are in it, and all of them are there.
    pub(super) fn is_done_with(&self) -> rusqlite::Result<bool> {
        self.connection.query_row(
            "SELECT NOT EXISTS (SELECT 1 FROM list WHERE input <> '')
                    AND NOT EXISTS (SELECT 1 FROM item WHERE status = 'failed')",
            [],
            |row| row.get(0),
        )
    }

    /// The records after this one, in order, so many of them.
    pub(super) fn records(
        &self,
        (list, row): (i64, i64),
        most: usize,
    ) -> rusqlite::Result<Vec<(i64, Record)>> {
        self.connection
            .prepare_cached(&format!(
                "SELECT list, {COLUMNS}, input FROM item JOIN list ON id = list
                 WHERE (list, row) > (?1, ?2) AND id IN (SELECT max(id) FROM list GROUP BY input)
                 ORDER BY list, row LIMIT ?3"
            ))?
            .query_map(params![list, row, number(most as u64)], |row| {
                Ok((row.get("list")?, record(row)?))
            })?
            .collect()
    }
}

const COLUMNS: &str = "row, line, ask, url, fields, status, path, bytes, error, message, transient, http_status, attempts, \
     started, duration, final_url, etag, last_modified, content_type, verified, hashes";
const INSERT: &str = "INSERT OR REPLACE INTO item (list, row, line, ask, url, fields, status, path, bytes, error, message, \
     transient, http_status, attempts, started, duration, final_url, etag, last_modified, content_type, verified, hashes) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Copies a row from one place to another.
fn copy() -> String {
    let same = COLUMNS.trim_start_matches("row, line, ");
    format!(
        "INSERT OR REPLACE INTO item (list, {COLUMNS}) SELECT ?1, ?2, ?3, {same} FROM item WHERE list = ?4 AND row = ?5"
    )
}

fn line(record: &Record) -> Option<i64> {
    record.place.as_ref().map(|place| number(place.line))
}

fn execute(
    insert: &mut rusqlite::CachedStatement<'_>,
    list: i64,
    record: &Record,
) -> rusqlite::Result<()> {
    let (status, failure) = match &record.ended {
        Ended::Done => ("done", None),
        Ended::Skipped => ("skipped", None),
        Ended::Unchanged => ("unchanged", None),
        Ended::Failed(failure) => ("failed", Some(failure)),
    };
    let hashes: Vec<_> = record.hashes.iter().map(ToString::to_string).collect();
    // By position: to look names up costs as much as a third of the row.
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
        (!hashes.is_empty()).then(|| hashes.join(" ")),
    ])?;
    Ok(())
}

/// The database's integers have a sign.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn newest(connection: &Connection, input: &str) -> rusqlite::Result<Option<i64>> {
    connection.query_row(
        "SELECT max(id) FROM list WHERE input = ?1",
        [input],
        |row| row.get(0),
    )
}

fn is_finished(connection: &Connection, list: i64) -> rusqlite::Result<bool> {
    connection.query_row("SELECT finished FROM list WHERE id = ?1", [list], |row| {
        row.get(0)
    })
}

fn list_of(connection: &Connection, input: &str) -> rusqlite::Result<i64> {
    if let Some(list) = newest(connection, input)? {
        return Ok(list);
    }
    connection.execute("INSERT INTO list (input) VALUES (?1)", [input])?;
    Ok(connection.last_insert_rowid())
}

/// What [`known`] reads, in this order: by position, since to look names up costs as much as a tenth of a row that is known.
const KNOWN: &str = "row, ask, url, status, path, bytes, verified, hashes, etag, last_modified, fields, \
     error, message, transient";

fn known(row: &Row<'_>, from_elsewhere: Option<Recorded>) -> rusqlite::Result<Known> {
    Ok(Known {
        row: unsigned(row, 0)?,
        ask: row.get(1)?,
        url: row.get(2)?,
        ended: ended(row, 3)?,
        path: row.get::<_, Option<Arc<str>>>(4)?,
        bytes: unsigned(row, 5)?,
        verified: verified(row, 6)?,
        hashes: hashes(row, 7)?,
        etag: row.get(8)?,
        last_modified: row.get(9)?,
        fields: row.get(10)?,
        from_elsewhere,
    })
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
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

fn hashes(
    row: &Row<'_>,
    column: impl RowIndex,
) -> rusqlite::Result<Vec<crate::checksum::Checksum>> {
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

/// A statement that failed; `what` was to be done, in words that fit before a colon.
pub(super) fn failed(what: &str, cause: rusqlite::Error) -> Error {
    let advice = match cause.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => "; make room and run the same command again",
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            "; somebody else has it open: close that and run the same command again"
        }
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            "; it is damaged: move it away, and files that are there are taken as they are"
        }
        _ => "",
    };
    Error::new(ErrorKind::Disk, format!("{what}: {cause}{advice}")).caused_by(cause)
}

fn unfit_error(path: &Path, unfit: Unfit) -> Error {
    let path = path.display();
    let disk = |why: &str| Error::new(ErrorKind::Disk, format!("{path} {why}"));
    match unfit {
        Unfit::Foreign => disk("is another program's database; move it away"),
        Unfit::Newer => disk("was written by a newer version; use that, or another folder"),
        Unfit::Broken(cause) => failed(&format!("cannot use {path}"), cause),
    }
}

#[cfg(test)]
mod tests;
