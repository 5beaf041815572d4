//! The queue: which downloads there are, in which order, and in which state. No I/O, no clock.

mod download;
mod gid;
mod list_run;
mod pieces;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use self::download::{Download, Ending, State};
pub(crate) use self::gid::Gid;
pub(crate) use self::list_run::{Counts, ListRun};

/// The distance between the ranks of neighbours. A download that is moved between two gets a rank
/// between theirs, so that only one row has to be recorded.
const GAP: i64 = 1 << 20;

/// All downloads.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    downloads: BTreeMap<Gid, Download>,
    /// Those that wait or are paused.
    queued: BTreeMap<i64, Gid>,
    /// Those that wait and are not paused.
    ready: BTreeMap<i64, Gid>,
    active: BTreeMap<i64, Gid>,
    /// The oldest first.
    stopped: BTreeMap<i64, Gid>,
    /// Those that are lists.
    lists: BTreeSet<Gid>,
    /// How many have stopped, those that are forgotten included.
    stopped_total: u64,
    changes: Changes,
}

/// What has changed since it was last recorded.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    added: BTreeSet<Gid>,
    changed: BTreeSet<Gid>,
    gone: BTreeSet<Gid>,
}

/// What is to be recorded.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The new ones among those that have changed.
    pub(crate) added: BTreeSet<Gid>,
    /// New, or other than before.
    pub(crate) changed: BTreeMap<Gid, Download>,
    /// No longer there, or no longer the same: a GID may be given to another download.
    pub(crate) gone: BTreeSet<Gid>,
}

impl Batch {
    /// Returns whether there is nothing to record.
    pub(crate) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.gone.is_empty()
    }

    /// Adds what has changed after it.
    pub(crate) fn absorb(&mut self, later: Self) {
        self.changed.retain(|gid, _| !later.gone.contains(gid));
        self.gone.extend(later.gone);
        self.changed.extend(later.changed);
        self.added.extend(later.added);
    }
}

/// Why a name stands for no download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoSuchGid {
    /// It has other letters than hex digits, or too many.
    Invalid,
    /// No download has it.
    Unknown,
    /// Several begin with it.
    Ambiguous,
}

/// A part of a list of downloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    /// How many are left out before it.
    pub(crate) skip: usize,
    /// How many it has at most.
    pub(crate) take: usize,
    /// Whether it begins at the end of the list, and goes backwards.
    pub(crate) is_reversed: bool,
}

/// From where a position is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whence {
    /// The beginning of the queue.
    Start,
    /// Where the download is.
    Current,
    /// The end of the queue.
    End,
}

impl Queue {
    /// Returns the queue of downloads that were recorded. Those that were active wait again, before
    /// all others.
    pub(crate) fn restored(
        recorded: impl IntoIterator<Item = Download>,
        stopped_total: u64,
    ) -> Self {
        let mut queue = Self::default();
        let mut were_active = Vec::new();
        let mut recorded: Vec<_> = recorded.into_iter().collect();
        recorded.sort_unstable_by_key(|download| (download.rank, download.gid));
        for mut download in recorded {
            let (gid, state) = (download.gid, download.state);
            queue.note_list(&download);
            let others = if state.is_stopped() {
                &queue.stopped
            } else {
                &queue.queued
            };
            let last = others.last_key_value().map(|(rank, _)| *rank);
            if state != State::Active && last.is_some_and(|last| last >= download.rank) {
                // Another one has this rank: the two were recorded at different times.
                download.rank = next_rank(others);
                queue.changes.changed.insert(gid);
            }
            let rank = download.rank;
            match state {
                State::Active => were_active.push(gid),
                State::Waiting => {
                    queue.queued.insert(rank, gid);
                    queue.ready.insert(rank, gid);
                }
                State::Paused => drop(queue.queued.insert(rank, gid)),
                State::Complete | State::Error | State::Removed => {
                    queue.stopped.insert(rank, gid);
                }
            }
            queue.downloads.insert(gid, download);
        }
        for &gid in were_active.iter().rev() {
            queue.put_first(gid, State::Waiting);
        }
        queue.stopped_total = stopped_total.max(queue.stopped.len() as u64);
        queue
    }

    /// Returns the one download whose name begins with this.
    pub(crate) fn find(&self, name: &str) -> Result<Gid, NoSuchGid> {
        let (low, high) = Gid::range_of(name).ok_or(NoSuchGid::Invalid)?;
        let mut found = self.downloads.range(low..=high);
        match (found.next(), found.next()) {
            (Some((gid, _)), None) => Ok(*gid),
            (None, _) => Err(NoSuchGid::Unknown),
            (Some(_), Some(_)) => Err(NoSuchGid::Ambiguous),
        }
    }

