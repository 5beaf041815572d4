//! Checks a download from time to time, and lets other lanes fetch segments of it: of a large one
//! where that makes it faster, of a small one only its rest, where nothing of that comes.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::Attempt;
use crate::clock;
use crate::engine::item::{Item, Segments};
use crate::engine::lifecycle::segments::Observed;
use crate::engine::run::Run;
use crate::error::Error;
use crate::event::Transfer;
use crate::fetch::connection::Connection;
use crate::fetch::tcp::{FirstLoss, ReceiveWindow};
use crate::options::RunOptions;
use crate::plan::ramp::Ramp;
use crate::plan::segments;
use crate::plan::silence::{self, Silence};
use crate::throttle::Throttle;
use crate::write::{PartWriter, SegmentSlot};

/// Bytes that the first check needs: fewer say little of the throughput.
const MIN_BYTES_OF_FIRST_CHECK: u64 = 256 << 10;
/// Time between two checks of a large file.
const CHECK_INTERVAL: Duration = Duration::from_millis(25);

/// For whom a body is received.
pub(crate) enum BodyOwner<'a> {
    Item(&'a mut Item),
    /// A segment of a file that other lanes fetch too.
    Segment(&'a Segments),
}

impl BodyOwner<'_> {
    pub(crate) fn transfer(&self) -> Option<&Arc<Transfer>> {
        match self {
            Self::Item(item) => item.under_way.as_ref().map(|under_way| &under_way.transfer),
            Self::Segment(segments) => Some(&segments.transfer),
        }
    }
}

/// Watches one response of a file.
pub(crate) struct Watch {
    slot: SegmentSlot,
    /// It is too short for segments to make it faster: only its silence matters.
    is_small: bool,
    /// Whether other lanes of its host may fetch segments of the file.
    may_be_split: bool,
    interval: Interval,
    has_looked: bool,
    silence: Silence,
    /// Says whether the lane may have to wait for permits, which is no silence of the server.
    throttle: Throttle,
    /// Decides whether segments are of use; `None` once the file is split: its download decides
    /// then.
    ramp: Option<Ramp>,
    /// Detects whether its path loses packets; `None` if that is not observed.
    first_loss: Option<FirstLoss>,
    /// Keeps the server from sending bytes that other segments deliver.
    window: Option<ReceiveWindow>,
}

impl Attempt<'_> {
    /// Begins to watch a body that others may take segments of. Several requests on one HTTP/2
    /// connection share what it can bring: there only others than its host do.
    pub(crate) fn watch(&self, owner: &BodyOwner<'_>, part: &PartWriter) -> Option<Watch> {
        let options = &self.run.options;
        let may_be_split = matches!(self.link.connection, Some(Connection::Http1(_)));
        let is_shared = may_be_split
            || match owner {
                BodyOwner::Item(item) => item.joins_mirrors(),
                BodyOwner::Segment(_) => true,
            };
        let slot = part.slot()?;
        if options.split <= 1 || !is_shared {
            return None;
        }
        let least = segments::least_of_idle(options.min_split_size);
        let is_small = slot.segment.left() < least && slot.segment.start() == 0;
        if is_small && !may_be_split {
            return None;
        }
        let round_trip = self.round_trip();
        let between = if is_small {
            silence::interval(round_trip)
        } else {
            CHECK_INTERVAL
        };
        let mut interval = tokio::time::interval_at(Instant::now() + between, between);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ramp = self.ramp(owner);
        // A small one is not worth a descriptor.
        let (mut first_loss, mut window) = (None, None);
        if let Some(Connection::Http1(http1)) = &self.link.connection
            && !is_small
        {
            first_loss = ramp.is_some().then(|| http1.first_loss()).flatten();
            window = http1.window();
        }
        Some(Watch {
            slot,
            is_small,
            may_be_split,
            interval,
            has_looked: false,
            silence: Silence::new(round_trip, self.link.latency().unwrap_or_default(), between),
            throttle: self.throttle.clone(),
            ramp,
            first_loss,
            window,
        })
    }

    /// Returns the round trip of the path: not the time until the head of the response, which
    /// includes the server's work, and over TLS a whole record.
    fn round_trip(&self) -> Duration {
        match &self.link.connection {
            // Only the way to the proxy is known, not the one behind it.
            Some(Connection::Http1(http1)) if http1.forward().is_some() => {
                self.link.latency().unwrap_or_default()
            }
            connection => connection
                .as_ref()
                .map(Connection::round_trip)
                .unwrap_or_default(),
        }
    }

    /// Begins to follow how an item's own response comes.
    fn ramp(&self, owner: &BodyOwner<'_>) -> Option<Ramp> {
        let (BodyOwner::Item(_), Some(transfer)) = (owner, owner.transfer()) else {
            return None;
        };
        let (sent, answered) = (self.link.sent_at?, self.link.headers_at?);
        let round_trip = answered.saturating_duration_since(sent);
        let path = self.link.connection.as_ref()?.round_trip();
        let ramp = Ramp::new(round_trip, clock::now(), transfer.fetched()).over(path);
        let asked_for_many = self.run.options.split > RunOptions::DEFAULT_SPLIT;
        Some(if asked_for_many { ramp.eager() } else { ramp })
    }
}

impl Watch {
    /// Waits for something that the body brings, and looks from time to time; `None` when others
    /// have taken over all that it still had to bring, which may never come.
    pub(crate) async fn while_needed<T>(
        &mut self,
        brings: impl Future<Output = Result<T, Error>>,
        run: &Arc<Run>,
        owner: &mut BodyOwner<'_>,
    ) -> Result<Option<T>, Error> {
        let mut brings = pin!(brings);
        loop {
            tokio::select! {
                biased;
                _ = self.interval.tick() => self.look(run, owner),
                brought = &mut brings => return brought.map(Some),
            }
            if !self.slot.is_needed() {
                return Ok(None);
            }
        }
    }

    fn look(&mut self, run: &Arc<Run>, owner: &mut BodyOwner<'_>) {
        let segment = &self.slot.segment;
        let has_looked = std::mem::replace(&mut self.has_looked, true);
        let received = segment.missing().start.saturating_sub(segment.start());
        let is_silent = self.silence.look(received)
            && self.may_be_split
            && !segment.is_copied_directly()
            && !self.throttle.is_limited();
        let written = segment.written();
        let is_early = !has_looked && written.end - written.start < MIN_BYTES_OF_FIRST_CHECK;
        if !is_silent && (is_early || self.is_small) {
            return;
        }
        match owner {
            BodyOwner::Item(item) => {
                let observed = Observed {
                    may_be_split: self.may_be_split,
                    is_lossy: self.first_loss.as_mut().and_then(FirstLoss::look),
                    is_silent,
                };
                run.watch(item, segment, observed, &mut self.ramp);
                if self.ramp.is_none() {
                    self.first_loss = None;
                }
            }
            BodyOwner::Segment(segments) => run.watch_segment(segments, segment.speed()),
        }
        // What is silent may still bring its rest itself.
        if let Some(window) = &mut self.window
            && !self.slot.segment.is_silent()
        {
            window.bound(self.slot.segment.left_before_successor());
        }
    }
}
