//! Lists that are fetched: those whose URL follows `-i`, and the sitemaps of an index.
//!
//! They are fetched by the engine of the run, each in a run of its own with the same options, so
//! that the limits of each host hold for all of it together.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use haulage::source::Fetch;
use haulage::{
    ContentEncoding, Destination, Engine, EngineOptions, Error, ErrorKind, Event, Events, Outcome,
    Priority, Purpose, Request, Run, RunOptions, StateDir, Status,
};
use tokio::runtime;

/// Maximum bytes of a list that is fetched.
pub(crate) const MAX_LIST: u64 = 256 << 20;

/// Fetches lists.
#[derive(Clone, Default)]
pub(crate) struct ListFetcher(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// How lists are fetched. Sources are opened before that is known.
    options: OnceLock<(EngineOptions, RunOptions)>,
    engine: Mutex<Option<Engine>>,
    under_way: Mutex<UnderWay>,
}

#[derive(Default)]
struct UnderWay {
    run: Option<Run>,
    is_cancelled: bool,
}

/// Why a list was not fetched.
#[derive(Debug)]
pub(crate) struct Unfetched {
    pub(crate) error: Error,
    /// Whether it is too large.
    pub(crate) is_too_large: bool,
}

impl ListFetcher {
    /// Sets the options of the run whose lists are fetched, and of its engine.
    pub(crate) fn set_options(&self, engine: &EngineOptions, run: &RunOptions) {
        let mut options = run.clone();
        options.destination = Destination::Memory { limit: MAX_LIST };
        options.purpose = Purpose::Download;
        options.state_dir = StateDir::RemoveWhenDone;
        options.content_encoding = ContentEncoding::Decode;
        // What else is fetched depends on it.
        options.priority = Priority::High;
        options.max_errors = None;
        options.max_size = None;
        options.hashes = Vec::new();
        let _ = self.0.options.set((engine.clone(), options));
    }

    /// Returns the engine, which is started if that has not happened.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub(crate) fn engine(&self, options: &EngineOptions) -> Result<Engine, Error> {
        let mut engine = locked(&self.0.engine);
        match &*engine {
            Some(engine) => Ok(engine.clone()),
            None => Ok(engine.insert(Engine::start(options.clone())?).clone()),
        }
    }

    /// Returns what fetches further parts of a list while it is read.
    pub(crate) fn of_parts(&self) -> Fetch {
        let fetcher = self.clone();
        Fetch::new(move |request| fetcher.fetch(request).map_err(|unfetched| unfetched.error))
    }

    /// Fetches a list, and waits for it.
    ///
    /// # Errors
    /// If it cannot be fetched, is too large, or if the run is being stopped.
    pub(crate) fn fetch(&self, request: Request) -> Result<Bytes, Unfetched> {
        let not_begun = |error| Unfetched {
            error,
            is_too_large: false,
        };
        let (engine, options) = self.0.options.get().ok_or_else(|| {
            not_begun(Error::new(
                ErrorKind::Input,
                "a list that is used here is not fetched; fetch it first",
            ))
        })?;
        let engine = self.engine(engine).map_err(not_begun)?;
        let mut run = engine
            .run(options.clone(), [Ok(request)])
            .map_err(not_begun)?;
        let events = run.events();
        self.begin(run).map_err(not_begun)?;
        let outcome = wait_for(events);
        // Dropped outside of the lock: that stops it.
        let run = locked(&self.0.under_way).run.take();
        drop(run);
        let outcome = outcome.map_err(not_begun)?;
        match (outcome.status, outcome.content) {
            (Status::Failed(error), _) => Err(Unfetched {
                // By then a server has answered; what is refused before is so by a policy.
                is_too_large: error.kind() == ErrorKind::Refused && outcome.http_status.is_some(),
                error,
            }),
            (_, Some(content)) => Ok(content),
            (_, None) => Ok(Bytes::new()),
        }
    }

    fn begin(&self, run: Run) -> Result<(), Error> {
        let mut under_way = locked(&self.0.under_way);
        if under_way.is_cancelled {
            return Err(stopped());
        }
        under_way.run = Some(run);
        Ok(())
    }

    /// Stops what is being fetched; nothing more is.
    pub(crate) fn cancel(&self) {
        let mut under_way = locked(&self.0.under_way);
        under_way.is_cancelled = true;
        if let Some(run) = &under_way.run {
            run.cancel();
        }
    }
}

impl fmt::Debug for ListFetcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ListFetcher")
    }
}

/// Returns the URL of a list; `None` if it is a path.
pub(crate) fn url_of(list: &Path) -> Option<&str> {
    let text = list.to_str()?;
    let (scheme, _) = text.split_once("://")?;
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    is_http.then_some(text)
}

/// Waits for the one outcome of a run.
fn wait_for(mut events: Events) -> Result<Outcome, Error> {
    let runtime = runtime::Builder::new_current_thread()
        .build()
        .map_err(|cause| Error::new(ErrorKind::Disk, cause.to_string()).caused_by(cause))?;
    runtime.block_on(async {
        loop {
            match events.next().await {
                Some(Event::Ended(outcome)) => return Ok(*outcome),
                Some(_) => {}
                None => return Err(stopped()),
            }
        }
    })
}

fn stopped() -> Error {
    Error::new(ErrorKind::Cancelled, "the run was stopped")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
