//! A proxy that does not answer as such.

use std::io;

use crate::error::{Error, ErrorKind, plain_io};
use crate::options::proxies::Proxy;

/// Returns the error of a connection that broke while the proxy was asked to do its `task`: it may
/// do so for want of the server.
pub(super) fn broke(proxy: &Proxy, task: &str, cause: io::Error) -> Error {
    broken(proxy, task, cause).reported_by_proxy()
}

/// Returns the error of a connection that broke before the proxy could know for which server it is.
pub(super) fn broke_at_once(proxy: &Proxy, task: &str, cause: io::Error) -> Error {
    broken(proxy, task, cause).of_proxy()
}

fn broken(proxy: &Proxy, task: &str, cause: io::Error) -> Error {
    let what = match cause.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => {
            format!(
                "proxy {proxy} closed the connection when it was asked for {task}; check the scheme and the port of the proxy"
            )
        }
        _ => format!(
            "the connection to proxy {proxy} broke when it was asked for {task}: {}",
            plain_io(&cause)
        ),
    };
    Error::new(ErrorKind::Connect, what).caused_by(cause)
}

/// Returns the error of a proxy whose answer cannot be read.
pub(super) fn unreadable(proxy: &Proxy, why: &str) -> Error {
    own(format!(
        "the answer of proxy {proxy} cannot be read: {why}; check the scheme of the proxy"
    ))
}

/// Returns the error of a SOCKS proxy that has sent these bytes first, which are no answer.
pub(super) fn unreadable_socks(proxy: &Proxy, first: &[u8], why: &str) -> Error {
    if first.starts_with(b"HT") {
        return speaks_http(proxy);
    }
    unreadable(proxy, why)
}

/// Returns the error of an HTTP proxy that speaks SOCKS.
pub(super) fn speaks_socks(proxy: &Proxy) -> Error {
    own(format!(
        "proxy {proxy} speaks SOCKS 5, and no HTTP; write socks5h://{proxy}"
    ))
}

/// Returns the error of a SOCKS proxy that speaks HTTP.
pub(super) fn speaks_http(proxy: &Proxy) -> Error {
    own(format!(
        "proxy {proxy} speaks HTTP, and no SOCKS; write http://{proxy}"
    ))
}

fn own(what: String) -> Error {
    Error::new(ErrorKind::Connect, what)
        .transient(false)
        .of_proxy()
}
