//! The thread that records changes. What has come while it was writing is written together, and
//! what could not be written is written again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::lists::Lists;
use crate::service::Unrecorded;
use crate::store::Store;

/// The most changes that are written together.
const MOST: usize = 1024;
/// How long after a failure changes are written again, unless others come before.
const RETRY_TIME: Duration = Duration::from_secs(1);

/// Records changes in the order in which they are given.
#[derive(Debug)]
pub(crate) struct Recorder {
    changes: Option<Sender<Change>>,
    /// How many changes it was given.
    given: AtomicU64,
    /// How many of them it has written, or tried to write.
    tried: watch::Receiver<u64>,
    thread: Option<JoinHandle<()>>,
}

struct Change {
    what: Unrecorded,
    done: oneshot::Sender<bool>,
}

impl Recorder {
    /// Starts the thread. It removes the files of lists whose runs are forgotten.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub(crate) fn start(store: Store, lists: Lists) -> std::io::Result<Self> {
        let (changes, received) = mpsc::channel();
        let (count, tried) = watch::channel(0);
        let name = "haulage-queue".to_owned();
        let writer = Writer::new(store, lists);
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || record(writer, &received, &count))?;
        Ok(Self {
            changes: Some(changes),
            given: AtomicU64::new(0),
            tried,
            thread: Some(thread),
        })
    }

    /// Returns one that records nothing by itself, and what records all that it was given.
    #[cfg(test)]
    pub(crate) fn by_hand() -> (Self, impl FnMut()) {
        let (changes, received) = mpsc::channel::<Change>();
        let (count, tried) = watch::channel(0);
        let recorder = Self {
            changes: Some(changes),
            given: AtomicU64::new(0),
            tried,
            thread: None,
        };
        let record = move || {
            for change in received.try_iter() {
                count.send_modify(|tried| *tried += 1);
                let _ = change.done.send(true);
            }
        };
        (recorder, record)
    }

    /// Records a change. What is returned becomes true when it is recorded, and false if it could
    /// not be: then it is tried again, until it is, or the process ends.
    pub(crate) fn record(&self, what: Unrecorded) -> oneshot::Receiver<bool> {
        let (done, is_done) = oneshot::channel();
        if let Some(changes) = &self.changes {
            self.given.fetch_add(1, Ordering::SeqCst);
            // If the thread has ended, `done` is dropped, which says so.
            let _ = changes.send(Change { what, done });
        }
        is_done
    }

    /// Waits until all changes that were given before are recorded, or could not be.
    pub(crate) async fn settled(&self) {
        let given = self.given.load(Ordering::SeqCst);
        // If the thread has ended, nothing more is recorded.
        let _ = self.tried.clone().wait_for(|tried| *tried >= given).await;
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.changes = None;
        let thread = self.thread.take();
        thread.map(JoinHandle::join);
    }
}

/// Records changes until no more can come, and counts them.
fn record(mut writer: Writer, changes: &Receiver<Change>, count: &watch::Sender<u64>) {
    loop {
        let first = if writer.owed.is_empty() {
            changes.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            changes.recv_timeout(RETRY_TIME)
        };
        let mut group = match first {
            Ok(first) => vec![first],
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => break,
        };
        group.extend(changes.try_iter().take(MOST - 1));
        let (changes, done): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|change| (change.what, change.done))
            .unzip();
        let is_written = writer.write(changes);
        count.send_modify(|tried| *tried += done.len() as u64);
        for done in done {
            // Its caller may have gone.
            let _ = done.send(is_written);
        }
    }
    if !writer.owed.is_empty() {
        writer.write([]);
    }
}

/// Writes changes, and again those that it could not write.
struct Writer {
    store: Store,
    lists: Lists,
    /// What is not written yet.
    owed: Unrecorded,
    is_failing: bool,
}

impl Writer {
    fn new(store: Store, lists: Lists) -> Self {
        Self {
            store,
            lists,
            owed: Unrecorded::default(),
            is_failing: false,
        }
    }

    /// Writes these changes, after all that came before. Returns whether nothing is left to write.
    fn write(&mut self, changes: impl IntoIterator<Item = Unrecorded>) -> bool {
        for change in changes {
            self.owed.absorb(change);
        }
        let written = self.store.write(&self.owed);
        match &written {
            Ok(()) if self.is_failing => {
                tracing::info!(target: "haulage::daemon", "the queue is recorded again");
            }
            Err(error) if !self.is_failing => {
                tracing::error!(target: "haulage::daemon", %error, "the queue cannot be recorded");
            }
            _ => {}
        }
        self.is_failing = written.is_err();
        if written.is_ok() {
            let written = std::mem::take(&mut self.owed);
            let gone = written.batch.gone.iter();
            gone.for_each(|gid| self.lists.remove(*gid));
        }
        written.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use haulage::Expected;

    use super::*;
    use crate::options::Options;
    use crate::queue::State;
    use crate::service::fake;

    #[test]
    fn what_could_not_be_written_is_written_with_the_next_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.db");
        let lists = Lists::in_folder(&folder.path().join("lists")).unwrap();
        let mut writer = Writer::new(Store::open(&path).unwrap(), lists.clone());
        let mut service = fake::service(folder.path());
        let mut add = |paused: &str| {
            let mut options = Options::default();
            options.set("pause", paused).unwrap();
            let added = service.add(
                vec!["http://h/".to_owned()],
                options,
                Expected::default(),
                None,
            );
            (added.unwrap(), service.take_unrecorded())
        };
        let ((one, first), (two, second)) = (add("true"), add("true"));
        lists.create(two).unwrap().1.keep();
        assert!(writer.write([first, second]));
        let mut global = Options::default();
        global.set("max-concurrent-downloads", "1").unwrap();
        writer.store.refuse_writes(true);
        service.change_global(&global);
        service.unpause(one);
        assert!(!writer.write([service.take_unrecorded()]));
        service.remove(two);
        assert!(!writer.write([service.take_unrecorded()]));
        // The run is recorded, and so is its list.
        assert!(lists.path(two).exists());
        assert!(!writer.owed.is_empty());
        writer.store.refuse_writes(false);
        assert!(writer.write([]));
        assert!(writer.owed.is_empty() && !lists.path(two).exists());
        drop(writer);
        let recorded = Store::open(&path).unwrap().read().unwrap();
        assert_eq!(recorded.global.get("max-concurrent-downloads"), Some("1"));
        let states = recorded.downloads.iter();
        let states: Vec<_> = states.map(|one| (one.gid, one.state)).collect();
        assert_eq!(states, [(one, State::Active)]);
    }
}
