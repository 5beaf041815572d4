//! A part that several responses may write to: which entity it is of, and which of its bytes it
//! has.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::Instant;

use super::scratch::PartFile;
use super::storage::Storage;
use super::stretch::Stretch;
use crate::plan::head::Entity;
use crate::plan::pieces::Pieces;
use crate::plan::resume::Identity;
use crate::plan::segments::{self, Rules, Running};
use crate::sync::lock;

/// A part that other responses may write to, or resume.
#[derive(Debug)]
pub(crate) struct Assembly {
    pub(crate) number: u64,
    pub(crate) identity: Identity,
    /// The file as the first response described it.
    pub(crate) entity: Entity,
    /// The row that it is for; `None` where no later run can find it.
    pub(crate) owner: Option<Owner>,
    bytes: Mutex<Bytes>,
    /// Notified when no response writes to it any more.
    idle: Condvar,
    told: ToldOfBytes,
}

/// Called when a response begins to deliver bytes of a part.
pub(super) type Recorder = Arc<dyn Fn() + Send + Sync>;

/// What is called when a response begins to deliver bytes; nothing where the part is not recorded.
#[derive(Default)]
struct ToldOfBytes(OnceLock<Recorder>);

impl fmt::Debug for ToldOfBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("ToldOfBytes").finish_non_exhaustive()
    }
}

/// The row that a part is for, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The list of the row; empty for a command line.
    pub(crate) input: Arc<str>,
    /// The key of what the row requests.
    pub(crate) ask: i64,
    /// The row's URL as given.
    pub(crate) url: Arc<str>,
}

#[derive(Debug, Default)]
struct Bytes {
    /// The file exists.
    is_made: bool,
    /// The bytes that earlier runs, and segments that have ended, have written.
    here: Pieces,
    /// The bytes that this run has written, by the index of the item's URL that delivered them.
    by: Vec<(usize, Pieces)>,
    /// The segments that are being downloaded.
    stretches: Vec<Arc<Stretch>>,
    /// The number of segments that have delivered bytes and ended.
    brought_by: u32,
}

/// A segment to be requested. If it is dropped before its response, its bytes are given back.
#[derive(Debug)]
pub(crate) struct Share {
    pub(super) assembly: Arc<Assembly>,
    stretch: Option<Arc<Stretch>>,
}

impl Share {
    pub(crate) fn range(&self) -> Range<u64> {
        self.stretch
            .as_ref()
            .map_or(0..0, |stretch| stretch.start()..stretch.end())
    }

    /// Limits what its response may deliver to the bytes before `end`.
    pub(crate) fn ends_at(&self, end: u64) {
        if let Some(stretch) = &self.stretch {
            stretch.stop_at(end);
        }
    }

    /// Returns the segment, now that there is a response for it; `None` if another response has
    /// delivered all of it.
    pub(crate) fn take(mut self) -> Option<Arc<Stretch>> {
        if !self.assembly.is_answered(self.stretch.as_ref()?) {
            return None;
        }
        self.stretch.take()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(stretch) = self.stretch.take() {
            self.assembly.give_back(&stretch);
        }
    }
}

impl Bytes {
    fn taken(&self) -> Pieces {
        let mut taken = self.here.clone();
        for stretch in &self.stretches {
            taken.add(stretch.written());
            taken.add(stretch.rest());
        }
        taken
    }

    /// Adds bytes that one of the item's URLs has delivered.
    fn brought(&mut self, range: Range<u64>, source: usize) {
        if range.is_empty() {
            return;
        }
        self.here.add(range.clone());
        self.brought_by += 1;
        let at = self.by.iter().position(|(one, _)| *one == source);
        let at = at.unwrap_or_else(|| {
            self.by.push((source, Pieces::default()));
            self.by.len() - 1
        });
        self.by[at].1.add(range);
    }

    /// Returns the first range of bytes that are neither on disk nor being downloaded; `None` if
    /// there is none.
    fn free(&self, total: u64) -> Option<Range<u64>> {
        self.taken().first_gap(total)
    }

    fn others(&self, rules: &Rules) -> Vec<Running> {
        let running = self.stretches.iter().map(|stretch| Running {
            rest: stretch.rest(),
            speed: stretch.settled_speed(rules.settles),
            is_range: stretch.is_range(),
        });
        running.collect()
    }

    /// Returns the bytes that only this source has delivered. Where two sources have, either may
    /// have been the last to write.
    fn only_from(&self, source: usize) -> Pieces {
        let mut only = Pieces::default();
        for (_, own) in self.by.iter().filter(|(one, _)| *one == source) {
            only = own.clone();
        }
        for (_, other) in self.by.iter().filter(|(one, _)| *one != source) {
            only = only.without(other);
        }
        only
    }

