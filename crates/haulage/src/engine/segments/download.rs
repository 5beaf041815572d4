//! A file that several lanes fetch at once: how many lanes may take part, and what happens to its
//! item when they end.
//!
//! It begins as one request. While its response is received, idle lanes of its host, and of its
//! mirrors' hosts under an expected digest, claim segments of the missing bytes (see
//! [`plan::segments`](crate::plan::segments)), as work of those hosts' queues. When a segment ends,
//! another one may begin; the lane that ends last gets the item back and continues with it. A
//! segment that fails is never the item's failure: its bytes can be claimed again.
//!
//! The item is parked here once its own response has ended before the others. Its type does not
//! matter here: tests park numbers.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use super::sources::{Source, Sources};
use crate::credentials::Credentials;
use crate::error::Error;
use crate::event::Transfer;
use crate::fetch::request_target::RequestTarget;
use http::HeaderMap;

use crate::http_url::{HttpUrl, Parsed};
use crate::plan::ramp::{Connections, Ramp, Seen};
use crate::plan::segments::{self, CRAWLS, Rules};
use crate::sync::lock;
use crate::write::{Assembly, SegmentClaim};

/// Bytes: once a file is split, segments of this size may be split even if `least` is larger.
const LEAST_AGAIN: u64 = 2 << 20;

/// A file that several lanes fetch at once. Parks an item of type `I`.
pub(crate) struct SegmentedDownload<I> {
    pub(crate) partial: Arc<Assembly>,
    given: HttpUrl,
    credentials: Option<Credentials>,
    headers: Option<HeaderMap>,
    pub(crate) transfer: Arc<Transfer>,
    /// When the item's time is over; `None` if it has no limit.
    pub(crate) deadline: Option<Instant>,
    /// Bytes: what is smaller is not split.
    least: u64,
    /// Only the rest of a response that is silent is requested.
    is_rescue: bool,
    /// Requests for segments so far.
    pub(crate) requests: AtomicU32,
    state: Mutex<State<I>>,
}

/// What is known of a file when it begins to be split.
pub(crate) struct Start {
    /// Where segments are requested, and how many.
    pub(crate) sources: Sources,
    /// The most segments at once.
    pub(crate) max_segments: usize,
    /// Bytes per second of its first response.
    pub(crate) speed: f64,
    pub(crate) ramp: Ramp,
    /// Bytes: what is smaller is not split.
    pub(crate) least: u64,
    /// Only the rest of a response that is silent is requested.
    pub(crate) is_rescue: bool,
}

struct State<I> {
    /// The item, once its own response has ended before the others.
    item: Option<I>,
    /// Why its own response failed; `None` if it did not.
    failure: Option<Error>,
    /// Where segments are requested, and how many.
    sources: Sources,
    /// The most segments at once.
    max_segments: usize,
    /// Bytes per second of the fastest lane so far.
    usual: f64,
    ramp: Ramp,
}

impl<I> State<I> {
    /// Returns how many connections may be at it now.
    fn allowed(&self) -> usize {
        // The user gave mirrors so that they are used.
        if self.sources.are_several() {
            return self.max_segments;
        }
        match self.ramp.connections() {
            Connections::One => self.max_segments.min(1),
            Connections::Two => self.max_segments.min(2),
            Connections::All => self.max_segments,
        }
    }
}

/// What follows when a lane is done with its segment.
#[derive(Debug)]
pub(crate) enum Next<I> {
    /// The file is complete: its item is to be saved.
    Whole(I),
    /// No lane fetches the file any more, and bytes are missing: the item continues alone, after
    /// this failure of its own response if there was one.
    Alone(I, Option<Error>),
    /// Another segment may be requested from the same source, and has been counted.
    Segment,
    Nothing,
}

impl<I> SegmentedDownload<I> {
    /// Begins to split a file whose first response goes on. `given` is the URL as given, with its
    /// credentials.
    pub(crate) fn new(
        partial: Arc<Assembly>,
        transfer: Arc<Transfer>,
        (given, credentials): Parsed,
        deadline: Option<Instant>,
        start: Start,
    ) -> Self {
        Self {
            partial,
            given,
            credentials,
            headers: None,
            transfer,
            deadline,
            least: start.least,
            is_rescue: start.is_rescue,
            requests: AtomicU32::new(0),
            state: Mutex::new(State {
                item: None,
                failure: None,
                sources: start.sources,
                max_segments: start.max_segments,
                usual: start.speed,
                ramp: start.ramp,
            }),
        }
    }

    /// Sends these headers with its requests, which were given for its row alone.
    pub(crate) fn sending(mut self, headers: Option<&HeaderMap>) -> Self {
        self.headers = headers.cloned();
        self
    }

    /// Returns the URL as given.
    pub(crate) fn given(&self) -> &HttpUrl {
        &self.given
    }

    /// Returns where segments are requested at one of its sources.
    pub(crate) fn request_target<'a>(&'a self, source: &'a Source) -> RequestTarget<'a> {
        RequestTarget {
            given: &self.given,
            credentials: self.credentials.as_ref(),
            headers: self.headers.as_ref(),
            hop: source.hop.as_ref(),
        }
    }

    pub(crate) fn source(&self, at: usize) -> Arc<Source> {
        self.lock().sources.get(at)
    }

