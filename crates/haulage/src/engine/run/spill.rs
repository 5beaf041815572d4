//! The rows that wait in a temporary database instead of memory, by their hosts.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::engine::item::host_unavailable::HostUnavailable;
use crate::plan::registry::Key;
use crate::state::{SpillStore, Waiting};
use crate::sync::lock;

/// How many rows of a host come back at once.
const BATCH: usize = 512;
/// Most rows on the disk, of a few hundred bytes each. A list that goes on like that for longer
/// waits.
const MAX_ROWS: usize = 1 << 20;
/// How often it is checked whether hosts may be requested again.
const INTERVAL: Duration = Duration::from_millis(100);

/// The rows that wait on the disk.
#[derive(Default)]
pub(crate) struct Spill {
    rows: Mutex<Rows>,
    changed: Condvar,
}

#[derive(Default)]
struct Rows {
    /// `None` before any row is spilled.
    store: Option<SpillStore>,
    hosts: HashMap<Arc<str>, Host>,
    total: usize,
    /// There is a thread that brings them back.
    has_thread: bool,
    /// The disk did not take them: they stay in memory from then on.
    is_refused: bool,
    /// The run is being stopped.
    is_closed: bool,
}

#[derive(Default)]
struct Host {
    rows: usize,
    /// Why it has been given up, if it has: all that waits for it fails.
    unavailable: Option<HostUnavailable>,
}

/// Rows that have come back from the disk.
pub(crate) struct Restored {
    pub(crate) rows: Vec<Waiting>,
    /// Why their host has been given up, if it has.
    pub(crate) unavailable: Option<HostUnavailable>,
}

impl Spill {
    /// Spills rows, each host's together, unless the disk has refused some or holds enough. Returns
    /// those that it did not take.
    ///
    /// `starts_thread` starts the thread that brings rows back, if there is none, and returns
    /// whether it runs; `take_rows` takes the rows from their queues; `spilled` is told of each
    /// group that has gone to the disk.
    pub(crate) fn add(
        &self,
        starts_thread: impl FnOnce() -> bool,
        take_rows: impl FnOnce() -> Vec<(Arc<str>, Vec<Waiting>)>,
        spilled: impl Fn(usize),
    ) -> Vec<Waiting> {
        let mut stay = Vec::new();
        let mut rows = lock(&self.rows);
        if rows.is_refused || rows.total >= MAX_ROWS {
            return stay;
        }
        if !rows.has_thread {
            rows.has_thread = starts_thread();
        }
        if !rows.has_thread {
            return stay;
        }
        for (host, taken) in take_rows() {
            if !rows.is_closed && rows.put(&host, &taken).is_ok() {
                spilled(taken.len());
            } else {
                rows.is_refused = true;
                stay.extend(taken);
            }
        }
        stay
    }

    /// Returns the hosts of which rows are on the disk, and whether each has been given up.
    pub(crate) fn hosts(&self) -> Vec<(Arc<str>, bool)> {
        let rows = lock(&self.rows);
        let hosts = rows.hosts.iter();
        hosts
            .map(|(key, host)| (Arc::clone(key), host.unavailable.is_some()))
            .collect()
    }

    /// Takes the first rows of a host back from the disk.
    pub(crate) fn restore(&self, host: &str) -> rusqlite::Result<Restored> {
        let mut rows = lock(&self.rows);
        let there = rows.hosts.get(host);
        let unavailable = there.and_then(|there| there.unavailable.clone());
        let rows = rows.take(host, BATCH)?;
        Ok(Restored { rows, unavailable })
    }

    /// Waits a moment, unless rows `were_restored` just now. Returns `false` when none are left, so
    /// that the thread which brings them back has to end.
    pub(crate) fn wait(&self, were_restored: bool) -> bool {
        let mut rows = lock(&self.rows);
        if rows.total == 0 {
            rows.has_thread = false;
            return false;
        }
        if !were_restored {
            let waited = self.changed.wait_timeout(rows, INTERVAL);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
        true
    }

    /// Records that these hosts have been given up, so that their rows come back to fail.
    pub(crate) fn give_up(&self, keys: &HashSet<Arc<str>>, why: &HostUnavailable) {
        let mut rows = lock(&self.rows);
        let given_up = rows.hosts.iter_mut().filter(|(key, _)| keys.contains(*key));
        let count = given_up
            .map(|(_, host)| host.unavailable = Some(why.clone()))
            .count();
        if count > 0 {
            self.changed.notify_all();
        }
    }

    /// Drops all rows, since the run is being stopped, and takes no more. Returns how many there
    /// were, and the names that they had claimed, as far as the disk still knows them.
    pub(crate) fn close(&self) -> (usize, Vec<Key>) {
        let (store, total) = {
            let mut rows = lock(&self.rows);
            rows.is_closed = true;
            rows.hosts.clear();
            (rows.store.take(), std::mem::take(&mut rows.total))
        };
        self.changed.notify_all();
        let keys = store.and_then(|store| store.keys().ok());
        (total, keys.unwrap_or_default())
    }

    /// Makes the disk take none.
    #[cfg(test)]
    pub(crate) fn break_it(&self) {
        lock(&self.rows).store = SpillStore::broken().ok();
    }

    /// Returns whether the disk has refused some.
    #[cfg(test)]
    pub(crate) fn is_refused(&self) -> bool {
        lock(&self.rows).is_refused
    }
}

impl Rows {
    fn put(&mut self, host: &Arc<str>, rows: &[Waiting]) -> rusqlite::Result<()> {
        let store = match &mut self.store {
            Some(store) => store,
            none => none.insert(SpillStore::new()?),
        };
        store.put(host, rows)?;
        self.hosts.entry(Arc::clone(host)).or_default().rows += rows.len();
        self.total += rows.len();
        Ok(())
    }

    fn take(&mut self, host: &str, most: usize) -> rusqlite::Result<Vec<Waiting>> {
        let Some(store) = &mut self.store else {
            return Ok(Vec::new());
        };
        let rows = store.take(host, most)?;
        self.total -= rows.len();
        if let Some(there) = self.hosts.get_mut(host) {
            there.rows -= rows.len();
            if there.rows == 0 {
                self.hosts.remove(host);
            }
        }
        Ok(rows)
    }
}
