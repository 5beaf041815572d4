//! A lane: a connection that pulls. It takes the next piece of work of its host, and goes on until its turn is used up or
//! the queue is dry; then it waits with its connection for a while.

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use hyper::body::{Body, Incoming};
use url::Url;

use super::core::Core;
use super::handover::{LaneHandle, OpenLane};
use super::item::Item;
use super::present::There;
use crate::error::{Error, ErrorKind};
use crate::fetch::connect::Connection;
use crate::fetch::exchange::{self, Unanswered};
use crate::fetch::headers;
use crate::fetch::idle::IdleTimer;
use crate::fetch::origin::Origin;
use crate::fetch::redirect;
use crate::plan::head::{self, Answer, Entity};
use crate::schedule::{HostId, Lease, Next, Protocol, Way};
use crate::write::{Pace, PartWriter};

/// How many pieces of work make a turn, when other hosts wait for a slot.
const TURN: u32 = 8;
/// How long an idle connection is kept: most servers close theirs after 15 to 75 s.
const KEEP_IDLE: Duration = Duration::from_secs(15);
/// How long the rest of a body that nobody wants may take.
const DRAIN: Duration = Duration::from_secs(1);

/// A lane, on the worker thread that it will never leave.
pub(super) struct Lane {
    core: Arc<Core>,
    handle: LaneHandle,
    host: HostId,
    worker: usize,
    /// The `Host` of its requests, once there has been one: a lane serves one origin.
    host_header: Option<HeaderValue>,
    pub(super) connection: Option<Connection>,
    /// A request has been answered on this connection, so the server may be closing it just now.
    used: bool,
    /// The present request has got the head of a response.
    answered: bool,
    pub(super) idle: IdleTimer,
}

