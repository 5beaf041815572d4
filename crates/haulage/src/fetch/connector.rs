//! From an origin to a connection that speaks HTTP.

mod doubt;
mod progress;
mod through;
mod traced;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::{OnceCell, oneshot};
use tokio_rustls::TlsConnector;

use self::progress::ConnectStep;
use self::traced::trace_connected;
use super::addresses::Addresses;
use super::connection::Connection;
use super::dns::Resolver;
use super::http1::{Http1, Stream};
#[cfg(test)]
use super::memory::Network;
use super::open_count::OpenCount;
use super::origin::{Name, Origin};
use super::proxy::{Forward, Gateway};
use super::tcp::{self, Socket};
use super::{happy_eyeballs, http2, tls};

pub(crate) use self::progress::{ConnectProgress, ConnectTimings};
pub(crate) use super::http2::Budget;
use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::options::proxies::Proxy;
use crate::options::{EngineOptions, HttpVersion, Interface, Route, TlsOptions};
use crate::pool::BlockingPool;

pub(crate) use super::interface::check as check_interface;
pub(crate) use super::tls::read_and_check as read_tls_files;

/// The smallest buffer of the kernel that is set by hand, in bytes.
const MIN_RECEIVE_BUFFER: usize = 4 << 10;
/// The largest buffer of the kernel that is set by hand, in bytes.
const MAX_RECEIVE_BUFFER: usize = 64 << 10;

/// What the connectors of all routes share.
pub(crate) struct Uses {
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) pool: Arc<BlockingPool>,
    /// The most bytes that one read of a body brings.
    pub(crate) read_buffer: usize,
    /// Bytes that the kernel keeps for a connection; `None` leaves that to it.
    pub(crate) receive_buffer: Option<usize>,
    /// How far all servers may send ahead over HTTP/2.
    pub(crate) budget: Arc<Budget>,
    /// Counts the connections of all routes.
    pub(crate) open: OpenCount,
}

/// Makes connections on one route: with the same addresses, certificates and versions of HTTP.
pub(crate) struct Connector {
    /// The number of its route.
    route: u32,
    resolver: Arc<Resolver>,
    addresses: Addresses,
    /// What connections are made from; `None` leaves that to the system.
    interface: Option<Interface>,
    pool: Arc<BlockingPool>,
    http: HttpVersion,
    tls_options: TlsOptions,
    /// Made when the first TLS connection needs it: reading the system's roots takes a while.
    tls: OnceCell<Arc<ClientConfig>>,
    /// `None` where every server is connected to directly.
    gateway: Option<Gateway>,
    /// As `tls`, for connections to proxies.
    proxy_tls: OnceCell<Arc<ClientConfig>>,
    read_buffer: usize,
    /// Bytes that the kernel keeps for a connection; `None` leaves that to it.
    receive_buffer: Option<usize>,
    numbers: AtomicU64,
    /// How far all servers may send ahead over HTTP/2.
    budget: Arc<Budget>,
    /// Counts the connections of all routes.
    open: OpenCount,
    /// Opens connections in memory; `None` except in simulations.
    #[cfg(test)]
    network: Option<Arc<dyn Network>>,
}

impl Connector {
    /// Returns what makes the connections of a route of this number.
    pub(crate) fn new(number: u32, route: &Route, uses: &Uses) -> Self {
        Self {
            route: number,
            resolver: Arc::clone(&uses.resolver),
            addresses: Addresses::new(route),
            interface: route.interface.clone(),
            pool: Arc::clone(&uses.pool),
            http: route.http,
            tls_options: route.tls.clone(),
            tls: OnceCell::new(),
            gateway: Gateway::new(route),
            proxy_tls: OnceCell::new(),
            read_buffer: uses.read_buffer,
            receive_buffer: uses.receive_buffer,
            numbers: AtomicU64::new(0),
            budget: Arc::clone(&uses.budget),
            open: uses.open.clone(),
            #[cfg(test)]
            network: None,
        }
    }

    /// Returns this connector with connections to the servers of a simulation.
    #[cfg(test)]
    pub(crate) fn over(self, network: &Arc<impl Network + 'static>) -> Self {
        let network = Arc::clone(network);
        Self {
            network: Some(network),
            ..self
        }
    }

    /// Returns this connector with another resolver, and another check of which addresses are
    /// public.
    #[cfg(test)]
    pub(crate) fn in_network(
        self,
        resolver: &Arc<Resolver>,
        check: super::addresses::Check,
    ) -> Self {
        Self {
            resolver: Arc::clone(resolver),
            addresses: self.addresses.checked_by(check),
            ..self
        }
    }

    /// Returns the number of its route.
    pub(crate) fn route(&self) -> u32 {
        self.route
    }

