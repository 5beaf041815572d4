//! Renames that replace nothing (`renameat2` of Linux, `renameatx_np` of macOS).

use std::os::fd::AsFd;

use rustix::{io, path};

/// Renames a file, unless something has the new name: then it fails with `EXIST`.
pub(crate) fn exclusively(
    old_folder: impl AsFd,
    old: impl path::Arg,
    new_folder: impl AsFd,
    new: impl path::Arg,
) -> io::Result<()> {
    rename(How::Exclusively, old_folder, old, new_folder, new)
}

/// Exchanges the names of two files.
pub(crate) fn exchange(
    one_folder: impl AsFd,
    one: impl path::Arg,
    other_folder: impl AsFd,
    other: impl path::Arg,
) -> io::Result<()> {
    rename(How::Exchange, one_folder, one, other_folder, other)
}

#[derive(Clone, Copy)]
enum How {
    Exclusively,
    Exchange,
}

#[cfg(all(any(target_os = "linux", target_vendor = "apple"), not(portable)))]
#[expect(
    clippy::disallowed_methods,
    reason = "what calls it is checked in the same way"
)]
fn rename(
    how: How,
    old_folder: impl AsFd,
    old: impl path::Arg,
    new_folder: impl AsFd,
    new: impl path::Arg,
) -> io::Result<()> {
    use rustix::fs::RenameFlags;
    let flags = match how {
        How::Exclusively => RenameFlags::NOREPLACE,
        How::Exchange => RenameFlags::EXCHANGE,
    };
    rustix::fs::renameat_with(old_folder, old, new_folder, new, flags)
}

#[cfg(not(all(any(target_os = "linux", target_vendor = "apple"), not(portable))))]
fn rename(
    _how: How,
    _old_folder: impl AsFd,
    _old: impl path::Arg,
    _new_folder: impl AsFd,
    _new: impl path::Arg,
) -> io::Result<()> {
    Err(io::Errno::NOSYS)
}
