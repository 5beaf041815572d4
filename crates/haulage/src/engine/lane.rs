//! A lane: a connection that pulls. It takes the next piece of work of its host, and goes on until
//! its turn is used up or the queue is dry; then it waits with its connection for a while.

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;

use super::attempt::AttemptEnd;
use super::core::Core;
use super::handover::{First, LaneHandle, OpenLane};
use super::item::Item;
use super::work::Work;
use crate::error::{Error, ErrorKind};
use crate::fetch::connection::Connection;
use crate::fetch::idle::IdleTimer;
use crate::inflow::Inflow;
use crate::schedule::{HostId, Lease, Next, Seen};

/// How many pieces of work make a turn, when other hosts wait for a slot.
const TURN: u32 = 8;
/// How long an idle connection is kept: most servers close theirs after 15 to 75 s.
const KEEP_IDLE: Duration = Duration::from_secs(15);

/// A lane, on the worker thread that it will never leave.
pub(super) struct Lane {
    pub(super) core: Arc<Core>,
    pub(super) handle: LaneHandle,
    pub(super) host: HostId,
    pub(super) worker: usize,
    /// The `Host` of its requests, once there has been one: a lane serves one origin.
    pub(super) host_header: Option<HeaderValue>,
    pub(super) connection: Option<Connection>,
    /// The connection is not of today: others made it, or a request has been answered on it. So the
    /// server may be closing it just now.
    pub(super) used: bool,
    /// Others wait for the connection that this lane is making.
    pub(super) connecting: bool,
    /// How long its present work waits for a host that has not answered yet before it may have to
    /// give way.
    pub(super) patience: Option<Duration>,
    /// When the present request was sent; before that, when its connection was asked for.
    pub(super) sent: Option<Instant>,
    /// When it got the head of a response, if it did.
    pub(super) answered: Option<Instant>,
    first_response: FirstResponse,
    /// The number of the HTTP/2 connection whose limit of streams has been told.
    streams_of: Option<u64>,
    /// What comes from its host.
    pub(super) inflow: Inflow,
    pub(super) idle: IdleTimer,
}

/// How far the first response of a lane is, which counts for its host's limit when its head comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstResponse {
    ToCome,
    /// It is that of the present piece of work, and has been counted.
    Counted,
    Past,
}

impl Lane {
    pub(super) fn new(core: Arc<Core>, worker: usize, open: &OpenLane) -> Self {
        Self {
            host_header: None,
            handle: LaneHandle::default(),
            host: open.host,
            worker,
            connection: open.shared.clone().map(Connection::Http2),
            used: open.shared.is_some(),
            connecting: false,
            patience: None,
            sent: None,
            answered: None,
            first_response: FirstResponse::ToCome,
            streams_of: None,
            inflow: Inflow::new(&core.rates, Arc::clone(&open.meter)),
            idle: IdleTimer::new(core.options.timeout, core.options.lowest_speed),
            core,
        }
    }

    /// Works until there is nothing more to do.
    pub(super) async fn run(mut self, first: First) {
        let core = Arc::clone(&self.core);
        // One for all pieces of work: to register anew with each would cost more than to look at
        // it.
        let mut stopping = pin!(core.stopping.cancelled());
        let mut lease = match first {
            First::Work(lease) => lease,
            First::Connect(key) => {
                if !Box::pin(self.connect_ahead(&key, stopping.as_mut())).await {
                    return;
                }
                let Some(lease) = self.wait().await else {
                    return;
                };
                lease
            }
        };
        let mut turn = 0;
        loop {
            turn += 1;
            let ControlFlow::Continue(fine) = self.work(lease, stopping.as_mut()).await else {
                self.core.dispatcher.abandon(self.host);
                return;
            };
            let (seen, streams) = (self.seen(fine), self.new_streams());
            let next = core
                .dispatcher
                .next(self.host, &self.handle, turn >= TURN, seen, streams);
            lease = match next {
                Next::Work(lease) => lease,
                Next::Close => return,
                Next::Idle => match self.wait().await {
                    Some(lease) => {
                        turn = 0;
                        lease
                    }
                    None => return,
                },
            };
        }
    }

    /// What its last piece of work has shown of its host.
    fn seen(&self, fine: bool) -> Seen {
        Seen {
            fine,
            latency: self
                .latency()
                .filter(|_| self.first_response != FirstResponse::Counted),
            now: Instant::now(),
        }
    }

    /// How long the head of the present response took.
    fn latency(&self) -> Option<Duration> {
        Some(self.answered?.saturating_duration_since(self.sent?))
    }

