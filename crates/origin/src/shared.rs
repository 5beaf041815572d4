//! What all connections of an origin have in common.

use std::sync::Arc;
use std::time::Instant;

use crate::limit::Limits;
use crate::log::{Log, Ticket};
use crate::ranges;
use crate::request::Request;
use crate::routes::Routes;
use crate::script::Script;

/// What it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Versions {
    /// Over TLS what the client prefers, and HTTP/1.1 without.
    Both,
    Http1,
    /// Without TLS with prior knowledge (RFC 9113 §3.3).
    Http2,
}

/// What all connections of an origin have in common.
pub(crate) struct Shared {
    pub(crate) routes: Routes,
    pub(crate) limits: Limits,
    pub(crate) log: Arc<Log>,
    pub(crate) versions: Versions,
    /// How many requests at once a connection of HTTP/2 takes.
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
