//! A lane: a connection that pulls. It takes the next piece of work of its host, and goes on until
//! its turn is used up or the queue is dry; then it waits with its connection for a while.

pub(crate) mod connect;
pub(crate) mod direct;
pub(crate) mod exchange;
pub(crate) mod link;
pub(crate) mod monitor;
pub(crate) mod patience;
pub(crate) mod receive;
pub(crate) mod request;
pub(crate) mod resume;
pub(crate) mod robots;
pub(crate) mod segment;
pub(crate) mod worker;

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;

use self::link::Link;
use crate::engine::item::Item;
use crate::engine::item::attempt::AttemptEnd;
use crate::engine::item::work::Work;
use crate::engine::run::Run;
use crate::engine::run::handover::{First, OpenLane};
use crate::inflow::Inflow;
use crate::schedule::{Lease, Next};

/// How many pieces of work make a turn, when other hosts wait for a slot.
const TURN: u32 = 8;

/// A lane, on the worker thread that it will never leave.
pub(crate) struct Lane {
    pub(crate) run: Arc<Run>,
    /// Its connection.
    pub(crate) link: Link,
    /// What comes from its host.
    pub(crate) inflow: Inflow,
}

impl Lane {
    pub(crate) fn new(run: Arc<Run>, worker: usize, open: &OpenLane) -> Self {
        Self {
            link: Link::new(Arc::clone(&run), worker, open),
            inflow: Inflow::new(&run.rates, Arc::clone(&open.meter)),
            run,
        }
    }

    /// Works until there is nothing more to do.
    pub(crate) async fn run(mut self, first: First) {
        let run = Arc::clone(&self.run);
        // One for all pieces of work: to register anew with each would cost more than to look at
        // it.
        let mut stopping = pin!(run.stopping.cancelled());
        let mut lease = match first {
            First::Work(lease) => lease,
            First::Connect(key) => {
                if !Box::pin(self.link.connect_ahead(&key, stopping.as_mut())).await {
                    return;
                }
                let Some(lease) = self.link.wait().await else {
                    return;
                };
                lease
            }
        };
        let mut turn = 0;
        loop {
            turn += 1;
            let ControlFlow::Continue(fine) = self.work(lease, stopping.as_mut()).await else {
                self.run.dispatcher.abandon(self.link.host);
                return;
            };
            let (seen, streams) = (self.link.seen(fine), self.link.new_streams());
            let next = run.dispatcher.next(
                self.link.host,
                &self.link.handle,
                turn >= TURN,
                seen,
                streams,
            );
            lease = match next {
                Next::Work(lease) => {
                    self.link.spread(seen.now);
                    lease
                }
                Next::Close => return,
                Next::Idle => match self.link.wait().await {
                    Some(lease) => {
                        turn = 0;
                        lease
                    }
                    None => return,
                },
            };
        }
    }

    /// Does one piece of work, and says whether the host has answered as it should. Breaks when the
    /// run is being stopped.
    async fn work(
        &mut self,
        lease: Lease<Work>,
        stopping: impl Future<Output = ()>,
    ) -> ControlFlow<(), bool> {
        self.link.begin_work(lease.patience);
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
        self.run.parts.take_back(&mut item.progress);
        let end = tokio::select! {
            biased;
            () = stopping => {
                self.run.cancelled(item);
                return ControlFlow::Break(());
            }
            end = self.fetch(&mut item, connects) => end,
        };
        let mut fine = true;
        match end {
            AttemptEnd::Received(part, entity) => self.run.save(item, part, entity).await,
            AttemptEnd::AtName(check) => self.run.end_unread(item, check),
            AttemptEnd::Unchanged(entity) => self.run.unchanged(item, entity),
            AttemptEnd::Exists(entity, place) => self.run.there_by_length(item, entity, place),
            AttemptEnd::Resend => self.run.queue(item),
            AttemptEnd::Resume => self.run.go_on_with(item),
            AttemptEnd::Restart(why) => self.run.begin_again(item, why),
            AttemptEnd::Redirected(to, wait) => self.run.redirected(item, to, wait),
            AttemptEnd::Segmented(segments) => self.run.park(&segments, item, None).await,
            AttemptEnd::Failed(error) => {
                let mut goes_on = true;
                if self.link.is_trouble(&error) {
                    fine = false;
                    // Of a file that is split, others may have brought what is new.
                    let is_alone = item.segments.is_none();
                    if self.link.has_answered_for_long() || is_alone && item.is_progressing() {
                        self.run.dispatcher.on_success(self.link.host);
                    }
                    let overloaded = self.link.overloaded(&error);
                    goes_on = self.run.host_failed(self.link.host, overloaded, &error);
                }
                match item.segments.clone() {
                    // The others may do without it.
                    Some(segments) => self.run.park(&segments, item, Some(error)).await,
                    None if goes_on => self.run.failed(item, error),
                    None => self.run.failed_for_good(item, error),
                }
            }
            AttemptEnd::PutBack => {
                fine = false;
                self.run.put_back(self.link.host, Work::Item(item));
            }
        }
        ControlFlow::Continue(fine)
    }
}
