//! How far a new connection has come, for what is said when its time is over.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::fetch::origin::Origin;
use crate::fetch::proxy::task;
use crate::options::proxies::Proxy;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum ConnectStep {
    /// A TCP connection.
    Dial,
    /// TLS with a proxy.
    ProxyTls,
    /// What a proxy answers.
    Proxy,
    /// TLS with the server.
    Tls,
}

/// The step that a connection is at; the first one by default.
#[derive(Debug, Default)]
pub(super) struct Progress(AtomicU8);

impl Progress {
    /// Records that the connection has come to this step.
    pub(super) fn at(&self, step: ConnectStep) {
        self.0.store(step as u8, Ordering::Relaxed);
    }

    /// Returns whether the connection is at this step.
    pub(super) fn is_at(&self, step: ConnectStep) -> bool {
        self.0.load(Ordering::Relaxed) == step as u8
    }

    /// Returns the error of a connection that was not made within this time.
    pub(super) fn timed_out(
        &self,
        origin: &Origin,
        proxy: Option<&Proxy>,
        most: Duration,
    ) -> Error {
        let within = format!("within {} s (--connect-timeout)", most.as_secs_f64());
        let tls = |host: &str| {
            format!(
                "{host} did not end the TLS handshake {within}; check that it speaks TLS on this port"
            )
        };
        let is_own = self.is_at(ConnectStep::Dial) || self.is_at(ConnectStep::ProxyTls);
        let message = match proxy {
            Some(proxy) if self.is_at(ConnectStep::Dial) => {
                format!("no connection to proxy {proxy} {within}")
            }
            Some(proxy) if self.is_at(ConnectStep::ProxyTls) => tls(&format!("proxy {proxy}")),
            Some(proxy) if self.is_at(ConnectStep::Proxy) => {
                format!(
                    "proxy {proxy} did not answer {within} when it was asked for {}; check the scheme and the port of the proxy",
                    task(proxy, origin)
                )
            }
            Some(proxy) => format!(
                "{}; it was connected to through proxy {proxy}",
                tls(&origin.to_string())
            ),
            None if self.is_at(ConnectStep::Tls) => tls(&origin.to_string()),
            None => format!("no connection to {origin} {within}"),
        };
        let error = Error::new(ErrorKind::Timeout, message);
        match proxy {
            Some(_) if is_own => error.of_proxy(),
            Some(_) if self.is_at(ConnectStep::Proxy) => error.reported_by_proxy(),
            _ => error,
        }
    }
}
