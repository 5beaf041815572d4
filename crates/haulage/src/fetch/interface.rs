//! Connects from a chosen address or network interface of this machine.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use tokio::net::{TcpSocket, TcpStream};

use crate::error::{Error, ErrorKind, plain_io};
use crate::options::{AddressFamily, Interface, Route};
use crate::sys::interface;

/// Connects to an address, `from` this interface if there is one.
///
/// # Errors
/// As [`TcpStream::connect`]; one that names the interface if it cannot be used.
pub(super) async fn connect(to: SocketAddr, from: Option<&Interface>) -> io::Result<TcpStream> {
    let Some(from) = from else {
        return TcpStream::connect(to).await;
    };
    let socket = match to {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    let bound = match from {
        // Port 0: the system chooses one.
        Interface::Address(own) => socket.bind(SocketAddr::new(*own, 0)),
        Interface::Name(name) => interface::bind(&socket, name),
    };
    bound.map_err(|cause| io::Error::new(cause.kind(), cannot_use(from, &cause)))?;
    socket.connect(to).await
}

/// Checks that connections can be made from the interface of a route, as far as that can be known
/// before there are any.
///
/// # Errors
/// Of kind `input`, if they cannot.
pub(crate) fn check(route: &Route) -> Result<(), Error> {
    let Some(interface) = &route.interface else {
        return Ok(());
    };
    let other = match (interface, route.addresses) {
        (Interface::Address(IpAddr::V4(_)), AddressFamily::Ipv6) => Some("--ipv6"),
        (Interface::Address(IpAddr::V6(_)), AddressFamily::Ipv4) => Some("--ipv4"),
        _ => None,
    };
    if let Some(other) = other {
        return Err(Error::new(
            ErrorKind::Input,
            format!(
                "{other} excludes the address of --interface {interface}; leave one of them out"
            ),
        ));
    }
    usable(interface).map_err(|cause| {
        Error::new(
            ErrorKind::Input,
            format!(
                "{}; `ip address` lists those of this machine",
                cannot_use(interface, &cause)
            ),
        )
        .caused_by(cause)
    })
}

fn usable(interface: &Interface) -> io::Result<()> {
    match interface {
        Interface::Address(own) => UdpSocket::bind(SocketAddr::new(*own, 0)).map(drop),
        Interface::Name(name) => interface::find(name),
    }
}

fn cannot_use(interface: &Interface, cause: &io::Error) -> String {
    format!(
        "--interface {interface} cannot be used: {}",
        plain_io(cause)
    )
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    #[cfg_attr(
        any(not(target_os = "linux"), portable),
        ignore = "only Linux has all of 127.0.0.0/8, and takes a name"
    )]
    async fn connection_comes_from_the_address_that_was_chosen() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        for (from, seen) in [
            (None, "127.0.0.1"),
            (Some("127.0.0.9"), "127.0.0.9"),
            (Some("lo"), "127.0.0.1"),
        ] {
            let from: Option<Interface> = from.map(|text| text.parse().unwrap());
            let _stream = connect(to, from.as_ref()).await.unwrap();
            let (_, peer) = listener.accept().await.unwrap();
            assert_eq!(peer.ip().to_string(), seen);
        }
    }

    #[tokio::test]
    #[cfg_attr(
        any(not(target_os = "linux"), portable),
        ignore = "only Linux takes a name"
    )]
    async fn interface_that_cannot_be_used_is_named() {
        let to = SocketAddr::from(([127, 0, 0, 1], 9));
        // An address reserved for documentation, and a name that no interface has.
        for (from, cause) in [
            ("192.0.2.1", "Cannot assign requested address"),
            ("haul-none", "No such device"),
        ] {
            let interface: Interface = from.parse().unwrap();
            let error = connect(to, Some(&interface)).await.unwrap_err();
            let says = format!("--interface {from} cannot be used: {cause}");
            assert_eq!(error.to_string(), says);
            let route = Route {
                interface: Some(interface),
                ..Route::default()
            };
            let error = check(&route).unwrap_err();
            assert!(error.to_string().starts_with(&says), "{error}");
        }
    }

    #[cfg(any(not(target_os = "linux"), portable))]
    #[tokio::test]
    async fn name_is_refused_where_only_an_address_can_be_given() {
        let to = SocketAddr::from(([127, 0, 0, 1], 9));
        let interface: Interface = "lo".parse().unwrap();
        let says =
            "--interface lo cannot be used: only Linux takes a name; give an address".to_owned();
        let error = connect(to, Some(&interface)).await.unwrap_err();
        assert_eq!(error.to_string(), says);
        let route = Route {
            interface: Some(interface),
            ..Route::default()
        };
        assert!(check(&route).unwrap_err().to_string().starts_with(&says));
    }

    #[test]
    fn interface_of_the_other_family_is_refused() {
        let takes_names = cfg!(all(target_os = "linux", not(portable)));
        for (interface, addresses, is_fine) in [
            ("127.0.0.1", AddressFamily::Ipv4, true),
            ("127.0.0.1", AddressFamily::Ipv6, false),
            ("::1", AddressFamily::Ipv4, false),
            ("lo", AddressFamily::Ipv6, takes_names),
        ] {
            let route = Route {
                interface: Some(interface.parse().unwrap()),
                addresses,
                ..Route::default()
            };
            assert_eq!(check(&route).is_ok(), is_fine, "{interface}");
        }
    }
}
