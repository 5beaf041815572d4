//! The database: the queries to it, and what is recorded in it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::columns::{self, hashes_of, known, line, number, record};
use super::parts::{self, Progress, Unfinished};
use super::prior_record::PriorRecord;
use super::record::Record;
use super::request_key::RecordLocation;
use super::runs::{self, RunRecord};
use super::schema::{self, Unfit};
use crate::error::Error;
use crate::options::Existing;
use crate::sys::flush;
use crate::trace::STATE;
use crate::write::{Sharing, lacks_locks, lacks_sync};

/// File access of `SQLite` without locks.
const WITHOUT_LOCKS: &str = "unix-none";
/// How long to wait while another process that reads the database has locked it.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open database.
pub(super) struct Store {
    pub(super) connection: Connection,
    /// The query for records that fits the schema of the database.
    records: &'static str,
    /// The numbers of the lists that are being read, by their inputs.
    lists: HashMap<Box<str>, i64>,
    /// The indices that exist for this run only.
    indices: Vec<&'static str>,
}

/// Whether the results of earlier runs count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    GoOn,
    /// Only the results of runs that were interrupted count.
    Anew,
}

impl Pass {
    pub(super) fn of(existing: Existing) -> Self {
        match existing {
            Existing::Auto | Existing::Skip | Existing::Refresh => Self::GoOn,
            Existing::Overwrite | Existing::Rename | Existing::Fail => Self::Anew,
        }
    }
}

/// How a database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// For writing; created if missing.
    Write(Sharing),
    /// For reading, also while another process writes.
    Read,
    /// For reading without locks: what a run that has ended has left, to which nobody writes, or a
    /// database on a file system without locks.
    ReadLeft,
}

impl Access {
    fn is_alone(self) -> bool {
        !matches!(self, Self::Read | Self::Write(Sharing::WithReaders))
    }

    fn has_no_locks(self) -> bool {
        matches!(
            self,
            Self::ReadLeft | Self::Write(Sharing::AloneWithoutLocks)
        )
    }

    fn flags(self) -> OpenFlags {
        let flags = match self {
            Self::Write(_) => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            Self::Read | Self::ReadLeft => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW
    }
}

impl Store {
    /// Opens a database at a path in which nothing is a link: links are not followed.
    pub(super) fn open(path: &Path, access: Access) -> Result<Self, Unfit> {
        tracing::debug!(target: STATE, path = %path.display(), ?access, "database is opened");
        match Self::open_synced(path, access, "NORMAL") {
            // A database that cannot be synced is written all the same.
            Err(Unfit::Broken(error)) if is_no_sync(&error) && lacks_sync(path) => {
                Self::open_synced(path, access, "OFF")
            }
            opened => opened,
        }
    }

    fn open_synced(path: &Path, access: Access, synchronous: &str) -> Result<Self, Unfit> {
        let flags = access.flags();
        let mut connection = if access.has_no_locks() {
            Connection::open_with_flags_and_vfs(path, flags, WITHOUT_LOCKS)?
        } else {
            Connection::open_with_flags(path, flags)?
        };
        connection.busy_timeout(PATIENCE)?;
        if access.is_alone() {
            // Otherwise SQLite's log needs memory that processes share.
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        }
        // Checked before anything is changed: it may be another program's database.
        let version = schema::version(&connection)?;
        if let Access::Write(_) = access {
            // A power cut may lose the last group, but damages nothing.
            connection.pragma_update(None, "synchronous", synchronous)?;
            if flush::HAS_DRIVES {
                // As far as the drive is not enough: what follows could get there first.
                connection.pragma_update(None, "fullfsync", true)?;
            }
            // Whatever the answer, SQLite keeps a journal.
            let _: String =
                connection
                    .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
            // Rows are appended, and rarely read again: 512 KiB are enough.
            connection.pragma_update(None, "cache_size", -512)?;
            schema::migrate(&mut connection)?;
            tracing::debug!(target: STATE, from = version, "schema is migrated");
        }
        let records = if schema::version(&connection)? < schema::WITH_COUNTS {
            columns::RECORDS_WITHOUT_COUNTS
        } else {
            columns::RECORDS
        };
        Ok(Self {
            connection,
            records,
            lists: HashMap::new(),
            indices: Vec::new(),
        })
    }

