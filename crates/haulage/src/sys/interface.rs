//! Network interfaces by their names.

#[cfg(all(target_os = "linux", not(portable)))]
pub(crate) use self::linux::{bind, find};
#[cfg(not(all(target_os = "linux", not(portable))))]
pub(crate) use self::portable::{bind, find};

/// As `SO_BINDTODEVICE` in socket(7) and netdevice(7) say.
#[cfg(all(target_os = "linux", not(portable)))]
mod linux {
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
}

#[cfg(not(all(target_os = "linux", not(portable))))]
mod portable {
    use std::io;

    use tokio::net::TcpSocket;

    /// Returns an error, always.
    pub(crate) fn bind(_socket: &TcpSocket, _name: &str) -> io::Result<()> {
        Err(takes_no_name())
    }

    /// Returns an error, always.
    pub(crate) fn find(_name: &str) -> io::Result<()> {
        Err(takes_no_name())
    }

    fn takes_no_name() -> io::Error {
        io::Error::new(
            io::ErrorKind::Unsupported,
            "only Linux takes a name; give an address",
        )
    }
}
