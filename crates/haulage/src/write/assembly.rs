//! A part that is put together from what several responses bring: of which entity it is, and which
//! of its bytes it has.

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

/// A part with which another response can go on.
#[derive(Debug)]
pub(crate) struct Assembly {
    pub(crate) number: u64,
    pub(crate) identity: Identity,
    /// The file as the first response described it.
    pub(crate) entity: Entity,
    /// Whose it is, where a later run may find it.
    pub(crate) owner: Option<Owner>,
    bytes: Mutex<Bytes>,
    /// Told when nobody writes to it any more.
    idle: Condvar,
    told: ToldOfBytes,
}

/// Told when somebody begins to bring bytes of a part.
pub(super) type Recorder = Arc<dyn Fn() + Send + Sync>;

/// Who is told that bytes of a part are to come; nobody where it is not recorded.
#[derive(Default)]
struct ToldOfBytes(OnceLock<Recorder>);

impl fmt::Debug for ToldOfBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("ToldOfBytes").finish_non_exhaustive()
    }
}

/// The row that a part is for, as its record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The list that it stands in; empty for a command line.
    pub(crate) input: Arc<str>,
    /// Stands for what it asks for.
    pub(crate) ask: i64,
    /// Its URL as given.
    pub(crate) url: Arc<str>,
}

#[derive(Debug, Default)]
struct Bytes {
    /// Whether its file is there.
    is_made: bool,
    /// What those have brought who write no more.
    here: Pieces,
    /// The same, by which of the item's URLs has brought it in this run.
    by: Vec<(usize, Pieces)>,
    /// What is being brought.
    stretches: Vec<Arc<Stretch>>,
    /// How many have brought something, and bring no more.
    brought_by: u32,
}

/// Bytes that somebody is to bring. Dropped before anything was brought, it gives them back.
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

    /// No more than this is brought by the one response to it.
    pub(crate) fn ends_at(&self, end: u64) {
        if let Some(stretch) = &self.stretch {
            stretch.stop_at(end);
        }
    }

    /// It is being brought, unless somebody else has come to it before.
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

    /// One of the item's URLs has brought these.
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

    /// The first bytes that are neither here nor being brought.
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

    /// What this source has brought and no other one: where two have, either may have been the
    /// last.
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

    /// Takes a share for one of the item's URLs out of what others bring, or of what nobody does.
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

    /// The first byte from there on that is here, or that somebody brings who is not to be
    /// replaced.
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
    /// A part that is not there yet.
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

    /// A part that an earlier run has left, with these bytes.
    pub(crate) fn with(mut self, here: Pieces) -> Self {
        self.bytes = Mutex::new(Bytes {
            is_made: true,
            here,
            ..Bytes::default()
        });
        self
    }

    /// Which of its bytes have been written. They are durable once everything written so far has
    /// been synced.
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

    /// What is here, and what is being brought.
    pub(crate) fn taken(&self) -> Pieces {
        self.lock().taken()
    }

    /// One of the item's URLs begins to bring these bytes.
    pub(crate) fn begin(&self, range: Range<u64>, source: usize) -> Arc<Stretch> {
        let stretch = Arc::new(Stretch::new(range, source));
        stretch.answered();
        self.lock().stretches.push(Arc::clone(&stretch));
        stretch
    }

    /// One of the item's URLs brings what nobody else does, or a share of what somebody else has
    /// left to bring.
    pub(crate) fn share(self: &Arc<Self>, rules: &Rules, source: usize) -> Option<Share> {
        let mut bytes = self.lock();
        let stretch = Arc::new(bytes.share(self.identity.total, rules, source)?);
        bytes.stretches.push(Arc::clone(&stretch));
        Some(Share {
            assembly: Arc::clone(self),
            stretch: Some(stretch),
        })
    }

    /// Whether there would be something to share.
    pub(crate) fn is_shareable(&self, rules: &Rules) -> bool {
        let bytes = self.lock();
        let others = bytes.others(rules);
        let free = bytes.free(self.identity.total);
        segments::share(free, &others, rules).is_some()
    }

    /// Gives ranges back of which nothing has come: whoever comes to them goes on across them.
    pub(crate) fn stop_unbegun(&self) {
        for stretch in &self.lock().stretches {
            if stretch.is_range() && stretch.written().is_empty() {
                stretch.stop_at(stretch.start());
                stretch.ends_for_good();
            }
        }
    }

    /// How many responses have brought some of its bytes in this run, and bring no more.
    pub(crate) fn finished(&self) -> u32 {
        self.lock().brought_by
    }

    /// How many responses have brought some of its bytes in this run.
    pub(crate) fn brought_by(&self) -> u32 {
        let bytes = self.lock();
        let under_way = bytes
            .stretches
            .iter()
            .filter(|own| !own.written().is_empty());
        bytes.brought_by + u32::try_from(under_way.count()).unwrap_or(u32::MAX)
    }

    /// Returns how many of its bytes were here before this run.
    pub(crate) fn left_by_earlier_runs(&self) -> u64 {
        let bytes = self.lock();
        let mut earlier = bytes.here.clone();
        for (_, own) in &bytes.by {
            earlier = earlier.without(own);
        }
        earlier.covered()
    }

    /// Whoever was to bring these bytes cannot: another one goes on with them, if its response
    /// brings them anyway.
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

    /// There is a response for a share. `false` if somebody else has come to it, and brings it.
    fn is_answered(&self, stretch: &Stretch) -> bool {
        let _bytes = self.lock();
        if stretch.left() == 0 {
            return false;
        }
        stretch.answered();
        true
    }

    /// Somebody has come to the end of what it was to bring, and its response goes on: it takes
    /// back what others have asked for, and have no answer to, so that what becomes of that does
    /// not matter. Where its new end is; `None` if it has to stop: then it ends for good, since
    /// what follows in its response is dropped.
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

    /// Whoever brought these bytes writes no more.
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

    /// Which of the item's URLs have brought some of it in this run, and how many bytes that no
    /// other one has, the most first.
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

    /// Of all that is here, only what this one of the item's URLs has brought is gone on with.
    /// Nobody writes to it now, and whoever has asked for a share of it brings nothing.
    pub(crate) fn keep_only(&self, source: usize) {
        let mut bytes = self.lock();
        bytes.here = bytes.only_from(source);
        bytes.by = vec![(source, bytes.here.clone())];
        for stretch in &bytes.stretches {
            stretch.stop_at(stretch.start());
        }
    }

    /// Tells this one when bytes are to come.
    pub(super) fn is_recorded_by(&self, recorder: &Recorder) {
        let _ = self.told.0.set(Arc::clone(recorder));
    }

    /// Notes that bytes are to come: they have to be recorded.
    pub(super) fn expects_bytes(&self) {
        if let Some(recorder) = self.told.0.get() {
            recorder();
        }
    }

    /// Whether nobody writes to it, or will: whoever waits for a response to its share has nothing
    /// left to bring once all is here.
    pub(crate) fn is_settled(&self) -> bool {
        let bytes = self.lock();
        !bytes.stretches.iter().any(|stretch| stretch.has_response())
    }

    /// Waits until nobody writes to it any more, but no longer than this.
    pub(crate) fn wait_until_idle(&self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now());
        // In both cases what has been written by now is what counts.
        let _ = self
            .idle
            .wait_timeout_while(self.lock(), left, |bytes| !bytes.stretches.is_empty());
    }

    /// Opens its file to write from a byte on; makes it if nobody has.
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
