//! A part that several responses may write to: which entity it is of, and which of its bytes it
//! has.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use super::scratch::PartFile;
use super::segment::Segment;
use super::storage::Storage;
use crate::plan::head::Entity;
use crate::plan::range_set::RangeSet;
use crate::plan::resume::Identity;
use crate::plan::segments::{self, Rules, Running, SegmentChoice};
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
    recorder: RecorderSlot,
}

/// Called when a response begins to deliver bytes of a part.
pub(super) type Recorder = Arc<dyn Fn() + Send + Sync>;

/// What is called when a response begins to deliver bytes; nothing where the part is not recorded.
#[derive(Default)]
struct RecorderSlot(OnceLock<Recorder>);

impl fmt::Debug for RecorderSlot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("RecorderSlot")
            .finish_non_exhaustive()
    }
}

/// The row that a part is for, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The list of the row; empty for a command line.
    pub(crate) input: Arc<str>,
    /// The hash of what the row requests.
    pub(crate) request_hash: i64,
    /// The row's URL as given.
    pub(crate) url: Arc<str>,
}

#[derive(Debug, Default)]
struct Bytes {
    /// The file exists.
    is_made: bool,
    /// The bytes that earlier runs, and segments that have ended, have written.
    on_disk: RangeSet,
    /// The bytes that this run has written, by the index of the item's URL that delivered them.
    by_source: Vec<(usize, RangeSet)>,
    /// The segments that are being downloaded.
    segments: Vec<Arc<Segment>>,
    /// The number of segments that have delivered bytes and ended.
    contributors: u32,
}

/// A segment to be requested. If it is dropped before its response, its bytes are released.
#[derive(Debug)]
pub(crate) struct SegmentClaim {
    pub(super) assembly: Arc<Assembly>,
    segment: Option<Arc<Segment>>,
}

impl SegmentClaim {
    pub(crate) fn range(&self) -> Range<u64> {
        self.segment
            .as_ref()
            .map_or(0..0, |segment| segment.start()..segment.end())
    }

    /// Limits what its response may deliver to the bytes before `end`.
    pub(crate) fn limit_to(&self, end: u64) {
        if let Some(segment) = &self.segment {
            segment.stop_at(end);
        }
    }

    /// Returns the segment, now that there is a response for it; `None` if another response has
    /// delivered all of it.
    pub(crate) fn into_segment(mut self) -> Option<Arc<Segment>> {
        if !self.assembly.confirm(self.segment.as_ref()?) {
            return None;
        }
        self.segment.take()
    }
}

impl Drop for SegmentClaim {
    fn drop(&mut self) {
        if let Some(segment) = self.segment.take() {
            self.assembly.release(&segment);
        }
    }
}

impl Bytes {
    fn claimed(&self) -> RangeSet {
        let mut claimed = self.on_disk.clone();
        for segment in &self.segments {
            claimed.add(segment.written());
            claimed.add(segment.rest());
        }
        claimed
    }

    /// Adds bytes that one of the item's URLs has delivered.
    fn add_from(&mut self, range: Range<u64>, source: usize) {
        if range.is_empty() {
            return;
        }
        self.on_disk.add(range.clone());
        self.contributors += 1;
        let at = self.by_source.iter().position(|(one, _)| *one == source);
        let at = at.unwrap_or_else(|| {
            self.by_source.push((source, RangeSet::default()));
            self.by_source.len() - 1
        });
        self.by_source[at].1.add(range);
    }

    /// Returns the first range of bytes that are neither on disk nor being downloaded; `None` if
    /// there is none.
    fn free(&self, total: u64) -> Option<Range<u64>> {
        self.claimed().first_gap(total)
    }

    fn running(&self, rules: &Rules) -> Vec<Running> {
        let running = self.segments.iter().map(|segment| Running {
            rest: segment.missing(),
            speed: segment.settled_speed(rules.settles),
            is_range: segment.is_range(),
            is_silent: segment.is_silent(),
        });
        running.collect()
    }

    /// Returns the bytes that only this source has delivered. Where two sources have, either may
    /// have been the last to write.
    fn only_from(&self, source: usize) -> RangeSet {
        let mut only = RangeSet::default();
        for (_, own) in self.by_source.iter().filter(|(one, _)| *one == source) {
            only = own.clone();
        }
        for (_, other) in self.by_source.iter().filter(|(one, _)| *one != source) {
            only = only.without(other);
        }
        only
    }

