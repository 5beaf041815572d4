//! The queue of one host: a line of work for each run. Lines take turns. Pure.

use std::collections::VecDeque;

use super::runs::RunId;

/// The lines of a host.
pub(super) struct Lines<W> {
    /// The line whose turn it is. Most hosts have no other one.
    next: Line<W>,
    /// The others, in the order of their turns.
    others: VecDeque<Line<W>>,
    length: usize,
}

struct Line<W> {
    run: RunId,
    work: VecDeque<W>,
    /// Whether the host waits for a slot on behalf of this run.
    has_turn: bool,
}

impl<W> Line<W> {
    fn new(run: RunId) -> Self {
        Self {
            run,
            work: VecDeque::new(),
            has_turn: false,
        }
    }

    fn is_of_use(&self) -> bool {
        !self.work.is_empty() || self.has_turn
    }
}

impl<W> Lines<W> {
    pub(super) fn new() -> Self {
        Self {
            next: Line::new(RunId::NONE),
            others: VecDeque::new(),
            length: 0,
        }
    }

    /// Returns how much work waits.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Returns whether no work waits.
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds work at the end of the line of its run.
    pub(super) fn push_back(&mut self, run: RunId, work: W) {
        self.length += 1;
        self.line(run).work.push_back(work);
    }

    /// Adds work at the head of the line of its run.
    pub(super) fn push_front(&mut self, run: RunId, work: W) {
        self.length += 1;
        self.line(run).work.push_front(work);
    }

    /// Takes the next work of the line whose turn it is, with its run. `rank` returns how urgent a
    /// run is, and `None` if none of its work may be taken.
    pub(super) fn pop<R: Ord>(&mut self, rank: impl Fn(RunId) -> Option<R>) -> Option<(RunId, W)> {
        let is_any = if self.others.is_empty() {
            rank(self.next.run).is_some()
        } else {
            self.turn_to_first(rank)
        };
        if !is_any {
            return None;
        }
        let work = self.next.work.pop_front()?;
        self.length -= 1;
        let run = self.next.run;
        self.turn_on();
        Some((run, work))
    }

    /// Takes the next work of one run. That is its turn.
    pub(super) fn pop_of(&mut self, run: RunId) -> Option<W> {
        if self.next.run != run {
            let at = self.others.iter().position(|line| line.run == run)?;
            let line = self.others.remove(at)?;
            self.others
                .push_front(std::mem::replace(&mut self.next, line));
        }
        let work = self.next.work.pop_front()?;
        self.length -= 1;
        self.turn_on();
        Some(work)
    }

    /// Moves the first of the most urgent lines that have work to the front. Returns `false` if
    /// nothing may be taken of any.
    fn turn_to_first<R: Ord>(&mut self, rank: impl Fn(RunId) -> Option<R>) -> bool {
        let rank_of = |line: &Line<W>| {
            let has_work = !line.work.is_empty();
            has_work.then(|| rank(line.run)).flatten()
        };
        let mut best = rank_of(&self.next);
        let mut at = None;
        for (nth, line) in self.others.iter().enumerate() {
            let other = rank_of(line);
            if other > best {
                (best, at) = (other, Some(nth));
            }
        }
        if let Some(line) = at.and_then(|at| self.others.remove(at)) {
            self.others
                .push_front(std::mem::replace(&mut self.next, line));
        }
        best.is_some()
    }

    /// Moves the line whose turn it was behind all others.
    fn turn_on(&mut self) {
        if let Some(next) = self.others.pop_front() {
            let before = std::mem::replace(&mut self.next, next);
            if before.is_of_use() {
                self.others.push_back(before);
            }
        }
    }

    /// Calls with each run that has work here and for which the host stands in no line for a slot;
    /// from now on it does.
    pub(super) fn take_turns(&mut self, mut call: impl FnMut(RunId)) {
        for line in std::iter::once(&mut self.next).chain(&mut self.others) {
            if !line.has_turn && !line.work.is_empty() {
                line.has_turn = true;
                call(line.run);
            }
        }
    }

    /// Returns the runs for which the host stands in line for a slot.
    pub(super) fn turns(&self) -> impl Iterator<Item = RunId> {
        let lines = std::iter::once(&self.next).chain(&self.others);
        lines.filter(|line| line.has_turn).map(|line| line.run)
    }

    /// Notes that the host no longer waits for a slot for this run.
    pub(super) fn end_turn(&mut self, run: RunId) {
        if self.next.run == run {
            self.next.has_turn = false;
        } else if let Some(at) = self.others.iter().position(|line| line.run == run) {
            self.others[at].has_turn = false;
            if !self.others[at].is_of_use() {
                self.others.remove(at);
            }
        }
    }

    /// Returns the runs that have work here.
    pub(super) fn runs(&self) -> impl Iterator<Item = RunId> {
        let lines = std::iter::once(&self.next).chain(&self.others);
        lines
            .filter(|line| !line.work.is_empty())
            .map(|line| line.run)
    }

    /// Takes out the work of a run that `is_meant`, but for the first `keep`.
    pub(super) fn extract(
        &mut self,
        run: RunId,
        keep: usize,
        mut is_meant: impl FnMut(&W) -> bool,
    ) -> Vec<W> {
        let mut lines = std::iter::once(&mut self.next).chain(&mut self.others);
        let Some(line) = lines.find(|line| line.run == run) else {
            return Vec::new();
        };
        let rest = line.work.split_off(keep.min(line.work.len()));
        let (taken, stays): (Vec<W>, Vec<W>) = rest.into_iter().partition(|work| is_meant(work));
        line.work.extend(stays);
        self.length -= taken.len();
        taken
    }

    /// Takes out all work.
    pub(super) fn drain(&mut self) -> Vec<W> {
        self.length = 0;
        let lines = std::iter::once(&mut self.next).chain(&mut self.others);
        lines
            .flat_map(|line| std::mem::take(&mut line.work))
            .collect()
    }

    /// Returns the line of a run; creates it behind all others if there is none.
    fn line(&mut self, run: RunId) -> &mut Line<W> {
        if self.next.run == run {
            return &mut self.next;
        }
        if !self.next.is_of_use() && self.others.is_empty() {
            self.next.run = run;
            return &mut self.next;
        }
        let known = self.others.iter().position(|line| line.run == run);
        let at = known.unwrap_or_else(|| {
            self.others.push_back(Line::new(run));
            self.others.len() - 1
        });
        &mut self.others[at]
    }
}
