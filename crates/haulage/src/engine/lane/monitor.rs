//! Checks a large download from time to time, and lets other lanes fetch segments of it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::Attempt;
use crate::engine::item::{Item, Segments};
use crate::engine::run::Run;
use crate::error::Error;
use crate::event::Transfer;
use crate::fetch::connection::Connection;
use crate::fetch::tcp::{FirstLoss, ReceiveWindow};
use crate::options::RunOptions;
use crate::plan::ramp::Ramp;
use crate::plan::segments;
use crate::write::{PartWriter, SegmentSlot};

/// Time until the first check.
const FIRST_CHECK: Duration = Duration::from_millis(25);
/// Bytes that the first check needs: fewer say little of the throughput.
const MIN_BYTES_OF_FIRST_CHECK: u64 = 256 << 10;
/// Time between two checks.
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

/// Watches one response of a large file.
pub(crate) struct Watch {
    slot: SegmentSlot,
    /// Whether other lanes of its host may fetch segments of the file.
    may_be_split: bool,
    interval: Interval,
    has_looked: bool,
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
        let slot = part.slot().filter(|SegmentSlot { segment, .. }| {
            let least = segments::least_of_idle(options.min_split_size);
            let is_large = segment.left() >= least || segment.start() > 0;
            options.split > 1 && is_shared && is_large
        })?;
        let mut interval = tokio::time::interval_at(Instant::now() + FIRST_CHECK, CHECK_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ramp = self.ramp(owner);
        let first_loss = match &self.link.connection {
            Some(Connection::Http1(http1)) if ramp.is_some() => http1.first_loss(),
            _ => None,
        };
        let window = match &self.link.connection {
            Some(Connection::Http1(http1)) => http1.window(),
            _ => None,
        };
        Some(Watch {
            slot,
            may_be_split,
            interval,
            has_looked: false,
            ramp,
            first_loss,
            window,
        })
    }

    /// Begins to follow how an item's own response comes.
    fn ramp(&self, owner: &BodyOwner<'_>) -> Option<Ramp> {
        let (BodyOwner::Item(_), Some(transfer)) = (owner, owner.transfer()) else {
            return None;
        };
        let (sent, answered) = (self.link.sent_at?, self.link.headers_at?);
        let round_trip = answered.saturating_duration_since(sent);
        let path = self.link.connection.as_ref()?.round_trip();
        let ramp = Ramp::new(round_trip, std::time::Instant::now(), transfer.fetched()).over(path);
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
                brought = &mut brings => return brought.map(Some),
                _ = self.interval.tick() => self.look(run, owner),
            }
            if !self.slot.try_extend() {
                return Ok(None);
            }
        }
    }

    fn look(&mut self, run: &Arc<Run>, owner: &mut BodyOwner<'_>) {
        let written = self.slot.segment.written();
        if !std::mem::replace(&mut self.has_looked, true)
            && written.end - written.start < MIN_BYTES_OF_FIRST_CHECK
        {
            return;
        }
        match owner {
            BodyOwner::Item(item) => {
                let is_lossy = self.first_loss.as_mut().and_then(FirstLoss::look);
                run.watch(
                    item,
                    &self.slot.segment,
                    self.may_be_split,
                    &mut self.ramp,
                    is_lossy,
                );
                if self.ramp.is_none() {
                    self.first_loss = None;
                }
            }
            BodyOwner::Segment(segments) => run.watch_segment(segments, self.slot.segment.speed()),
        }
        if let Some(window) = &mut self.window {
            window.bound(self.slot.segment.left_before_successor());
        }
    }
}