    fn lock(&self) -> MutexGuard<'_, State<I>> {
        lock(&self.state)
    }

    fn rules(&self, state: &State<I>) -> Rules {
        let lanes = state.allowed().max(1) as u64;
        let left = left(&self.partial);
        let least = self.least.min(LEAST_AGAIN);
        let speed = state.ramp.connection_speed(state.usual);
        let most = segments::max_length(left, lanes, self.partial.finished() > 0, &speed);
        Rules {
            least,
            most: most.max(least),
            pays_after: state.ramp.pays_again_after().as_secs_f64(),
            usual: state.usual,
            settles: state.ramp.settles(),
        }
    }

    /// Counts as many segments as may be requested now, and returns the source of each. `idle`
    /// returns how many lanes are idle at each of the sources, seen from the URL as given.
    pub(crate) fn invite(&self, idle: impl FnOnce(&HttpUrl, &Sources) -> Vec<usize>) -> Vec<usize> {
        let mut state = self.lock();
        let room = state.allowed().saturating_sub(state.sources.busy());
        if room == 0 || !self.partial.can_claim(&self.rules(&state)) {
            return Vec::new();
        }
        let mut idle = idle(&self.given, &state.sources);
        (0..room)
            .map_while(|_| state.sources.queue(&mut idle))
            .collect()
    }

    /// Claims the bytes of a segment that was queued at a source, now that it has its lane. Returns
    /// `None` if there is nothing left to claim, or no longer room for it; the segment is still
    /// queued then.
    pub(crate) fn claim(&self, at: usize) -> Option<SegmentClaim> {
        let mut state = self.lock();
        if state.sources.active() >= state.allowed() || !state.sources.may_begin(at) {
            return None;
        }
        let nth = state.sources.get(at).nth;
        let claim = self.partial.claim(&self.rules(&state), nth)?;
        state.sources.begin(at);
        Some(claim)
    }

    /// Returns whether only the rest of a response that is silent is requested.
    pub(crate) fn is_rescue(&self) -> bool {
        self.is_rescue
    }

    /// Returns whether a segment is worth a new connection.
    pub(crate) fn pays_to_connect(&self) -> bool {
        if self.is_rescue {
            return false;
        }
        let (left, state) = (left(&self.partial), self.lock());
        // The user gave mirrors so that they are used.
        state.sources.are_several() || state.ramp.pays_to_connect(left)
    }

    /// Records the speed of a lane, in bytes per second.
    pub(crate) fn record_speed(&self, speed: f64) {
        let mut state = self.lock();
        state.usual = state.usual.max(speed);
    }

    /// Replaces a source by the one that its redirect leads to.
    pub(crate) fn redirect(&self, at: usize, source: Source) {
        self.lock().sources.replace(at, source);
    }

    /// Reduces how many segments are requested from a source: it has refused one.
    pub(crate) fn refuse(&self, at: usize) {
        self.lock().sources.refuse(at);
    }

    /// Drops a mirror that is much slower than the others, which only delays what it claims.
    pub(crate) fn drop_if_slow(&self, at: usize, speed: f64) {
        let mut state = self.lock();
        if at > 0 && speed * CRAWLS < state.usual {
            state.sources.refuse(at);
        }
    }

    /// Records that the disk takes no more bytes from any segment: the item fails with this error.
    pub(crate) fn fail(&self, error: Error) {
        let mut state = self.lock();
        state.max_segments = 0;
        state.failure = Some(error);
    }

    /// Returns how many connections may be at the file at once, as its servers have shown.
    pub(crate) fn max_segments(&self) -> usize {
        let state = self.lock();
        state.max_segments.min(state.sources.most())
    }

    /// Notes how the file comes, and decides whether segments are of use.
    pub(crate) fn observe(&self, now: Instant) {
        let mut state = self.lock();
        let before = state.ramp.connections();
        state
            .ramp
            .observe(seen(&self.transfer, &self.partial, now, None));
        let is_refuted = before != Connections::One && state.allowed() == 1;
        if is_refuted {
            self.partial.stop_unstarted();
        }
    }

    /// Parks the item, whose own response is done; with its failure, if it did not end well.
    pub(crate) fn park(&self, item: I, failure: Option<Error>) -> Next<I> {
        self.leave(0, Some(item), failure, true)
    }

    /// Ends a segment that was claimed from a source.
    pub(crate) fn end(&self, at: usize) -> Next<I> {
        self.leave(at, None, None, true)
    }

    /// Gives up a segment that was queued at a source and not claimed.
    pub(crate) fn abandon(&self, at: usize) -> Next<I> {
        self.leave(at, None, None, false)
    }

    fn leave(
        &self,
        at: usize,
        item: Option<I>,
        failure: Option<Error>,
        was_active: bool,
    ) -> Next<I> {
        let mut state = self.lock();
        state.sources.end(at, was_active);
        if item.is_some() {
            state.item = item;
            state.failure = failure.or(state.failure.take());
        }
        // No lane may still write to the file when it gets its name.
        if self.partial.is_whole() && self.partial.is_settled() {
            return state.item.take().map_or(Next::Nothing, Next::Whole);
        }
        if state.sources.busy() == 0 {
            let failure = state.failure.take();
            return match state.item.take() {
                Some(item) => Next::Alone(item, failure),
                None => Next::Nothing,
            };
        }
        let has_room = was_active && state.sources.busy() < state.allowed();
        if has_room && self.partial.can_claim(&self.rules(&state)) && state.sources.queue_again(at)
        {
            return Next::Segment;
        }
        Next::Nothing
    }

    /// Returns how many requests for segments there were.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// Returns how many bytes of a file have not been written.
fn left(partial: &Assembly) -> u64 {
    let covered = partial.range_set().covered();
    partial.identity.total.saturating_sub(covered)
}

/// Returns how far a file has come; `is_lossy` says whether its path loses packets, where that is
/// known.
pub(crate) fn seen(
    transfer: &Transfer,
    partial: &Assembly,
    now: Instant,
    is_lossy: Option<bool>,
) -> Seen {
    Seen {
        at: now,
        bytes: transfer.fetched(),
        left: left(partial),
        is_lossy,
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
