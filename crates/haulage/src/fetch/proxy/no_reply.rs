//! A proxy that does not answer as such.

use std::io;

use crate::error::{Error, ErrorKind, plain_io};
use crate::options::proxies::Proxy;

/// Returns the error of a connection that broke while the proxy was asked to do its `task`.
pub(super) fn broke(proxy: &Proxy, task: &str, cause: io::Error) -> Error {
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
    Error::new(ErrorKind::Connect, what)
        .caused_by(cause)
        .of_proxy()
}

/// Returns the error of a proxy whose answer cannot be read.
pub(super) fn unreadable(proxy: &Proxy, why: &str) -> Error {
    let what =
        format!("the answer of proxy {proxy} cannot be read: {why}; check the scheme of the proxy");
    Error::new(ErrorKind::Connect, what)
        .transient(false)
        .of_proxy()
}