    /// Returns which versions of HTTP are spoken.
    pub(crate) fn http(&self) -> HttpVersion {
        self.http
    }

    /// Returns the proxy through which an origin is reached; `None` if directly.
    pub(crate) fn proxy_of(&self, origin: &Origin) -> Option<&Proxy> {
        self.gateway.as_ref()?.proxies.of(origin)
    }

    /// Looks the name of an origin up ahead of time, unless its addresses are known anyway, or a
    /// proxy looks it up.
    pub(crate) fn look_up_ahead(&self, origin: &Origin) {
        if self.proxy_of(origin).is_some_and(Proxy::resolves_names) {
            return;
        }
        if let (None, Name::Domain(name)) = (self.addresses.known(origin), &origin.host) {
            self.resolver.look_up_ahead(name);
        }
    }

    /// Connects to an origin within this time, on the worker thread that calls. `progress` records
    /// what the steps take.
    ///
    /// # Errors
    /// Of kind `dns`, `connect`, `tls` or `timeout`.
    pub(crate) async fn connect(
        &self,
        origin: &Origin,
        worker: usize,
        most: Duration,
        progress: &ConnectProgress,
    ) -> Result<Connection, Error> {
        let connect = self.connect_to(origin, worker, progress);
        if let Ok(connected) = tokio::time::timeout(most, connect).await {
            progress.at(ConnectStep::End);
            trace_connected(origin, &connected, progress);
            return connected;
        }
        let proxy = self.proxy_of(origin);
        let error = progress.timed_out(origin, proxy, most);
        let error = Box::pin(self.explain_timeout(error, proxy, progress)).await;
        progress.at(ConnectStep::End);
        let failed = Err(error);
        trace_connected(origin, &failed, progress);
        failed
    }

    async fn connect_to(
        &self,
        origin: &Origin,
        worker: usize,
        progress: &ConnectProgress,
    ) -> Result<Connection, Error> {
        #[cfg(test)]
        if let Some(network) = &self.network {
            let dialled = clock::now();
            let connected = network.connect(origin).await;
            let stream = connected.map_err(|cause| connect_failed(&origin.to_string(), cause))?;
            return Ok(self.http1(Stream::Memory(stream), clock::elapsed(dialled), None));
        }
        match &self.gateway {
            // Apart, so that a lane without a proxy has no room for it.
            Some(gateway) if let Some(proxy) = gateway.proxies.of(origin) => {
                Box::pin(self.connect_through(gateway, proxy, origin, worker, progress)).await
            }
            _ => {
                let host = origin.to_string();
                let addresses = self.addresses_of(origin, &host, progress).await?;
                progress.at(ConnectStep::Dial);
                let (stream, round_trip) = self
                    .dial(&addresses, origin.port)
                    .await
                    .map_err(|cause| connect_failed(&host, cause))?;
                let reached = Reached {
                    stream: Stream::Plain(stream),
                    round_trip,
                    forward: None,
                };
                self.speak(reached, &host, origin, worker, progress).await
            }
        }
    }

    /// Agrees on a version of HTTP, over TLS or not.
    async fn speak(
        &self,
        reached: Reached,
        host: &str,
        origin: &Origin,
        worker: usize,
        progress: &ConnectProgress,
    ) -> Result<Connection, Error> {
        let Reached {
            stream,
            round_trip,
            forward,
        } = reached;
        if forward.is_some() {
            return Ok(self.http1(stream, round_trip, forward));
        }
        if !origin.https {
            return match self.http {
                HttpVersion::Negotiated | HttpVersion::Http1 => {
                    Ok(self.http1(stream, round_trip, None))
                }
                HttpVersion::Http2PriorKnowledge => self.http2(stream, worker, round_trip).await,
            };
        }
        progress.at(ConnectStep::Tls);
        let stream = self.shake_hands(host, origin, stream).await?;
        if stream.protocol() == Some(tls::HTTP2) {
            return self.http2(stream, worker, round_trip).await;
        }
        if self.http == HttpVersion::Http2PriorKnowledge {
            return Err(Error::new(
                ErrorKind::Protocol,
                format!("{host} does not speak HTTP/2; leave out --http2-prior-knowledge"),
            ));
        }
        Ok(self.http1(stream, round_trip, None))
    }

