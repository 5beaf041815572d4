//! The tables, and the migrations from those of older versions.

use rusqlite::{Connection, Transaction};

/// Marks a database as ours: "haul".
const APPLICATION: i32 = 0x6861_756c;

/// The first version whose rows have `resumed` and `segments`.
pub(super) const WITH_COUNTS: usize = 3;
/// The first version that records runs.
pub(super) const WITH_RUNS: usize = 4;
/// The first version that records how long responses took.
pub(super) const WITH_LATENCIES: usize = 5;

/// The tables of lists and rows; rows have `$more` columns in versions after the first.
macro_rules! rows {
    ($more:literal) => {
        concat!(
            "
CREATE TABLE list (
    id INTEGER PRIMARY KEY,
    -- Its path as given; empty for the URLs of a command line.
    input TEXT NOT NULL,
    -- Whether a run has come to its end.
    finished INTEGER NOT NULL DEFAULT 0
);
-- Keyed so that a list's rows are appended.
CREATE TABLE item (
    list INTEGER NOT NULL,
    row INTEGER NOT NULL,
    line INTEGER,
    -- Stands for what the row asks for.
    ask INTEGER NOT NULL,
    url TEXT NOT NULL,
    -- What stands after the URL in a text list.
    fields TEXT,
    -- done, skipped, unchanged, failed
    status TEXT NOT NULL,
    -- Below the destination.
    path TEXT,
    bytes INTEGER NOT NULL,
    error TEXT,
    message TEXT,
    transient INTEGER,
    http_status INTEGER,
    attempts INTEGER NOT NULL,
    -- Milliseconds since 1970, and milliseconds.
    started INTEGER NOT NULL,
    duration INTEGER NOT NULL,
    -- Where it is not the URL.
    final_url TEXT,
    etag TEXT,
    last_modified TEXT,
    content_type TEXT,
    -- checksum, length, none
    verified TEXT NOT NULL,
    -- ALGO=HEX, separated by blanks
    hashes TEXT,
",
            $more,
            "    PRIMARY KEY (list, row)
) WITHOUT ROWID;
"
        )
    };
}

macro_rules! parts {
    () => {
        "
CREATE TABLE part (
    -- Its file's name below .haul/part.
    number INTEGER PRIMARY KEY,
    -- The row that it is for: its list, what it asks for, its URL.
    input TEXT NOT NULL,
    ask INTEGER NOT NULL,
    url TEXT NOT NULL,
    -- Where its bytes came from: the URL, or a mirror.
    source TEXT NOT NULL,
    -- A strong ETag, with its quotes, or a Last-Modified that is as good.
    validator TEXT,
    total INTEGER NOT NULL,
    -- Which bytes are here: 1, then for each piece how far it is from the one before, and how
    -- long it is (LEB128).
    pieces BLOB NOT NULL,
    etag TEXT,
    last_modified TEXT,
    content_type TEXT,
    -- What the response said that the whole comes to: ALGO=HEX
    digest TEXT
);
"
    };
}

/// The tables of runs; runs have `$more` columns in versions after the first with runs.
macro_rules! runs {
    ($more:literal) => {
        concat!(
            "
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    -- Milliseconds since 1970; `ended` is null while it goes on, and if it was killed.
    started INTEGER NOT NULL,
    ended INTEGER,
    -- Whether it came to its end without being stopped.
    complete INTEGER NOT NULL,
    -- That of haulage.
    version TEXT NOT NULL,
    -- The name of its list, and its command line without what is secret; empty if unknown.
    title TEXT NOT NULL,
    command TEXT NOT NULL",
            $more,
            "
);
-- What happened in an interval of a run.
CREATE TABLE sample (
    run INTEGER NOT NULL,
    -- Its end and its length, milliseconds; the end counts from the start of the run.
    at INTEGER NOT NULL,
    span INTEGER NOT NULL,
    -- Received, ended and failed in the interval.
    bytes INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    -- Requests at its end, and how many were allowed.
    in_flight INTEGER NOT NULL,
    allowed INTEGER NOT NULL,
    PRIMARY KEY (run, at)
) WITHOUT ROWID;
-- The busiest hosts of a sample.
CREATE TABLE sample_host (
    run INTEGER NOT NULL,
    at INTEGER NOT NULL,
    host TEXT NOT NULL,
    in_flight INTEGER NOT NULL,
    allowed INTEGER NOT NULL,
    PRIMARY KEY (run, at, host)
) WITHOUT ROWID;
"
        )
    };
}

