//! Where complete files go, and which files exist there already.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::budget::Reservation;
use crate::plan::accepted::Accepted;
use crate::plan::existing::Likeness;
use crate::plan::name::TargetName;

/// The names of a destination, for looking at them without changing any. Any call may block.
pub(crate) trait Lookup: Send + Sync + 'static {
    /// Returns whether nothing existed at any name when the run began: then only names that the run
    /// has given need a look.
    fn was_empty(&self) -> bool;
    /// Returns which names it accepts beyond those of every system; may try that out, once.
    fn accepted_names(&self) -> Accepted;
    /// Returns what exists at a name.
    fn stat(&self, target: &TargetName) -> io::Result<PathKind>;
    /// Opens the file at a name to read it. Fails with `NotFound` if it is gone, with `Other` if it
    /// is no longer a file.
    fn read(&self, target: &TargetName) -> io::Result<Box<dyn Read + Send>>;
    /// Returns the file at a name as it is now; `None` if it is none, is reached through a link, or
    /// cannot be replaced while it is the same.
    fn see(&self, _target: &TargetName) -> io::Result<Option<Seen>> {
        Ok(None)
    }
    /// Returns the suffix of a file beside this one which says that another tool has not finished
    /// it, such as `.aria2`; `None` if there is no such file.
    fn marker(&self, target: &TargetName) -> Option<&'static str>;
}

/// A place that gives complete parts their final names. Any call may block.
pub(crate) trait Destination: Lookup {
    /// Gives a part its final name, atomically. With [`Replace::Never`], fails with `AlreadyExists`
    /// if something exists there.
    fn commit(&self, part: u64, target: &TargetName, replace: Replace) -> io::Result<()>;
    /// Compares a complete part with the file at a name, which may be read to its end. Fails with
    /// `NotFound` if nothing exists there any more, with `AlreadyExists` if it is no file. A file
    /// that cannot be read is different.
    fn compare(&self, part: u64, target: &TargetName) -> io::Result<Compared>;
    /// Puts a part in the place of the file that it was compared with, atomically. Returns `false`
    /// if that file has changed or gone since, and nothing was done.
    fn replace(&self, part: u64, target: &TargetName, seen: Seen) -> io::Result<bool>;
    /// Makes all that was written and named so far survive a power cut.
    fn sync(&self) -> io::Result<()>;
    /// Returns the bytes of a committed part, once, with the memory that they occupy; `None` where
    /// files are not kept in memory.
    fn hand_over(&self, _part: u64) -> Option<(Bytes, Option<Arc<Reservation>>)> {
        None
    }
    /// Ends the run: removes what is no longer needed, and lets other runs in. `nothing_is_needed`:
    /// no later run needs what this one has recorded.
    fn close(&self, nothing_is_needed: bool);
}

/// What a commit may replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replace {
    /// Nothing.
    Never,
    /// An existing file, or a link (itself, not what it points to).
    Files,
}

/// What exists at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathKind {
    Nothing,
    File {
        /// In bytes.
        length: u64,
        /// When it was last modified; `None` if that is not known.
        modified: Option<SystemTime>,
    },
    /// A link that leads to no file. It does not count as the file, but can itself be replaced.
    Link,
    /// A folder, a pipe or a device. It does not count as the file, and cannot be replaced.
    Obstacle,
    /// A file exists where one of the name's folders should be.
    NoFolder,
}

/// The result of comparing a part with the file at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compared {
    pub(crate) likeness: Likeness,
    /// The name is a symbolic link to the file.
    pub(crate) is_link: bool,
    /// The file before it was read.
    pub(crate) seen: Seen,
}

/// Identifies a file in one state, to tell later whether it has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// In bytes.
    pub(crate) length: u64,
    /// Seconds since 1970, and nanoseconds.
    pub(crate) modified: (i64, u64),
}
