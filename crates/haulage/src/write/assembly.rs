//! A part that is put together from what several responses bring: of which entity it is, and which of its bytes it has.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::disk::{Disk, PartFile};
use super::stretch::Stretch;
use crate::plan::head::Entity;
use crate::plan::pieces::Pieces;
use crate::plan::resume::Identity;

/// A part with which another response can go on.
#[derive(Debug)]
pub(crate) struct Assembly {
    pub(crate) number: u64,
    pub(crate) identity: Identity,
    /// The file as the first response described it.
    pub(crate) entity: Entity,
    /// Whose it is, where a later run may find it.
    pub(crate) owner: Option<Owner>,
    bytes: Mutex<Bytes>,
    /// Told when nobody writes to it any more.
    idle: Condvar,
}

/// The row that a part is for, as its record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The list that it stands in; empty for a command line.
    pub(crate) input: Arc<str>,
    /// Stands for what it asks for.
    pub(crate) ask: i64,
    /// Its URL as given.
    pub(crate) url: Arc<str>,
}

#[derive(Debug, Default)]
struct Bytes {
    /// Whether its file is there.
    is_made: bool,
    /// What those have brought who write no more.
    here: Pieces,
    /// What is being brought.
    stretches: Vec<Arc<Stretch>>,
}

impl Assembly {
    /// A part that is not there yet.
    pub(crate) fn new(
        number: u64,
        identity: Identity,
        entity: Entity,
        owner: Option<Owner>,
    ) -> Self {
        Self {
            number,
            identity,
            entity,
            owner,
            bytes: Mutex::default(),
            idle: Condvar::new(),
        }
    }

    /// A part that an earlier run has left, with these bytes.
    pub(crate) fn with(mut self, here: Pieces) -> Self {
        self.bytes = Mutex::new(Bytes {
            is_made: true,
            here,
            stretches: Vec::new(),
        });
        self
    }

    /// Which of its bytes have been written. They are durable once everything written so far has been synced.
    pub(crate) fn pieces(&self) -> Pieces {
        let bytes = self.lock();
        let mut pieces = bytes.here.clone();
        for stretch in &bytes.stretches {
            pieces.add(stretch.written());
        }
        pieces
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.pieces().is_whole(self.identity.total)
    }

    /// Somebody begins to bring these bytes.
    pub(super) fn begin(&self, range: Range<u64>) -> Arc<Stretch> {
        let stretch = Arc::new(Stretch::new(range));
        self.lock().stretches.push(Arc::clone(&stretch));
        stretch
    }

    /// Whoever brought these bytes writes no more.
    pub(super) fn end(&self, ended: &Arc<Stretch>) {
        let mut bytes = self.lock();
        let before = bytes.stretches.len();
        bytes
            .stretches
            .retain(|stretch| !Arc::ptr_eq(stretch, ended));
        if bytes.stretches.len() < before {
            bytes.here.add(ended.written());
        }
        if bytes.stretches.is_empty() {
            self.idle.notify_all();
        }
    }

    /// Waits until nobody writes to it any more, but no longer than this.
    pub(super) fn wait_until_idle(&self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now());
        // In both cases what has been written by now is what counts.
        let _ = self
            .idle
            .wait_timeout_while(self.lock(), left, |bytes| !bytes.stretches.is_empty());
    }

    /// Opens its file to write from a byte on; makes it if nobody has.
    pub(super) fn open(&self, disk: &dyn Disk, at: u64) -> io::Result<Box<dyn PartFile>> {
        let mut bytes = self.lock();
        if !bytes.is_made {
            let file = disk.create_part(self.number)?;
            bytes.is_made = true;
            if at == 0 {
                return Ok(file);
            }
            file.close()?;
        }
        drop(bytes);
        disk.open_part(self.number, at)
    }

    fn lock(&self) -> MutexGuard<'_, Bytes> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
