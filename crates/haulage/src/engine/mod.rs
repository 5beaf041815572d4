//! Wires the stations: the one place that knows them all, and the one loop there is. The head of a
//! response can put more work back into a host's queue: a redirect's next hop, a repetition.

mod aside;
mod connecting;
mod core;
mod descriptors;
mod ended;
mod events;
mod exchange;
mod flow;
mod handover;
mod intake;
mod item;
mod known;
mod lane;
mod patience;
mod present;
mod receive;
mod refresh;
mod resume;
mod robots;
mod server_name;
mod settle;
mod share;
mod sources;
mod split;
mod trouble;
mod watch;
mod window;
mod work;
mod worker;

use std::num::NonZeroU64;
use std::sync::{Arc, mpsc};
use std::thread;

use self::core::Core;
use self::worker::Worker;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::fetch::connect::check_tls;
use crate::options::{Destination, Options, Purpose};
use crate::request::Row;
use crate::state::State;
use crate::write::{Directory, Disk, Preview, StatePlace, Stream, state_in};

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
/// let mut engine = Engine::start(Options::into(folder.path()))?;
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
    core: Arc<Core>,
    sources: mpsc::Sender<intake::Source>,
    events: Option<Events>,
}

impl Engine {
    /// Starts a run: checks the options, and opens the destination. A run that is recorded
    /// ([`Workspace::Keep`](crate::Workspace)) keeps others out that are.
    ///
    /// # Errors
    /// Of kind `input` for options that cannot be used, of kind `disk` for a destination that
    /// cannot; [`Error::busy_with`] tells when it can be used later.
    pub fn start(options: Options) -> Result<Self, Error> {
        options.validate()?;
        check_tls(&options.tls)?;
        match (&options.destination, options.purpose) {
            (Destination::Directory(path), Purpose::Plan) => {
                let disk: Arc<dyn Disk> = Arc::new(Preview::of(path)?);
                // Without what is recorded, or a folder, each file that is there counts as unknown.
                let state = state_in(path).ok().and_then(|path| {
                    let state = State::open(StatePlace::alone(path), &options, Arc::clone(&disk));
                    state.ok().map(Arc::new)
                });
                Self::start_on(options, disk, state)
            }
            (Destination::Directory(path), Purpose::Download) => {
                let (directory, place) = Directory::open(path, &options)?;
                let disk: Arc<dyn Disk> = Arc::new(directory);
                let state = State::open(place, &options, Arc::clone(&disk))?;
                Self::start_on(options, disk, Some(Arc::new(state)))
            }
            (Destination::Output(output), _) => {
                let stream = Stream::new(output.clone());
                Self::start_on(options, Arc::new(stream), None)
            }
        }
    }

    /// Starts a run that writes to `disk`, and records in `state` what became of its rows.
    pub(crate) fn start_on(
        options: Options,
        disk: Arc<dyn Disk>,
        state: Option<Arc<State>>,
    ) -> Result<Self, Error> {
        let threads = options.threads.unwrap_or_else(default_threads);
        let (workers, lanes): (Vec<_>, Vec<_>) = (0..threads).map(Worker::new).unzip();
        let (core, events) = Core::new(options, disk, state, lanes)?;
        let (sources, fed) = mpsc::channel();
        // From here on, dropping it ends the threads that have started.
        let engine = Self {
            events: Some(Events::new(events, Arc::clone(&core))),
            core: Arc::clone(&core),
            sources,
        };
        for worker in workers {
            worker.start(Arc::clone(&core)).map_err(no_thread)?;
        }
        if let Some(state) = &core.state {
            let (failing, telling) = (Arc::clone(&core), Arc::clone(&core));
            let warning = Arc::downgrade(&core);
            state.warn(move |what| {
                if let Some(core) = warning.upgrade() {
                    core.tell(Event::Warned(what));
                }
            });
            state
                .start(
                    move |error| failing.stop(error),
                    move |outcome| telling.tell_end(Box::new(outcome)),
                )
                .map_err(no_thread)?;
        }
        thread::Builder::new()
            .name("haulage-intake".into())
            .spawn(move || intake::read_all(&core, &fed))
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
            .send(intake::Source::Rows(Box::new(source.into_iter())));
    }

    /// Says that nothing more will be fed: the events end when all is done.
    pub fn close(&self) {
        let _ = self.sources.send(intake::Source::End);
    }

    /// Stops: nothing more is started, what is in flight ends as `cancelled`, and the events end.
    /// Items that had not started have no outcome.
    pub fn cancel(&self) {
        self.core.cancel();
    }

    /// Returns how many rows the input has, bad ones included; `None` before all of it has been
    /// read, which a run that is stopped may never do.
    #[must_use]
    pub fn input_rows(&self) -> Option<u64> {
        self.core.input_rows.get().copied()
    }

    /// Limits what comes in all from now on, in bytes per second, as [`Options::limit_rate`] does;
    /// `None` lifts it.
    pub fn limit_rate(&self, rate: Option<NonZeroU64>) {
        self.core.rates.set_total(rate);
    }

    /// Limits what comes from each host from now on, as [`Options::limit_rate_per_host`] does;
    /// `None` lifts it.
    pub fn limit_rate_per_host(&self, rate: Option<NonZeroU64>) {
        self.core.rates.set_per_host(rate);
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
        self.core.cancel();
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
mod tests;
#[cfg(test)]
mod torture;
