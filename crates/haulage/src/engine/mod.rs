//! Wires the stations: the one place that knows them all, and the one loop there is. The head of a
//! response can put more work back into a host's queue: a redirect's next hop, a retry.
//!
//! ```text
//!   Engine (mod.rs)                                     RunHandle (handle.rs), events, outcomes
//!    │ one for many runs                                 │ feed, pause, remove …          ▲
//!    ▼                                                   ▼                                │
//!  shared/                     run/ ◄──────────────── intake/ ────► lifecycle/            │
//!  Services                     Run, its services      reader        enqueue, attempt,    │
//!   Dispatcher (schedule)        Control                recall        finish, unchanged,  │
//!   RobotsGate, Routes           Sources, Spill         existing      segments, hold      │
//!   RateLimits, BlockingPool     Naming, Parts                        │   ▲               │
//!    │  ▲                        Ledger ──────────────────────────────┼───┼───────────────┘
//!    │  └── Work { run, task } ◄──────────────────────────────────────┘   │
//!    └────── lease ───► lane/ link, exchange, receive, … ── AttemptEnd ───┘
//! ```
//!
//! | folder | holds | imports |
//! |---|---|---|
//! | `mod`, `handle`, `events`, `outcomes` | [`Engine`], [`RunHandle`], streams of events | all |
//! | `lane/` | a connection at work, for one run after another | `run`, `shared`, `item` |
//! | `intake/` | before the first request: rows are read and recalled | `run`, `item` |
//! | `lifecycle/` | the one loop; how runs are paused | `run`, `item`, `segments` |
//! | `run/` | what a run owns: the services above, each with its lock | `shared`, `item` |
//! | `shared/` | what all runs share; generic over their work | `item` |
//! | `item/` | the nouns of a row in progress | `segments` |
//! | `segments/` | one file in segments: a state machine, generic over its item | |
//!
//! Imports lead down this table, except that tests use all. Within a folder, files may import what
//! stands in its `mod.rs`. `intake` and `lifecycle` are the methods of `Run`, where several
//! services meet. `.ci/circles` finds files that import each other.
//!
//! | lock | owner | taken while it is held |
//! |---|---|---|
//! | folders that are open | `run/folder` | members of a folder |
//! | rows on the disk | `run/spill` | schedule, window |
//! | segments of a file | `segments/download` | schedule, bytes of its part |
//! | origins that want one connection | `Services` | schedule, robots |
//! | schedule | `shared/dispatcher` | robots, a lane's slot, the committer |
//! | robots | `shared/robots` | none |
//! | parked items | `run/control` | none |
//! | names and followers | `run/naming` | none |
//! | window | `run/window` | none |
//! | a lane's slot | `shared/handover` | none |
//!
//! To stop or pause a run, its phase changes first; then lanes are interrupted, and queues, gate
//! and spill are emptied, each under its lock: what is added under the same lock either sees the
//! phase, or is found there.

mod events;
mod handle;
mod intake;
mod item;
mod lane;
mod lifecycle;
mod outcomes;
mod run;
mod segments;
mod shared;
mod snapshot;

use std::fmt;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use self::lane::worker::Worker;
use self::run::Services;
use self::run::folder::{Folders, Place};
use self::run::runs::Runs;
use self::run::work::Work;
use self::shared::DISK_THREADS;
use self::shared::dispatcher::Hooks;
use self::shared::handover::OpenLane;
use crate::error::{Error, ErrorKind};
use crate::fetch::connector::{check_interface, read_tls_files};
use crate::fetch::headers::Headers;
use crate::options::{Destination, EngineOptions, Environment, Purpose, RunOptions};
use crate::pool::BlockingPool;
use crate::request::Row;
use crate::state::State;
use crate::sync::lock;
use crate::trace::RUN;
use crate::write::{Preview, StatePlace, Storage, Stream, state_in};

pub use self::events::Events;
pub use self::handle::RunHandle;
pub use self::outcomes::Outcomes;
pub use self::snapshot::{EngineSnapshot, HostSnapshot};

