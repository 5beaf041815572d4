//! Files that have no name yet.

#[cfg(all(target_os = "linux", not(portable)))]
pub(crate) use self::linux::{create, name};
#[cfg(not(all(target_os = "linux", not(portable))))]
pub(crate) use self::portable::{create, name};

/// As `O_TMPFILE` in open(2) and `AT_EMPTY_PATH` in linkat(2) say.
#[cfg(all(target_os = "linux", not(portable)))]
mod linux {
    #![expect(
        clippy::disallowed_methods,
        reason = "what calls it is checked in the same way"
    )]

    use std::os::fd::{AsFd, OwnedFd};

    use rustix::fs::{AtFlags, Mode, OFlags, linkat, openat};
    use rustix::{io, path};

    /// Creates a file without a name, to be written, on the file system of a folder.
    pub(crate) fn create(folder: impl AsFd, mode: Mode) -> io::Result<OwnedFd> {
        let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        openat(folder, ".", flags, mode)
    }

    /// Gives such a file a name in a folder. Fails with `EXIST` if something has that name.
    pub(crate) fn name(file: impl AsFd, folder: impl AsFd, name: impl path::Arg) -> io::Result<()> {
        linkat(file, "", folder, name, AtFlags::EMPTY_PATH)
    }
}

#[cfg(not(all(target_os = "linux", not(portable))))]
mod portable {
    use std::os::fd::{AsFd, OwnedFd};

    use rustix::fs::Mode;
    use rustix::{io, path};

    /// Returns an error, always: each file has a name.
    pub(crate) fn create(_folder: impl AsFd, _mode: Mode) -> io::Result<OwnedFd> {
        Err(io::Errno::NOSYS)
    }

    /// Returns an error, always.
    pub(crate) fn name(
        _file: impl AsFd,
        _folder: impl AsFd,
        _name: impl path::Arg,
    ) -> io::Result<()> {
        Err(io::Errno::NOSYS)
    }
}