/// What one piece of work came to.
enum Step {
    /// The body is whole, and waits to be committed.
    Received(PartWriter, Entity),
    /// What stands at the name that the server has given ends it.
    Found(There),
    /// The item goes on at another URL.
    Redirected(Url),
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
            used: false,
            answered: false,
            idle: IdleTimer::new(core.options.timeout),
            core,
        }
    }

    /// Works until there is nothing more to do.
    pub(super) async fn run(mut self, first: Lease<Box<Item>>) {
        let core = Arc::clone(&self.core);
        // One for all pieces of work: to register anew with each would cost more than to look at it.
        let mut stopping = pin!(core.stopping.cancelled());
        let mut lease = first;
        let mut turn = 0;
        loop {
            turn += 1;
            let ControlFlow::Continue(fine) = self.work(lease, stopping.as_mut()).await else {
                self.core.schedule().abandon(self.host);
                return;
            };
            let next = {
                let mut schedule = self.core.schedule();
                let next = schedule.next(self.host, &self.handle, turn >= TURN, fine);
                self.core.hand_out(schedule);
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

    /// Waits to be called; `None` when nobody did.
    async fn wait(&mut self) -> Option<Lease<Box<Item>>> {
        tokio::select! {
            () = self.handle.called() => {}
            () = tokio::time::sleep(KEEP_IDLE) => {
                if self.core.schedule().leave(self.host, &self.handle) {
                    return None;
                }
                // It was called in this very moment.
                self.handle.called().await;
            }
        }
        self.handle.take()
    }

    /// Does one piece of work, and says whether the host has answered as it should. Breaks when the run is being stopped.
    async fn work(
        &mut self,
        lease: Lease<Box<Item>>,
        stopping: impl Future<Output = ()>,
    ) -> ControlFlow<(), bool> {
        let Lease {
            work: mut item,
            connects,
        } = lease;
        let step = tokio::select! {
            biased;
            () = stopping => {
                self.core.cancelled(*item);
                return ControlFlow::Break(());
            }
            step = self.fetch(&mut item, connects) => step,
        };
        let mut fine = true;
        match step {
            Step::Received(part, entity) => self.core.save(item, part, entity).await,
            Step::Found(there) => self.core.end_unread(*item, there),
            Step::Redirected(to) => self.core.redirected(item, to),
            Step::Failed(mut error) => {
                if self.is_trouble(&error) {
                    fine = false;
                    if !self.core.host_failed(self.host, &error) {
                        error = error.transient(false);
                    }
                }
                self.core.failed(item, error);
            }
            Step::PutBack => {
                fine = false;
                self.core.put_back(self.host, item);
            }
        }
        ControlFlow::Continue(fine)
    }

    /// Whether a failure is a sign that the host is in trouble.
    fn is_trouble(&self, error: &Error) -> bool {
        if self.answered {
            return error.is_transient();
        }
        matches!(
            error.kind(),
            ErrorKind::Dns
                | ErrorKind::Connect
                | ErrorKind::Tls
                | ErrorKind::Timeout
                | ErrorKind::Reset
                | ErrorKind::Protocol
        )
    }

    async fn fetch(&mut self, item: &mut Item, connects: bool) -> Step {
        self.answered = false;
        self.core.begin(item);
        match self.exchange(item, connects).await {
            Ok(step) => step,
            Err(error) => {
                // What is left on the connection is not the beginning of an answer. One that is silent may be dead without
                // knowing it (RFC 9113 has no word for that): the others leave it too.
                if let Some(Connection::Http2(shared)) = self.connection.take()
                    && error.kind() == ErrorKind::Timeout
                {
                    self.core.schedule().lost_shared(self.host, shared.number);
                }
                Step::Failed(error)
            }
        }
    }

    async fn exchange(&mut self, item: &mut Item, connects: bool) -> Result<Step, Error> {
        let mut connects = connects;
        let response = loop {
            if !self.connected(item, connects).await? {
                return Ok(Step::PutBack);
            }
            connects = false;
            let Some(connection) = &mut self.connection else {
                return Ok(Step::PutBack);
            };
            let hop = item
                .hop
                .as_ref()
                .map(|(url, credentials)| (url, credentials.as_ref()));
            let host = match &self.host_header {
                Some(host) => host,
                None => self.host_header.insert(headers::host(item.url())?),
            };
            let headers = self.core.headers.of(
                host,
                &item.request.url,
                hop,
                item.request.credentials.as_ref(),
            )?;
            match exchange::send(connection, item.url(), headers, &mut self.idle).await {
                Ok(response) => break response,
                // The server closed it while it was idle: that says nothing about this request.
                Err(Unanswered::NotSent) => self.disconnect(),
                Err(Unanswered::Failed(error)) if self.used && error.kind() == ErrorKind::Reset => {
                    self.disconnect();
                }
                Err(Unanswered::Failed(error)) => return Err(error),
            }
        };
        self.used = true;
        self.answered = true;
        let (head, mut body) = response.into_parts();
        item.http_status = Some(head.status.as_u16());
        match head::read(
            head.status,
            head.version,
            &head.headers,
            body.size_hint().exact(),
        ) {
            Answer::Save(entity) => match self.core.name_by_server(item, &head.headers) {
                There::Nothing => self.receive(item, &head.headers, &mut body, entity).await,
                there => {
                    self.put_aside(body).await;
                    Ok(Step::Found(there))
                }
            },
            Answer::Redirect => {
                let to = redirect::next_hop(item.url(), head.headers.get(http::header::LOCATION));
                self.put_aside(body).await;
                Ok(to.map_or_else(Step::Failed, Step::Redirected))
            }
            Answer::Fail(error) => {
                self.put_aside(body).await;
                Ok(Step::Failed(error))
            }
        }
    }

    async fn receive(
        &mut self,
        item: &Item,
        headers: &HeaderMap,
        body: &mut Incoming,
        entity: Entity,
    ) -> Result<Step, Error> {
        let transfer = item.under_way.as_ref().map(|under_way| &under_way.transfer);
        if let Some(transfer) = transfer {
            transfer.begin(entity.length);
        }
        let content = self.core.content_of(&item.request, headers)?;
        let mut part = self.core.writer.part(content);
        if self
            .receive_directly(item, body, &entity, &mut part)
            .await?
        {
            return Ok(Step::Received(part, entity));
        }
        while let Some(bytes) = exchange::next_bytes(body, &mut self.idle).await? {
            if let Some(transfer) = transfer {
                transfer.add(bytes.len() as u64);
            }
            part.write(bytes).await?;
        }
        exchange::check_end(self.connection.as_ref(), body)?;
        Ok(Step::Received(part, entity))
    }

    /// How slow a server may be.
    pub(super) fn pace(&self) -> Pace {
        Pace {
            timeout: self.core.options.timeout,
            lowest: 1,
        }
    }

    /// Reads the rest of an answer that is no file, or gives its connection up.
    async fn put_aside(&mut self, mut body: Incoming) {
        if matches!(self.connection, Some(Connection::Http2(_))) {
            // Dropping the body ends its stream, and no other.
            return;
        }
        let drained = tokio::time::timeout(DRAIN, exchange::drain(&mut body, &mut self.idle)).await;
        if drained != Ok(true) {
            self.connection = None;
        }
    }

    /// Makes sure of a connection. `false` when another lane is making the one that they will share.
    async fn connected(&mut self, item: &Item, connects: bool) -> Result<bool, Error> {
        if !connects {
            if self.connection.as_ref().is_some_and(Connection::is_open) {
                return Ok(true);
            }
            match self.way_to_connect() {
                ControlFlow::Break(connected) => return Ok(connected),
                ControlFlow::Continue(()) => {}
            }
        }
        self.disconnect();
        let connected = self
            .core
            .connector
            .connect(&Origin::of(item.url()), self.worker)
            .await;
        let mut schedule = self.core.schedule();
        let result = match connected {
            Ok(connection) => {
                match &connection {
                    Connection::Http1(_) => schedule.learned(self.host, Protocol::Exclusive, None),
                    Connection::Http2(shared) => {
                        schedule.learned(
                            self.host,
                            Protocol::Shared,
                            Some((shared.number, shared.clone())),
                        );
                    }
                }
                self.connection = Some(connection);
                self.used = false;
                Ok(true)
            }
            Err(error) => {
                schedule.could_not_connect(self.host);
                Err(error)
            }
        };
        self.core.hand_out(schedule);
        result
    }

    /// What a lane without a connection does: goes on when it is to make one; otherwise, says whether it has got one.
    fn way_to_connect(&mut self) -> ControlFlow<bool> {
        loop {
            self.disconnect();
            let way = self.core.schedule().way(self.host);
            match way {
                Way::Connect => return ControlFlow::Continue(()),
                Way::Wait => return ControlFlow::Break(false),
                Way::Share(shared) => {
                    let shared = Connection::Http2(shared);
                    let is_open = shared.is_open();
                    self.connection = Some(shared);
                    if is_open {
                        return ControlFlow::Break(true);
                    }
                }
            }
        }
    }

    /// Gives the connection up, for the host's other lanes too if they share it.
    fn disconnect(&mut self) {
        if let Some(Connection::Http2(shared)) = self.connection.take()
            && shared.sender.is_closed()
        {
            self.core.schedule().lost_shared(self.host, shared.number);
        }
        self.used = false;
    }
}