/// How long an engine that is dropped waits for its runs to end. A disk that hangs may hold them up
/// for ever.
const GRACE: Duration = Duration::from_secs(2);
/// How long it waits for threads that read lists. A source may hold them up for ever.
const READ_GRACE: Duration = Duration::from_millis(50);

/// The client that many runs share: to each server they are one. It holds for all of them together
/// what [`EngineOptions`] says, and what servers have said: how many requests they bear, when they
/// may be asked again, their robots.txt.
///
/// Clones are handles on the same engine. Its threads end when the last handle, and the last run,
/// has been dropped. It installs no signal handler, and prints nothing.
///
/// ```
/// use haulage::{Engine, EngineOptions, Request, RunOptions};
///
/// # let (first, second) = (tempfile::tempdir()?, tempfile::tempdir()?);
/// # let origin = origin::Origin::plain();
/// # let row = |name: &str| Request::new(&origin.url("/bytes/4K")).and_then(|row| row.named(name));
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let engine = Engine::start(EngineOptions::default())?;
/// let mut a = engine.run(RunOptions::new(first.path()), [Ok(row("a.bin")?)])?;
/// let mut b = engine.run(RunOptions::new(second.path()), [Ok(row("b.bin")?)])?;
/// for run in [&mut a, &mut b] {
///     let mut events = run.events();
///     while let Some(event) = events.next().await {
///         println!("{event:?}");
///     }
/// }
/// # Ok::<(), haulage::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    services: Arc<Services>,
    runs: Arc<Runs>,
    folders: Arc<Folders>,
    last_headers: Mutex<Option<Arc<Headers>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Starts an engine, without any run: checks the options, and starts its threads.
    ///
    /// # Errors
    /// Of kind `input` for options that cannot be used, of kind `disk` when threads cannot be
    /// started.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as a run's are; nobody needs them afterwards"
    )]
    pub fn start(options: EngineOptions) -> Result<Self, Error> {
        options.validate()?;
        let threads = options.threads.unwrap_or_else(default_threads);
        let (workers, lanes): (Vec<_>, Vec<_>) = (0..threads).map(Worker::new).unzip();
        let runs = Arc::new(Runs::default());
        let pool = BlockingPool::new("haulage-disk", DISK_THREADS);
        // From here on, dropping it ends the threads that have started.
        let mut inner = Inner::new(&options, pool, lanes, runs);
        for worker in workers {
            let started = worker.start(Arc::clone(&inner.services));
            inner.threads.push(started.map_err(no_thread)?);
        }
        Ok(Self(Arc::new(inner)))
    }

    /// Starts a run that downloads these rows: checks the options, and opens the destination. A run
    /// that is recorded ([`StateDir::Keep`](crate::StateDir)) keeps others out that are.
    ///
    /// # Errors
    /// Of kind `input` for options that cannot be used, of kind `disk` for a destination that
    /// cannot; [`Error::busy_with`] tells when it can be used later.
    pub fn run<S>(&self, options: RunOptions, source: S) -> Result<RunHandle, Error>
    where
        S: IntoIterator<Item = Row>,
        S::IntoIter: Send + 'static,
    {
        let run = self.open(options)?;
        run.feed(source);
        run.close();
        Ok(run)
    }

    /// Starts a run whose rows are [fed](RunHandle::feed) by and by.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn open(&self, mut options: RunOptions) -> Result<RunHandle, Error> {
        options.validate()?;
        options.route.read_environment(Environment::variable)?;
        read_tls_files(&mut options.route.tls)?;
        read_tls_files(&mut options.route.proxy_tls)?;
        check_interface(&options.route)?;
        let headers = self.0.headers(&options)?;
        let pool = &self.0.services.pool;
        let own = (options.durability, options.existing);
        let alone = |storage, state| Place::alone(&self.0.folders, storage, state, pool, own);
        let place = match (&options.destination, options.purpose) {
            (Destination::Directory(path), Purpose::Plan) => {
                let storage = Storage::plan(Preview::of(path)?);
                // Without what is recorded, or a folder, each file that is there counts as unknown.
                let state = state_in(path).ok().and_then(|path| {
                    let place = StatePlace::alone(path);
                    State::open(place, &options, Arc::clone(&storage)).ok()
                });
                alone(storage, state.map(Arc::new))
            }
            (Destination::Directory(path), Purpose::Download) => {
                self.0.folders.enter(path, &options, pool)?
            }
            (Destination::Output(output), _) => {
                alone(Storage::of(Arc::new(Stream::new(output.clone()))), None)
            }
            (Destination::Memory { limit }, _) => {
                let memory = Storage::memory(*limit);
                // A file that waits for further requests would hold memory which those that are
                // under way wait for.
                options.split = 1;
                alone(memory, None)
            }
        };
        Ok(self.open_at(options, headers, place))
    }

    /// Starts a run that writes to `storage`, and records in `state` what became of its rows.
    #[cfg(test)]
    pub(crate) fn open_on(
        &self,
        options: RunOptions,
        storage: Arc<Storage>,
        state: Option<Arc<State>>,
    ) -> Result<RunHandle, Error> {
        let pool = &self.0.services.pool;
        let headers = self.0.headers(&options)?;
        let place = Place::alone(
            &self.0.folders,
            storage,
            state,
            pool,
            (options.durability, options.existing),
        );
        Ok(self.open_at(options, headers, place))
    }

    /// Starts a run that writes to a place.
    fn open_at(&self, options: RunOptions, headers: Arc<Headers>, place: Place) -> RunHandle {
        let Inner { services, runs, .. } = &*self.0;
        let run = run::start(
            runs.number(),
            Arc::clone(services),
            Arc::clone(runs),
            options,
            headers,
            place,
        );
        runs.add(&run);
        tracing::debug!(target: RUN, run = run.number, title = %run.options.title, "run begins");
        RunHandle::new(run, self.clone())
    }

    /// Limits what comes in all from now on, in bytes per second, as
    /// [`EngineOptions::limit_rate`] does; `None` lifts it.
    pub fn limit_rate(&self, rate: Option<NonZeroU64>) {
        self.0.services.rates.set_total(rate);
    }

    /// Limits what comes from each host from now on, as [`EngineOptions::limit_rate_per_host`]
    /// does; `None` lifts it.
    pub fn limit_rate_per_host(&self, rate: Option<NonZeroU64>) {
        self.0.services.rates.set_per_host(rate);
    }
}

