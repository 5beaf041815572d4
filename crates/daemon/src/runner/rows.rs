//! The rows of a list that is running: those that are active, and those that have ended last. The
//! others are recorded where the files go. No I/O.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use haulage::{ErrorKind, Outcome, Status, Transfer};

use super::speed::Speed;
use crate::queue::Counts;
use crate::service::LiveRows;

/// How many rows that have ended are kept.
const MAX_ENDED: usize = 1000;

/// How the rows of a run go.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// How rows had ended before this run. They end again, as skipped, when they are read again.
    earlier: Counts,
    /// How many of those that were done have not ended again.
    unread: u64,
    counts: Counts,
    ended_now: u64,
    active: BTreeMap<u64, ActiveRow>,
    /// Those that were active when the list was removed, and have not ended since.
    removed: BTreeSet<u64>,
    /// The last one first.
    ended: VecDeque<Arc<RowNow>>,
    /// Bytes of the files that are complete.
    bytes: u64,
}

/// A row that is being downloaded.
#[derive(Debug)]
struct ActiveRow {
    transfer: Arc<Transfer>,
    speed: Speed,
}

/// A row at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowNow {
    /// Its number in the list, from 0.
    pub(crate) row: u64,
    /// Its line in a list of text; `None` if it has none, or if that is not known yet.
    pub(crate) line: Option<u64>,
    pub(crate) url: Arc<str>,
    /// The path of its file below the folder; `None` while it is not known.
    pub(crate) path: Option<Arc<str>>,
    pub(crate) status: RowStatus,
    /// Bytes of the file that are here.
    pub(crate) bytes: u64,
    /// The length of the file; `None` if it is not known.
    pub(crate) size: Option<u64>,
    /// Bytes per second; `None` if it is over.
    pub(crate) rate: Option<u64>,
    /// Kind and message of its error; `None` if it has not failed.
    pub(crate) error: Option<(ErrorKind, String)>,
}

/// What has become of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowStatus {
    /// It waits for its next attempt, or for its turn at a host.
    Waiting,
    Active,
    Done,
    Skipped,
    Unchanged,
    Failed,
}

impl RowStatus {
    pub(crate) const ALL: [Self; 6] = [
        Self::Waiting,
        Self::Active,
        Self::Done,
        Self::Skipped,
        Self::Unchanged,
        Self::Failed,
    ];

    /// Returns its stable name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
        }
    }

    /// Returns whether it is over.
    pub(crate) const fn is_over(self) -> bool {
        !matches!(self, Self::Waiting | Self::Active)
    }
}

/// The rows of a run at one moment.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// In the order of the list.
    pub(crate) active: Vec<RowNow>,
    /// The last one first.
    pub(crate) ended: Vec<Arc<RowNow>>,
    /// Whether all rows that have ended are among them.
    pub(crate) is_whole: bool,
}

impl Rows {
    /// Returns the rows of a run that begins, of a list whose rows had ended in this way before.
    pub(super) fn after(earlier: Counts) -> Self {
        Self {
            earlier,
            unread: earlier.done,
            ..Self::default()
        }
    }

    /// Notes that a row is being downloaded.
    pub(super) fn begin(&mut self, transfer: Arc<Transfer>) {
        let (row, speed) = (transfer.row, Speed::default());
        self.active.insert(row, ActiveRow { transfer, speed });
    }

    /// Measures how fast they are.
    pub(super) fn measure(&mut self, now: Instant) {
        for row in self.active.values_mut() {
            row.speed.note(now, row.transfer.fetched());
        }
    }

    /// Notes that a row has ended. One that was only stopped has not.
    pub(super) fn end(&mut self, outcome: &Outcome) {
        self.active.remove(&outcome.row);
        self.removed.remove(&outcome.row);
        let is_stopped = |kind| kind == ErrorKind::Cancelled;
        if outcome
            .error()
            .is_some_and(|error| is_stopped(error.kind()))
        {
            return;
        }
        let status = match &outcome.status {
            Status::Failed(_) => RowStatus::Failed,
            Status::Skipped => RowStatus::Skipped,
            Status::Unchanged => RowStatus::Unchanged,
            _ => RowStatus::Done,
        };
        match status {
            RowStatus::Failed => self.counts.failed += 1,
            RowStatus::Skipped if self.unread > 0 => {
                self.unread -= 1;
                self.counts.done += 1;
            }
            RowStatus::Skipped | RowStatus::Unchanged => self.counts.skipped += 1,
            _ => self.counts.done += 1,
        }
        self.ended_now += u64::from(status != RowStatus::Skipped);
        self.bytes += outcome.bytes;
        self.ended.push_front(Arc::new(RowNow::of(outcome, status)));
        self.ended.truncate(MAX_ENDED);
    }

    /// Returns kind and message of the error of the row that has ended last; `None` if it has not
    /// failed.
    pub(super) fn last_error(&self) -> Option<(ErrorKind, String)> {
        self.ended.front()?.error.clone()
    }

