//! Some of the recorded rows of one list: what a program shows of them, page by page.

use std::path::Path;

use rusqlite::{Connection, params};

use super::columns::{self, number, record};
use super::record::Record;
use super::results::open;
use super::store::newest;
use super::{damage, schema};
use crate::error::Error;
use crate::outcome::Outcome;

/// Which of the recorded rows of a list are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowQuery {
    /// The list, as it is recorded ([`RowLocation::input`](crate::RowLocation)).
    pub input: String,
    /// How the rows have ended, by the names of their statuses; empty for all.
    pub statuses: Vec<&'static str>,
    /// What is in the URL or the path of each, whatever the case of ASCII letters; empty for all.
    pub text: String,
    /// Rows that are not wanted, by their numbers.
    pub except: Vec<u64>,
    /// How many are left out, from the last row of the list on.
    pub skip: u64,
    /// How many are returned at most.
    pub take: u64,
}

/// The rows that were wanted.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct QueriedRows {
    /// How many rows there are, those that were left out included.
    pub total: u64,
    /// The outcomes, from the last row of the list on.
    pub outcomes: Vec<Outcome>,
}

/// Returns recorded rows of one list of a destination; none if the list is not recorded there.
///
/// # Errors
/// Of kind `input`, when nothing is recorded there; of kind `disk`, when it cannot be read.
pub fn query_rows(directory: impl AsRef<Path>, query: &RowQuery) -> Result<QueriedRows, Error> {
    let store = open(directory.as_ref())?;
    let rows = rows(&store.connection, query);
    rows.map_err(|cause| damage::failed("cannot read what was recorded", cause))
}

fn rows(connection: &Connection, query: &RowQuery) -> rusqlite::Result<QueriedRows> {
    let Some(list) = newest(connection, &query.input)? else {
        return Ok(QueriedRows::default());
    };
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let columns = if version < number(schema::WITH_COUNTS as u64) {
        columns::SELECTED_WITHOUT_COUNTS
    } else {
        columns::SELECTED
    };
    let wanted = "list = ?1 AND (?2 = '' OR instr(?2, '/' || status || '/')) \
                  AND (?3 = '' OR instr(lower(url), ?3) OR instr(lower(path), ?3)) \
                  AND row NOT IN (SELECT value FROM json_each(?4))";
    let statuses = match query.statuses.join("/") {
        none if none.is_empty() => none,
        some => format!("/{some}/"),
    };
    let text = query.text.to_ascii_lowercase();
    let except = serde_json::Value::from(query.except.as_slice()).to_string();
    let count = format!("SELECT count(*) FROM item WHERE {wanted}");
    let total = connection.query_row(&count, params![list, statuses, text, except], |row| {
        let count: i64 = row.get(0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    })?;
    let page = format!(
        "SELECT {columns}, input FROM item CROSS JOIN list ON id = list WHERE {wanted} \
         ORDER BY row DESC LIMIT ?5 OFFSET ?6"
    );
    let mut page = connection.prepare(&page)?;
    let (take, skip) = (number(query.take), number(query.skip));
    let rows = page.query_map(params![list, statuses, text, except, take, skip], record)?;
    let outcomes = rows.map(|row| row.map(Record::into_outcome));
    Ok(QueriedRows {
        total,
        outcomes: outcomes.collect::<rusqlite::Result<_>>()?,
    })
}
