//! A lane: a connection that pulls. It takes the next piece of work of its host, and goes on until
//! its turn is used up or the queue is dry; then it waits with its connection for a while.

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;

use super::core::{Core, Hosts};
use super::handover::{First, LaneHandle, OpenLane};
use super::item::Item;
use super::present::There;
use super::split::Split;
use super::work::{Hop, Work};
use crate::error::{Error, ErrorKind};
use crate::fetch::connection::Connection;
use crate::fetch::idle::IdleTimer;
use crate::inflow::Inflow;
use crate::plan::head::Entity;
use crate::plan::name::TargetName;
use crate::schedule::{HostId, Lease, Next, Seen};
use crate::write::PartWriter;

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

/// What one piece of work came to.
pub(super) enum Step {
    /// The body is whole, and waits to be committed.
    Received(PartWriter, Entity),
    /// What stands at the name that the server has given ends it.
    Found(There),
    /// The server says that the file has not changed, which this describes.
    Unchanged(Entity),
    /// The file that this describes is at this name already, as far as length and time tell.
    There(Entity, TargetName),
    /// The item goes on at another URL, after this time.
    Redirected(Hop, Duration),
    /// Its response has brought what it was to bring; others bring the rest.
    Shared(Arc<Split>),
    /// What has been brought of its file can be gone on with: the next request asks for the rest.
    More,
    /// What has been brought is of no use, for this reason: the file is begun again.
    Again(Error),
    /// It is to be asked again elsewhere, as if it had not been.
    Resent,
    Failed(Error),
    /// There is no connection yet that it could use: it waits.
    PutBack,
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
                self.core.schedule().abandon(self.host);
                return;
            };
            let next = {
                let mut schedule = core.schedule();
                let seen = self.seen(fine);
                self.tell_streams(&mut schedule);
                let next = schedule.next(self.host, &self.handle, turn >= TURN, seen);
                if matches!(next, Next::Work(_)) {
                    self.spread(&mut schedule, seen.now);
                }
                core.hand_out(schedule);
                next
            };
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
        let core = Arc::clone(&self.core);
        let mut schedule = core.schedule();
        self.tell_streams(&mut schedule);
        schedule.heard(self.host, latency, now);
        core.hand_out(schedule);
    }

    /// Tells how many streams its connection allows, once for each: its settings come before its
    /// first response.
    fn tell_streams(&mut self, schedule: &mut Hosts) {
        if let Some(Connection::Http2(shared)) = &self.connection
            && self.streams_of.replace(shared.number) != Some(shared.number)
        {
            schedule.allows_streams(self.host, shared.most_streams());
        }
    }

    /// Waits for work, until the idle connection is too old or its server closes it. Returns `None`
    /// if no work came.
    async fn wait(&mut self) -> Option<Lease<Work>> {
        tokio::select! {
            () = self.handle.called() => return self.handle.take(),
            () = tokio::time::sleep(KEEP_IDLE) => {}
            () = Connection::ended(&mut self.connection) => self.leave(),
        }
        if self.core.schedule().leave(self.host, &self.handle) {
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
            Work::Share(split, at) => self.share(&split, at, lease.connects, stopping).await,
        }
    }

    async fn work_on(
        &mut self,
        mut item: Box<Item>,
        connects: bool,
        stopping: impl Future<Output = ()>,
    ) -> ControlFlow<(), bool> {
        let step = tokio::select! {
            biased;
            () = stopping => {
                self.core.cancelled(item);
                return ControlFlow::Break(());
            }
            step = self.fetch(&mut item, connects) => step,
        };
        let mut fine = true;
        match step {
            Step::Received(part, entity) => self.core.save(item, part, entity).await,
            Step::Found(there) => self.core.end_unread(item, there),
            Step::Unchanged(entity) => self.core.unchanged(item, entity),
            Step::There(entity, place) => self.core.there_by_length(item, entity, place),
            Step::Resent => self.core.queue(item),
            Step::More => self.core.go_on_with(item),
            Step::Again(why) => self.core.begin_again(item, why),
            Step::Redirected(to, wait) => self.core.redirected(item, to, wait),
            Step::Shared(split) => self.core.leave_with(&split, item, None).await,
            Step::Failed(error) => {
                let mut goes_on = true;
                if self.is_trouble(&error) {
                    fine = false;
                    // Of a file that is split, others may have brought what is new.
                    let is_alone = item.brought.split.is_none();
                    if self.has_answered_for_long() || is_alone && item.is_progressing() {
                        self.core.schedule().answered(self.host);
                    }
                    let overloaded = self.overloaded(&error);
                    goes_on = self.core.host_failed(self.host, overloaded, &error);
                }
                match item.brought.split.clone() {
                    // The others may do without it.
                    Some(split) => self.core.leave_with(&split, item, Some(error)).await,
                    None if goes_on => self.core.failed(item, error),
                    None => self.core.failed_for_good(item, error),
                }
            }
            Step::PutBack => {
                fine = false;
                self.core.put_back(self.host, item);
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