    /// Opens a database to look into, on whatever file system it is.
    pub(super) fn open_to_read(path: &Path) -> Result<Self, Error> {
        let access = if lacks_locks(path) {
            Access::ReadLeft
        } else {
            Access::Read
        };
        let opened = Self::open(path, access);
        opened.map_err(|unfit| unfit.into_error(path))
    }

    /// Takes over the rows of a run that has ended, except where rows are recorded at their places.
    pub(super) fn take_over(&mut self, other: &Self) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut add = transaction.prepare(columns::ADD)?;
            let mut lists = other
                .connection
                .prepare("SELECT max(id), input FROM list GROUP BY input")?;
            let mut lists = lists.query([])?;
            while let Some(list) = lists.next()? {
                let (from, input): (i64, String) = (list.get(0)?, list.get(1)?);
                let to = list_of(&transaction, &input)?;
                let mut rows = other.connection.prepare(columns::ALL_OF)?;
                let mut rows = rows.query([from])?;
                while let Some(row) = rows.next()? {
                    add.raw_bind_parameter(1, to)?;
                    for column in 1..columns::COLUMNS {
                        let value = ToSqlOutput::Borrowed(row.get_ref(column)?);
                        add.raw_bind_parameter(column + 1, value)?;
                    }
                    add.raw_execute()?;
                }
            }
        }
        transaction.commit()
    }

    /// Returns whether a row of this number is recorded with this key and URL.
    pub(super) fn has_row(&self, row: u64, request_hash: i64, url: &str) -> rusqlite::Result<bool> {
        let any = "SELECT EXISTS (SELECT 1 FROM list JOIN item ON list = id \
                   WHERE row = ?1 AND ask = ?2 AND url = ?3)";
        let row = params![number(row), request_hash, url];
        self.connection.query_row(any, row, |found| found.get(0))
    }

    /// Records how runs went since the last time.
    pub(super) fn record_runs(&mut self, runs: &mut [&mut RunRecord]) -> rusqlite::Result<()> {
        self.synced_or_not(|store| {
            let transaction = store.connection.transaction()?;
            for run in &mut *runs {
                runs::record(&transaction, run)?;
            }
            let written = transaction.commit();
            if written.is_err() {
                for run in &mut *runs {
                    run.retake_samples();
                }
            }
            written
        })
    }

    /// Records a group and the progress of parts, all or nothing.
    pub(super) fn record(&mut self, group: &[Record], progress: &Progress) -> rusqlite::Result<()> {
        self.synced_or_not(|store| store.record_once(group, progress))
    }

    /// Writes something, again without syncing if the database cannot be synced: it may be
    /// synced for the first time when it is opened, or when something is written to it.
    fn synced_or_not(
        &mut self,
        mut write: impl FnMut(&mut Self) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let written = write(self);
        let is_no_sync = written.as_ref().is_err_and(is_no_sync);
        let path = self.connection.path().map(PathBuf::from);
        if !is_no_sync || !path.is_some_and(|path| lacks_sync(&path)) {
            return written;
        }
        self.connection.pragma_update(None, "synchronous", "OFF")?;
        write(self)
    }

    fn record_once(&mut self, group: &[Record], progress: &Progress) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(columns::INSERT)?;
            let mut insert = columns::Insert::new(&mut insert);
            let mut copy = transaction.prepare_cached(columns::COPY)?;
            let mut rehash = transaction
                .prepare_cached("UPDATE item SET hashes = ?3 WHERE list = ?1 AND row = ?2")?;
            let mut before = None;
            for record in group {
                let input = record.location.as_ref().map_or("", |place| &place.input);
                let list = match before {
                    // Most rows are of the list of the row before.
                    Some((of, list)) if of == input => list,
                    _ => known_list(&transaction, &mut self.lists, input)?,
                };
                before = Some((input, list));
                let row = number(record.row);
                let is_there = match record.key.recorded {
                    None => false,
                    Some(RecordLocation {
                        list: from,
                        row: at,
                    }) if (from, at) == (list, record.row) => true,
                    Some(RecordLocation {
                        list: from,
                        row: at,
                    }) => copy.execute(params![list, row, line(record), from, number(at)])? > 0,
                };
                if !is_there {
                    insert.row(list, record)?;
                } else if let Some(hashes) = hashes_of(record) {
                    rehash.execute(params![list, row, hashes])?;
                }
            }
        }
        parts::record(&transaction, progress)?;
        transaction.commit()
    }

    /// Returns the parts that earlier runs have left.
    pub(super) fn unfinished(&self) -> rusqlite::Result<Vec<Unfinished>> {
        parts::all(&self.connection)
    }

    /// Returns the numbers of all recorded parts.
    pub(super) fn parts(&self) -> rusqlite::Result<Vec<u64>> {
        parts::numbers(&self.connection)
    }

    /// Forgets parts that no longer exist.
    pub(super) fn forget_parts(&mut self, gone: &[u64]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        parts::forget(&transaction, gone)?;
        transaction.commit()
    }

    /// Returns the newest list of this input; `None` if none was recorded. If a run has completed
    /// that list, `Pass::Anew` starts a new one, in which nothing is recorded yet.
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

    /// Returns whether rows of this input may be at other places than their own: an older list of
    /// it is kept, since the run that found it changed was interrupted, or several runs of one
    /// engine have read it at the same time.
    pub(super) fn is_scattered(&self, input: &str) -> rusqlite::Result<bool> {
        let lists = "SELECT count(*) > 1 OR EXISTS (SELECT 1 FROM item JOIN list AS of ON list = of.id \
                     WHERE of.input = ?1 AND row >= 4294967296) FROM list WHERE input = ?1";
        self.connection.query_row(lists, [input], |row| row.get(0))
    }

    /// Returns whether a file belongs to a row with another URL or, if `request_hash` is given,
    /// with another key. A file that was taken by its name alone belongs to no row.
    pub(super) fn belongs_to_other_row(
        &mut self,
        path: &str,
        request_hash: Option<i64>,
        url: &str,
    ) -> rusqlite::Result<bool> {
        self.index("item_path", "path")?;
        self.connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM item WHERE path = ?1
                    AND (status IN ('done', 'unchanged') OR status = 'skipped' AND verified <> 'none')
                    AND NOT (url = ?3 AND (?2 IS NULL OR ask = ?2)))",
            )?
            .query_row(params![path, request_hash, url], |row| row.get(0))
    }

    /// Starts a new list for an input whose rows differ from row `from` on, and copies the rows
    /// before it. The old list remains until all rows have been looked up.
    pub(super) fn renew(&mut self, input: &str, old: i64, from: u64) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        transaction.execute("INSERT INTO list (input) VALUES (?1)", [input])?;
        let new = transaction.last_insert_rowid();
        transaction.execute(columns::COPY_FIRST, params![new, old, number(from)])?;
        transaction.commit()?;
        self.lists.insert(input.into(), new);
        Ok(())
    }

    /// Returns what is known of the rows of a list from row `from` on, at most `most` of them.
    pub(super) fn known(
        &self,
        list: i64,
        from: u64,
        most: usize,
    ) -> rusqlite::Result<Vec<PriorRecord>> {
        self.connection
            .prepare_cached(columns::KNOWN_FROM)?
            .query_map(params![list, number(from), number(most as u64)], |row| {
                known(row, false)
            })?
            .collect()
    }

    /// Returns what is known of a row with this key and URL, at any place in any list; `None` if
    /// nothing is.
    pub(super) fn find(
        &mut self,
        request_hash: i64,
        url: &str,
        pass: Pass,
    ) -> rusqlite::Result<Option<PriorRecord>> {
        // Made only when needed: rows are appended without it, which is much cheaper.
        self.index("item_ask", "ask")?;
        self.connection
            .prepare_cached(columns::KNOWN_BY_ASK)?
            .query_row(params![request_hash, url, pass == Pass::GoOn], |row| {
                known(row, true)
            })
            .optional()
    }

    /// Makes an index over a column, until all rows have been looked up.
    fn index(&mut self, name: &'static str, column: &str) -> rusqlite::Result<()> {
        if !self.indices.contains(&name) {
            self.connection.execute_batch(&format!(
                "CREATE INDEX IF NOT EXISTS {name} ON item ({column})"
            ))?;
            self.indices.push(name);
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> rusqlite::Result<bool> {
        let any = "SELECT EXISTS (SELECT 1 FROM item)";
        self.connection
            .query_row(any, [], |row| row.get(0))
            .map(|any: bool| !any)
    }

    /// Forgets rows that these inputs no longer have, given the last row of each, now that all
    /// their rows have been seen. If they are finished, their parts that are not `in_use` are
    /// forgotten too.
    pub(super) fn tidy<'a>(
        &mut self,
        lasts: impl Iterator<Item = (&'a str, u64)>,
        is_finished: bool,
        in_use: &HashSet<u64>,
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
                // Parts that were not taken up: no row requests them any more.
                let left = parts::numbers_of(&transaction, input)?;
                let is_left = |part: &u64| !in_use.contains(part);
                let left: Vec<_> = left.into_iter().filter(is_left).collect();
                parts::forget(&transaction, &left)?;
                transaction.execute("UPDATE list SET finished = 1 WHERE id = ?1", [list])?;
            }
        }
        transaction
            .execute_batch("DROP INDEX IF EXISTS item_ask; DROP INDEX IF EXISTS item_path")?;
        transaction.commit()
    }

    /// Returns whether anything is recorded that a later run could use: a part, a row that is not
    /// complete although its file is, or, with `rows`, any row that has its file.
    pub(super) fn is_of_use(&self, rows: bool) -> rusqlite::Result<bool> {
        if parts::is_any(&self.connection)? {
            return Ok(true);
        }
        let any = "SELECT EXISTS (SELECT 1 FROM item WHERE ?1 AND status <> 'failed' \
                   OR status = 'failed' AND error = 'command')";
        self.connection.query_row(any, [rows], |row| row.get(0))
    }

    /// Returns the records after this list and row, in order, at most `most`, each with its list.
    pub(super) fn records(
        &self,
        (list, row): (i64, i64),
        most: usize,
    ) -> rusqlite::Result<Vec<(i64, Record)>> {
        self.connection
            .prepare_cached(self.records)?
            .query_map(params![list, row, number(most as u64)], |row| {
                Ok((row.get("list")?, record(row)?))
            })?
            .collect()
    }
}

