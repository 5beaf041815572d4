//! A lock for what is on a file system without locks: one process of this host has it.

#[cfg(all(target_os = "linux", not(portable)))]
pub(crate) use self::linux::{HostLock, take};
#[cfg(not(all(target_os = "linux", not(portable))))]
pub(crate) use self::portable::{HostLock, take};

#[cfg(all(target_os = "linux", not(portable)))]
mod linux {
    use std::io;
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixListener};

    /// Held until it is dropped, or the process ends.
    pub(crate) struct HostLock(#[expect(dead_code, reason = "held, not used")] UnixListener);

    /// Takes the lock of this name: a socket that only one process of this host can have (unix(7),
    /// abstract names). `None` while another process has it.
    pub(crate) fn take(name: &str) -> io::Result<Option<HostLock>> {
        match UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?) {
            Ok(socket) => Ok(Some(HostLock(socket))),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(not(all(target_os = "linux", not(portable))))]
mod portable {
    #![expect(clippy::disallowed_methods, reason = "no file of a destination")]

    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
    use rustix::io::Errno;

    /// Held until it is dropped, or the process ends.
    pub(crate) struct HostLock(#[expect(dead_code, reason = "held, not used")] OwnedFd);

    /// Takes the lock of this name: of a file among temporary files, which stays. `None` while
    /// another process has it, or where the file belongs to a user who lets nobody else read it.
    pub(crate) fn take(name: &str) -> io::Result<Option<HostLock>> {
        // Not the folder that the environment names: that differs from user to user.
        let path = format!("/tmp/{name}.lock");
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let create = flags | OFlags::CREATE | OFlags::EXCL;
        let opened = loop {
            // Linux may refuse to open another user's file there with `CREATE`.
            match open(&path, flags, Mode::empty()) {
                Err(Errno::NOENT) => {}
                opened => break opened,
            }
            match open(&path, create, Mode::from_raw_mode(0o644)) {
                Err(Errno::EXIST) => {}
                opened => break opened,
            }
        };
        let file = match opened {
            Ok(file) => file,
            Err(Errno::ACCESS | Errno::PERM) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(HostLock(file))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_is_held_until_it_is_dropped() {
        let name = format!("haulage-test-{}", std::process::id());
        let held = take(&name).unwrap();
        assert!(held.is_some());
        assert!(take(&name).unwrap().is_none());
        drop(held);
        assert!(take(&name).unwrap().is_some());
        // The one of the portable code.
        let _ = std::fs::remove_file(format!("/tmp/{name}.lock"));
    }
}
