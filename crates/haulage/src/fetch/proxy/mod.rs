//! Proxies: what is asked of one on a new connection to it (CONNECT, SOCKS), and what it answers.

pub(crate) mod detect;
mod handshake;
pub(crate) mod no_reply;
pub(crate) mod refusals;
pub(crate) mod socks4;
pub(crate) mod socks5;
pub(crate) mod tunnel;

use std::net::IpAddr;

use http::{HeaderValue, StatusCode};

pub(crate) use self::handshake::{NotOpened, open_socks, open_tunnel};
use self::refusals::Refusals;
use super::headers::basic;
use super::origin::{Name, Origin};
use crate::error::Error;
use crate::options::proxies::{Proxy, ProxyScheme};
use crate::options::{Proxies, Route, TlsOptions};
use crate::plan::head::Head;

/// The proxies of a route, and what is remembered of them.
pub(super) struct Gateway {
    pub(super) proxies: Proxies,
    /// Whom to trust of those that speak TLS.
    pub(super) tls: TlsOptions,
    pub(super) refusals: Refusals,
}

impl Gateway {
    /// Returns `None` where every server is connected to directly.
    pub(super) fn new(route: &Route) -> Option<Self> {
        (!route.proxies.is_none()).then(|| Self {
            proxies: route.proxies.clone(),
            tls: route.proxy_tls.clone(),
            refusals: Refusals::default(),
        })
    }
}

/// A server as a SOCKS proxy is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination<'a> {
    /// The proxy looks it up.
    Name(&'a str),
    Address(IpAddr),
}

impl<'a> From<&'a Name> for Destination<'a> {
    fn from(name: &'a Name) -> Self {
        match name {
            Name::Domain(name) => Self::Name(name),
            Name::Address(address) => Self::Address(*address),
        }
    }
}

/// How http requests go through an HTTP proxy: each is sent to the proxy, with the whole URL
/// (RFC 9112 §3.2.2).
#[derive(Debug, Clone)]
pub(crate) struct Forward {
    pub(crate) proxy: Proxy,
    /// The proxy's own `Proxy-Authorization`.
    pub(crate) authorization: Option<HeaderValue>,
}

impl Forward {
    /// Creates what forwards requests through a proxy, with the proxy's login.
    ///
    /// # Errors
    /// Of kind `input`, for credentials that cannot be sent.
    pub(super) fn new(proxy: &Proxy) -> Result<Self, Error> {
        Ok(Self {
            proxy: proxy.clone(),
            authorization: authorization(proxy)?,
        })
    }

    /// Returns whether the proxy may have answered so because of its login. tinyproxy answers 401
    /// to a wrong one.
    pub(crate) fn may_refuse_login(&self, status: StatusCode) -> bool {
        status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            || status == StatusCode::UNAUTHORIZED && self.proxy.has_credentials()
    }

    /// Returns the error of a response that is the proxy's own.
    pub(crate) fn refused(&self, head: &Head) -> Error {
        tunnel::refused(&self.proxy, "the request", head.status, &head.fields)
    }

    /// Returns what an error response means: 407 is the proxy's own, and some others may be.
    pub(crate) fn explain(&self, error: Error, head: &Head) -> Error {
        let proxy = &self.proxy;
        match head.status.as_u16() {
            407 => self.refused(head).reported_by_proxy(),
            401 if proxy.has_credentials() => error.and(&format!(
                "the response may be that of proxy {proxy} (--proxy-user)"
            )),
            // tinyproxy answers 500 where it cannot connect to the server.
            403 | 500 | 502..=504 => {
                error.and(&format!("the response may be that of proxy {proxy}"))
            }
            _ => error,
        }
    }
}

/// Returns the `Proxy-Authorization` for a proxy (RFC 7617).
fn authorization(proxy: &Proxy) -> Result<Option<HeaderValue>, Error> {
    proxy.credentials.as_ref().map(basic).transpose()
}

/// Returns what a proxy does for a server other than forwarding requests, in words that fit after
/// "refused".
pub(super) fn task(proxy: &Proxy, origin: &Origin) -> String {
    match proxy.scheme {
        ProxyScheme::Http => format!("CONNECT to {origin}"),
        ProxyScheme::Socks(_) => format!("a connection to {origin}"),
    }
}

/// Returns an error of a connection to the proxy as one that names the proxy.
pub(super) fn unreached(proxy: &Proxy, error: Error) -> Error {
    let (kind, is_transient) = (error.kind(), error.is_transient());
    Error::new(kind, format!("proxy {proxy}: {error}"))
        .transient(is_transient)
        .caused_by(error)
        .of_proxy()
}

/// Returns the error of a TLS handshake with a proxy as one of the proxy: the certificates that
/// count for it are given with another option.
pub(super) fn tls_failed(error: Error) -> Error {
    let message = error.to_string().replace("--cacert", "--proxy-cacert");
    Error::new(error.kind(), message)
        .transient(error.is_transient())
        .caused_by(error)
        .of_proxy()
}
