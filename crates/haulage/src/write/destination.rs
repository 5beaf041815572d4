//! Where complete files go, and what is there already.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::budget::Reservation;
use crate::plan::accepted::Accepted;
use crate::plan::existing::Likeness;
use crate::plan::name::TargetName;

/// The names of a destination, which are looked at and not changed. Any call may block.
pub(crate) trait Lookup: Send + Sync + 'static {
    /// Returns whether nothing stood at any name when the run began: then it need not be asked
    /// about names that the run has not given itself.
    fn was_empty(&self) -> bool;
    /// Returns what it takes in names beyond what every system does; may try that out, once.
    fn accepted_names(&self) -> Accepted;
    /// Returns what stands at a name.
    fn present(&self, target: &TargetName) -> io::Result<Present>;
    /// Opens the file at a name to read it; `NotFound` when it is gone, `Other` when it is no file
    /// any more.
    fn read(&self, target: &TargetName) -> io::Result<Box<dyn Read + Send>>;
    /// Returns what follows a file's name in that of a file beside it which says that another tool
    /// has not finished it, such as `.aria2`; `None` where there is none.
    fn marker(&self, target: &TargetName) -> Option<&'static str>;
}

/// A place that gives complete parts their final names. Any call may block.
pub(crate) trait Destination: Lookup {
    /// Gives a part its final name, atomically. With [`Replace::Never`], `AlreadyExists` when
    /// something stands there.
    fn commit(&self, part: u64, target: &TargetName, replace: Replace) -> io::Result<()>;
    /// Compares a complete part with the file at a name, which may be read to its end. `NotFound`
    /// when nothing stands there any more, `AlreadyExists` when it is no file. A file that cannot
    /// be read is different.
    fn compare(&self, part: u64, target: &TargetName) -> io::Result<Compared>;
    /// Puts a part in the place of the file that it was compared with, atomically. `false` when
    /// that file has changed or gone since, and nothing was done.
    fn replace(&self, part: u64, target: &TargetName, seen: Seen) -> io::Result<bool>;
    /// Makes all that was written and named so far survive a power cut.
    fn sync(&self) -> io::Result<()>;
    /// Returns the bytes of a part that was committed, once, with the memory that they hold; `None`
    /// where they are elsewhere by now.
    fn hand_over(&self, _part: u64) -> Option<(Bytes, Option<Arc<Reservation>>)> {
        None
    }
    /// Ends the run: removes what nobody needs any more, and lets other runs in.
    /// `nothing_is_needed`: no later run asks for what this one has recorded.
    fn close(&self, nothing_is_needed: bool);
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