/// The migration to each version, the first one first. The database's `user_version` says how many
/// of them it has had.
const MIGRATIONS: [&str; 5] = [
    rows!(""),
    parts!(),
    "
-- Bytes that were not fetched again, and requests that brought bytes; null in rows of older
-- versions.
ALTER TABLE item ADD COLUMN resumed INTEGER;
ALTER TABLE item ADD COLUMN segments INTEGER;
",
    runs!(""),
    "
-- How many responses took how long: INTERVAL=COUNT, separated by blanks; null in runs of older
-- versions.
ALTER TABLE run ADD COLUMN latencies TEXT;
",
];
/// The result of all migrations, for a new database.
const NEWEST: &str = concat!(
    rows!("    resumed INTEGER,\n    segments INTEGER,\n"),
    parts!(),
    runs!(",\n    latencies TEXT")
);

/// Why a database is not opened.
#[derive(Debug)]
pub(super) enum Unfit {
    /// It is another program's database.
    Foreign,
    /// A newer version of haul has written it.
    Newer,
    Broken(rusqlite::Error),
}

impl From<rusqlite::Error> for Unfit {
    fn from(error: rusqlite::Error) -> Self {
        Self::Broken(error)
    }
}

/// Brings a database to the present version.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Unfit> {
    let have = version(connection)?;
    if have == 0 {
        let transaction = connection.transaction()?;
        transaction.execute_batch(NEWEST)?;
        mark(
            &transaction,
            u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX),
        )?;
        return Ok(transaction.commit()?);
    }
    for (version, change) in (1..).zip(MIGRATIONS).skip(have) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(change)?;
        mark(&transaction, version)?;
        transaction.commit()?;
    }
    Ok(())
}

fn mark(transaction: &Transaction<'_>, version: u32) -> rusqlite::Result<()> {
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", version)
}

/// Returns how many of the migrations a database has had: 0 if it is new. Fails if it is not ours,
/// or of a newer version.
pub(super) fn version(connection: &Connection) -> Result<usize, Unfit> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    match usize::try_from(version) {
        // A new database; one that has tables already belongs to another program.
        Ok(0) if application == 0 && !has_tables(connection)? => Ok(0),
        _ if application != i64::from(APPLICATION) => Err(Unfit::Foreign),
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(Unfit::Newer),
    }
}

fn has_tables(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema)";
    connection.query_row(sql, [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the columns of all tables in order: table, name, type, and whether null is
    /// forbidden.
    fn columns(connection: &Connection) -> Vec<(String, String, String, bool)> {
        let sql = "SELECT t.name, c.name, c.type, c.\"notnull\" FROM sqlite_schema AS t, \
                   pragma_table_info(t.name) AS c WHERE t.type = 'table' ORDER BY t.name, c.cid";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        });
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn database_made_now_has_what_a_migrated_one_has() {
        let mut now = Connection::open_in_memory().unwrap();
        migrate(&mut now).unwrap();
        assert_eq!(version(&now).unwrap(), MIGRATIONS.len());
        for before in 1..=MIGRATIONS.len() {
            let mut old = Connection::open_in_memory().unwrap();
            let transaction = old.transaction().unwrap();
            for change in &MIGRATIONS[..before] {
                transaction.execute_batch(change).unwrap();
            }
            mark(&transaction, u32::try_from(before).unwrap()).unwrap();
            transaction.commit().unwrap();
            migrate(&mut old).unwrap();
            assert_eq!(columns(&now), columns(&old), "from version {before}");
            assert_eq!(version(&old).unwrap(), MIGRATIONS.len());
        }
    }
}