    /// Tells the schedule of its first response when the head comes. Its body may take many round
    /// trips, in which more requests could be under way; further responses are told of at their
    /// end.
    pub(super) fn count_first_response(&mut self, is_success: bool) {
        if self.first_response != FirstResponse::ToCome || !is_success {
            return;
        }
        let (Some(latency), Some(now)) = (self.latency(), self.answered) else {
            return;
        };
        self.first_response = FirstResponse::Counted;
        let streams = self.new_streams();
        let dispatcher = &self.core.dispatcher;
        dispatcher.on_first_response(self.host, latency, now, streams);
    }

    /// Returns how many streams its connection allows, once for each connection: its settings come
    /// before its first response.
    fn new_streams(&mut self) -> Option<usize> {
        let Some(Connection::Http2(shared)) = &self.connection else {
            return None;
        };
        let is_new = self.streams_of.replace(shared.number) != Some(shared.number);
        is_new.then(|| shared.most_streams())
    }

    /// Waits for work, until the idle connection is too old or its server closes it. Returns `None`
    /// if no work came.
    async fn wait(&mut self) -> Option<Lease<Work>> {
        tokio::select! {
            () = self.handle.called() => return self.handle.take(),
            () = tokio::time::sleep(KEEP_IDLE) => {}
            () = Connection::ended(&mut self.connection) => self.leave(),
        }
        if self.core.dispatcher.leave(self.host, &self.handle) {
            return None;
        }
        // It was called in this very moment.
        self.handle.called().await;
        self.handle.take()
    }

    /// Does one piece of work, and says whether the host has answered as it should. Breaks when the
    /// run is being stopped.
    async fn work(
        &mut self,
        lease: Lease<Work>,
        stopping: impl Future<Output = ()>,
    ) -> ControlFlow<(), bool> {
        self.patience = lease.patience;
        if self.first_response == FirstResponse::Counted {
            self.first_response = FirstResponse::Past;
        }
        match lease.work {
            Work::Item(item) => self.work_on(item, lease.connects, stopping).await,
            Work::Robots(query) => self.ask_for_robots(query, lease.connects, stopping).await,
            Work::Segment(segments, at) => {
                self.segment(&segments, at, lease.connects, stopping).await
            }
        }
    }

    async fn work_on(
        &mut self,
        mut item: Box<Item>,
        connects: bool,
        stopping: impl Future<Output = ()>,
    ) -> ControlFlow<(), bool> {
        self.core.parts.take_back(&mut item.progress);
        let end = tokio::select! {
            biased;
            () = stopping => {
                self.core.cancelled(item);
                return ControlFlow::Break(());
            }
            end = self.fetch(&mut item, connects) => end,
        };
        let mut fine = true;
        match end {
            AttemptEnd::Received(part, entity) => self.core.save(item, part, entity).await,
            AttemptEnd::AtName(check) => self.core.end_unread(item, check),
            AttemptEnd::Unchanged(entity) => self.core.unchanged(item, entity),
            AttemptEnd::Exists(entity, place) => self.core.there_by_length(item, entity, place),
            AttemptEnd::Resend => self.core.queue(item),
            AttemptEnd::Resume => self.core.go_on_with(item),
            AttemptEnd::Restart(why) => self.core.begin_again(item, why),
            AttemptEnd::Redirected(to, wait) => self.core.redirected(item, to, wait),
            AttemptEnd::Segmented(segments) => self.core.park(&segments, item, None).await,
            AttemptEnd::Failed(error) => {
                let mut goes_on = true;
                if self.is_trouble(&error) {
                    fine = false;
                    // Of a file that is split, others may have brought what is new.
                    let is_alone = item.segments.is_none();
                    if self.has_answered_for_long() || is_alone && item.is_progressing() {
                        self.core.dispatcher.on_success(self.host);
                    }
                    let overloaded = self.overloaded(&error);
                    goes_on = self.core.host_failed(self.host, overloaded, &error);
                }
                match item.segments.clone() {
                    // The others may do without it.
                    Some(segments) => self.core.park(&segments, item, Some(error)).await,
                    None if goes_on => self.core.failed(item, error),
                    None => self.core.failed_for_good(item, error),
                }
            }
            AttemptEnd::PutBack => {
                fine = false;
                self.core.put_back(self.host, Work::Item(item));
            }
        }
        ControlFlow::Continue(fine)
    }

    /// Whether a body came for so long before it broke off that it cannot have been silent, or too
    /// slow, all the time: then the trouble is not older than that.
    fn has_answered_for_long(&self) -> bool {
        let silence = self.core.options.timeout;
        self.answered
            .is_some_and(|at| at.elapsed() > silence.saturating_mul(2))
    }

    /// When the request was sent whose failure is a sign that the host has more to do than it can,
    /// if it is one.
    pub(super) fn overloaded(&self, error: &Error) -> Option<Instant> {
        let is_sign = error.is_overload(self.answered.is_some());
        self.sent.filter(|_| is_sign)
    }

    /// Whether a failure is a sign that the host is in trouble.
    pub(super) fn is_trouble(&self, error: &Error) -> bool {
        if self.answered.is_some() {
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
}
