//! Whether a run is running, paused or being stopped, and which of its rows are removed.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::engine::item::Item;
use crate::sync::lock;

/// The phase of a run, and its removed rows.
pub(crate) struct Control {
    phase: AtomicU8,
    /// Cancelled, and replaced by a new one, when lanes are to check the phase and removed rows.
    interrupt: Mutex<CancellationToken>,
    /// Items that wait until the run is resumed.
    parked: Mutex<Vec<Parked>>,
    /// Whether any row has been removed.
    has_removed: AtomicBool,
    removed: Mutex<HashSet<u64>>,
}

/// Whether a run is running, paused or being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    /// Nothing is requested until it is resumed.
    Paused,
    /// Nothing more is to be started.
    Stopped,
}

/// An item that waits until its run is resumed.
pub(crate) struct Parked {
    pub(crate) item: Box<Item>,
    /// Its next request is not sent before this; `None` where it may be sent at once.
    pub(crate) due: Option<Instant>,
}

/// The items that wait until their run is resumed. While this is held, the run cannot be paused,
/// resumed or stopped.
pub(crate) struct ParkedItems<'a> {
    control: &'a Control,
    parked: MutexGuard<'a, Vec<Parked>>,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            phase: AtomicU8::new(Phase::Running as u8),
            interrupt: Mutex::default(),
            parked: Mutex::default(),
            has_removed: AtomicBool::new(false),
            removed: Mutex::default(),
        }
    }
}

impl Control {
    /// Returns whether the run goes on.
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Running,
            1 => Phase::Paused,
            _ => Phase::Stopped,
        }
    }

    /// Returns whether the run's work is not to be queued: it is paused, or being stopped.
    pub(crate) fn is_held_back(&self) -> bool {
        self.phase() != Phase::Running
    }

    /// Returns whether the run is paused.
    pub(crate) fn is_paused(&self) -> bool {
        self.phase() == Phase::Paused
    }

    /// Returns whether work for a row is to stop; `None` stands for work for several rows.
    pub(crate) fn stops(&self, row: Option<u64>) -> bool {
        self.is_held_back() || row.is_some_and(|row| self.is_removed(row))
    }

    /// Returns the items that wait until the run is resumed, to change them and the phase together.
    pub(crate) fn lock(&self) -> ParkedItems<'_> {
        ParkedItems {
            control: self,
            parked: lock(&self.parked),
        }
    }

    /// Returns what is cancelled when lanes are to look at the phase, or at which rows are removed.
    pub(crate) fn interrupt_token(&self) -> CancellationToken {
        lock(&self.interrupt).clone()
    }

    /// Makes all lanes that work for the run look at the phase, and at which rows are removed.
    pub(crate) fn interrupt(&self) {
        let before = std::mem::take(&mut *lock(&self.interrupt));
        before.cancel();
    }

    /// Notes that a row is removed. Returns `false` if it was before.
    pub(crate) fn remove(&self, row: u64) -> bool {
        let is_new = lock(&self.removed).insert(row);
        self.has_removed.store(true, Ordering::Release);
        is_new
    }

    /// Returns whether a row is removed.
    pub(crate) fn is_removed(&self, row: u64) -> bool {
        self.has_removed.load(Ordering::Acquire) && lock(&self.removed).contains(&row)
    }
}

impl ParkedItems<'_> {
    /// Changes the phase. Returns `false` if it was that before, or if the run has been stopped.
    pub(crate) fn set_phase(&self, phase: Phase) -> bool {
        let before = self.control.phase();
        let changes = before != phase && before != Phase::Stopped;
        if changes {
            self.control.phase.store(phase as u8, Ordering::Release);
        }
        changes
    }

    /// Adds an item. Gives it back unless the run is paused.
    pub(crate) fn add(&mut self, item: Box<Item>, due: Option<Instant>) -> Result<(), Box<Item>> {
        if self.control.phase() != Phase::Paused {
            return Err(item);
        }
        self.parked.push(Parked { item, due });
        Ok(())
    }

    /// Takes all of them.
    pub(crate) fn take(&mut self) -> Vec<Parked> {
        std::mem::take(&mut self.parked)
    }

    /// Takes the item of a row; `None` if it does not wait here.
    pub(crate) fn take_row(&mut self, row: u64) -> Option<Box<Item>> {
        let at = self
            .parked
            .iter()
            .position(|parked| parked.item.row == row)?;
        Some(self.parked.remove(at).item)
    }
}
