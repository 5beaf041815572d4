//! What writing needs of a disk: the seam at which tests put one that hangs or fails.

use std::io::{self, IoSlice, Read};
use std::os::fd::BorrowedFd;
use std::time::SystemTime;

use crate::plan::accepted::Accepted;
use crate::plan::existing::Likeness;
use crate::plan::name::TargetName;

/// A destination's file operations, each of which may block.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Makes a part that nobody else has.
    fn create_part(&self, part: u64) -> io::Result<Box<dyn PartFile>>;
    /// Makes a part of which all bytes are written now, and which gets a name at which nothing
    /// stands: nobody opens it again.
    fn create_whole(&self, part: u64) -> io::Result<Box<dyn PartFile>> {
        self.create_part(part)
    }
    /// Opens a part to write from a byte on.
    fn open_part(&self, part: u64, at: u64) -> io::Result<Box<dyn PartFile>>;
    /// Opens a part to read it.
    fn read_part(&self, part: u64) -> io::Result<Box<dyn Read + Send>>;
    /// Of the parts that earlier runs have left, those that are recorded stay, each with at least
    /// so many bytes; all others go. Which of them are there, and fit to go on with. Before
    /// anything is written.
    fn keep_parts(&self, _recorded: &[(u64, u64)]) -> io::Result<Vec<u64>> {
        Ok(Vec::new())
    }
    /// Sets numbers of this run's parts aside for parts that come from elsewhere; returns the
    /// first. Before anything is written.
    fn reserve_parts(&self, _count: u64) -> u64 {
        0
    }
    /// As [`keep_parts`](Self::keep_parts), of the parts that another run has left in its own
    /// folder.
    fn keep_left(&self, _run: &str, _recorded: &[(u64, u64)]) -> io::Result<Vec<u64>> {
        Ok(Vec::new())
    }
    /// Moves a part that another run has left to this run's parts, under a number that was set
    /// aside; `false` when somebody else was faster.
    fn take_left(&self, _run: &str, _part: u64, _number: u64) -> io::Result<bool> {
        Ok(false)
    }
    /// Removes a part that another run has left.
    fn drop_left(&self, _run: &str, _part: u64) -> io::Result<()> {
        Ok(())
    }
    /// Removes the folder that another run has left, unless a part is in it.
    fn remove_left(&self, _run: &str) -> io::Result<()> {
        Ok(())
    }
    /// Keeps those out that record lists; `None` while there is one.
    fn lock_lists(&self) -> io::Result<Option<Held>> {
        Ok(None)
    }
    /// The number from which on those of this run's parts are free.
    fn first_part(&self) -> u64 {
        0
    }
    /// When the run is over, these parts are to stay: a later run may go on with them.
    fn leave_parts(&self, _parts: Vec<u64>) {}
    /// Gives a part its final name, atomically. With [`Replace::Never`], `AlreadyExists` when
    /// something stands there.
    fn commit(&self, part: u64, target: &TargetName, replace: Replace) -> io::Result<()>;
    /// Whether its parts can be written to by the kernel alone.
    fn takes_flows(&self) -> bool {
        false
    }
    /// Removes a part.
    fn remove_part(&self, part: u64) -> io::Result<()>;
    /// Whether it keeps files, which can be found again under their names, and parts, which can be
    /// removed. What keeps none has given away for good what was written to it.
    fn keeps_files(&self) -> bool {
        true
    }
    /// Whether nothing stood at any name when the run began: then it need not be asked about names
    /// that the run has not given itself.
    fn was_empty(&self) -> bool;
    /// Returns what it takes in names beyond what every system does; may try that out, once.
    fn accepted_names(&self) -> Accepted {
        Accepted::NOTHING
    }
    /// What stands at a name.
    fn present(&self, target: &TargetName) -> io::Result<Present>;
    /// Opens the file at a name to read it; `NotFound` when it is gone, `Other` when it is no file
    /// any more.
    fn read(&self, target: &TargetName) -> io::Result<Box<dyn Read + Send>>;
    /// Returns what follows a file's name in that of a file beside it which says that another tool
    /// has not finished it, such as `.aria2`; `None` where there is none.
    fn marker(&self, _target: &TargetName) -> Option<&'static str> {
        None
    }
    /// Compares a whole part with the file at a name, which may be read to its end. `NotFound` when
    /// nothing stands there any more, `AlreadyExists` when it is no file. A file that cannot be
    /// read is different.
    fn compare(&self, _part: u64, _target: &TargetName) -> io::Result<Compared> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Puts a part in the place of the file that it was compared with, atomically. `false` when
    /// that file has changed or gone since, and nothing was done.
    fn replace(&self, _part: u64, _target: &TargetName, _seen: Seen) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Makes the bytes of a part survive a power cut.
    fn sync_part(&self, _part: u64) -> io::Result<()> {
        self.sync()
    }
    /// Makes all that was written and named so far survive a power cut.
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
    /// The run is over: removes what nobody needs any more, and lets other runs in.
    /// `nothing_is_needed`: no later run asks for what this one has recorded.
    fn close(&self, nothing_is_needed: bool);
}

/// Something that keeps others out until it is dropped.
pub(crate) type Held = Box<dyn Send + Sync>;

/// A part being written.
pub(crate) trait PartFile: Send {
    /// Writes some of the bytes at the end, as `write` does.
    fn write(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize>;
    /// What a flow can be written to; only where [`Disk::takes_flows`] says so.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
    /// So many bytes have been written to its descriptor.
    fn flowed(&self, _bytes: u64) -> io::Result<()> {
        Ok(())
    }
    /// Sets the modification time.
    fn set_modified(&mut self, time: SystemTime) -> io::Result<()>;
    /// Closes it; a file system may tell only now that a write failed.
    fn close(self: Box<Self>) -> io::Result<()>;
}

/// What a commit may replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replace {
    /// Nothing.
    Never,
    /// A file that stands there, or a link (itself, not what it points to).
    Files,
}

/// What stands at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Present {
    Nothing,
    File {
        /// In bytes.
        length: u64,
        /// When it was last modified, where that can be told.
        modified: Option<SystemTime>,
    },
    /// A link that leads to no file: nothing to take for the file, but it can itself be replaced.
    Link,
    /// A folder, a pipe, a device: nothing to take for the file, and nothing to replace.
    Obstacle,
    /// A file stands where one of its folders should.
    NoFolder,
}

/// What came of comparing a part with the file at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compared {
    pub(crate) likeness: Likeness,
    /// A symbolic link leads to the file.
    pub(crate) is_link: bool,
    /// The file as it was before it was read.
    pub(crate) seen: Seen,
}

/// Tells whether a file is still the one that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// In bytes.
    pub(crate) length: u64,
    /// Seconds since 1970, and nanoseconds.
    pub(crate) modified: (i64, u64),
}
