//! The connection of a lane: what is known of it, and of the request that is under way on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderValue;

use super::record::Record;
use crate::clock;
use crate::engine::run::work::Work;
use crate::engine::run::{Run, Services};
use crate::engine::shared::handover::{LaneHandle, OpenLane};
use crate::error::{Error, ErrorKind};
use crate::fetch::body::ResponseBody;
use crate::fetch::connection::Connection;
use crate::fetch::connector::Connector;
use crate::fetch::idle::IdleTimer;
use crate::options::RunOptions;
use crate::schedule::{HostId, Lease, Observation};
use crate::trace::CONNECTION;
use crate::write::LowSpeedLimit;

/// How long an idle connection is kept: most servers close theirs after 15 to 75 s.
const KEEP_IDLE: Duration = Duration::from_secs(15);

/// How long the rest of a body that nobody wants may take.
pub(crate) const DRAIN: Duration = Duration::from_secs(1);

/// The connection of a lane to its host.
pub(crate) struct Link {
    pub(crate) services: Arc<Services>,
    /// Makes its connections.
    pub(crate) connector: Arc<Connector>,
    pub(crate) handle: LaneHandle<Lease<Work>>,
    pub(crate) host: HostId,
    pub(crate) worker: usize,
    /// The `Host` of its requests, once there has been one: a lane serves one origin.
    pub(crate) host_header: Option<HeaderValue>,
    /// `None` before it is made, and after it was given up.
    pub(crate) connection: Option<Connection>,
    /// Others made the connection, or a request has been answered on it. So the server may be
    /// closing it just now.
    pub(crate) is_reused: bool,
    /// Others wait for the connection that this lane is making.
    pub(crate) connecting: bool,
    /// How long the present work waits for a host that has not answered yet before it may have to
    /// give way; `None` if the host has answered before.
    pub(crate) patience: Option<Duration>,
    /// When the present request was sent; before that, when its connection was asked for.
    pub(crate) sent_at: Option<Instant>,
    /// When the head of its response came, if it did.
    pub(crate) headers_at: Option<Instant>,
    /// Bytes of the body of its response that were received for the file.
    pub(crate) received: u64,
    /// What is told of the present request; `None` if nothing is.
    pub(crate) record: Option<Box<Record>>,
    first_response: FirstResponse,
    /// The number of the HTTP/2 connection whose limit of streams has been told.
    streams_of: Option<u64>,
    pub(crate) idle: IdleTimer,
}

/// How far the first response of a lane is, which counts for its host's limit when its head comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstResponse {
    ToCome,
    /// It is that of the present piece of work, and has been counted.
    Counted,
    Past,
}

impl Link {
    /// Returns whether it has a connection that takes another request.
    pub(crate) fn is_open(&mut self) -> bool {
        self.connection.as_mut().is_some_and(Connection::is_open)
    }

    /// Returns the link of a lane that is opened on a worker.
    pub(crate) fn new(services: Arc<Services>, worker: usize, open: &OpenLane<Work>) -> Self {
        let (timeout, lowest) = (
            RunOptions::DEFAULT_TIMEOUT,
            RunOptions::DEFAULT_LOWEST_SPEED,
        );
        Self {
            connector: Arc::clone(&open.connector),
            handle: LaneHandle::default(),
            host: open.host,
            worker,
            host_header: None,
            connection: open.shared.clone().map(Connection::Http2),
            is_reused: open.shared.is_some(),
            connecting: false,
            patience: None,
            sent_at: None,
            headers_at: None,
            received: 0,
            record: None,
            first_response: FirstResponse::ToCome,
            streams_of: None,
            idle: IdleTimer::new(timeout, lowest),
            services,
        }
    }

    /// Begins another piece of work, of this run, which waits this long for a host that has not
    /// answered yet.
    pub(crate) fn begin_work(&mut self, run: &Run, patience: Option<Duration>) {
        self.patience = patience;
        let options = &run.options;
        self.idle.set_limits(options.timeout, options.lowest_speed);
        if self.first_response == FirstResponse::Counted {
            self.first_response = FirstResponse::Past;
        }
    }

    /// Begins another request. Others wait for its connection if it `connects`.
    pub(crate) fn begin_request(&mut self, connects: bool) {
        (self.sent_at, self.headers_at) = (None, None);
        self.received = 0;
        self.connecting = connects;
    }

    /// Gives up what the present request has been at, since it is of no use any more.
    pub(crate) fn interrupted(&mut self) {
        self.stop_connecting();
        (self.sent_at, self.headers_at) = (None, None);
        // Over HTTP/2 that ends its stream, and no other. On an HTTP/1 connection something of a
        // response may be on its way.
        self.connection = None;
        self.is_reused = false;
    }

    /// Returns the next bytes of a body; `None` at its end.
    ///
    /// # Errors
    /// As [`ResponseBody::next`].
    pub(crate) async fn next(&mut self, body: &mut ResponseBody) -> Result<Option<Bytes>, Error> {
        body.next(&mut self.connection, &mut self.idle).await
    }