    /// Returns a download; `None` if there is none of this name.
    pub(crate) fn get(&self, gid: Gid) -> Option<&Download> {
        self.downloads.get(&gid)
    }

    /// Changes what a download is about. Its state and rank stay.
    pub(crate) fn change(&mut self, gid: Gid, change: impl FnOnce(&mut Download)) {
        if let Some(download) = self.downloads.get_mut(&gid) {
            let (state, rank) = (download.state, download.rank);
            change(download);
            debug_assert_eq!((download.state, download.rank), (state, rank));
            self.changes.changed.insert(gid);
        }
    }

    /// Adds a download that waits or is paused: at this position, counted from 0, or at the end.
    /// Its name must be new.
    pub(crate) fn add(&mut self, mut download: Download, position: Option<usize>) {
        debug_assert!(!self.downloads.contains_key(&download.gid));
        download.rank = self.rank_at(position.unwrap_or(usize::MAX));
        let (gid, rank) = (download.gid, download.rank);
        self.queued.insert(rank, gid);
        if download.state == State::Waiting {
            self.ready.insert(rank, gid);
        }
        self.note_list(&download);
        self.downloads.insert(gid, download);
        self.changes.added.insert(gid);
        self.changes.changed.insert(gid);
    }

    /// Returns the position of what is added with this priority: behind all that have at least as
    /// much.
    pub(crate) fn position_for(&self, priority: i32) -> usize {
        let less_urgent = self.queued().rev();
        let less_urgent = less_urgent.take_while(|download| download.priority < priority);
        self.queued.len() - less_urgent.count()
    }

    /// Returns the position that the last one of the queue, which is this one, should have with
    /// this priority.
    pub(crate) fn position_before(&self, last: Gid, priority: i32) -> usize {
        let less_urgent = self
            .queued()
            .rev()
            .take_while(|download| download.gid == last || download.priority < priority);
        self.queued.len() - less_urgent.count()
    }

    /// Lets a download that has stopped wait again, at the end of the queue. Returns whether it had
    /// stopped.
    pub(crate) fn wait_again(&mut self, gid: Gid) -> bool {
        let rank = self.rank_at(usize::MAX);
        let download = self.downloads.get_mut(&gid);
        let Some(download) = download.filter(|download| download.state.is_stopped()) else {
            return false;
        };
        self.stopped.remove(&download.rank);
        (download.state, download.rank) = (State::Waiting, rank);
        (download.ending, download.ended) = (None, None);
        self.queued.insert(rank, gid);
        self.ready.insert(rank, gid);
        self.changes.changed.insert(gid);
        true
    }

    /// Makes the first download that waits active, and returns it; `None` if none waits.
    pub(crate) fn start_next(&mut self) -> Option<Gid> {
        let (_, gid) = self.ready.pop_first()?;
        let rank = next_rank(&self.active);
        let download = self.downloads.get_mut(&gid)?;
        self.queued.remove(&download.rank);
        (download.state, download.rank, download.begun) = (State::Active, rank, true);
        self.active.insert(rank, gid);
        self.changes.changed.insert(gid);
        Some(gid)
    }

    /// Pauses a download, and returns the state that it had; `None` if it cannot be paused. One
    /// that was active is the first of the queue then.
    pub(crate) fn pause(&mut self, gid: Gid) -> Option<State> {
        let download = self.downloads.get_mut(&gid)?;
        match download.state {
            State::Active => {
                self.active.remove(&download.rank);
                self.put_first(gid, State::Paused);
                Some(State::Active)
            }
            State::Waiting => {
                download.state = State::Paused;
                self.ready.remove(&download.rank);
                self.changes.changed.insert(gid);
                Some(State::Waiting)
            }
            State::Paused | State::Complete | State::Error | State::Removed => None,
        }
    }

    /// Lets a paused download wait for its turn. Returns whether it was paused.
    pub(crate) fn unpause(&mut self, gid: Gid) -> bool {
        let download = self.downloads.get_mut(&gid);
        let Some(download) = download.filter(|download| download.state == State::Paused) else {
            return false;
        };
        download.state = State::Waiting;
        self.ready.insert(download.rank, gid);
        self.changes.changed.insert(gid);
        true
    }

    /// Stops a download that is active, in this state.
    pub(crate) fn stop(&mut self, gid: Gid, state: State, ending: Ending) {
        debug_assert!(state.is_stopped());
        let rank = next_rank(&self.stopped);
        let download = self.downloads.get_mut(&gid);
        let Some(download) = download.filter(|download| download.state == State::Active) else {
            return;
        };
        self.active.remove(&download.rank);
        (download.state, download.rank) = (state, rank);
        download.ending = Some(ending);
        self.stopped.insert(rank, gid);
        self.stopped_total += 1;
        self.changes.changed.insert(gid);
    }

