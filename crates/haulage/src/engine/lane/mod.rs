//! A lane: a connection that pulls. It takes the next piece of work of its host, of whichever run,
//! and goes on until its turn is used up or the queue is dry; then it waits with its connection for
//! a while.

pub(crate) mod connect;
pub(crate) mod direct;
pub(crate) mod exchange;
pub(crate) mod forwarded;
pub(crate) mod interruption;
pub(crate) mod link;
pub(crate) mod login;
pub(crate) mod monitor;
pub(crate) mod patience;
pub(crate) mod receive;
pub(crate) mod record;
pub(crate) mod recording;
pub(crate) mod request;
pub(crate) mod resume;
pub(crate) mod robots;
pub(crate) mod segment;
pub(crate) mod worker;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use self::interruption::Interruption;
use self::link::Link;
use crate::engine::item::Item;
use crate::engine::item::attempt::AttemptEnd;
use crate::engine::item::task::Task;
use crate::engine::run::control::Phase;
use crate::engine::run::work::Work;
use crate::engine::run::{Run, Services};
use crate::engine::shared::handover::{First, OpenLane};
use crate::error::Error;
use crate::meter::Meter;
use crate::schedule::{Lease, Next};
use crate::throttle::Throttle;

/// How many pieces of work make a turn, when other hosts wait for a slot.
const TURN: u32 = 8;

/// A lane, on the worker thread that it will never leave.
pub(crate) struct Lane {
    services: Arc<Services>,
    /// Its connection.
    link: Link,
    /// Measures what comes from its host.
    meter: Arc<Meter>,
    /// What comes from its host for the run that it worked for last.
    throttle: Option<Throttle>,
    interruption: Interruption,
}

/// A lane's work for one run.
pub(crate) struct Attempt<'a> {
    pub(crate) run: &'a Arc<Run>,
    pub(crate) link: &'a mut Link,
    /// What comes from the host for the run.
    pub(crate) throttle: &'a Throttle,
    /// Since when the work could have begun; `None` if its requests have no records.
    pub(crate) ready_at: Option<Instant>,
}

impl Lane {
    pub(crate) fn new(services: Arc<Services>, worker: usize, open: &OpenLane<Work>) -> Self {
        Self {
            link: Link::new(Arc::clone(&services), worker, open),
            meter: Arc::clone(&open.meter),
            throttle: None,
            interruption: Interruption::default(),
            services,
        }
    }

