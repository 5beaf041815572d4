//! Rows of hosts that are set aside wait on the disk, so that there is room to read those behind
//! them.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::core::Core;
use super::item::{Item, Keys};
use super::trouble::GivenUp;
use super::work::Work;
use crate::error::{Error, ErrorKind};
use crate::plan::registry::{Key, Settled};
use crate::state::{Aside, Waiting};
use crate::sync::lock;

/// So many rows of each host stay: it may answer again at any moment.
const KEEP: usize = 64;
/// So many are brought back at once.
const BATCH: usize = 512;
/// Most rows on the disk, of a few hundred bytes each. A list that goes on like that for longer
/// waits.
const MOST: usize = 1 << 20;
/// How often it is looked whether hosts are asked again.
const LOOK: Duration = Duration::from_millis(100);

/// The rows that wait on the disk.
#[derive(Default)]
pub(super) struct SetAside {
    rows: Mutex<Rows>,
    changed: Condvar,
}

#[derive(Default)]
struct Rows {
    store: Option<Aside>,
    hosts: HashMap<Arc<str>, Host>,
    total: usize,
    /// There is a thread that brings them back.
    has_thread: bool,
    /// The disk did not take them: they stay in memory from then on.
    is_refused: bool,
}

#[derive(Default)]
struct Host {
    rows: usize,
    /// It has been given up, so all that wait for it fail.
    given_up: Option<GivenUp>,
}

impl SetAside {
    /// A host has been given up: what waits for it on the disk fails, for this reason.
    pub(super) fn give_up(&self, host: &str, why: &GivenUp) {
        if let Some(host) = lock(&self.rows).hosts.get_mut(host) {
            host.given_up = Some(why.clone());
            self.changed.notify_all();
        }
    }

    /// The disk takes none.
    #[cfg(test)]
    pub(super) fn break_it(&self) {
        lock(&self.rows).store = Aside::broken().ok();
    }

    /// Whether the disk has refused some.
    #[cfg(test)]
    pub(super) fn is_refused(&self) -> bool {
        lock(&self.rows).is_refused
    }
}

impl Rows {
    fn put(&mut self, host: &Arc<str>, rows: &[Waiting]) -> rusqlite::Result<()> {
        let store = match &mut self.store {
            Some(store) => store,
            none => none.insert(Aside::new()?),
        };
        store.put(host, rows)?;
        self.hosts.entry(Arc::clone(host)).or_default().rows += rows.len();
        self.total += rows.len();
        Ok(())
    }

    fn take(&mut self, host: &Arc<str>, most: usize) -> rusqlite::Result<Vec<Waiting>> {
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

impl Core {
    /// Puts on the disk what waits for hosts that are set aside.
    pub(super) fn make_room(self: &Arc<Self>) {
        let mut rows = lock(&self.aside.rows);
        if rows.is_refused || rows.total >= MOST || !self.brings_back(&mut rows) {
            return;
        }
        let may_go = |work: &Work| match work {
            Work::Item(item) => item.is_new() && Waiting::may_be_written(&item.request),
            Work::Share(..) | Work::Robots(_) => false,
        };
        let taken = self.schedule().take_back(Instant::now(), KEEP, may_go);
        let mut stay = Vec::new();
        for (host, works) in taken {
            let items = works.into_iter().filter_map(|work| match work {
                Work::Item(item) => Some(waiting(*item)),
                Work::Share(..) | Work::Robots(_) => None,
            });
            let taken: Vec<Waiting> = items.collect();
            // Whoever cancels takes this lock afterwards, to forget them.
            if !self.stopping.is_cancelled() && rows.put(&host, &taken).is_ok() {
                self.window.set_aside(taken.len());
            } else {
                rows.is_refused = true;
                stay.extend(taken);
            }
        }
        drop(rows);
        for waiting in stay {
            self.queue(item(waiting));
        }
    }

    /// Makes sure that there is a thread that brings them back.
    fn brings_back(self: &Arc<Self>, rows: &mut Rows) -> bool {
        if !rows.has_thread {
            let core = Arc::clone(self);
            let thread = thread::Builder::new().name("haulage-aside".into());
            rows.has_thread = thread.spawn(move || core.bring_back()).is_ok();
        }
        rows.has_thread
    }

    /// Brings rows back as their hosts may be asked again, until there are none left.
    fn bring_back(&self) {
        loop {
            let has_brought = self.bring_some_back();
            let mut rows = lock(&self.aside.rows);
            if rows.total == 0 {
                rows.has_thread = false;
                return;
            }
            if !has_brought {
                let waited = self.aside.changed.wait_timeout(rows, LOOK);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
        }
    }

    /// Brings back some rows of each host that waits for none; `false` if there is no such host.
    fn bring_some_back(&self) -> bool {
        let mut has_brought = false;
        for host in self.hungry() {
            if !self.window.has_room() {
                break;
            }
            let mut rows = lock(&self.aside.rows);
            let there = rows.hosts.get(&host);
            let given_up = there.and_then(|there| there.given_up.clone());
            let taken = rows.take(&host, BATCH);
            drop(rows);
            let taken = match taken {
                Ok(taken) => taken,
                Err(cause) => {
                    let what = "rows that waited in the folder for temporary files cannot be read";
                    let message = format!("{what}: {cause}; run the same command again");
                    self.stop(Error::new(ErrorKind::Disk, message).caused_by(cause));
                    return false;
                }
            };
            self.window.come_back(taken.len());
            has_brought |= !taken.is_empty();
            for item in taken.into_iter().map(item) {
                match &given_up {
                    Some(why) => self.failed_with_host(item, why),
                    None => self.queue(item),
                }
            }
        }
        has_brought
    }

    /// Hosts whose rows may come back.
    fn hungry(&self) -> Vec<Arc<str>> {
        let rows = lock(&self.aside.rows);
        let (now, schedule) = (Instant::now(), self.schedule());
        let hosts = rows.hosts.iter().filter(|(host, there)| {
            there.given_up.is_some() || schedule.is_asked_for_little(host, now, KEEP)
        });
        hosts.map(|(host, _)| Arc::clone(host)).collect()
    }

    /// The run is being stopped: what waits on the disk goes without a word.
    pub(super) fn forget_aside(&self) {
        let (store, total) = {
            let mut rows = lock(&self.aside.rows);
            rows.hosts.clear();
            (rows.store.take(), std::mem::take(&mut rows.total))
        };
        self.aside.changed.notify_all();
        let keys: Vec<Key> = store
            .and_then(|store| store.keys().ok())
            .unwrap_or_default();
        for own in keys {
            let keys = Keys {
                own,
                by_server: None,
            };
            let followers = self.release(keys, Settled::Failed(ErrorKind::Cancelled));
            for _ in followers {
                self.forget();
            }
        }
        self.window.come_back(total);
        for _ in 0..total {
            self.forget();
        }
    }
}

fn waiting(item: Item) -> Waiting {
    Waiting {
        row: item.row,
        request: item.request,
        target: item.target,
        key: item.keys.own,
    }
}

fn item(waiting: Waiting) -> Box<Item> {
    Item::new(waiting.row, waiting.request, waiting.target, waiting.key)
}