    /// Takes a download out that waits or is paused. Returns whether it did.
    pub(crate) fn remove_queued(&mut self, gid: Gid) -> bool {
        self.forget_if(gid, |state| matches!(state, State::Waiting | State::Paused))
    }

    /// Forgets a download that has stopped. Returns whether it had.
    pub(crate) fn forget(&mut self, gid: Gid) -> bool {
        self.forget_if(gid, State::is_stopped)
    }

    /// Forgets all files that have stopped, and no list.
    pub(crate) fn forget_files(&mut self) {
        let files = self.stopped().filter(|download| !download.is_list());
        let files: Vec<_> = files.map(|download| download.gid).collect();
        for gid in files {
            self.forget(gid);
        }
    }

    /// Forgets the oldest downloads that have stopped, all but the last `most`.
    pub(crate) fn forget_all_but(&mut self, most: usize) {
        while self.stopped.len() > most
            && let Some((_, gid)) = self.stopped.pop_first()
        {
            self.downloads.remove(&gid);
            self.note_gone(gid);
        }
    }

    /// Moves a download that waits or is paused, and returns its new position; `None` if it is not
    /// in the queue. A position beyond an end of the queue means that end.
    pub(crate) fn reposition(&mut self, gid: Gid, offset: i64, whence: Whence) -> Option<usize> {
        let download = self.downloads.get(&gid)?;
        let (rank, state) = (download.rank, download.state);
        if self.queued.get(&rank) != Some(&gid) || state.is_stopped() || state == State::Active {
            return None;
        }
        let base = match whence {
            Whence::Start => 0,
            Whence::Current => self.queued.range(..rank).count(),
            Whence::End => self.queued.len() - 1,
        };
        let last = self.queued.len() - 1;
        let wanted = i64::try_from(base)
            .unwrap_or(i64::MAX)
            .saturating_add(offset);
        let position = usize::try_from(wanted.max(0)).unwrap_or(last).min(last);
        self.queued.remove(&rank);
        self.ready.remove(&rank);
        let rank = self.rank_at(position);
        self.queued.insert(rank, gid);
        if state == State::Waiting {
            self.ready.insert(rank, gid);
        }
        if let Some(download) = self.downloads.get_mut(&gid) {
            download.rank = rank;
        }
        self.changes.changed.insert(gid);
        Some(position)
    }

    /// Returns the active downloads, in the order in which they began.
    pub(crate) fn active(&self) -> impl DoubleEndedIterator<Item = &Download> {
        self.of(&self.active)
    }

    /// Returns those that wait or are paused, in order.
    pub(crate) fn queued(&self) -> impl DoubleEndedIterator<Item = &Download> {
        self.of(&self.queued)
    }

