//! Everything between a lease and a response: look-ups, connections, TLS, one exchange. It does not
//! know about files or lists.

pub(crate) mod addresses;
pub(crate) mod body;
pub(crate) mod classify;
pub(crate) mod connection;
pub(crate) mod connector;
pub(crate) mod dns;
pub(crate) mod exchange;
pub(crate) mod flood;
mod happy_eyeballs;
pub(crate) mod headers;
pub(crate) mod http1;
mod http2;
pub(crate) mod idle;
mod interface;
#[cfg(test)]
pub(crate) mod memory;
pub(crate) mod open_count;
pub(crate) mod origin;
pub(crate) mod proxy;
pub(crate) mod redirect;
pub(crate) mod request_target;
pub(crate) mod tcp;
mod tls;
