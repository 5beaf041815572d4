//! The origin as its clients see it.

mod chaos;
mod client;
mod endings;
mod floods;
mod framing;
mod goaway;
mod http1;
mod http2;
mod life;
mod limits;
mod ranges;
mod tls;
mod waiting;
