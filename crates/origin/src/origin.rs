//! The origin: starts it, gives it routes, and reads what it has recorded.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::body::Body;
use crate::flags;
use crate::limit::Limit;
use crate::log::{LoggedRequest, Tally};
use crate::request::Request;
use crate::routes::Sequence;
use crate::script::Script;
use crate::shared::Shared;
use crate::tls;

/// A running origin, in threads of its own. Dropping it ends it at once, even during a transfer.
///
/// Without any routes it serves `/bytes/SIZE`, with `?seed=7`, `delay=100ms`, `status=503`,
/// `close_at=1M` and whatever else a [`Script`] can do; the program's `--help` lists it. Any other
/// path gets a 404.
pub struct Origin {
    pub(crate) address: SocketAddr,
    pub(crate) tls: bool,
    pub(crate) certificate_pem: String,
    pub(crate) shared: Arc<Shared>,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) thread: Option<JoinHandle<()>>,
}

impl Origin {
    /// Sets what happens to requests for this path (without query): always the same script, or one
    /// script after the other, with the last one for all later requests.
    pub fn on(&self, path: &str, scripts: impl Into<Sequence>) {
        self.shared.routes.on(path, scripts.into());
    }

    /// Sets a function that returns the script for paths that begin with `prefix` and have no
    /// script of their own. The longest of several prefixes counts.
    pub fn under(&self, prefix: &str, script: impl Fn(&Request) -> Script + Send + Sync + 'static) {
        self.shared.routes.under(prefix, script);
    }

    /// Applies a limit to all paths that begin with `prefix`, together, whatever their scripts say.
    /// If there are several limits, all count. A request that is refused does not use up a script
    /// of its path.
    pub fn limit(&self, prefix: &str, limit: Limit) {
        self.shared.limits.add(prefix, limit);
    }

    /// Serves `/data/flags/{cc}/{cc}.gif`, each after `latency`.
    pub fn serve_flags(&self, latency: Duration) {
        let flags = flags();
        let prefix = "/data/flags/";
        self.under(prefix, move |request| {
            match request
                .path()
                .strip_prefix(prefix)
                .and_then(|path| flags.get(path))
            {
                Some(gif) => Script::ok(Body::of(gif.clone())).header("content-type", "image/gif"),
                None => Script::status(404),
            }
            .delay(latency)
        });
    }

    /// Returns the URL of a path on this origin.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.authority())
    }

    /// Returns the host and port. With TLS the host is `localhost` if that means this address;
    /// otherwise it is the IP address.
    #[must_use]
    pub fn authority(&self) -> String {
        let ip = self.address.ip();
        if self.tls && ip == IpAddr::V4(Ipv4Addr::LOCALHOST) {
            format!("localhost:{}", self.address.port())
        } else {
            self.address.to_string()
        }
    }

    /// Returns the address that the origin listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the certificate (PEM) to verify this origin with: that of the authority that all
    /// origins of this process share.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        tls::ca_pem()
    }

    /// Returns the certificate (PEM) that this origin presents; empty without TLS.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Returns the requests so far, in the order in which they came; none if the origin is
    /// [quiet](crate::Builder::quiet).
    #[must_use]
    pub fn log(&self) -> Vec<LoggedRequest> {
        self.shared.log.entries()
    }

    /// Returns how often a path has been requested, with any query. If `path` has a query, only
    /// requests with exactly this query count.
    #[must_use]
    pub fn count(&self, path: &str) -> u64 {
        self.shared.routes.count(path)
    }

    /// Returns the counters of connections and requests.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.shared.log.tally()
    }

    /// Returns how many connections have been accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.tally().connections
    }

    /// Returns the largest number of connections that were open at once.
    #[must_use]
    pub fn peak_connections(&self) -> usize {
        self.tally().peak_connections
    }

    /// Returns the largest number of requests that were in flight at once; see
    /// [`Tally::in_flight`].
    #[must_use]
    pub fn peak_in_flight(&self) -> usize {
        self.tally().peak_in_flight
    }

    /// Waits until `wanted` returns true for the tally, for example `|tally| tally.in_flight == 0`.
    pub async fn until(&self, wanted: impl Fn(&Tally) -> bool) {
        self.shared.log.until(wanted).await;
    }

    /// Waits like [`until`](Self::until), but blocks the thread.
    ///
    /// # Panics
    ///
    /// When that has not happened within half a minute.
    #[track_caller]
    pub fn wait_until(&self, wanted: impl Fn(&Tally) -> bool) {
        self.shared.log.wait(wanted);
    }
}

/// Returns all flags by their path, such as `de/de.gif`. They are drawn only once.
fn flags() -> &'static HashMap<String, Bytes> {
    static FLAGS: OnceLock<HashMap<String, Bytes>> = OnceLock::new();
    FLAGS.get_or_init(|| {
        flags::CODES
            .iter()
            .filter_map(|code| Some((format!("{code}/{code}.gif"), flags::gif(code)?.into())))
            .collect()
    })
}

impl Drop for Origin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed already.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, tls, .. } = self;
        f.debug_struct("Origin")
            .field("address", address)
            .field("tls", tls)
            .finish_non_exhaustive()
    }
}
