//! The thread that records changes. What has come while it was writing is written together.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::lists::Lists;
use crate::service::Unrecorded;
use crate::store::Store;

/// The most changes that are written together.
const MOST: usize = 1024;

/// Records changes in the order in which they are given.
#[derive(Debug)]
pub(crate) struct Recorder {
    changes: Option<Sender<Change>>,
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
        let name = "haulage-queue".to_owned();
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || record(store, &lists, &received))?;
        Ok(Self {
            changes: Some(changes),
            thread: Some(thread),
        })
    }

    /// Records a change. What is returned becomes true when it is recorded, and false if it cannot
    /// be.
    pub(crate) fn record(&self, what: Unrecorded) -> oneshot::Receiver<bool> {
        let (done, is_done) = oneshot::channel();
        if let Some(changes) = &self.changes {
            // If the thread has ended, `done` is dropped, which says so.
            let _ = changes.send(Change { what, done });
        }
        is_done
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.changes = None;
        let thread = self.thread.take();
        thread.map(JoinHandle::join);
    }
}

fn record(mut store: Store, lists: &Lists, changes: &Receiver<Change>) {
    while let Ok(first) = changes.recv() {
        let mut group = vec![first];
        group.extend(changes.try_iter().take(MOST - 1));
        let written = store.write(group.iter().map(|change| &change.what));
        if let Err(error) = &written {
            tracing::error!(target: "haulage::daemon", %error, "the queue cannot be recorded");
        }
        for change in group {
            if written.is_ok() {
                change
                    .what
                    .batch
                    .gone
                    .iter()
                    .for_each(|gid| lists.remove(*gid));
            }
            // Its caller may have gone.
            let _ = change.done.send(written.is_ok());
        }
    }
}