/// Returns the number of the newest list of an input; `None` if none is recorded.
pub(super) fn newest(connection: &Connection, input: &str) -> rusqlite::Result<Option<i64>> {
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

/// Returns the number of the list of an input, which is added if it is new. `known` are those that
/// need not be looked up.
fn known_list(
    connection: &Connection,
    known: &mut HashMap<Box<str>, i64>,
    input: &str,
) -> rusqlite::Result<i64> {
    if let Some(list) = known.get(input) {
        return Ok(*list);
    }
    let list = list_of(connection, input)?;
    known.insert(input.into(), list);
    Ok(list)
}

fn list_of(connection: &Connection, input: &str) -> rusqlite::Result<i64> {
    if let Some(list) = newest(connection, input)? {
        return Ok(list);
    }
    connection.execute("INSERT INTO list (input) VALUES (?1)", [input])?;
    Ok(connection.last_insert_rowid())
}

/// Returns whether an error means that a database could not be synced (`SQLITE_IOERR_FSYNC`,
/// `SQLITE_IOERR_DIR_FSYNC`).
fn is_no_sync(error: &rusqlite::Error) -> bool {
    let error = error.sqlite_error();
    error.is_some_and(|error| [1034, 1290].contains(&error.extended_code))
}

#[cfg(test)]
mod tests;