impl Inner {
    /// Returns an engine without threads, whose lanes live on these workers.
    fn new(
        options: &EngineOptions,
        pool: BlockingPool,
        lanes: Vec<UnboundedSender<OpenLane<Work>>>,
        runs: Arc<Runs>,
    ) -> Self {
        let (told, looked_at) = (Arc::clone(&runs), Arc::clone(&runs));
        let hooks = Hooks {
            tell: Box::new(move |event| told.tell(&event)),
            look: Box::new(move || {
                let reads_on = looked_at.read_on();
                looked_at.sample() || reads_on
            }),
        };
        Self {
            services: Arc::new(Services::start(options, pool, lanes, hooks)),
            runs,
            folders: Arc::default(),
            last_headers: Mutex::default(),
            threads: Vec::new(),
        }
    }

    /// Returns the headers that a run sends. Runs that send the same share them.
    fn headers(&self, options: &RunOptions) -> Result<Arc<Headers>, Error> {
        let mut last = lock(&self.last_headers);
        match &*last {
            Some(last) if last.are_of(options) => Ok(Arc::clone(last)),
            _ => Ok(Arc::clone(last.insert(Arc::new(Headers::new(options)?)))),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for run in self.runs.all() {
            run.cancel();
        }
        self.runs.wait_until_over(GRACE);
        self.services.closing.cancel();
        let own = thread::current().id();
        for thread in self.threads.drain(..) {
            // The last handle may have been dropped by one of them.
            if thread.thread().id() != own {
                let _ = thread.join();
            }
        }
        self.runs.readers.close(READ_GRACE);
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Engine").finish_non_exhaustive()
    }
}

/// Returns the default number of threads: half the cores, from 1 to 8. The other half is for the
/// disk and for the receiver of the events.
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
mod rebinding;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod torture;
