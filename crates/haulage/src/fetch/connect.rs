//! From an origin to a connection that speaks HTTP.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OnceCell, oneshot};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::addresses::Addresses;
use super::connection::Connection;
use super::dns::Resolver;
use super::http1::{Http1, Stream};
use super::origin::{Name, Origin};
use super::tcp::Socket;
use super::{happy_eyeballs, http2, tls};

pub(crate) use super::http2::Budget;
use crate::error::{Error, ErrorKind};
use crate::options::{EngineOptions, HttpVersion, Interface, Route, TlsOptions};
use crate::pool::BlockingPool;

pub(crate) use super::interface::check as check_interface;
pub(crate) use super::tls::check as check_tls;

/// Bytes: the smallest and the largest buffer of the kernel's that is set by hand.
const SLOW_BUFFER: (usize, usize) = (4 << 10, 64 << 10);

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
    read_buffer: usize,
    /// Bytes that the kernel keeps for a connection; `None` leaves that to it.
    receive_buffer: Option<usize>,
    numbers: AtomicU64,
    /// How far all servers may send ahead over HTTP/2.
    budget: Arc<Budget>,
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
            read_buffer: uses.read_buffer,
            receive_buffer: uses.receive_buffer,
            numbers: AtomicU64::new(0),
            budget: Arc::clone(&uses.budget),
        }
    }

    /// The same with other names, and other networks that are public.
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

    /// Looks the name of an origin up ahead of time, unless its addresses are known anyway.
    pub(crate) fn look_up_ahead(&self, origin: &Origin) {
        if let (None, Name::Domain(name)) = (self.addresses.known(origin), &origin.host) {
            self.resolver.look_up_ahead(name);
        }
    }

    /// Connects to an origin within this time, on the worker thread that calls.
    ///
    /// # Errors
    /// Of kind `dns`, `connect`, `tls` or `timeout`.
    pub(crate) async fn connect(
        &self,
        origin: &Origin,
        worker: usize,
        most: Duration,
    ) -> Result<Connection, Error> {
        let has_dialled = AtomicBool::new(false);
        let connect = self.connect_to(origin, worker, &has_dialled);
        let within = tokio::time::timeout(most, connect);
        within.await.unwrap_or_else(|_| {
            let host = describe(origin);
            let seconds = most.as_secs_f64();
            let message = if has_dialled.into_inner() {
                format!(
                    "{host} did not end the TLS handshake within {seconds} s (--connect-timeout); check that it speaks TLS on this port"
                )
            } else {
                format!("no connection to {host} within {seconds} s (--connect-timeout)")
            };
            Err(Error::new(ErrorKind::Timeout, message))
        })
    }

    /// `has_dialled` is set when a TCP connection is there and only TLS is to be agreed on.
    async fn connect_to(
        &self,
        origin: &Origin,
        worker: usize,
        has_dialled: &AtomicBool,
    ) -> Result<Connection, Error> {
        let host = describe(origin);
        let addresses = self.addresses_of(origin, &host).await?;
        let dialled = Instant::now();
        let stream = dial(&addresses, origin.port, self.interface.as_ref())
            .await
            .map_err(|cause| connect_failed(&host, cause))?;
        let path = http2::Path {
            round_trip: dialled.elapsed(),
            socket: None,
        };
        if let Some(bytes) = self.receive_buffer {
            // Without it a server sends more at once, and no more in all.
            let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&stream, bytes);
        }
        if !origin.https {
            return match self.http {
                HttpVersion::Negotiated | HttpVersion::Http1 => {
                    Ok(self.http1(Stream::Plain(stream), path.round_trip))
                }
                HttpVersion::Http2PriorKnowledge => {
                    let socket = Socket::of(&stream);
                    self.http2(stream, worker, http2::Path { socket, ..path })
                        .await
                }
            };
        }
        has_dialled.store(true, Ordering::Relaxed);
        let stream = self.shake_hands(&host, origin, stream).await?;
        if stream.get_ref().1.alpn_protocol() == Some(tls::HTTP2) {
            let socket = Socket::of(stream.get_ref().0);
            let path = http2::Path { socket, ..path };
            return self.http2(stream, worker, path).await;
        }
        if self.http == HttpVersion::Http2PriorKnowledge {
            return Err(Error::new(
                ErrorKind::Protocol,
                format!("{host} does not speak HTTP/2; leave out --http2-prior-knowledge"),
            ));
        }
        Ok(self.http1(Stream::Tls(Box::new(stream)), path.round_trip))
    }

    async fn addresses_of(&self, origin: &Origin, host: &str) -> Result<Arc<[IpAddr]>, Error> {
        let all = match (self.addresses.known(origin), &origin.host) {
            (None, Name::Domain(name)) => self.resolver.resolve(name).await?,
            (known, _) => known.unwrap_or_default(),
        };
        self.addresses.allowed(origin, host, all)
    }

    async fn shake_hands(
        &self,
        host: &str,
        origin: &Origin,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Error> {
        let name = match &origin.host {
            Name::Address(address) => ServerName::IpAddress((*address).into()),
            Name::Domain(name) => ServerName::try_from(name.to_string()).map_err(|cause| {
                Error::new(
                    ErrorKind::Tls,
                    format!("{name} cannot be the name in a certificate"),
                )
                .caused_by(cause)
            })?,
        };
        TlsConnector::from(self.tls_config().await?)
            .connect(name, stream)
            .await
            .map_err(|cause| tls::failed(host, cause))
    }

    async fn tls_config(&self) -> Result<Arc<ClientConfig>, Error> {
        let config = self.tls.get_or_try_init(|| async {
            let (tell, told) = oneshot::channel();
            let (options, http) = (self.tls_options.clone(), self.http);
            self.pool.call(move || {
                // Nobody may wait any more.
                let _ = tell.send(tls::client_config(&options, http));
            });
            told.await.unwrap_or_else(|cause| {
                Err(Error::new(ErrorKind::Tls, "TLS was not set up").caused_by(cause))
            })
        });
        config.await.cloned()
    }

    fn http1(&self, stream: Stream, round_trip: Duration) -> Connection {
        Connection::Http1(Http1::new(stream, self.read_buffer, round_trip))
    }

    async fn http2(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        worker: usize,
        path: http2::Path,
    ) -> Result<Connection, Error> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let shared = http2::open(stream, number, worker, path, Arc::clone(&self.budget)).await?;
        Ok(Connection::Http2(shared))
    }
}