    /// Takes a segment for one of the item's URLs, from the bytes that nobody downloads or from the
    /// rest of another segment; `None` if there is nothing to take.
    fn share(&mut self, total: u64, rules: &Rules, source: usize) -> Option<Stretch> {
        let others = self.others(rules);
        match segments::share(self.free(total), &others, rules)? {
            segments::Share::Free(range) => Some(Stretch::new(range, source).that_is_a_range()),
            segments::Share::Of(nth, range) => {
                self.stretches[nth].stop_at(range.start);
                let is_all = range.start == others[nth].rest.start;
                let stretch = Stretch::new(range, source).that_is_a_range();
                Some(if is_all {
                    stretch.that_takes_over()
                } else {
                    stretch
                })
            }
        }
    }

    /// Returns the first byte at or after `from` that is on disk, or that belongs to a segment
    /// which may not be taken back; `total` if there is none.
    fn next_taken(&self, from: u64, total: u64) -> u64 {
        let mut taken = self.here.clone();
        for stretch in &self.stretches {
            taken.add(stretch.written());
            if !stretch.may_be_taken_back() {
                taken.add(stretch.rest());
            }
        }
        let mut gaps = taken.gaps(total);
        gaps.find(|gap| gap.contains(&from))
            .map_or(from, |gap| gap.end)
    }
}

impl Assembly {
    /// Creates a part whose file does not exist yet.
    pub(crate) fn new(
        number: u64,
        identity: Identity,
        entity: Entity,
        owner: Option<Owner>,
    ) -> Self {
        Self {
            number,
            identity,
            entity,
            owner,
            bytes: Mutex::default(),
            idle: Condvar::new(),
            told: ToldOfBytes::default(),
        }
    }

    /// Sets the bytes of a part that an earlier run has left, whose file exists.
    pub(crate) fn with(mut self, here: Pieces) -> Self {
        self.bytes = Mutex::new(Bytes {
            is_made: true,
            here,
            ..Bytes::default()
        });
        self
    }

    /// Returns which of its bytes have been written. They are durable once everything written so
    /// far has been synced.
    pub(crate) fn pieces(&self) -> Pieces {
        let bytes = self.lock();
        let mut pieces = bytes.here.clone();
        for stretch in &bytes.stretches {
            pieces.add(stretch.written());
        }
        pieces
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.pieces().is_whole(self.identity.total)
    }

    /// Returns the bytes that are on disk or being downloaded.
    pub(crate) fn taken(&self) -> Pieces {
        self.lock().taken()
    }

    /// Begins a segment for a response that one of the item's URLs has sent already.
    pub(crate) fn begin(&self, range: Range<u64>, source: usize) -> Arc<Stretch> {
        let stretch = Arc::new(Stretch::new(range, source));
        stretch.answered();
        self.lock().stretches.push(Arc::clone(&stretch));
        stretch
    }

    /// Takes a segment to request from one of the item's URLs: bytes that nobody downloads, or a
    /// piece of the rest of another segment; `None` if there is nothing to take.
    pub(crate) fn share(self: &Arc<Self>, rules: &Rules, source: usize) -> Option<Share> {
        let mut bytes = self.lock();
        let stretch = Arc::new(bytes.share(self.identity.total, rules, source)?);
        bytes.stretches.push(Arc::clone(&stretch));
        Some(Share {
            assembly: Arc::clone(self),
            stretch: Some(stretch),
        })
    }

    /// Returns whether [`share`](Self::share) would find a segment.
    pub(crate) fn is_shareable(&self, rules: &Rules) -> bool {
        let bytes = self.lock();
        let others = bytes.others(rules);
        let free = bytes.free(self.identity.total);
        segments::share(free, &others, rules).is_some()
    }

    /// Stops the requested segments of which no bytes were received. Responses that reach their
    /// bytes continue through them.
    pub(crate) fn stop_unbegun(&self) {
        for stretch in &self.lock().stretches {
            if stretch.is_range() && stretch.written().is_empty() {
                stretch.stop_at(stretch.start());
                stretch.ends_for_good();
            }
        }
    }

    /// Returns how many responses have delivered some of its bytes in this run and have ended.
    pub(crate) fn finished(&self) -> u32 {
        self.lock().brought_by
    }

    /// Returns how many responses have delivered some of its bytes in this run.
    pub(crate) fn brought_by(&self) -> u32 {
        let bytes = self.lock();
        let under_way = bytes
            .stretches
            .iter()
            .filter(|own| !own.written().is_empty());
        bytes.brought_by + u32::try_from(under_way.count()).unwrap_or(u32::MAX)
    }

    /// Returns how many of its bytes earlier runs have written.
    pub(crate) fn left_by_earlier_runs(&self) -> u64 {
        let bytes = self.lock();
        let mut earlier = bytes.here.clone();
        for (_, own) in &bytes.by {
            earlier = earlier.without(own);
        }
        earlier.covered()
    }

