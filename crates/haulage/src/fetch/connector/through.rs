//! Connections through a proxy.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::progress::ConnectStep;
use super::{ConnectProgress, Connector, Reached, server_name};
use crate::error::{Error, ErrorKind, plain_io};
use crate::fetch::connection::Connection;
use crate::fetch::http1::Stream;
use crate::fetch::origin::{Name, Origin};
use crate::fetch::proxy::{
    Destination, Forward, Gateway, NotOpened, open_socks, open_tunnel, tls_failed, unreached,
};
use crate::fetch::tls;
use crate::options::HttpVersion;
use crate::options::proxies::{Proxy, ProxyScheme, Socks};

impl Connector {
    /// Connects to an origin through a proxy.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); they name the proxy.
    pub(super) async fn connect_through(
        &self,
        gateway: &Gateway,
        proxy: &Proxy,
        origin: &Origin,
        worker: usize,
        progress: &ConnectProgress,
    ) -> Result<Connection, Error> {
        let reached = self.reach_through(gateway, proxy, origin, progress).await?;
        let host = origin.to_string();
        let connected = self.speak(reached, &host, origin, worker, progress).await;
        connected.map_err(|error| error.and(&format!("it was connected to through proxy {proxy}")))
    }

    async fn reach_through(
        &self,
        gateway: &Gateway,
        proxy: &Proxy,
        origin: &Origin,
        progress: &ConnectProgress,
    ) -> Result<Reached, Error> {
        gateway.refusals.check(proxy, Instant::now())?;
        if let Name::Address(address) = &origin.host {
            // What names stand for is seen where they are looked up.
            let one = Arc::from([*address]);
            self.addresses.public(origin, one)?;
        }
        let opened = match proxy.scheme {
            ProxyScheme::Http => self.through_http(gateway, proxy, origin, progress).await,
            ProxyScheme::Socks(version) => {
                self.through_socks(proxy, version, origin, progress).await
            }
        };
        let error = match opened {
            Ok(reached) => return Ok(reached),
            Err(NotOpened::Mute(error)) => self.explain_silence(proxy).await.unwrap_or(error),
            Err(why) => why.into_error(),
        };
        if error.is_of_proxy() && !error.is_transient() {
            gateway.refusals.add(proxy, &error, Instant::now());
        }
        Err(error)
    }

    async fn through_http(
        &self,
        gateway: &Gateway,
        proxy: &Proxy,
        origin: &Origin,
        progress: &ConnectProgress,
    ) -> Result<Reached, NotOpened> {
        let (stream, mut round_trip) = self.dial_proxy(proxy, progress).await?;
        let mut stream = if proxy.address.https {
            progress.at(ConnectStep::ProxyTls);
            self.encrypt(gateway, proxy, stream).await?
        } else {
            Stream::Plain(stream)
        };
        let is_forwarded = !origin.https && self.http != HttpVersion::Http2PriorKnowledge;
        let forward = if is_forwarded {
            Some(Box::new(Forward::new(proxy)?))
        } else {
            progress.at(ConnectStep::Proxy);
            round_trip = open_tunnel(proxy, origin, &mut stream).await?;
            None
        };
        Ok(Reached {
            stream,
            round_trip,
            forward,
        })
    }

    /// Connects to an origin through a SOCKS proxy. If the proxy does not resolve names, looks up
    /// the origin's addresses here, and tries one after the other.
    async fn through_socks(
        &self,
        proxy: &Proxy,
        version: Socks,
        origin: &Origin,
        progress: &ConnectProgress,
    ) -> Result<Reached, NotOpened> {
        if proxy.resolves_names() {
            let to = Destination::from(&origin.host);
            return self.open_one(proxy, version, origin, to, progress).await;
        }
        let host = origin.to_string();
        let addresses = self.addresses_of(origin, &host, progress).await?;
        let mut last = None;
        for address in addresses.iter() {
            let to = Destination::Address(*address);
            match self.open_one(proxy, version, origin, to, progress).await {
                Err(NotOpened::Address(error)) => last = Some(error),
                opened => return opened,
            }
        }
        let none = || Error::new(ErrorKind::Dns, format!("{host} has no address"));
        Err(last.unwrap_or_else(none).into())
    }

    async fn open_one(
        &self,
        proxy: &Proxy,
        version: Socks,
        origin: &Origin,
        to: Destination<'_>,
        progress: &ConnectProgress,
    ) -> Result<Reached, NotOpened> {
        let (mut stream, _) = self.dial_proxy(proxy, progress).await?;
        progress.at(ConnectStep::Proxy);
        let round_trip = open_socks(proxy, version, origin, to, &mut stream).await?;
        Ok(Reached {
            stream: Stream::Plain(stream),
            round_trip,
            forward: None,
        })
    }

    pub(super) async fn dial_proxy(
        &self,
        proxy: &Proxy,
        progress: &ConnectProgress,
    ) -> Result<(TcpStream, Duration), Error> {
        let addresses = self
            .addresses_of_proxy(proxy, progress)
            .await
            .map_err(|error| unreached(proxy, error))?;
        progress.at(ConnectStep::Dial);
        let dialled = self.dial(&addresses, proxy.address.port).await;
        dialled.map_err(|cause| dial_failed(proxy, cause))
    }

    /// Returns the addresses of a proxy. They need not be public: the user has chosen it, and not
    /// a list or a server.
    async fn addresses_of_proxy(
        &self,
        proxy: &Proxy,
        progress: &ConnectProgress,
    ) -> Result<Arc<[IpAddr]>, Error> {
        let all = match (self.addresses.known(&proxy.address), &proxy.address.host) {
            (None, Name::Domain(name)) => {
                progress.at(ConnectStep::Resolve);
                self.resolver.resolve(name).await?
            }
            (known, _) => known.unwrap_or_default(),
        };
        self.addresses.of_family(&proxy.to_string(), all)
    }

    /// Encrypts the connection to a proxy.
    pub(super) async fn encrypt(
        &self,
        gateway: &Gateway,
        proxy: &Proxy,
        stream: TcpStream,
    ) -> Result<Stream, Error> {
        let name = server_name(&proxy.address.host)?;
        let config = self.proxy_tls.get_or_try_init(|| async {
            let options = gateway.tls.clone();
            self.read_tls(move || tls::client_config(&options, HttpVersion::Http1))
                .await
        });
        let connector = TlsConnector::from(Arc::clone(config.await?));
        let encrypted = connector.connect(name, stream).await;
        encrypted
            .map(|stream| Stream::Tls(Box::new(stream)))
            .map_err(|cause| tls_failed(tls::failed(&format!("proxy {proxy}"), cause)))
    }
}

fn dial_failed(proxy: &Proxy, cause: io::Error) -> Error {
    let what = match cause.kind() {
        io::ErrorKind::ConnectionRefused => format!(
            "proxy {proxy} refused the connection; check its host and port (-x, or http_proxy and the like)"
        ),
        _ => format!("no connection to proxy {proxy}: {}", plain_io(&cause)),
    };
    Error::new(ErrorKind::Connect, what)
        .caused_by(cause)
        .of_proxy()
}
