//! Where the data of files is kept until they are complete. Tests put a disk here that hangs or
//! fails.

use std::io::{self, IoSlice, Read};
use std::os::fd::BorrowedFd;
use std::time::SystemTime;

/// A place for parts: each is the data of one file that is not complete yet. Any call may block.
pub(crate) trait Scratch: Send + Sync + 'static {
    /// Creates a part that does not exist yet.
    fn create(&self, part: u64) -> io::Result<Box<dyn PartFile>>;
    /// Creates a part of which all bytes are written now, and whose final name replaces nothing: it
    /// is not opened again.
    fn create_whole(&self, part: u64) -> io::Result<Box<dyn PartFile>> {
        self.create(part)
    }
    /// Removes a part.
    fn remove(&self, part: u64) -> io::Result<()>;
    /// Returns the parts that can be opened again; `None` where bytes are given away as they are
    /// written, so that none of them can be taken back.
    fn kept(&self) -> Option<&dyn KeptParts>;
}

/// Parts that stay when they are closed, until they are removed or become files.
pub(crate) trait KeptParts {
    /// Opens a part to write from a byte on.
    fn open(&self, part: u64, at: u64) -> io::Result<Box<dyn PartFile>>;
    /// Opens a part to read it.
    fn read(&self, part: u64) -> io::Result<Box<dyn Read + Send>>;
    /// Makes the bytes of a part survive a power cut. `NotFound` if it is no longer a part.
    fn sync(&self, part: u64) -> io::Result<()>;
    /// Returns whether the kernel alone can copy from a socket to a part
    /// ([`PartFile::descriptor`]).
    fn takes_direct_copies(&self) -> bool;
    /// Returns the parts that outlive a run; `None` where all of them end with it.
    fn lasting(&self) -> Option<&dyn LastingParts>;
}

/// Parts that later runs find again.
pub(crate) trait LastingParts {
    /// Keeps those of the parts of earlier runs that are recorded, each with at least this many
    /// bytes, and removes all others. Returns which of them are there and can be resumed. Called
    /// before anything is written.
    fn adopt(&self, recorded: &[(u64, u64)]) -> io::Result<Vec<u64>>;
    /// Returns the number from which on all are free for this run's parts.
    fn first(&self) -> u64;
    /// Reserves numbers of this run's parts for parts that come from elsewhere, and returns the
    /// first. Called before anything is written.
    fn reserve(&self, count: u64) -> u64;
    /// Sets which parts are kept when the run is over: a later run may resume them.
    fn retain(&self, parts: Vec<u64>);
    /// Does what [`adopt`](Self::adopt) does with the parts that another run has left in its own
    /// folder.
    fn adopt_left(&self, run: &str, recorded: &[(u64, u64)]) -> io::Result<Vec<u64>>;
    /// Moves a part that another run has left to this run's parts, under a reserved number. Returns
    /// `false` if another run has taken it first.
    fn take_left(&self, run: &str, part: u64, number: u64) -> io::Result<bool>;
    /// Removes a part that another run has left.
    fn remove_left(&self, run: &str, part: u64) -> io::Result<()>;
    /// Removes the folder that another run has left, unless a part is in it.
    fn remove_left_run(&self, run: &str) -> io::Result<()>;
    /// Keeps out runs that record lists; `None` while there is one.
    fn lock_lists(&self) -> io::Result<Option<Held>>;
}

/// Something that keeps other runs out until it is dropped.
pub(crate) type Held = Box<dyn Send + Sync>;

/// A part being written.
pub(crate) trait PartFile: Send {
    /// Writes some of the bytes at the end, as `write` does.
    fn write(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Returns what the kernel can copy to by itself; `None` where
    /// [`KeptParts::takes_direct_copies`] is false.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
    /// Notes that this many bytes have been written to its descriptor.
    fn written_directly(&self, _bytes: u64) -> io::Result<()> {
        Ok(())
    }
    /// Sets the modification time.
    fn set_modified(&mut self, time: SystemTime) -> io::Result<()>;
    /// Closes it; only now a file system may report that a write has failed.
    fn close(self: Box<Self>) -> io::Result<()>;
}