    /// Returns all downloads: those that are active, those that wait or are paused, with their
    /// positions, and those that have stopped, the last one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Gid, Option<usize>)> {
        let active = self.active.values().map(|gid| (*gid, None));
        let stopped = self.stopped.values().rev().map(|gid| (*gid, None));
        active.chain(self.positions()).chain(stopped)
    }

    /// Returns those that wait or are paused, in order, with their positions.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (Gid, Option<usize>)> {
        let queued = self.queued.values().enumerate();
        queued.map(|(position, gid)| (*gid, Some(position)))
    }

    /// Returns the position of a download that waits or is paused; `None` if it does neither.
    pub(crate) fn position(&self, gid: Gid) -> Option<usize> {
        let rank = self.get(gid)?.rank;
        (self.queued.get(&rank) == Some(&gid)).then(|| self.queued.range(..rank).count())
    }

    /// Returns how many downloads wait, and are not paused.
    pub(crate) fn waiting(&self) -> usize {
        self.ready.len()
    }

    /// Returns how many are active, queued and stopped, without lists.
    pub(crate) fn file_counts(&self) -> [usize; 3] {
        let mut counts = self.counts();
        for download in self.lists.iter().filter_map(|gid| self.downloads.get(gid)) {
            counts[match download.state {
                State::Active => 0,
                State::Waiting | State::Paused => 1,
                State::Complete | State::Error | State::Removed => 2,
            }] -= 1;
        }
        counts
    }

    /// Returns a page of the files that wait or are paused.
    pub(crate) fn queued_page(&self, page: Page) -> Vec<&Download> {
        self.page_of(&self.queued, page)
    }

    /// Returns a page of the files that have stopped.
    pub(crate) fn stopped_page(&self, page: Page) -> Vec<&Download> {
        self.page_of(&self.stopped, page)
    }

    /// Returns those that have stopped, the oldest first.
    pub(crate) fn stopped(&self) -> impl DoubleEndedIterator<Item = &Download> {
        self.of(&self.stopped)
    }

    /// Returns how many are active, queued and stopped.
    pub(crate) fn counts(&self) -> [usize; 3] {
        [&self.active, &self.queued, &self.stopped].map(BTreeMap::len)
    }

    /// Returns how many have stopped, those that are forgotten included.
    pub(crate) fn stopped_total(&self) -> u64 {
        self.stopped_total
    }

    /// Takes what has changed since the last call.
    pub(crate) fn take_changes(&mut self) -> Batch {
        let Changes {
            added,
            changed,
            gone,
        } = std::mem::take(&mut self.changes);
        let changed = changed.into_iter();
        let changed = changed.filter_map(|gid| Some((gid, self.downloads.get(&gid)?.clone())));
        Batch {
            added,
            changed: changed.collect(),
            gone,
        }
    }

    fn of<'a>(
        &'a self,
        ranks: &'a BTreeMap<i64, Gid>,
    ) -> impl DoubleEndedIterator<Item = &'a Download> {
        ranks.values().filter_map(|gid| self.downloads.get(gid))
    }

    fn page_of(&self, ranks: &BTreeMap<i64, Gid>, page: Page) -> Vec<&Download> {
        let known = |gid: &Gid| self.downloads.get(gid);
        let gids = ranks.values().filter(|gid| !self.lists.contains(gid));
        if page.is_reversed {
            let gids = gids.rev().skip(page.skip).take(page.take);
            gids.filter_map(known).collect()
        } else {
            let gids = gids.skip(page.skip).take(page.take);
            gids.filter_map(known).collect()
        }
    }

    /// Puts a download that is in no list to the front of the queue.
    fn put_first(&mut self, gid: Gid, state: State) {
        let rank = self.rank_at(0);
        self.queued.insert(rank, gid);
        if state == State::Waiting {
            self.ready.insert(rank, gid);
        }
        if let Some(download) = self.downloads.get_mut(&gid) {
            (download.state, download.rank) = (state, rank);
        }
        self.changes.changed.insert(gid);
    }

    /// Returns a free rank for what is to be at this position of the queue.
    fn rank_at(&mut self, position: usize) -> i64 {
        let last = self.queued.last_key_value();
        if position >= self.queued.len() {
            return last.map_or(0, |(rank, _)| rank + GAP);
        }
        let mut ranks = self.queued.keys().copied().skip(position.saturating_sub(1));
        if position == 0 {
            return ranks.next().map_or(0, |first| first - GAP);
        }
        let (Some(before), Some(after)) = (ranks.next(), ranks.next()) else {
            return 0;
        };
        if after - before > 1 {
            return before + (after - before) / 2;
        }
        drop(ranks);
        self.renumber();
        i64::try_from(position).unwrap_or_default() * GAP - GAP / 2
    }

    /// Gives all in the queue new ranks, with gaps.
    fn renumber(&mut self) {
        self.ready.clear();
        let old = std::mem::take(&mut self.queued);
        for (rank, gid) in (0..).step_by(1 << 20).zip(old.into_values()) {
            self.queued.insert(rank, gid);
            if let Some(download) = self.downloads.get_mut(&gid) {
                download.rank = rank;
                if download.state == State::Waiting {
                    self.ready.insert(rank, gid);
                }
            }
            self.changes.changed.insert(gid);
        }
    }

    fn forget_if(&mut self, gid: Gid, may: impl FnOnce(State) -> bool) -> bool {
        let download = self.downloads.get(&gid);
        let Some(download) = download.filter(|download| may(download.state)) else {
            return false;
        };
        let (rank, state) = (download.rank, download.state);
        if state.is_stopped() {
            self.stopped.remove(&rank);
        } else {
            self.queued.remove(&rank);
            self.ready.remove(&rank);
        }
        self.downloads.remove(&gid);
        self.note_gone(gid);
        true
    }

    fn note_list(&mut self, download: &Download) {
        if download.is_list() {
            self.lists.insert(download.gid);
        }
    }

    fn note_gone(&mut self, gid: Gid) {
        self.lists.remove(&gid);
        self.changes.added.remove(&gid);
        self.changes.changed.remove(&gid);
        self.changes.gone.insert(gid);
    }
}

/// Returns a rank behind all others.
fn next_rank(ranks: &BTreeMap<i64, Gid>) -> i64 {
    ranks.last_key_value().map_or(0, |(rank, _)| rank + 1)
}