    /// Claims a segment for one of the item's URLs, from the bytes that nobody downloads or from
    /// the rest of another segment; `None` if there is nothing to claim.
    fn claim(&mut self, total: u64, rules: &Rules, source: usize) -> Option<Segment> {
        let others = self.running(rules);
        match segments::choose(self.free(total), &others, rules)? {
            SegmentChoice::Free(range) => Some(Segment::new(range, source).of_range_request()),
            SegmentChoice::OfRest(nth, range) => {
                self.segments[nth].stop_at(range.start);
                // What is silent may still deliver its rest, if that comes before another response.
                let is_all = range.start == others[nth].rest.start && !others[nth].is_silent;
                let segment = Segment::new(range, source).of_range_request();
                Some(if is_all {
                    segment.taking_over()
                } else {
                    segment
                })
            }
        }
    }

    /// Returns the first byte at or after `from` that is on disk, or that belongs to a segment
    /// which cannot be reclaimed; `total` if there is none.
    fn next_claimed(&self, from: u64, total: u64) -> u64 {
        let mut claimed = self.on_disk.clone();
        for segment in &self.segments {
            claimed.add(segment.written());
            if !segment.is_reclaimable() {
                claimed.add(segment.rest());
            }
        }
        let mut gaps = claimed.gaps(total);
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
            recorder: RecorderSlot::default(),
        }
    }

    /// Sets the bytes of a part that an earlier run has left, whose file exists.
    pub(crate) fn with(mut self, on_disk: RangeSet) -> Self {
        self.bytes = Mutex::new(Bytes {
            is_made: true,
            on_disk,
            ..Bytes::default()
        });
        self
    }

    /// Returns which of its bytes have been written. They are durable once everything written so
    /// far has been synced.
    pub(crate) fn range_set(&self) -> RangeSet {
        let bytes = self.lock();
        let mut ranges = bytes.on_disk.clone();
        for segment in &bytes.segments {
            ranges.add(segment.written());
        }
        ranges
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.range_set().is_whole(self.identity.total)
    }

    /// Returns the bytes that are on disk or being downloaded.
    pub(crate) fn claimed(&self) -> RangeSet {
        self.lock().claimed()
    }

    /// Begins a segment for a response that one of the item's URLs has sent already.
    pub(crate) fn begin(&self, range: Range<u64>, source: usize) -> Arc<Segment> {
        let segment = Arc::new(Segment::new(range, source));
        segment.answered();
        self.lock().segments.push(Arc::clone(&segment));
        segment
    }

    /// Claims a segment to request from one of the item's URLs: bytes that nobody downloads, or a
    /// part of the rest of another segment; `None` if there is nothing to claim.
    pub(crate) fn claim(self: &Arc<Self>, rules: &Rules, source: usize) -> Option<SegmentClaim> {
        let mut bytes = self.lock();
        let segment = Arc::new(bytes.claim(self.identity.total, rules, source)?);
        bytes.segments.push(Arc::clone(&segment));
        Some(SegmentClaim {
            assembly: Arc::clone(self),
            segment: Some(segment),
        })
    }

    /// Returns whether [`claim`](Self::claim) would find a segment.
    pub(crate) fn can_claim(&self, rules: &Rules) -> bool {
        let bytes = self.lock();
        let others = bytes.running(rules);
        let free = bytes.free(self.identity.total);
        segments::choose(free, &others, rules).is_some()
    }

    /// Stops the requested segments of which no bytes were received. Responses that reach their
    /// bytes continue through them.
    pub(crate) fn stop_unstarted(&self) {
        for segment in &self.lock().segments {
            if segment.is_range() && segment.written().is_empty() {
                segment.stop_at(segment.start());
                segment.freeze();
            }
        }
    }

    /// Returns how many responses have delivered some of its bytes in this run and have ended.
    pub(crate) fn finished(&self) -> u32 {
        self.lock().contributors
    }

    /// Returns how many responses have delivered some of its bytes in this run.
    pub(crate) fn contributors(&self) -> u32 {
        let bytes = self.lock();
        let under_way = bytes
            .segments
            .iter()
            .filter(|own| !own.written().is_empty());
        bytes.contributors + u32::try_from(under_way.count()).unwrap_or(u32::MAX)
    }

    /// Returns how many of its bytes earlier runs have written.
    pub(crate) fn left_by_earlier_runs(&self) -> u64 {
        let bytes = self.lock();
        let mut earlier = bytes.on_disk.clone();
        for (_, own) in &bytes.by_source {
            earlier = earlier.without(own);
        }
        earlier.covered()
    }

    /// Releases a segment whose request has failed. The segment before it is extended over its
    /// bytes, as far as its response delivers them.
    fn release(&self, given: &Arc<Segment>) {
        let mut bytes = self.lock();
        bytes
            .segments
            .retain(|segment| !Arc::ptr_eq(segment, given));
        let claimed = bytes.claimed();
        for gap in claimed.gaps(self.identity.total) {
            let mut before = bytes.segments.iter();
            if let Some(before) = before.find(|segment| segment.end() == gap.start) {
                before.extend_to(gap.end);
            }
        }
    }

    /// Notes that there is a response for a segment. Returns `false` if another response has
    /// delivered all of the segment.
    fn confirm(&self, segment: &Segment) -> bool {
        let _bytes = self.lock();
        if segment.left() == 0 {
            return false;
        }
        segment.answered();
        true
    }

    /// Returns whether another response delivers, or has delivered, what follows the end of a
    /// segment.
    pub(super) fn has_successor(&self, own: &Segment) -> bool {
        let (bytes, end) = (self.lock(), own.end());
        end < own.response_end() && bytes.next_claimed(end, self.identity.total) == end
    }

    /// Extends a segment that has come to its end while its response goes on. It reclaims
    /// following segments that were requested, but have no response yet, so that it does not matter
    /// what becomes of them. Returns the new end; `None` if the segment has to stop. Then it has
    /// ended for good, since what follows in its response is dropped.
    pub(super) fn extend(&self, own: &Segment) -> Option<u64> {
        let bytes = self.lock();
        let from = own.end();
        let to = bytes
            .next_claimed(from, self.identity.total)
            .min(own.response_end());
        if to <= from {
            own.freeze();
            return None;
        }
        let within = from..to;
        for segment in &bytes.segments {
            if segment.is_reclaimable() && within.contains(&segment.start()) {
                segment.stop_at(segment.start());
            }
        }
        own.extend_to(to);
        Some(to)
    }

    /// Notes that a segment has ended, and nothing more is written to it.
    pub(crate) fn end(&self, ended: &Arc<Segment>) {
        let mut bytes = self.lock();
        let before = bytes.segments.len();
        bytes
            .segments
            .retain(|segment| !Arc::ptr_eq(segment, ended));
        if bytes.segments.len() < before {
            bytes.add_from(ended.written(), ended.source());
        }
        if bytes.segments.is_empty() {
            self.idle.notify_all();
        }
    }

    /// Returns which of the item's URLs have delivered some of the part in this run, each with the
    /// number of bytes that it alone delivered, the highest number first.
    pub(crate) fn sources(&self) -> Vec<(usize, u64)> {
        let bytes = self.lock();
        let mut sources: Vec<_> = bytes
            .by_source
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
        bytes.on_disk = bytes.only_from(source);
        bytes.by_source = vec![(source, bytes.on_disk.clone())];
        for segment in &bytes.segments {
            segment.stop_at(segment.start());
        }
    }

    /// Keeps only these bytes of those on disk, and returns which of the item's URLs have delivered
    /// others. Called when nobody writes to the part; segments that were requested deliver nothing
    /// any more.
    pub(crate) fn keep_ranges(&self, ranges: &RangeSet) -> Vec<usize> {
        let mut bytes = self.lock();
        let kept = |own: &RangeSet| own.without(&own.without(ranges));
        bytes.on_disk = kept(&bytes.on_disk);
        let mut others = Vec::new();
        for (source, own) in &mut bytes.by_source {
            if own.without(ranges).covered() > 0 {
                others.push(*source);
            }
            *own = kept(own);
        }
        bytes.by_source.retain(|(_, own)| own.covered() > 0);
        for segment in &bytes.segments {
            segment.stop_at(segment.start());
        }
        others
    }

    /// Sets what is called when a response begins to deliver bytes, if that was not set before.
    pub(super) fn set_recorder(&self, recorder: &Recorder) {
        let _ = self.recorder.0.set(Arc::clone(recorder));
    }

    /// Notes that a response begins to deliver bytes, which have to be recorded.
    pub(super) fn notify_recorder(&self) {
        if let Some(recorder) = self.recorder.0.get() {
            recorder();
        }
    }

    /// Returns whether nobody writes to the part, or will. A segment that still waits for its
    /// response does not count: once all bytes are on disk, it has nothing left to deliver.
    pub(crate) fn is_settled(&self) -> bool {
        let bytes = self.lock();
        !bytes.segments.iter().any(|segment| segment.has_response())
    }

    /// Waits until nobody writes to it any more, but no longer than `most`.
    pub(crate) fn wait_until_idle(&self, most: Duration) {
        // Even after a timeout, what has been written by now counts.
        let _ = self
            .idle
            .wait_timeout_while(self.lock(), most, |bytes| !bytes.segments.is_empty());
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
