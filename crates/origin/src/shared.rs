//! What all connections of an origin share.

use std::sync::Arc;
use std::time::Instant;

use crate::limit::Limits;
use crate::log::{Log, Ticket};
use crate::ranges;
use crate::request::Request;
use crate::routes::Routes;
use crate::script::Script;

/// The versions of HTTP that an origin speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Versions {
    /// Over TLS the version that the client prefers; without TLS HTTP/1.1.
    Both,
    Http1,
    /// Only HTTP/2; without TLS with prior knowledge (RFC 9113 §3.3).
    Http2,
}

/// What all connections of an origin share.
pub(crate) struct Shared {
    pub(crate) routes: Routes,
    pub(crate) limits: Limits,
    pub(crate) log: Arc<Log>,
    pub(crate) versions: Versions,
    /// Maximum concurrent requests on an HTTP/2 connection.
    pub(crate) streams: u32,
}

impl Shared {
    /// Notes a request, and finds what to do for it.
    pub(crate) fn asked(&self, request: &mut Request) -> (Arc<Script>, Ticket) {
        let mut ticket = self.log.asked(request);
        self.routes.note(request);
        let script = match self.limits.admit(request.path(), Instant::now()) {
            Ok(permit) => {
                ticket.permit = permit;
                self.routes.script(request)
            }
            Err(refusal) => refusal,
        };
        if script.ranges {
            let answer = ranges::answer(Script::clone(&script), request);
            return (Arc::new(answer), ticket);
        }
        (script, ticket)
    }
}
