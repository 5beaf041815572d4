//! Records the requests to the origin, and how many of them were concurrent.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, Method, Version};

use crate::limit::Permit;
use crate::request::Request;
use crate::signal::Signal;

/// A request as the origin saw it.
#[derive(Clone, Debug)]
pub struct LoggedRequest {
    /// When its head was complete.
    pub at: Instant,
    /// When it was no longer [in flight](Tally::in_flight).
    pub ended: Option<Instant>,
    /// Its method.
    pub method: Method,
    /// Its path, with the query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// The number of its connection, from 1.
    pub connection: u64,
    /// The version of HTTP on that connection.
    pub version: Version,
    /// Number of requests in flight when it arrived, itself included.
    pub in_flight: usize,
}

/// Counts of what the origin has served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Connections accepted so far.
    pub connections: u64,
    /// Connections open now. One counts until just before the origin closes it, or until it learns
    /// that the client has closed it. So it may count a moment longer than the client expects.
    pub open_connections: usize,
    /// Full TLS handshakes: connections that resumed no session.
    pub full_handshakes: u64,
    /// TLS handshakes that resumed a session of an earlier connection.
    pub resumed_handshakes: u64,
    /// Maximum number of connections open at once.
    pub peak_connections: usize,
    /// Requests so far.
    pub requests: u64,
    /// Requests whose head was read and whose response is not complete.
    ///
    /// A request counts until just before the last piece of its response (at most 16 KiB, including
    /// the last byte) is handed to the kernel, or to HTTP/2; or until the origin learns that the
    /// client is gone. So a client that sends its next request as soon as it has a whole response
    /// is never counted twice, and a peak above a client's limit is always the client's fault.
    pub in_flight: usize,
    /// Maximum number of requests in flight at once.
    pub peak_in_flight: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    state: Signal<State>,
    quiet: bool,
}

#[derive(Debug, Default)]
struct State {
    tally: Tally,
    asked: Vec<LoggedRequest>,
}

impl Log {
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            quiet,
            ..Self::default()
        }
    }

    /// Notes a request, which counts as in flight until the ticket is ended or dropped.
    pub(crate) fn asked(self: &Arc<Self>, request: &Request) -> Ticket {
        let entry = (!self.quiet).then(|| LoggedRequest {
            at: Instant::now(),
            ended: None,
            method: request.method.clone(),
            path: request.target.clone(),
            headers: request.headers.clone(),
            connection: request.connection,
            version: request.version,
            in_flight: 0,
        });
        let entry = self.state.change(|state| {
            let tally = &mut state.tally;
            tally.requests += 1;
            tally.in_flight += 1;
            tally.peak_in_flight = tally.peak_in_flight.max(tally.in_flight);
            entry.map(|entry| {
                state.asked.push(LoggedRequest {
                    in_flight: tally.in_flight,
                    ..entry
                });
                state.asked.len() - 1
            })
        });
        Ticket {
            log: Arc::clone(self),
            entry,
            permit: Permit::default(),
            ended: false,
        }
    }

    /// Notes a connection, which counts as open until the guard is dropped.
    pub(crate) fn accepted(self: &Arc<Self>) -> Connection {
        let number = self.state.change(|State { tally, .. }| {
            tally.connections += 1;
            tally.open_connections += 1;
            tally.peak_connections = tally.peak_connections.max(tally.open_connections);
            tally.connections
        });
        Connection {
            log: Arc::clone(self),
            number,
        }
    }

    /// Notes a TLS handshake.
    pub(crate) fn shook_hands(&self, is_resumed: bool) {
        self.state.change(|State { tally, .. }| {
            tally.full_handshakes += u64::from(!is_resumed);
            tally.resumed_handshakes += u64::from(is_resumed);
        });
    }

    pub(crate) fn entries(&self) -> Vec<LoggedRequest> {
        self.state.look(|state| state.asked.clone())
    }

    pub(crate) fn tally(&self) -> Tally {
        self.state.look(|state| state.tally)
    }

    pub(crate) async fn until(&self, done: impl Fn(&Tally) -> bool) {
        self.state.until(|state| done(&state.tally)).await;
    }

    #[track_caller]
    pub(crate) fn wait(&self, done: impl Fn(&Tally) -> bool) {
        self.state.wait(|state| done(&state.tally));
    }
}

/// A request in flight.
pub(crate) struct Ticket {
    log: Arc<Log>,
    entry: Option<usize>,
    /// Counts the request under the limits.
    pub(crate) permit: Permit,
    ended: bool,
}

impl Ticket {
    /// Notes that the request is no longer in flight. Must be called just before the last byte is
    /// sent.
    pub(crate) fn end(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.permit = Permit::default();
        let now = self.entry.map(|entry| (entry, Instant::now()));
        self.log.state.change(|state| {
            state.tally.in_flight -= 1;
            if let Some((entry, now)) = now {
                state.asked[entry].ended = Some(now);
            }
        });
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.end();
    }
}

/// An open connection.
pub(crate) struct Connection {
    log: Arc<Log>,
    pub(crate) number: u64,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.log
            .state
            .change(|state| state.tally.open_connections -= 1);
    }
}
