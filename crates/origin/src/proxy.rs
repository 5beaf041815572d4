//! A proxy that does what a test says: HTTP, over TLS or not, or SOCKS. It remembers what it was
//! asked.

mod http;
mod socks;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::signal::Signal;
use crate::tls::{self, Certificate};

/// What a proxy does when it is asked for a connection, or to forward a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reaction {
    /// What it is asked for.
    #[default]
    Serve,
    /// Refuses it with a status of HTTP, or a code of SOCKS.
    Refuse(u16),
    /// Closes the connection without an answer.
    Close,
    /// Never answers.
    Silent,
    /// Says that the connection is open, and closes it.
    OpenAndClose,
    /// Answers something else.
    Nonsense,
}

/// What a proxy was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// `GET`, `CONNECT`, `SOCKS4` or `SOCKS5`.
    pub how: &'static str,
    /// The server, as the client named it: `HOST:PORT`, or a URL.
    pub target: String,
    /// The head of the request as it came; empty for SOCKS.
    pub head: String,
    /// The user and the password of SOCKS, if there were any.
    pub login: Option<(String, String)>,
}

/// A running proxy. Dropping it ends it, with all connections through it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What it is told, and what it has seen.
#[derive(Debug, Default)]
struct Shared(Signal<State>);

#[derive(Debug, Default)]
struct State {
    reactions: VecDeque<Reaction>,
    login: Option<(String, String)>,
    names: HashMap<String, IpAddr>,
    passed: Vec<Passed>,
    forwarding: usize,
    peak: usize,
    accepted: usize,
    hangs_up: bool,
    is_to_listen: bool,
    listens: bool,
}

/// What its clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    Socks,
}

impl Proxy {
    /// Starts an HTTP proxy on a free port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// When it cannot be started, as with the two below.
    #[must_use]
    pub fn http() -> Self {
        Self::start(Kind::Http, None)
    }

    /// Starts an HTTP proxy whose clients speak TLS with it, with a certificate of the authority
    /// that all origins share.
    #[must_use]
    pub fn https() -> Self {
        let ip = Ipv4Addr::LOCALHOST.into();
        let presented = tls::presented(
            ip,
            Certificate::Good,
            tls::Accepts::default(),
            &[b"http/1.1"],
        );
        Self::start(Kind::Http, Some(presented.acceptor))
    }

    /// Starts a proxy that speaks SOCKS 4, 4A and 5.
    #[must_use]
    pub fn socks() -> Self {
        Self::start(Kind::Socks, None)
    }

    /// Returns the address on which it listens, `127.0.0.1:PORT`.
    #[must_use]
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Returns its URL with this scheme and login; `login` is `USER:PASSWORD`, or empty for none.
    #[must_use]
    pub fn url(&self, scheme: &str, login: &str) -> String {
        let at = if login.is_empty() { "" } else { "@" };
        format!("{scheme}://{login}{at}{}", self.address)
    }

    /// Does this with the next connections and requests, one after the other; the last one repeats.
    pub fn react(&self, reactions: impl IntoIterator<Item = Reaction>) {
        let reactions = reactions.into_iter().collect();
        self.shared.0.change(|state| state.reactions = reactions);
    }

    /// Serves only those who log in so.
    pub fn ask_for_login(&self, user: &str, password: &str) {
        let login = Some((user.to_owned(), password.to_owned()));
        self.shared.0.change(|state| state.login = login);
    }

    /// Knows a name that no resolver does.
    pub fn know(&self, name: &str, address: IpAddr) {
        self.shared
            .0
            .change(|state| state.names.insert(name.to_owned(), address));
    }

    /// Closes each new connection at once, or stops doing so.
    pub fn hang_up(&self, hangs_up: bool) {
        self.shared.0.change(|state| state.hangs_up = hangs_up);
    }

    /// Refuses connections from now on, and breaks those that there are. Its port stays its own.
    ///
    /// # Panics
    ///
    /// When that takes half a minute.
    pub fn stop_listening(&self) {
        self.shared.0.change(|state| state.is_to_listen = false);
        self.shared.0.wait(|state| !state.listens);
    }

    /// Accepts connections again.
    ///
    /// # Panics
    ///
    /// When that takes half a minute.
    pub fn listen(&self) {
        self.shared.0.change(|state| state.is_to_listen = true);
        self.shared.0.wait(|state| state.listens);
    }

    /// Waits until it has accepted `count` connections in all.
    ///
    /// # Panics
    ///
    /// When that takes half a minute.
    pub fn wait_for_connections(&self, count: usize) {
        self.shared.0.wait(|state| state.accepted >= count);
    }

    /// Waits until it was asked for so much in all.
    ///
    /// # Panics
    ///
    /// When that takes half a minute.
    pub fn wait_for_requests(&self, count: usize) {
        self.shared.0.wait(|state| state.passed.len() >= count);
    }

