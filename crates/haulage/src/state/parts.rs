//! What is recorded of parts that a later run can resume: their entity, and which of its bytes they
//! have.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::columns::number;
use crate::checksum::Checksum;
use crate::outcome::Verified;
use crate::plan::head::Entity;
use crate::plan::range_set::RangeSet;
use crate::plan::resume::Identity;
use crate::plan::validator::Validator;
use crate::write::{Assembly, Owner};

/// A part with fewer bytes is not recorded: downloading it again takes less time than recording it.
pub(crate) const WORTH_RECORDING: u64 = 256 << 10;

/// What has changed in parts since they were recorded.
#[derive(Default)]
pub(super) struct Progress {
    /// Parts that have other bytes than recorded.
    pub(super) moved: Vec<(Arc<Assembly>, RangeSet)>,
    /// The numbers of recorded parts that no longer exist.
    pub(super) gone: Vec<u64>,
}

impl Progress {
    pub(super) fn is_empty(&self) -> bool {
        self.moved.is_empty() && self.gone.is_empty()
    }
}

/// What this run knows to be recorded: the bytes of each part, by its number.
#[derive(Default)]
pub(super) struct Recorded(HashMap<u64, RangeSet>);

impl Recorded {
    /// Returns what has changed since it was recorded, given all parts that exist, in order of
    /// their numbers. The new bytes have been written, but are not synced yet.
    pub(super) fn progress(&self, parts: &[Arc<Assembly>]) -> Progress {
        let moved = parts.iter().filter_map(|part| {
            part.owner.as_ref()?;
            let ranges = part.range_set();
            let is_new = match self.0.get(&part.number) {
                Some(recorded) => *recorded != ranges,
                None => ranges.covered() >= WORTH_RECORDING,
            };
            is_new.then(|| (Arc::clone(part), ranges))
        });
        let is_there = |number: &u64| {
            let found = parts.binary_search_by_key(number, |part| part.number);
            found.is_ok()
        };
        Progress {
            moved: moved.collect(),
            gone: self
                .0
                .keys()
                .copied()
                .filter(|part| !is_there(part))
                .collect(),
        }
    }

    /// Notes that this progress has been recorded.
    pub(super) fn note(&mut self, progress: Progress) {
        for (part, ranges) in progress.moved {
            self.0.insert(part.number, ranges);
        }
        for part in progress.gone {
            self.0.remove(&part);
        }
    }

    /// Notes that an earlier run has recorded the present bytes of a part.
    pub(super) fn know(&mut self, assembly: &Assembly) {
        self.0.insert(assembly.number, assembly.range_set());
    }
}

/// A part as an earlier run has recorded it.
pub(super) struct Unfinished {
    pub(super) number: u64,
    pub(super) owner: Owner,
    /// The URL that its bytes came from.
    source: String,
    validator: Option<Validator>,
    total: u64,
    pub(super) ranges: RangeSet,
    etag: Option<Arc<str>>,
    last_modified: Option<Arc<str>>,
    content_type: Option<Arc<str>>,
    digest: Option<Checksum>,
}

impl Unfinished {
    /// Returns the end of its last range of bytes, in bytes from the start of the file. The file
    /// may end there.
    pub(super) fn end(&self) -> u64 {
        self.ranges.iter().last().map_or(0, |range| range.end)
    }

    /// Returns the assembly of the part. `is_checked` if its row's file is verified in the end.
    pub(super) fn into_assembly(self, is_checked: bool) -> Assembly {
        let identity = Identity {
            url: self.source,
            validator: self.validator,
            total: self.total,
            is_checked,
        };
        let entity = Entity {
            length: Some(self.total),
            framing: Verified::Length,
            digest: self.digest,
            etag: self.etag,
            last_modified: self.last_modified,
            content_type: self.content_type,
        };
        Assembly::new(self.number, identity, entity, Some(self.owner)).with(self.ranges)
    }
}

pub(super) fn record(connection: &Connection, progress: &Progress) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    for (part, ranges) in &progress.moved {
        let Some(owner) = &part.owner else { continue };
        let (identity, entity) = (&part.identity, &part.entity);
        insert.execute(params![
            number(part.number),
            owner.input,
            owner.request_hash,
            owner.url,
            identity.url,
            identity.validator.as_ref().map(Validator::to_text),
            number(identity.total),
            ranges.encode(),
            entity.etag,
            entity.last_modified,
            entity.content_type,
            entity.digest.as_ref().map(Checksum::to_string),
        ])?;
    }
    forget(connection, &progress.gone)
}

pub(super) fn forget(connection: &Connection, parts: &[u64]) -> rusqlite::Result<()> {
    let mut delete = connection.prepare_cached("DELETE FROM part WHERE number = ?")?;
    for part in parts {
        delete.execute([number(*part)])?;
    }
    Ok(())
}

/// Returns the numbers of all recorded parts of an input.
pub(super) fn numbers_of(connection: &Connection, input: &str) -> rusqlite::Result<Vec<u64>> {
    connection
        .prepare_cached("SELECT number FROM part WHERE input = ?")?
        .query_map([input], |row| unsigned(row, 0))?
        .collect()
}

/// Returns all recorded parts, except for damaged records.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Unfinished>> {
    let mut statement = connection.prepare(
        "SELECT number, input, ask, url, source, validator, total, pieces, etag, last_modified, \
         content_type, digest FROM part",
    )?;
    let parts = statement.query_map([], unfinished)?;
    parts.filter_map(Result::transpose).collect()
}

/// Returns the numbers of all recorded parts.
pub(super) fn numbers(connection: &Connection) -> rusqlite::Result<Vec<u64>> {
    connection
        .prepare("SELECT number FROM part")?
        .query_map([], |row| unsigned(row, 0))?
        .collect()
}

pub(super) fn is_any(connection: &Connection) -> rusqlite::Result<bool> {
    let any = connection
        .query_row("SELECT 1 FROM part LIMIT 1", [], |_| Ok(()))
        .optional()?;
    Ok(any.is_some())
}

fn unfinished(row: &Row<'_>) -> rusqlite::Result<Option<Unfinished>> {
    let validator: Option<String> = row.get(5)?;
    let ranges: Vec<u8> = row.get(7)?;
    let digest: Option<String> = row.get(11)?;
    let is_validator = validator.is_some();
    let validator = validator.and_then(|text| Validator::from_text(&text));
    let Some(ranges) = RangeSet::decode(&ranges).filter(|_| is_validator == validator.is_some())
    else {
        return Ok(None);
    };
    Ok(Some(Unfinished {
        number: unsigned(row, 0)?,
        owner: Owner {
            input: row.get(1)?,
            request_hash: row.get(2)?,
            url: row.get(3)?,
        },
        source: row.get(4)?,
        validator,
        total: unsigned(row, 6)?,
        ranges,
        etag: row.get(8)?,
        last_modified: row.get(9)?,
        content_type: row.get(10)?,
        digest: digest.and_then(|digest| digest.parse().ok()),
    }))
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    Ok(u64::try_from(number).unwrap_or_default())
}
