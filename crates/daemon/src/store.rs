//! The queue on the disk: a database that every change is written to before its caller is answered.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, params};

use crate::options::Options;
use crate::queue::{Download, Gid};
use crate::service::Unrecorded;

/// `PRAGMA application_id`: the letters h, a, l and d.
const APPLICATION: i32 = 0x6861_6c64;
/// The version of the schema.
const VERSION: i32 = 1;
const SCHEMA: &str = "
    CREATE TABLE download (gid INTEGER PRIMARY KEY, content TEXT NOT NULL) STRICT;
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
";

/// The database of one daemon. Others are kept out while it is open.
#[derive(Debug)]
pub(crate) struct Store(Connection);

/// What was recorded.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) downloads: Vec<Download>,
    pub(crate) stopped_total: u64,
    pub(crate) global: Options,
}

impl Store {
    /// Opens the database at a path, and makes it if there is none.
    ///
    /// # Errors
    /// When it cannot be used, is in use, or is none of this version.
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(1))?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let version: i32 =
            transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            0 => {
                transaction.execute_batch(SCHEMA)?;
                transaction.pragma_update(None, "application_id", APPLICATION)?;
                transaction.pragma_update(None, "user_version", VERSION)?;
            }
            VERSION => {}
            _ => return Err(rusqlite::Error::InvalidQuery),
        }
        transaction.commit()?;
        Ok(Self(connection))
    }

    /// Returns what was recorded. Rows that cannot be read are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) fn read(&self) -> rusqlite::Result<Recorded> {
        let mut recorded = Recorded::default();
        let mut rows = self.0.prepare("SELECT content FROM download")?;
        let contents = rows.query_map([], |row| row.get::<_, String>(0))?;
        for content in contents {
            recorded
                .downloads
                .extend(serde_json::from_str::<Download>(&content?).ok());
        }
        let mut settings = self.0.prepare("SELECT name, value FROM setting")?;
        let settings = settings.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for setting in settings {
            let (name, value): (String, String) = setting?;
            match name.as_str() {
                "global" => recorded.global = serde_json::from_str(&value).unwrap_or_default(),
                "stopped_total" => recorded.stopped_total = value.parse().unwrap_or_default(),
                _ => {}
            }
        }
        Ok(recorded)
    }

    /// Writes changes, all or none.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn write(&mut self, changes: &Unrecorded) -> rusqlite::Result<()> {
        let transaction = self.0.transaction()?;
        write_all(&transaction, changes)?;
        transaction.commit()
    }

    /// Lets all writes fail, or none.
    #[cfg(test)]
    pub(crate) fn refuse_writes(&self, refused: bool) {
        self.0.pragma_update(None, "query_only", refused).unwrap();
    }
}

fn write_all(connection: &Connection, change: &Unrecorded) -> rusqlite::Result<()> {
    // First, since a client may have given the GID of one that is gone to another.
    let mut delete = connection.prepare_cached("DELETE FROM download WHERE gid = ?")?;
    for gid in &change.batch.gone {
        delete.execute([key(*gid)])?;
    }
    let mut put = connection.prepare_cached("INSERT OR REPLACE INTO download VALUES (?, ?)")?;
    for (gid, download) in &change.batch.changed {
        put.execute(params![key(*gid), json(download)?])?;
    }
    let mut set = connection.prepare_cached("INSERT OR REPLACE INTO setting VALUES (?, ?)")?;
    set.execute(params!["stopped_total", change.stopped_total.to_string()])?;
    if let Some(global) = &change.global {
        set.execute(params!["global", json(global)?])?;
    }
    Ok(())
}

fn key(gid: Gid) -> i64 {
    gid.number().cast_signed()
}

fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    let text = serde_json::to_string(value);
    text.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

#[cfg(test)]
mod tests {
    use haulage::Expected;

    use super::*;
    use crate::queue::Queue;
    use crate::service::fake;

    #[test]
    fn queue_is_what_it_was_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.db");
        let mut store = Store::open(&path).unwrap();
        let mut service = fake::service(folder.path());
        for number in 1..9_u64 {
            let mut options = Options::default();
            options.set("gid", &format!("{number:016x}")).unwrap();
            options.set("split", "3").unwrap();
            service.add(
                vec!["http://h/".to_owned()],
                options,
                Expected::default(),
                Some(0),
            );
        }
        service.schedule();
        let gid = |number| Gid::new(number).unwrap();
        service.pause(gid(8));
        service.remove(gid(6));
        service
            .queue
            .reposition(gid(1), 0, crate::queue::Whence::Start);
        let mut global = Options::default();
        global.set("max-concurrent-downloads", "1").unwrap();
        service.change_global(&global);
        store.write(&service.take_unrecorded()).unwrap();
        service.remove(gid(2));
        store.write(&service.take_unrecorded()).unwrap();
        drop(store);
        let store = Store::open(&path).unwrap();
        let recorded = store.read().unwrap();
        assert_eq!(recorded.global.get("max-concurrent-downloads"), Some("1"));
        let queue = Queue::restored(recorded.downloads, recorded.stopped_total);
        let queued: Vec<_> = queue
            .queued()
            .map(|download| download.gid.number())
            .collect();
        // Those that were active come first.
        assert_eq!(queued, [7, 5, 1, 8, 4, 3]);
        assert!(
            queue
                .queued()
                .all(|download| download.options.get("split") == Some("3"))
        );
        let stopped: Vec<_> = queue
            .stopped()
            .map(|download| download.gid.number())
            .collect();
        assert_eq!((stopped, queue.stopped_total()), (vec![6], 1));
    }

    #[test]
    fn second_daemon_is_kept_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.db");
        let _first = Store::open(&path).unwrap();
        assert!(Store::open(&path).is_err());
    }

    #[test]
    fn newer_database_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.db");
        let store = Store::open(&path).unwrap();
        store
            .0
            .pragma_update(None, "user_version", VERSION + 1)
            .unwrap();
        drop(store);
        assert!(Store::open(&path).is_err());
    }
}
