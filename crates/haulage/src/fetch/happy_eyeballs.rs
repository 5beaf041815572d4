//! Connects to one of many addresses: attempts run in parallel, with a head start for the first
//! (RFC 8305).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::TcpStream;

use super::interface;
use crate::options::Interface;

/// How long an attempt may take before the next address is tried in parallel (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to whichever address answers first, trying them in turn, each a little later than the
/// one before, or at once when that one fails. Connections are made `from` this interface, if there
/// is one.
///
/// # Errors
/// What the last address said, when none answers.
pub(super) async fn connect(
    addresses: &[IpAddr],
    port: u16,
    from: Option<&Interface>,
) -> io::Result<TcpStream> {
    let mut waiting = interleaved(addresses).into_iter();
    let mut trying = FuturesUnordered::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let start = |address| interface::connect(SocketAddr::new(address, port), from);
    loop {
        match waiting.next() {
            Some(address) => trying.push(start(address)),
            None if trying.is_empty() => return Err(last),
            None => {}
        }
        let more = waiting.len() > 0;
        tokio::select! {
            biased;
            Some(result) = trying.next() => match result {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            },
            () = tokio::time::sleep(HEAD_START), if more => {}
        }
    }
}

/// Returns the addresses with the two families alternating, the family of the resolver's first
/// choice first (RFC 8305 §4).
fn interleaved(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let Some(first) = addresses.first() else {
        return Vec::new();
    };
    let same = |address: &&IpAddr| address.is_ipv6() == first.is_ipv6();
    let mut ours = addresses.iter().filter(same);
    let mut others = addresses.iter().filter(|address| !same(address));
    let mut order = Vec::with_capacity(addresses.len());
    while order.len() < addresses.len() {
        order.extend(ours.next());
        order.extend(others.next());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let addresses: Vec<IpAddr> = ["::1", "::2", "::3", "1.1.1.1"]
            .map(|text| text.parse().unwrap())
            .into();
        let order: Vec<_> = interleaved(&addresses)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(order, ["::1", "1.1.1.1", "::2", "::3"]);
        assert!(interleaved(&[]).is_empty());
    }

    #[tokio::test]
    async fn a_dead_address_does_not_keep_from_a_live_one() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // Nothing listens on the first address, so it refuses at once.
        let addresses = ["127.0.0.2", "127.0.0.1"].map(|text| text.parse().unwrap());
        let stream = connect(&addresses, port, None).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap().ip(), addresses[1]);
    }

    #[tokio::test]
    async fn a_silent_address_does_not_keep_from_a_live_one() {
        let live = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = live.local_addr().unwrap().port();
        let silent = SocketAddr::from(([127, 0, 0, 2], port));
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(silent).unwrap();
        // When the listen queue is full and nobody accepts, the kernel does not respond to further
        // connections.
        let _full = socket.listen(0).unwrap();
        let _first = TcpStream::connect(silent).await.unwrap();
        let addresses = ["127.0.0.2", "127.0.0.1"].map(|text| text.parse().unwrap());
        let connected = connect(&addresses, port, None);
        let connected = tokio::time::timeout(Duration::from_secs(10), connected);
        let stream = connected.await.expect("it waits for the silent one");
        assert_eq!(stream.unwrap().peer_addr().unwrap().ip(), addresses[1]);
    }

    #[tokio::test]
    async fn when_none_answers_the_last_one_says_why() {
        // The port is taken, so that no other test gets it, but nothing listens on it.
        let taken = tokio::net::TcpSocket::new_v4().unwrap();
        taken.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = connect(&["127.0.0.1".parse().unwrap()], port, None)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(connect(&[], port, None).await.is_err());
    }
}
