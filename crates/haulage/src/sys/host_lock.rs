//! A lock that needs no file system with locks: one process of this host has it.

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
