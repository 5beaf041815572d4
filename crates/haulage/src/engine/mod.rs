//! Wires the stations: the one place that knows them all, and the one loop there is. The head of a
//! response can put more work back into a host's queue: a redirect's next hop, a retry.
//!
//! ```text
//!   rows                                                                        events
//!    │                                                                            ▲
//!    ▼                                                                            │
//!  intake/ ────────► lifecycle/ ◄───────────────────────────────── lane/          │
//!  reader             enqueue ──► Dispatcher (schedule) ──lease──►  link          │
//!  recall             attempt ◄──────── AttemptEnd ───────────────  exchange      │
//!  existing           finish ───► Ledger (window, state, events) ─────────────────┘
//!                     unchanged     Naming (names, followers)       receive, direct
//!                     segments ───► Parts (writer, storage)      ◄─ segment, resume, robots
//! ```
//!
//! | folder | holds | imports |
//! |---|---|---|
//! | `mod.rs`, `events` | [`Engine`], the handle; the streams that the caller reads | all |
//! | `lane/` | a connection at work, on its worker thread | `run`, `item`, `segments` |
//! | `intake/` | before the first request: rows are read and recalled | `run`, `item` |
//! | `lifecycle/` | the one loop: enqueue, attempt, finish | `run`, `item`, `segments` |
//! | `run/` | what a run owns: the services above, each with its lock | `item` |
//! | `item/` | the nouns of a row in progress | `segments` |
//! | `segments/` | one file in segments: a state machine, generic over its item | |
//!
//! Imports lead down this table, except that [`Outcomes`] keeps the handle alive, and that tests
//! use all. Within a folder, files may import what stands in its `mod.rs`. `intake` and
//! `lifecycle` are the methods of `Run`, where several services meet.
//! `.ci/circles` finds files that import each other.
//!
//! | lock | owner | taken while it is held |
//! |---|---|---|
//! | rows on the disk | `run/spill` | schedule, window |
//! | segments of a file | `segments/download` | schedule, bytes of its part |
//! | origins that want one connection | `Run` | schedule, robots |
//! | schedule | `run/dispatcher` | robots, a lane's slot, the committer |
//! | robots | `run/robots` | none |
//! | names and followers | `run/naming` | none |
//! | window | `run/window` | none |
//! | a lane's slot | `run/handover` | none |
//!
//! To stop the run, the token is cancelled first; then queues, gate and spill are emptied, each
//! under its lock: what is added under the same lock either sees the token, or is found there.

mod events;
mod intake;
mod item;
mod lane;
mod lifecycle;
mod run;
mod segments;

use std::num::NonZeroU64;
use std::sync::{Arc, mpsc};
use std::thread;

use self::intake::reader::{self, Source};
use self::lane::worker::Worker;
use self::run::Run;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::fetch::connect::check_tls;
use crate::options::{Destination, Options, Purpose};
use crate::request::Row;
use crate::state::State;
use crate::write::{Directory, Preview, StatePlace, Storage, Stream, state_in};

pub use self::events::{Events, Outcomes};

/// A run: fed with requests, it yields events, among them one outcome for each request.
///
/// It starts threads of its own and needs no runtime of its caller's. Dropping it stops what is
/// under way.
///
/// ```
/// use haulage::{Engine, Event, Options, Request};
///
/// # let folder = tempfile::tempdir()?;
/// # let origin = origin::Origin::plain();
/// # let url = origin.url("/bytes/4K?seed=1");
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let mut engine = Engine::start(Options::new(folder.path()))?;
/// let mut events = engine.events();
/// engine.feed([Ok(Request::new(&url)?.named("a.bin")?)]);
/// engine.close();
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
pub struct Engine {
    run: Arc<Run>,
    sources: mpsc::Sender<Source>,
    events: Option<Events>,
}

impl Engine {
    /// Starts a run: checks the options, and opens the destination. A run that is recorded
    /// ([`Workspace::Keep`](crate::Workspace)) keeps others out that are.
    ///
    /// # Errors
    /// Of kind `input` for options that cannot be used, of kind `disk` for a destination that
    /// cannot; [`Error::busy_with`] tells when it can be used later.
    pub fn start(mut options: Options) -> Result<Self, Error> {
        options.validate()?;
        check_tls(&options.tls)?;
        match (&options.destination, options.purpose) {
            (Destination::Directory(path), Purpose::Plan) => {
                let storage = Storage::plan(Preview::of(path)?);
                // Without what is recorded, or a folder, each file that is there counts as unknown.
                let state = state_in(path).ok().and_then(|path| {
                    let state =
                        State::open(StatePlace::alone(path), &options, Arc::clone(&storage));
                    state.ok().map(Arc::new)
                });
                Self::start_on(options, storage, state)
            }
            (Destination::Directory(path), Purpose::Download) => {
                let (directory, place) = Directory::open(path, &options)?;
                let storage = Storage::of(Arc::new(directory));
                let state = State::open(place, &options, Arc::clone(&storage))?;
                Self::start_on(options, storage, Some(Arc::new(state)))
            }
            (Destination::Output(output), _) => {
                let stream = Storage::of(Arc::new(Stream::new(output.clone())));
                Self::start_on(options, stream, None)
            }
            (Destination::Memory { limit }, _) => {
                let memory = Storage::memory(*limit);
                // A file that waits for further requests would hold memory which those that are
                // under way wait for.
                options.split = 1;
                Self::start_on(options, memory, None)
            }
        }
    }

