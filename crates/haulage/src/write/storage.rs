//! What a run writes to: a place for parts, and the destination in which they become files.

use std::io;
use std::sync::Arc;

use super::destination::{Destination, Lookup};
use super::memory::Memory;
use super::preview::Preview;
use super::scratch::{KeptParts, LastingParts, Scratch};

/// A place for parts, and the destination that gives them their names.
pub(crate) struct Storage {
    pub(crate) scratch: Arc<dyn Scratch>,
    pub(crate) destination: Arc<dyn Destination>,
    /// The names of the destination; for a run that only plans, those of the folder it looks at.
    pub(crate) lookup: Arc<dyn Lookup>,
    /// The memory that files are kept in; `None` if they are saved elsewhere.
    pub(crate) memory: Option<Arc<Memory>>,
}

impl Storage {
    /// Returns the storage with this as its place for parts and as its destination.
    pub(crate) fn of(both: Arc<impl Scratch + Destination>) -> Arc<Self> {
        Arc::new(Self {
            scratch: Arc::clone(&both) as Arc<dyn Scratch>,
            destination: Arc::clone(&both) as Arc<dyn Destination>,
            lookup: both,
            memory: None,
        })
    }

    /// Returns the storage of a run that keeps files in memory, this many bytes at most.
    pub(crate) fn memory(most: u64) -> Arc<Self> {
        let memory = Arc::new(Memory::new(most));
        Arc::new(Self {
            scratch: Arc::clone(&memory) as Arc<dyn Scratch>,
            destination: Arc::clone(&memory) as Arc<dyn Destination>,
            lookup: Arc::clone(&memory) as Arc<dyn Lookup>,
            memory: Some(memory),
        })
    }

    /// Returns the storage of a run that only plans: it looks at a folder, and writes nothing.
    pub(crate) fn plan(folder: Preview) -> Arc<Self> {
        let unused = Arc::new(Memory::new(0));
        Arc::new(Self {
            scratch: Arc::clone(&unused) as Arc<dyn Scratch>,
            destination: unused,
            lookup: Arc::new(folder),
            memory: None,
        })
    }

    /// Returns the parts that can be opened again; `None` where bytes are given away as they are
    /// written.
    pub(crate) fn kept(&self) -> Option<&dyn KeptParts> {
        self.scratch.kept()
    }

    /// Returns the parts that outlive this run; `None` where none does.
    pub(crate) fn lasting(&self) -> Option<&dyn LastingParts> {
        self.kept()?.lasting()
    }

    /// Returns the parts that can be opened again.
    ///
    /// # Errors
    /// `Unsupported` where bytes are given away as they are written: nothing is resumed there.
    pub(super) fn kept_parts(&self) -> io::Result<&dyn KeptParts> {
        self.kept().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// Returns whether its files have names, under which they can be found again.
    pub(crate) fn has_names(&self) -> bool {
        self.memory.is_none() && self.kept().is_some()
    }

    /// Returns the number of this run's first part.
    pub(crate) fn first_part(&self) -> u64 {
        self.lasting().map_or(0, LastingParts::first)
    }
}
