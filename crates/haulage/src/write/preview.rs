//! The destination of a run that only plans: it is only looked at, and nothing is created.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use super::destination::{Lookup, PathKind};
use super::directory::{holds_no_files, marker, read, stat};
use crate::error::{Error, ErrorKind};
use crate::plan::accepted::Accepted;
use crate::plan::name::TargetName;

/// A folder; `None` if it does not exist.
pub(crate) struct Preview {
    root: Option<OwnedFd>,
    was_empty: bool,
}

impl Preview {
    /// Opens the destination to look at it, without creating it if it is missing.
    ///
    /// # Errors
    /// Of kind `disk`, when something else stands where the folder should, or when it cannot be
    /// read.
    pub(crate) fn of(path: &Path) -> Result<Self, Error> {
        let failed = |cause: io::Error| {
            let shown = path.display();
            match cause.kind() {
                io::ErrorKind::NotADirectory => Error::new(
                    ErrorKind::Disk,
                    format!(
                        "{shown} is no folder, or lies below a file; choose another with --dir"
                    ),
                )
                .caused_by(cause),
                _ => Error::disk(&format!("cannot look into the folder {shown}"), cause),
            }
        };
        let root = match File::open(path.join(".")) {
            Ok(folder) => Some(OwnedFd::from(folder)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
            Err(cause) => return Err(failed(cause)),
        };
        let was_empty = match &root {
            Some(root) => holds_no_files(root.as_fd()).map_err(failed)?,
            None => true,
        };
        Ok(Self { root, was_empty })
    }
}

impl Lookup for Preview {
    fn was_empty(&self) -> bool {
        self.was_empty
    }

    /// Returns the names that Linux's own file systems accept. To find out what this one accepts
    /// would mean to write to it.
    fn accepted_names(&self) -> Accepted {
        Accepted::EVERYTHING
    }

    fn stat(&self, target: &TargetName) -> io::Result<PathKind> {
        match &self.root {
            Some(root) => stat(root.as_fd(), target),
            None => Ok(PathKind::Nothing),
        }
    }

    fn read(&self, target: &TargetName) -> io::Result<Box<dyn Read + Send>> {
        match &self.root {
            Some(root) => read(root.as_fd(), target),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn marker(&self, target: &TargetName) -> Option<&'static str> {
        marker(self.root.as_ref()?.as_fd(), target.as_str())
    }
}