    /// Works until there is nothing more to do.
    pub(crate) async fn run(mut self, first: First<Work>) {
        let mut lease = match first {
            First::Work(lease) => lease,
            First::Connect(key) => {
                if !Box::pin(self.link.connect_ahead(&key)).await {
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
            let in_flight = Arc::clone(&lease.work.run.in_flight);
            let ControlFlow::Continue(fine) = self.work(lease).await else {
                self.services.dispatcher.abandon(self.link.host, &in_flight);
                return;
            };
            let (observed, streams) = (self.link.observation(fine), self.link.new_streams());
            let next = self.services.dispatcher.next(
                self.link.host,
                &in_flight,
                &self.link.handle,
                turn >= TURN,
                observed,
                streams,
            );
            drop(in_flight);
            lease = match next {
                Next::Work(lease) => {
                    self.link.spread(observed.now);
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

    /// Does one piece of work, and says whether the host has answered as it should. Breaks when its
    /// run is being stopped.
    async fn work(&mut self, lease: Lease<Work>) -> ControlFlow<(), bool> {
        let Work {
            run,
            task,
            ready_at,
        } = lease.work;
        self.link.begin_work(&run, lease.patience);
        let throttle = match self.throttle.take() {
            Some(throttle) if throttle.is_of(&run.throttle) => throttle,
            _ => Throttle::new(
                &self.services.rates,
                Arc::clone(&self.meter),
                Arc::clone(&run.throttle),
            ),
        };
        let mut attempt = Attempt {
            run: &run,
            link: &mut self.link,
            throttle: self.throttle.insert(throttle),
            ready_at,
        };
        let (connects, interruption) = (lease.connects, &mut self.interruption);
        match task {
            Task::Item(item) => attempt.work_on(item, connects, interruption).await,
            Task::Robots(query) => attempt.ask_for_robots(query, connects, interruption).await,
            Task::Segment(segments, at) => {
                attempt.segment(&segments, at, connects, interruption).await
            }
        }
    }
}

impl Attempt<'_> {
    async fn work_on(
        &mut self,
        mut item: Box<Item>,
        connects: bool,
        interruption: &mut Interruption,
    ) -> ControlFlow<(), bool> {
        let run = self.run;
        run.parts.take_back(&mut item.progress);
        let row = Some(item.row);
        let end = tokio::select! {
            biased;
            () = interruption.of(run, row) => None,
            end = self.fetch(&mut item, connects) => Some(end),
        };
        let Some(end) = end else {
            self.tell_stopped();
            let is_stopped = self.stop();
            run.interrupted(item).await;
            return is_stopped;
        };
        if self.link.record.is_some() {
            self.tell_end(&end);
        }
        let mut fine = true;
        match end {
            AttemptEnd::Received(part, entity) => run.save(item, part, entity).await,
            AttemptEnd::AtName(check) => run.end_unread(item, check),
            AttemptEnd::Unchanged(entity) => run.unchanged(item, entity),
            AttemptEnd::Exists(entity, place) => run.there_by_length(item, entity, place),
            AttemptEnd::Resend => run.queue(item),
            AttemptEnd::Resume => run.go_on_with(item),
            AttemptEnd::Restart(why) => run.begin_again(item, why),
            AttemptEnd::Redirected(hop, wait) => run.redirected(item, hop, wait),
            AttemptEnd::Home => run.queue_first(item),
            AttemptEnd::Segmented(segments) => run.park(&segments, item, None).await,
            AttemptEnd::Failed(error) if error.is_proxy_outage() => {
                fine = false;
                self.without_proxy(item, error).await;
            }
            AttemptEnd::Failed(error) => {
                let mut goes_on = true;
                if self.link.is_trouble(&error) {
                    fine = false;
                    // Of a file that is split, others may have brought what is new.
                    let is_alone = item.segments.is_none();
                    if self.link.has_answered_for_long() || is_alone && item.is_progressing() {
                        run.services.dispatcher.on_success(self.link.host);
                    }
                    let overloaded = self.link.overloaded(&error);
                    goes_on = run.host_failed(self.link.host, overloaded, &error);
                }
                match item.segments.clone() {
                    // The others may do without it.
                    Some(segments) => run.park(&segments, item, Some(error)).await,
                    None if goes_on => run.failed(item, error),
                    None => run.failed_for_good(item, error),
                }
            }
            AttemptEnd::PutBack => {
                fine = false;
                run.put_back(self.link.host, Task::Item(item), self.ready_at);
            }
        }
        ControlFlow::Continue(fine)
    }

    /// Tells of the request that has ended with the attempt, which has a record.
    fn tell_end(&mut self, end: &AttemptEnd) {
        match end {
            // Nothing was sent, or it counts as if nothing was.
            AttemptEnd::PutBack => self.link.record = None,
            AttemptEnd::Failed(error) | AttemptEnd::Restart(error) => {
                self.tell_record(Some(error));
            }
            _ => self.tell_record(None),
        }
    }

    /// Lets an item wait whose proxy cannot be used, unless it can do without.
    async fn without_proxy(&mut self, item: Box<Item>, error: Error) {
        let (run, host, sent) = (self.run, self.link.host, self.link.asked_at());
        if item.segments.is_none() && run.has_one_proxy(&item) {
            return run.wait_for_proxy(host, sent, Task::Item(item), &error);
        }
        let given_up = run.proxy_failed(host, sent, &error);
        match (item.segments.clone(), given_up) {
            // The others may do without it.
            (Some(segments), _) => run.park(&segments, item, Some(error)).await,
            (None, None) => run.failed(item, error),
            (None, Some(why)) => run.failed_with_host(item, &why),
        }
    }

    /// Stops in the middle of work. Breaks when the run is being stopped; otherwise the lane goes
    /// on with other work.
    fn stop(&mut self) -> ControlFlow<(), bool> {
        self.link.interrupted();
        match self.run.control.phase() {
            Phase::Stopped => ControlFlow::Break(()),
            Phase::Running | Phase::Paused => ControlFlow::Continue(false),
        }
    }
}
