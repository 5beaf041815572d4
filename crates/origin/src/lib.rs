//! An HTTP server for tests that does what a script says.
//!
//! ```
//! use origin::{Body, Gate, Origin, Script};
//!
//! let origin = Origin::plain();
//! let gate = Gate::new();
//! let body = Body::seeded(7, 5 << 20);
//! origin.on("/file", [
//!     Script::status(503).header("retry-after", "1"),
//!     Script::ok(body.clone()).reset_at(1 << 20),
//!     Script::ok(body.clone()).hold(&gate),
//! ]);
//! origin.under("/many/", |request| {
//!     let seed = request.path().len() as u64;
//!     Script::ok(Body::seeded(seed, 1000))
//! });
//! // … let a client loose on `origin.url("/file")`, `gate.wait_reached(1)`, `gate.open()` …
//! assert_eq!(origin.count("/file"), 0);
//! assert!(origin.log().is_empty());
//! ```
//!
//! Overview: a [`Script`] is what the origin does for one request, a [`Body`] what it sends, a
//! [`Gate`] where a test holds it. `routes` finds the script, `query` reads it from a path,
//! `respond` executes it, and `http1` and `http2` write the bytes. `socket` and `lent_socket` end
//! connections, and `log` records requests. To add a misbehaviour, add an `Act`, or a field of the
//! script, and handle it in `respond`. A [`Proxy`] stands between a client and an origin; what it
//! does is a [`Reaction`].

mod body;
mod builder;
mod chaos;
mod conditions;
pub mod flags;
mod frames;
mod gate;
mod head;
mod http1;
mod http2;
mod lent_socket;
mod limit;
mod log;
mod origin;
mod proxy;
mod query;
mod ranges;
mod request;
mod respond;
mod routes;
mod script;
mod server;
mod shared;
mod signal;
mod socket;
mod tls;

pub use body::Body;
pub use builder::Builder;
pub use gate::Gate;
pub use h2::Reason;
pub use limit::Limit;
pub use log::{LoggedRequest, Tally};
pub use origin::Origin;
pub use proxy::{Passed, Proxy, Reaction};
pub use request::Request;
pub use routes::Sequence;
pub use script::{Frames, RangeLie, Script};
pub use tls::{Certificate, client_pem};
