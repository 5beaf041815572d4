//! What happens, for clients that listen: gathered, and passed on once a second.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast::{self, Receiver, Sender};

use crate::queue::{Batch, Gid};

/// How many seconds wait for a client that is slow; it misses others.
pub(crate) const BACKLOG: usize = 16;

/// Gathers what happens, and passes on what is made of it.
#[derive(Debug)]
pub(crate) struct Feed {
    /// The events of a second.
    seconds: Sender<Arc<str>>,
    marks: Mutex<Marks>,
}

/// What has changed within a second.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub(crate) changed: BTreeSet<Gid>,
    pub(crate) gone: BTreeSet<Gid>,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            seconds: broadcast::channel(BACKLOG).0,
            marks: Mutex::default(),
        }
    }
}

impl Feed {
    /// Notes what has changed of the queue, if anybody listens.
    pub(crate) fn note(&self, batch: &Batch) {
        if !self.has_listeners() {
            return;
        }
        let mut marks = self.lock();
        for gid in &batch.gone {
            marks.changed.remove(gid);
            marks.gone.insert(*gid);
        }
        // What was removed may have been added again.
        marks.changed.extend(batch.changed.keys());
    }

    /// Takes what has changed since the last call.
    pub(crate) fn take(&self) -> Marks {
        std::mem::take(&mut self.lock())
    }

    /// Returns whether anybody listens.
    pub(crate) fn has_listeners(&self) -> bool {
        self.seconds.receiver_count() > 0
    }

    /// Passes on the events of a second.
    pub(crate) fn send(&self, events: String) {
        // There may be no client any more.
        let _ = self.seconds.send(events.into());
    }

    /// Returns the events of each second from now on.
    pub(crate) fn listen(&self) -> Receiver<Arc<str>> {
        self.seconds.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
