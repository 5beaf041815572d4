//! The options of an origin, and its start.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use tokio::runtime;
use tokio::sync::oneshot;

use crate::limit::Limits;
use crate::log::Log;
use crate::origin::Origin;
use crate::routes::Routes;
use crate::server;
use crate::shared::{Shared, Versions};
use crate::tls::{self, Accepts, Certificate};

/// Options for starting an origin; see [`Origin::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    listen: SocketAddr,
    tls: bool,
    versions: Versions,
    certificate: Certificate,
    accepts: Accepts,
    quiet: bool,
    streams: u32,
}

/// Default limit of concurrent requests on an HTTP/2 connection.
const STREAMS: u32 = 1000;

impl Default for Builder {
    fn default() -> Self {
        let listen = (Ipv4Addr::LOCALHOST, 0).into();
        Self {
            listen,
            tls: false,
            versions: Versions::Both,
            certificate: Certificate::Good,
            accepts: Accepts::default(),
            quiet: false,
            streams: STREAMS,
        }
    }
}

impl Origin {
    /// Starts an origin that speaks HTTP/1.1 without TLS, on a free port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// When it cannot be started, as with the two below.
    #[must_use]
    pub fn plain() -> Self {
        Self::builder().must_start()
    }

    /// Starts an origin that speaks HTTP/1.1 and HTTP/2 over TLS; the client chooses.
    #[must_use]
    pub fn tls() -> Self {
        Self::builder().tls().must_start()
    }

    /// Starts an origin that speaks only HTTP/1.1, over TLS.
    #[must_use]
    pub fn tls_http1() -> Self {
        Self::builder().tls().http1_only().must_start()
    }

    /// Creates a builder of an origin, which is like [`plain`](Self::plain) unless it is changed.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Sets the address to listen on, instead of a free port of 127.0.0.1.
    #[must_use]
    pub fn listen(self, listen: impl Into<SocketAddr>) -> Self {
        Self {
            listen: listen.into(),
            ..self
        }
    }

    /// Speaks TLS.
    #[must_use]
    pub fn tls(self) -> Self {
        Self { tls: true, ..self }
    }

    /// Sets the certificate that the origin presents.
    #[must_use]
    pub fn certificate(self, certificate: Certificate) -> Self {
        Self {
            certificate,
            ..self
        }
    }

    /// Accepts only clients with a certificate of the authority that all origins share;
    /// [`client_pem`](crate::client_pem) makes one.
    #[must_use]
    pub fn known_clients_only(mut self) -> Self {
        self.accepts.known_clients_only = true;
        self
    }

    /// Speaks no newer version of TLS than 1.2.
    #[must_use]
    pub fn tls12_only(mut self) -> Self {
        self.accepts.tls12_only = true;
        self
    }

    /// Speaks HTTP/1.1 only: does not offer HTTP/2.
    #[must_use]
    pub fn http1_only(self) -> Self {
        let versions = Versions::Http1;
        Self { versions, ..self }
    }

    /// Speaks HTTP/2 only, also without TLS.
    #[must_use]
    pub fn http2_only(self) -> Self {
        let versions = Versions::Http2;
        Self { versions, ..self }
    }

    /// Accepts at most this many requests at once on a connection of HTTP/2
    /// (`SETTINGS_MAX_CONCURRENT_STREAMS`, RFC 9113 §6.5.2).
    #[must_use]
    pub fn streams(self, streams: u32) -> Self {
        Self { streams, ..self }
    }

    /// Keeps no log, only the counters: for benches.
    #[must_use]
    pub fn quiet(self) -> Self {
        Self {
            quiet: true,
            ..self
        }
    }

    /// Starts the origin, which listens when this returns. Fails if the address cannot be used, or
    /// the runtime or thread cannot be started.
    pub fn start(self) -> io::Result<Origin> {
        let listener = TcpListener::bind(self.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let log = Arc::new(Log::new(self.quiet));
        let shared = Arc::new(Shared {
            routes: Routes::default(),
            limits: Limits::default(),
            log,
            versions: self.versions,
            streams: self.streams,
        });
        let protocols: &[&[u8]] = match self.versions {
            Versions::Both => &[b"h2", b"http/1.1"],
            Versions::Http1 => &[b"http/1.1"],
            Versions::Http2 => &[b"h2"],
        };
        let presented = self
            .tls
            .then(|| tls::presented(address.ip(), self.certificate, self.accepts, protocols));
        let (acceptor, certificate_pem) = presented.map_or_else(Default::default, |presented| {
            (Some(presented.acceptor), presented.pem)
        });

        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        // A runtime must not be dropped within another one, in which a test may run.
        let thread = thread::Builder::new()
            .name("origin".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                        return;
                    };
                    tokio::select! {
                        () = server::run(listener, acceptor, serving) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Origin {
            address,
            tls: self.tls,
            certificate_pem,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    #[expect(
        clippy::expect_used,
        reason = "a machine that cannot do this runs no tests"
    )]
    pub(crate) fn must_start(self) -> Origin {
        self.start().expect("an origin on a free port")
    }
}