    /// Returns how they go. `total` is how many there are, if that is known, and `elapsed` how long
    /// the run has taken so far.
    pub(super) fn live(&self, total: Option<u64>, elapsed: Duration) -> LiveRows {
        let (now, earlier) = (self.counts, self.earlier);
        LiveRows {
            counts: Counts {
                done: now.done.max(earlier.done),
                skipped: now.skipped.max(earlier.skipped),
                failed: now.failed,
            },
            active: self.active.len() as u64,
            ended_now: self.ended_now,
            elapsed,
            total,
        }
    }

    /// Returns bytes of all files that are here.
    pub(super) fn bytes(&self) -> u64 {
        let active = self.active.values().map(|row| row.transfer.received());
        self.bytes + active.sum::<u64>()
    }

    /// Returns the bytes of all files of a list of `total` rows; `None` while the length of one of
    /// them is not known.
    pub(super) fn size(&self, total: Option<u64>) -> Option<u64> {
        if total? > self.counts.ended() + self.active.len() as u64 {
            return None;
        }
        let mut lengths = self.active.values().map(|row| row.transfer.length());
        // Servers may claim any lengths.
        lengths.try_fold(self.bytes, |sum, length| sum.checked_add(length?))
    }

    /// Notes that the list was removed: the rows that are active end now.
    pub(super) fn remove_active(&mut self) {
        self.removed = self.active.keys().copied().collect();
    }

    /// Returns the numbers of the rows that were active when the list was removed, and have not
    /// ended since.
    pub(super) fn removed(&self) -> impl ExactSizeIterator<Item = u64> {
        self.removed.iter().copied()
    }

    /// Returns the rows as they are now.
    pub(super) fn view(&self) -> View {
        let active = self.active.values();
        View {
            active: active.map(RowNow::active).collect(),
            ended: self.ended.iter().cloned().collect(),
            is_whole: self.earlier == Counts::default()
                && self.counts.ended() == self.ended.len() as u64,
        }
    }
}

impl RowNow {
    /// Returns a row that has ended.
    pub(crate) fn of(outcome: &Outcome, status: RowStatus) -> Self {
        let has_file = status != RowStatus::Failed;
        Self {
            row: outcome.row,
            line: outcome.location.as_ref().map(|place| place.line),
            url: Arc::clone(&outcome.url),
            path: outcome.path.clone(),
            status,
            bytes: outcome.bytes,
            size: has_file.then_some(outcome.bytes),
            rate: None,
            error: outcome
                .error()
                .map(|error| (error.kind(), error.to_string())),
        }
    }

    fn active(ActiveRow { transfer, speed }: &ActiveRow) -> Self {
        Self {
            row: transfer.row,
            line: None,
            url: Arc::clone(&transfer.url),
            path: Some(Arc::clone(&transfer.label)),
            status: if transfer.is_waiting() {
                RowStatus::Waiting
            } else {
                RowStatus::Active
            },
            bytes: transfer.received(),
            size: transfer.length(),
            rate: Some(speed.rate()),
            error: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use haulage::Error;

    use super::*;

    fn outcome(row: u64, status: Status) -> Outcome {
        Outcome::new(row, "http://h/", status)
    }

    fn failed(kind: ErrorKind) -> Status {
        Status::Failed(Error::new(kind, "no"))
    }

    #[test]
    fn rows_of_an_earlier_run_count_as_they_did() {
        let earlier = Counts {
            done: 2,
            skipped: 1,
            failed: 1,
        };
        let mut rows = Rows::after(earlier);
        assert_eq!(
            rows.live(None, Duration::ZERO).counts,
            Counts {
                failed: 0,
                ..earlier
            }
        );
        for row in 0..3 {
            rows.end(&outcome(row, Status::Skipped));
        }
        rows.end(&outcome(3, failed(ErrorKind::Http)));
        assert_eq!(rows.live(None, Duration::ZERO).counts, earlier);
        rows.end(&outcome(4, Status::Done));
        rows.end(&outcome(5, Status::Unchanged));
        rows.end(&outcome(6, failed(ErrorKind::Cancelled)));
        let now = rows.live(Some(9), Duration::ZERO);
        assert_eq!((now.counts.done, now.counts.skipped), (3, 2));
        assert_eq!((now.ended_now, now.total), (3, Some(9)));
        assert!(!rows.view().is_whole);
    }

    #[test]
    fn size_is_told_when_no_row_is_left_to_begin() {
        let mut rows = Rows::default();
        let done = |row, bytes| {
            let mut outcome = outcome(row, Status::Done);
            outcome.bytes = bytes;
            outcome
        };
        rows.end(&done(0, 5));
        assert_eq!(rows.size(None), None);
        assert_eq!(rows.size(Some(2)), None);
        rows.end(&done(1, 7));
        assert_eq!(rows.size(Some(2)), Some(12));
    }

    #[test]
    fn only_the_last_rows_are_kept() {
        let mut rows = Rows::default();
        for row in 0..MAX_ENDED as u64 {
            rows.end(&outcome(row, Status::Done));
        }
        assert!(rows.view().is_whole);
        rows.end(&outcome(MAX_ENDED as u64, Status::Done));
        let view = rows.view();
        assert!(!view.is_whole);
        assert_eq!((view.ended.len(), view.ended[0].row), (MAX_ENDED, 1000));
    }
}