    /// Gives back a segment whose request has failed. The segment before it is extended over its
    /// bytes, as far as its response delivers them.
    fn give_back(&self, given: &Arc<Stretch>) {
        let mut bytes = self.lock();
        bytes
            .stretches
            .retain(|stretch| !Arc::ptr_eq(stretch, given));
        let taken = bytes.taken();
        for gap in taken.gaps(self.identity.total) {
            let mut before = bytes.stretches.iter();
            if let Some(before) = before.find(|stretch| stretch.end() == gap.start) {
                before.goes_on_to(gap.end);
            }
        }
    }

    /// Notes that there is a response for a segment. Returns `false` if another response has
    /// delivered all of the segment.
    fn is_answered(&self, stretch: &Stretch) -> bool {
        let _bytes = self.lock();
        if stretch.left() == 0 {
            return false;
        }
        stretch.answered();
        true
    }

    /// Extends a segment that has come to its end while its response goes on. It takes back
    /// following segments that were requested, but have no response yet, so that it does not matter
    /// what becomes of them. Returns the new end; `None` if the segment has to stop. Then it has
    /// ended for good, since what follows in its response is dropped.
    pub(super) fn goes_on(&self, own: &Stretch) -> Option<u64> {
        let bytes = self.lock();
        let from = own.end();
        let to = bytes.next_taken(from, self.identity.total).min(own.most());
        if to <= from {
            own.ends_for_good();
            return None;
        }
        let within = from..to;
        for stretch in &bytes.stretches {
            if stretch.may_be_taken_back() && within.contains(&stretch.start()) {
                stretch.stop_at(stretch.start());
            }
        }
        own.goes_on_to(to);
        Some(to)
    }

    /// Notes that a segment has ended, and nothing more is written to it.
    pub(crate) fn end(&self, ended: &Arc<Stretch>) {
        let mut bytes = self.lock();
        let before = bytes.stretches.len();
        bytes
            .stretches
            .retain(|stretch| !Arc::ptr_eq(stretch, ended));
        if bytes.stretches.len() < before {
            bytes.brought(ended.written(), ended.source());
        }
        if bytes.stretches.is_empty() {
            self.idle.notify_all();
        }
    }

    /// Returns which of the item's URLs have delivered some of the part in this run, each with the
    /// number of bytes that it alone delivered, the highest number first.
    pub(crate) fn sources(&self) -> Vec<(usize, u64)> {
        let bytes = self.lock();
        let mut sources: Vec<_> = bytes
            .by
            .iter()
            .map(|(source, _)| (*source, bytes.only_from(*source).covered()))
            .collect();
        sources.sort_by_key(|(source, covered)| (u64::MAX - covered, *source));
        sources
    }

    /// Keeps only those bytes on disk that this one of the item's URLs alone has delivered. Called
    /// when nobody writes to the part; segments that were requested deliver nothing any more.
    pub(crate) fn keep_only(&self, source: usize) {
        let mut bytes = self.lock();
        bytes.here = bytes.only_from(source);
        bytes.by = vec![(source, bytes.here.clone())];
        for stretch in &bytes.stretches {
            stretch.stop_at(stretch.start());
        }
    }

    /// Sets what is called when a response begins to deliver bytes, if that was not set before.
    pub(super) fn is_recorded_by(&self, recorder: &Recorder) {
        let _ = self.told.0.set(Arc::clone(recorder));
    }

    /// Notes that a response begins to deliver bytes, which have to be recorded.
    pub(super) fn expects_bytes(&self) {
        if let Some(recorder) = self.told.0.get() {
            recorder();
        }
    }

    /// Returns whether nobody writes to the part, or will. A segment that still waits for its
    /// response does not count: once all bytes are on disk, it has nothing left to deliver.
    pub(crate) fn is_settled(&self) -> bool {
        let bytes = self.lock();
        !bytes.stretches.iter().any(|stretch| stretch.has_response())
    }

    /// Waits until nobody writes to it any more, but not beyond `until`.
    pub(crate) fn wait_until_idle(&self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now());
        // Even after a timeout, what has been written by now counts.
        let _ = self
            .idle
            .wait_timeout_while(self.lock(), left, |bytes| !bytes.stretches.is_empty());
    }

    /// Opens its file to write from byte `at` on, and creates it if nobody has.
    pub(crate) fn open(&self, storage: &Storage, at: u64) -> io::Result<Box<dyn PartFile>> {
        let mut bytes = self.lock();
        if !bytes.is_made {
            let file = storage.scratch.create(self.number)?;
            bytes.is_made = true;
            if at == 0 {
                return Ok(file);
            }
            file.close()?;
        }
        drop(bytes);
        storage.kept_parts()?.open(self.number, at)
    }

    fn lock(&self) -> MutexGuard<'_, Bytes> {
        lock(&self.bytes)
    }
}

#[cfg(test)]
mod tests;