    /// Returns the requests that it received, in the order of their arrival.
    #[must_use]
    pub fn log(&self) -> Vec<Passed> {
        self.shared.0.look(|state| state.passed.clone())
    }

    /// Returns how many connections it has accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.0.look(|state| state.accepted)
    }

    /// Returns the maximum number of requests that it forwarded at the same time; each counts until
    /// its response begins.
    #[must_use]
    pub fn peak_in_flight(&self) -> usize {
        self.shared.0.look(|state| state.peak)
    }

    #[expect(
        clippy::expect_used,
        reason = "a machine that cannot do this runs no tests"
    )]
    fn start(kind: Kind, acceptor: Option<TlsAcceptor>) -> Self {
        // It never listens: while nothing else does, connections are refused.
        let reserved = bound((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        let address = reserved.local_addr().expect("an address");
        let shared: Arc<Shared> = Arc::default();
        let serving = Arc::clone(&shared);
        let (stop, stopped) = oneshot::channel();
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let thread = thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = serve(address, kind, acceptor, serving) => {}
                        _ = stopped => {}
                    }
                });
                drop(reserved);
            })
            .expect("a thread");
        shared.0.change(|state| state.is_to_listen = true);
        shared.0.wait(|state| state.listens);
        Self {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already.
            let _ = thread.join();
        }
    }
}

/// Returns a socket with this address, which other sockets may have too.
fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Serves whenever it is to listen.
async fn serve(
    address: SocketAddr,
    kind: Kind,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
) -> io::Result<()> {
    loop {
        shared.0.until(|state| state.is_to_listen).await;
        let listener = bound(address)?.listen(1024)?;
        shared.0.change(|state| state.listens = true);
        let mut connections = JoinSet::new();
        tokio::select! {
            () = accept(&listener, kind, acceptor.as_ref(), &shared, &mut connections) => {}
            () = shared.0.until(|state| !state.is_to_listen) => {}
        }
        drop(listener);
        connections.shutdown().await;
        shared.0.change(|state| state.listens = false);
    }
}

async fn accept(
    listener: &TcpListener,
    kind: Kind,
    acceptor: Option<&TlsAcceptor>,
    shared: &Arc<Shared>,
    connections: &mut JoinSet<()>,
) {
    while let Ok((tcp, _)) = listener.accept().await {
        let _ = tcp.set_nodelay(true);
        let (shared, acceptor) = (Arc::clone(shared), acceptor.cloned());
        let hangs_up = shared.0.change(|state| {
            state.accepted += 1;
            state.hangs_up
        });
        if hangs_up {
            continue;
        }
        while connections.try_join_next().is_some() {}
        connections.spawn(async move {
            match (kind, acceptor) {
                (Kind::Socks, _) => socks::serve(tcp, &shared).await,
                (Kind::Http, None) => http::serve(tcp, &shared).await,
                (Kind::Http, Some(acceptor)) => match acceptor.accept(tcp).await {
                    Ok(stream) => http::serve(stream, &shared).await,
                    Err(cause) => Err(cause),
                },
            }
            // A client that leaves is none of its business.
            .unwrap_or_default();
        });
    }
}

impl Shared {
    /// Counts a request as long as its response has not begun.
    fn forwarding(&self) -> Forwarding<'_> {
        self.0.change(|state| {
            state.forwarding += 1;
            state.peak = state.peak.max(state.forwarding);
        });
        Forwarding(self)
    }

    fn login(&self) -> Option<(String, String)> {
        self.0.look(|state| state.login.clone())
    }

    /// Notes what it was asked, and returns what to do about it.
    fn asked(&self, passed: Passed) -> Reaction {
        self.0.change(|state| {
            state.passed.push(passed);
            if state.reactions.len() > 1 {
                state.reactions.pop_front().unwrap_or_default()
            } else {
                state.reactions.front().copied().unwrap_or_default()
            }
        })
    }

    /// Connects to a server as a client has named it.
    async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let known = self.0.look(|state| state.names.get(host).copied());
        let stream = match known {
            Some(address) => TcpStream::connect((address, port)).await?,
            None => TcpStream::connect((host.trim_matches(['[', ']']), port)).await?,
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// A request that is being forwarded.
struct Forwarding<'a>(&'a Shared);

impl Drop for Forwarding<'_> {
    fn drop(&mut self) {
        self.0.0.change(|state| state.forwarding -= 1);
    }
}

/// Passes bytes on, both ways, until one side ends.
async fn relay(mut client: impl AsyncRead + AsyncWrite + Unpin, mut server: TcpStream) {
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    let _ = client.shutdown().await;
}

/// Splits `HOST:PORT`.
fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}
