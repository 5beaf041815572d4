//! Network interfaces by their names (`SO_BINDTODEVICE` in socket(7), netdevice(7)).

use std::io;

use rustix::net::{AddressFamily, SocketType, netdevice, socket};
use tokio::net::TcpSocket;

/// Makes a socket send through the interface of this name.
pub(crate) fn bind(socket: &TcpSocket, name: &str) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}

/// Checks that there is an interface of this name.
pub(crate) fn find(name: &str) -> io::Result<()> {
    let any = socket(AddressFamily::UNIX, SocketType::DGRAM, None)?;
    netdevice::name_to_index(&any, name)?;
    Ok(())
}