    /// Starts a run that writes to `storage`, and records in `state` what became of its rows.
    pub(crate) fn start_on(
        options: Options,
        storage: Arc<Storage>,
        state: Option<Arc<State>>,
    ) -> Result<Self, Error> {
        let threads = options.threads.unwrap_or_else(default_threads);
        let (workers, lanes): (Vec<_>, Vec<_>) = (0..threads).map(Worker::new).unzip();
        let (run, events) = run::start(options, storage, state, lanes)?;
        let (sources, fed) = mpsc::channel();
        // From here on, dropping it ends the threads that have started.
        let engine = Self {
            events: Some(Events::new(events, Arc::clone(&run))),
            run: Arc::clone(&run),
            sources,
        };
        for worker in workers {
            worker.start(Arc::clone(&run)).map_err(no_thread)?;
        }
        if let Some(state) = &run.state {
            let (failing, telling) = (Arc::clone(&run), Arc::clone(&run));
            let warning = Arc::downgrade(&run);
            state.warn(move |what| {
                if let Some(run) = warning.upgrade() {
                    run.ledger.emit(Event::Warned(what));
                }
            });
            state
                .start(
                    move |error| failing.stop(error),
                    move |outcome| telling.recorded(Box::new(outcome)),
                )
                .map_err(no_thread)?;
        }
        thread::Builder::new()
            .name("haulage-intake".into())
            .spawn(move || reader::read_all(&run, &fed))
            .map_err(no_thread)?;
        Ok(engine)
    }

    /// Adds rows, which are read lazily, on a thread of the engine's: as many as it needs to look
    /// ahead. Sources are read one after another, in the order in which they were fed, at any time
    /// until [`close`](Self::close).
    pub fn feed<S>(&self, source: S)
    where
        S: IntoIterator<Item = Row>,
        S::IntoIter: Send + 'static,
    {
        // The intake thread ends only after this handle has gone.
        let _ = self
            .sources
            .send(Source::Rows(Box::new(source.into_iter())));
    }

    /// Says that nothing more will be fed: the events end when all is done.
    pub fn close(&self) {
        let _ = self.sources.send(Source::End);
    }

    /// Stops: nothing more is started, what is in flight ends as `cancelled`, and the events end.
    /// Items that had not started have no outcome.
    pub fn cancel(&self) {
        self.run.cancel();
    }

    /// Returns how many rows the input has, bad ones included; `None` before all of it has been
    /// read, which a run that is stopped may never do.
    #[must_use]
    pub fn input_rows(&self) -> Option<u64> {
        self.run.ledger.input_rows()
    }

    /// Limits what comes in all from now on, in bytes per second, as [`Options::limit_rate`] does;
    /// `None` lifts it.
    pub fn limit_rate(&self, rate: Option<NonZeroU64>) {
        self.run.rates.set_total(rate);
    }

    /// Limits what comes from each host from now on, as [`Options::limit_rate_per_host`] does;
    /// `None` lifts it.
    pub fn limit_rate_per_host(&self, rate: Option<NonZeroU64>) {
        self.run.rates.set_per_host(rate);
    }

    /// What happens, from the beginning on. They must be received for the run to go on: the engine
    /// looks ahead only so far beyond the last outcome that was.
    ///
    /// # Panics
    /// When called twice.
    pub fn events(&mut self) -> Events {
        #[expect(
            clippy::expect_used,
            reason = "documented: a mistake in the caller's program"
        )]
        self.events
            .take()
            .expect("the events of a run are taken once")
    }

    /// The outcomes of a run that nobody else steers: it lives as long as they do.
    pub(crate) fn into_outcomes(mut self) -> Outcomes {
        let events = self.events();
        Outcomes::new(events, self)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.run.cancel();
    }
}

/// Half the cores, so that the disk and whoever listens have theirs.
fn default_threads() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    (cores / 2).clamp(1, 8)
}

fn no_thread(cause: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Disk,
        format!("no thread could be started: {cause}"),
    )
    .caused_by(cause)
}

#[cfg(test)]
#[cfg(test)]
mod tests;
#[cfg(test)]
mod torture;
