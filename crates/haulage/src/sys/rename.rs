//! Renames in one step what a plain rename would replace.
#![expect(
    clippy::disallowed_methods,
    reason = "called by the write station alone"
)]

use std::os::fd::AsFd;

use rustix::fs::{RenameFlags, renameat_with};
use rustix::{io, path};

/// Renames a file, unless something has the new name: then it fails with `EXIST`.
pub(crate) fn exclusively(
    old_folder: impl AsFd,
    old: impl path::Arg,
    new_folder: impl AsFd,
    new: impl path::Arg,
) -> io::Result<()> {
    renameat_with(old_folder, old, new_folder, new, RenameFlags::NOREPLACE)
}

/// Exchanges the names of two files.
pub(crate) fn exchange(
    one_folder: impl AsFd,
    one: impl path::Arg,
    other_folder: impl AsFd,
    other: impl path::Arg,
) -> io::Result<()> {
    renameat_with(one_folder, one, other_folder, other, RenameFlags::EXCHANGE)
}
