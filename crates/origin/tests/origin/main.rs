//! The origin as its clients see it.

mod client;
mod http1;
mod http2;
mod life;
mod tls;