/// Returns the bytes that a server may send ahead under a limit that is low, `None` under any
/// other: a quarter of a second's worth. Where
/// that is more, the kernel finds out by itself how much it takes to keep a long way full.
pub(crate) fn receive_buffer(options: &EngineOptions) -> Option<usize> {
    let limits = options
        .limit_rate
        .iter()
        .chain(&options.limit_rate_per_host);
    let bytes = limits.min()?.get() / 4;
    let bytes = usize::try_from(bytes).ok()?;
    (bytes <= SLOW_BUFFER.1).then_some(bytes.max(SLOW_BUFFER.0))
}

async fn dial(addresses: &[IpAddr], port: u16, from: Option<&Interface>) -> io::Result<TcpStream> {
    let stream = happy_eyeballs::connect(addresses, port, from).await?;
    // A request goes out at once (RFC 9293 §3.7.4 would hold it back behind an unacknowledged one).
    stream.set_nodelay(true)?;
    Ok(stream)
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

fn describe(origin: &Origin) -> String {
    match &origin.host {
        Name::Domain(name) => format!("{name}:{}", origin.port),
        Name::Address(IpAddr::V6(address)) => format!("[{address}]:{}", origin.port),
        Name::Address(address) => format!("{address}:{}", origin.port),
    }
}
