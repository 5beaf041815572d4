//! A server below HTTP: it says fixed bytes to whoever has said anything.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};

/// A port of loopback at which nobody listens. It is taken as long as this lives, so that no other
/// test gets it.
pub(crate) struct Closed {
    _taken: OwnedFd,
    address: SocketAddr,
}

impl Closed {
    pub(crate) fn new() -> Self {
        let taken = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&taken, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = getsockname(&taken).unwrap().try_into().unwrap();
        Self {
            _taken: taken,
            address,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

pub(crate) struct Wild {
    address: SocketAddr,
    closed: Receiver<()>,
}

impl Wild {
    /// Says this after the first bytes of each connection, and closes it for writing.
    pub(crate) fn saying(answer: &[u8]) -> Self {
        let answer = answer.to_vec();
        Self::serving(move |mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&answer);
            let _ = stream.shutdown(Shutdown::Write);
            stream
        })
    }

    /// Serves each connection with this function, then waits until the client closes it.
    pub(crate) fn serving(serve: impl Fn(TcpStream) -> TcpStream + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, closed) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (serve, tell) = (serve.clone(), Sender::clone(&tell));
                thread::spawn(move || {
                    let mut stream = serve(stream.unwrap());
                    while stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {}
                    let _ = tell.send(());
                });
            }
        });
        Self { address, closed }
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}/a", self.address)
    }

    /// Where a client says that it has closed a connection.
    pub(crate) fn closed(&self) -> &Receiver<()> {
        &self.closed
    }
}