    /// Reads the rest of a body that nobody wants, so that the connection can be used again; closes
    /// the connection if that takes too long.
    pub(crate) async fn drain_or_close(&mut self, body: &mut ResponseBody) {
        if matches!(self.connection, Some(Connection::Http2(_))) {
            // Dropping the body ends its stream, and no other.
            return;
        }
        let drained =
            tokio::time::timeout(DRAIN, body.drain(&mut self.connection, &mut self.idle)).await;
        if drained != Ok(true) {
            self.connection = None;
        }
    }

    /// Returns what the last piece of work has shown of the host, without the latency if that has
    /// been counted already.
    pub(crate) fn observation(&self, is_ok: bool) -> Observation {
        Observation {
            is_ok,
            is_open: self.connection.as_ref().is_some_and(Connection::is_free),
            latency: self
                .latency()
                .filter(|_| self.first_response != FirstResponse::Counted),
            now: clock::now(),
        }
    }

    /// Returns how long the head of the present response took; `None` if it has not come.
    pub(crate) fn latency(&self) -> Option<Duration> {
        Some(self.headers_at?.saturating_duration_since(self.sent_at?))
    }

    /// Tells the schedule of its first response when the head comes. Its body may take many round
    /// trips, in which more requests could be under way; further responses are told of at their
    /// end.
    pub(crate) fn count_first_response(&mut self, is_success: bool, length: Option<u64>) {
        if self.first_response != FirstResponse::ToCome || !is_success {
            return;
        }
        let (Some(latency), Some(now)) = (self.latency(), self.headers_at) else {
            return;
        };
        self.first_response = FirstResponse::Counted;
        let streams = self.new_streams();
        let dispatcher = &self.services.dispatcher;
        dispatcher.on_first_response(self.host, latency, length, now, streams);
    }

    /// Returns how many streams its connection allows, once for each connection: its settings come
    /// before its first response.
    pub(crate) fn new_streams(&mut self) -> Option<usize> {
        let Some(Connection::Http2(shared)) = &self.connection else {
            return None;
        };
        let is_new = self.streams_of.replace(shared.number) != Some(shared.number);
        is_new.then(|| shared.most_streams())
    }

    /// Waits for work, until the idle connection is too old or its server closes it. Returns `None`
    /// if no work came.
    pub(crate) async fn wait(&mut self) -> Option<Lease<Work>> {
        tokio::select! {
            biased;
            () = self.handle.called() => return self.handle.take(),
            () = self.idle.sleep(KEEP_IDLE) => self.trace_closed("it was idle for too long"),
            () = Connection::ended(&mut self.connection) => {
                self.trace_closed("its server has closed it");
                self.give_up();
            }
        }
        if self.services.dispatcher.leave(self.host, &self.handle) {
            return None;
        }
        // It was called in this very moment.
        self.handle.called().await;
        self.handle.take()
    }

    /// Says through `tracing` why the connection is closed.
    pub(crate) fn trace_closed(&self, why: &str) {
        if self.connection.is_some() {
            tracing::debug!(target: CONNECTION, host = ?self.host_header, why, "closed");
        }
    }

    /// Returns when the present request was sent or, before that, when its connection was asked
    /// for; the present time if neither has happened yet.
    pub(crate) fn asked_at(&self) -> Instant {
        self.sent_at.unwrap_or_else(clock::now)
    }

    /// Returns whether the head of the present response came more than two timeouts ago. The body
    /// that broke off cannot have been silent, or too slow, all that time, so the trouble is not
    /// older than that.
    pub(crate) fn has_answered_for_long(&self) -> bool {
        let silence = self.idle.timeout();
        self.headers_at
            .is_some_and(|at| clock::elapsed(at) > silence.saturating_mul(2))
    }

    /// Returns when the present request was sent, if its failure is a sign that the host has more
    /// to do than it can; `None` if it is no such sign.
    pub(crate) fn overloaded(&self, error: &Error) -> Option<Instant> {
        let is_sign = error.is_overload(self.headers_at.is_some());
        self.sent_at.filter(|_| is_sign)
    }

    /// Returns whether a failure is a sign that the host is in trouble.
    pub(crate) fn is_trouble(&self, error: &Error) -> bool {
        // What a proxy refuses for good says nothing of the host behind it.
        if error.is_of_proxy() || error.is_reported_by_proxy() && !error.is_transient() {
            return false;
        }
        if self.headers_at.is_some() {
            return error.is_transient() && !error.is_of_file_alone();
        }
        match error.kind() {
            // An item whose time is over says nothing of its host.
            ErrorKind::Timeout => error.is_transient(),
            ErrorKind::Dns
            | ErrorKind::Connect
            | ErrorKind::Tls
            | ErrorKind::Reset
            | ErrorKind::Protocol => true,
            _ => false,
        }
    }

    /// Returns how slow a server may be.
    pub(crate) fn low_speed_limit(&self) -> LowSpeedLimit {
        LowSpeedLimit {
            timeout: self.idle.timeout(),
            lowest: self.idle.lowest_speed(),
        }
    }
}
