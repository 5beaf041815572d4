//! The durability of what several runs write to one folder.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::options::Durability;

/// The strictest durability of all runs that use a folder. It applies to all of them, so that files
/// of several runs can be synced and recorded in one group.
pub(crate) struct Strictest(AtomicU8);

impl Strictest {
    pub(crate) fn new(durability: Durability) -> Self {
        Self(AtomicU8::new(rank(durability)))
    }

    /// Returns what holds now.
    pub(crate) fn get(&self) -> Durability {
        of_rank(self.0.load(Ordering::Acquire))
    }

    /// Notes a run that begins.
    pub(crate) fn raise_to(&self, durability: Durability) {
        self.0.fetch_max(rank(durability), Ordering::AcqRel);
    }

    /// Notes which runs remain after one has ended. Nothing changes if there are none.
    pub(crate) fn set_to_strictest_of(&self, runs: impl Iterator<Item = Durability>) {
        if let Some(strictest) = runs.map(rank).max() {
            self.0.store(strictest, Ordering::Release);
        }
    }
}

fn rank(durability: Durability) -> u8 {
    match durability {
        Durability::None => 0,
        Durability::Batch => 1,
        Durability::Each => 2,
    }
}

fn of_rank(rank: u8) -> Durability {
    match rank {
        0 => Durability::None,
        1 => Durability::Batch,
        _ => Durability::Each,
    }
}
