//! What runs of lists have recorded, for a run of URLs: it only reads their database, which another
//! process may be writing.

use std::path::Path;

use rusqlite::{OptionalExtension as _, params};

use super::columns::{self, known};
use super::prior_record::PriorRecord;
use super::schema::Unfit;
use super::store::{Access, Store};

/// The database of lists, open for reading.
pub(super) struct Lists {
    store: Store,
    /// The temporary index of its rows exists.
    is_looked_up: bool,
}

impl Lists {
    pub(super) fn open(path: &Path) -> Result<Self, Unfit> {
        Ok(Self {
            store: Store::open(path, Access::Read)?,
            is_looked_up: false,
        })
    }

    /// Returns what is known of a row with this key and URL that has its file.
    pub(super) fn find(
        &mut self,
        request_hash: i64,
        url: &str,
    ) -> rusqlite::Result<Option<PriorRecord>> {
        self.look_up()?;
        let mut found = self
            .store
            .connection
            .prepare_cached(columns::KNOWN_BY_OTHERS)?
            .query_row(params![request_hash, url], |row| known(row, true))
            .optional()?;
        if let Some(known) = &mut found {
            known.recorded = None;
        }
        Ok(found)
    }

    /// Returns whether a file belongs to a row with another URL or, if `request_hash` is given,
    /// with another key. A file that was taken by its name alone belongs to no row.
    pub(super) fn belongs_to_other_row(
        &mut self,
        path: &str,
        request_hash: Option<i64>,
        url: &str,
    ) -> rusqlite::Result<bool> {
        self.look_up()?;
        self.store
            .connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM temp.looked_up AS found JOIN item USING (list, row) \
                 WHERE found.path = ?1 \
                 AND (status IN ('done', 'unchanged') OR status = 'skipped' AND verified <> 'none') \
                 AND NOT (url = ?3 AND (?2 IS NULL OR item.ask = ?2)))",
            )?
            .query_row(params![path, request_hash, url], |row| row.get(0))
    }

    /// Indexes all rows in a temporary database: the database of lists has no index, and this run
    /// must not write to it.
    fn look_up(&mut self) -> rusqlite::Result<()> {
        if !self.is_looked_up {
            self.store.connection.execute_batch(
                "CREATE TEMP TABLE looked_up AS SELECT list, row, ask, path FROM item;
                 CREATE INDEX temp.looked_up_ask ON looked_up (ask);
                 CREATE INDEX temp.looked_up_path ON looked_up (path);",
            )?;
            self.is_looked_up = true;
        }
        Ok(())
    }
}