    /// Opens a TCP connection. Returns its round trip, too.
    async fn dial(&self, addresses: &[IpAddr], port: u16) -> io::Result<(TcpStream, Duration)> {
        let dialled = clock::now();
        let stream = happy_eyeballs::connect(addresses, port, self.interface.as_ref()).await?;
        // A request goes out at once (RFC 9293 §3.7.4 would hold it back behind an unacknowledged
        // one).
        stream.set_nodelay(true)?;
        let round_trip = tcp::round_trip(&stream, clock::elapsed(dialled));
        if let Some(bytes) = self.receive_buffer {
            // Without it a server sends more at once, and no more in all.
            let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&stream, bytes);
        }
        Ok((stream, round_trip))
    }

    async fn addresses_of(
        &self,
        origin: &Origin,
        host: &str,
        progress: &ConnectProgress,
    ) -> Result<Arc<[IpAddr]>, Error> {
        let all = match (self.addresses.known(origin), &origin.host) {
            (None, Name::Domain(name)) => {
                progress.at(ConnectStep::Resolve);
                self.resolver.resolve(name).await?
            }
            (known, _) => known.unwrap_or_default(),
        };
        self.addresses.allowed(origin, host, all)
    }

    async fn shake_hands(
        &self,
        host: &str,
        origin: &Origin,
        stream: Stream,
    ) -> Result<Stream, Error> {
        let name = server_name(&origin.host)?;
        let connector = TlsConnector::from(self.tls_config().await?);
        let encrypted = match stream {
            Stream::Plain(stream) => connector
                .connect(name, stream)
                .await
                .map(|stream| Stream::Tls(Box::new(stream))),
            stream => Box::pin(connector.connect(name, stream))
                .await
                .map(|stream| Stream::Nested(Box::new(stream))),
        };
        encrypted.map_err(|cause| tls::failed(host, cause))
    }

    async fn tls_config(&self) -> Result<Arc<ClientConfig>, Error> {
        let config = self.tls.get_or_try_init(|| async {
            let (options, http) = (self.tls_options.clone(), self.http);
            self.read_tls(move || tls::client_config(&options, http))
                .await
        });
        config.await.cloned()
    }

    /// Reads files of certificates on a thread that may wait.
    async fn read_tls(
        &self,
        read: impl FnOnce() -> Result<Arc<ClientConfig>, Error> + Send + 'static,
    ) -> Result<Arc<ClientConfig>, Error> {
        let (tell, told) = oneshot::channel();
        self.pool.call(move || {
            // Nobody may wait any more.
            let _ = tell.send(read());
        });
        told.await.unwrap_or_else(|cause| {
            Err(Error::new(ErrorKind::Tls, "TLS was not set up").caused_by(cause))
        })
    }

    fn http1(
        &self,
        stream: Stream,
        round_trip: Duration,
        forward: Option<Box<Forward>>,
    ) -> Connection {
        let opened = self.open.opened();
        let http1 = Http1::new(stream, self.read_buffer, round_trip, opened);
        Connection::Http1(http1.forwarded(forward))
    }

    async fn http2(
        &self,
        stream: Stream,
        worker: usize,
        round_trip: Duration,
    ) -> Result<Connection, Error> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let path = http2::Path {
            round_trip,
            socket: stream.tcp().and_then(Socket::of),
            peer: stream.tcp().and_then(|tcp| tcp.peer_addr().ok()),
            opened: self.open.opened(),
        };
        let shared = http2::open(stream, number, worker, path, Arc::clone(&self.budget)).await?;
        Ok(Connection::Http2(shared))
    }
}

/// A stream to a server, or to a proxy that forwards requests to it.
struct Reached {
    stream: Stream,
    /// What a round trip on it takes.
    round_trip: Duration,
    forward: Option<Box<Forward>>,
}

/// Returns the name that a certificate must have.
fn server_name(host: &Name) -> Result<ServerName<'static>, Error> {
    match host {
        Name::Address(address) => Ok(ServerName::IpAddress((*address).into())),
        Name::Domain(name) => ServerName::try_from(name.to_string()).map_err(|cause| {
            Error::new(
                ErrorKind::Tls,
                format!("{name} cannot be the name in a certificate"),
            )
            .caused_by(cause)
        }),
    }
}

/// Returns the bytes that a server may send ahead under a low rate limit: a quarter of a second's
/// worth. Returns `None` under any other: then the kernel finds out by itself how many it takes to
/// keep a long path full.
pub(crate) fn receive_buffer(options: &EngineOptions) -> Option<usize> {
    let limits = options
        .limit_rate
        .iter()
        .chain(&options.limit_rate_per_host);
    let bytes = limits.min()?.get() / 4;
    let bytes = usize::try_from(bytes).ok()?;
    (bytes <= MAX_RECEIVE_BUFFER).then_some(bytes.max(MIN_RECEIVE_BUFFER))
}

fn connect_failed(host: &str, cause: io::Error) -> Error {
    let message = match cause.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!(
                "{host} refused the connection: nothing listens on that port, or it is closed to us; check the host and the port"
            )
        }
        _ => format!("no connection to {host}: {cause}"),
    };
    Error::new(ErrorKind::Connect, message).caused_by(cause)
}
