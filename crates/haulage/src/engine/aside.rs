//! Makes room for further rows: those of hosts that are probed, closed or silent are spilled to the
//! disk, and come back when their host is requested again or given up.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::core::Core;
use super::item::{Item, Keys};
use super::work::Work;
use crate::error::{Error, ErrorKind};
use crate::plan::registry::{Key, Settled};
use crate::state::Waiting;

/// How many rows of each host stay in memory: it may answer again at any moment.
const KEEP: usize = 64;

impl Core {
    /// Spills rows that wait for hosts from which nothing is requested now.
    pub(super) fn spill_rows(self: &Arc<Self>) {
        let starts_thread = || {
            let core = Arc::clone(self);
            let thread = thread::Builder::new().name("haulage-aside".into());
            thread.spawn(move || core.refill()).is_ok()
        };
        let take_rows = || self.take_rows();
        let stay = self
            .spill
            .add(starts_thread, take_rows, |rows| self.window.set_aside(rows));
        for waiting in stay {
            self.queue(item(waiting));
        }
    }

    /// Takes the rows that may be spilled from the queues of such hosts.
    fn take_rows(&self) -> Vec<(Arc<str>, Vec<Waiting>)> {
        let may_go = |work: &Work| match work {
            Work::Item(item) => item.is_new() && Waiting::may_be_written(&item.request),
            Work::Segment(..) | Work::Robots(_) => false,
        };
        let taken = self.schedule().take_back(Instant::now(), KEEP, may_go);
        let rows = |works: Vec<Work>| {
            let items = works.into_iter().filter_map(|work| match work {
                Work::Item(item) => Some(waiting(*item)),
                Work::Segment(..) | Work::Robots(_) => None,
            });
            items.collect()
        };
        let hosts = taken.into_iter();
        hosts.map(|(host, works)| (host, rows(works))).collect()
    }

    /// Brings rows back as their hosts may be requested again, until none are left.
    fn refill(&self) {
        loop {
            let were_restored = self.restore_some();
            if !self.spill.wait(were_restored) {
                return;
            }
        }
    }

    /// Brings back some rows of each host that has few in memory; returns whether there were any.
    fn restore_some(&self) -> bool {
        let mut were_restored = false;
        for host in self.hosts_below_watermark() {
            if !self.window.has_room() {
                break;
            }
            let restored = match self.spill.restore(&host) {
                Ok(restored) => restored,
                Err(cause) => {
                    let what = "rows that waited in the folder for temporary files cannot be read";
                    let message = format!("{what}: {cause}; run the same command again");
                    self.stop(Error::new(ErrorKind::Disk, message).caused_by(cause));
                    return false;
                }
            };
            self.window.come_back(restored.rows.len());
            were_restored |= !restored.rows.is_empty();
            for item in restored.rows.into_iter().map(item) {
                match &restored.unavailable {
                    Some(why) => self.failed_with_host(item, why),
                    None => self.queue(item),
                }
            }
        }
        were_restored
    }

    /// Returns the hosts whose rows may come back.
    fn hosts_below_watermark(&self) -> Vec<Arc<str>> {
        let hosts = self.spill.hosts();
        let (now, schedule) = (Instant::now(), self.schedule());
        let hosts = hosts.into_iter().filter(|(host, is_given_up)| {
            *is_given_up || schedule.is_asked_for_little(host, now, KEEP)
        });
        hosts.map(|(host, _)| host).collect()
    }

    /// Forgets the rows on the disk without a word, since the run is being stopped.
    pub(super) fn discard_spill(&self) {
        let (total, keys): (usize, Vec<Key>) = self.spill.close();
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
