//! The handle of a run.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::Engine;
use super::events::Events;
use super::run::Run;
use super::run::sampler::Sampler;
use super::run::sources::Source;
use crate::latencies::Latencies;
use crate::priority::Priority;
use crate::request::Row;
use crate::series::Sample;

/// Controls a run: takes requests, and yields events, among them one outcome for each request.
///
/// It works on any runtime. Dropping it stops the run.
///
/// ```
/// use haulage::{Engine, EngineOptions, Event, Request, RunOptions};
///
/// # let folder = tempfile::tempdir()?;
/// # let origin = origin::Origin::plain();
/// # let url = origin.url("/bytes/4K?seed=1");
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let engine = Engine::start(EngineOptions::default())?;
/// let mut run = engine.open(RunOptions::new(folder.path()))?;
/// let mut events = run.events();
/// run.feed([Ok(Request::new(&url)?.named("a.bin")?)]);
/// run.close();
/// while let Some(event) = events.next().await {
///     if let Event::Ended(outcome) = event {
///         assert_eq!((outcome.status.name(), outcome.bytes), ("done", 4096));
///     }
/// }
/// # Ok::<(), haulage::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RunHandle {
    pub(super) run: Arc<Run>,
    has_given_events: bool,
    /// Is dropped after the run has been stopped.
    _engine: Engine,
}

impl RunHandle {
    pub(super) fn new(run: Arc<Run>, engine: Engine) -> Self {
        Self {
            has_given_events: false,
            run,
            _engine: engine,
        }
    }

    /// Adds rows, which are read lazily, on a thread of the engine's: as many as it needs to look
    /// ahead. Sources are read one after another, in the order in which they were fed, at any time
    /// until [`close`](Self::close).
    pub fn feed<S>(&self, source: S)
    where
        S: IntoIterator<Item = Row>,
        S::IntoIter: Send + 'static,
    {
        let rows = Box::new(source.into_iter());
        self.run.sources.add(Box::new(Source::new(rows)));
        self.run.read_on();
    }

    /// Adds some rows of a list, each with its number in the list, from 0, which rises. So the rows
    /// are recorded and named as in a run of the whole list, and what is recorded of the others
    /// stays. It is fed before anything else.
    pub fn feed_numbered<S>(&self, source: S)
    where
        S: IntoIterator<Item = (u64, Row)>,
        S::IntoIter: Send + 'static,
    {
        let rows = Box::new(source.into_iter());
        self.run.sources.add(Box::new(Source::numbered(rows)));
        self.run.read_on();
    }

    /// Says that nothing more will be fed: the events end when all is done.
    pub fn close(&self) {
        self.run.sources.close();
        self.run.read_on();
    }

    /// Pauses the run: no more requests are sent, and those in flight are stopped. What they have
    /// brought of a file is kept if the server lets a download be resumed. The slots are free for
    /// other runs. A file that is complete is still saved.
    pub fn pause(&self) {
        self.run.pause();
    }

    /// Lets a paused run go on, within the files that it has begun.
    pub fn resume(&self) {
        self.run.resume();
    }

    /// Stops the run: nothing more is started, what is in flight ends as `cancelled`, and the
    /// events end. Items that had not started have no outcome.
    pub fn cancel(&self) {
        self.run.cancel();
    }

    /// Removes a row by its number ([`Outcome::row`](crate::Outcome::row)). Unless it has ended
    /// before, it ends as `failed`, of kind `cancelled`, and what was fetched of its file is
    /// discarded. One that has not been read yet ends when it is read.
    pub fn remove(&self, row: u64) {
        self.run.remove(row);
    }

    /// Changes the priority of what the run has not requested yet: see
    /// [`RunOptions::priority`](crate::RunOptions).
    pub fn set_priority(&self, priority: Priority) {
        self.run.set_priority(priority);
    }

    /// Limits what comes in for this run from now on, in bytes per second, as
    /// [`RunOptions::limit_rate`](crate::RunOptions) does; `None` lifts it.
    pub fn limit_rate(&self, rate: Option<NonZeroU64>) {
        self.run.throttle.set_limit(rate);
    }

    /// Returns how many bytes have come from the network for this run.
    #[must_use]
    pub fn received_bytes(&self) -> u64 {
        self.run.throttle.bytes()
    }

    /// Returns how many requests of this run are in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.run.in_flight.count()
    }

    /// Returns how the run went over time, in at most 2,000 samples; empty unless it is recorded
    /// ([`StateDir::Keep`](crate::StateDir)) or [asked for](crate::RunOptions::samples). A paused
    /// run is not sampled.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        let sampler = self.run.sampler.as_ref();
        sampler.map(Sampler::samples).unwrap_or_default()
    }

    /// Returns how long responses have taken so far. Nothing is counted unless the run is recorded
    /// or sampled, as with [`samples`](Self::samples).
    #[must_use]
    pub fn latencies(&self) -> Latencies {
        let sampler = self.run.sampler.as_ref();
        sampler.map(Sampler::latencies).unwrap_or_default()
    }

    /// Returns how many rows the input has, bad ones included; `None` before all of it has been
    /// read, which a run that is stopped may never do.
    #[must_use]
    pub fn input_rows(&self) -> Option<u64> {
        self.run.ledger.input_rows()
    }

    /// Returns what happens, from the beginning on. Events must be received for the run to go on:
    /// the engine looks ahead only so far beyond the last outcome that was received.
    ///
    /// # Panics
    /// When called twice.
    pub fn events(&mut self) -> Events {
        let is_first = !std::mem::replace(&mut self.has_given_events, true);
        assert!(is_first, "the events of a run are taken once");
        Events::new(Arc::clone(&self.run))
    }
}

impl Drop for RunHandle {
    fn drop(&mut self) {
        self.run.cancel();
    }
}
