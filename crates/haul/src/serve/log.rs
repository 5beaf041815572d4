//! The log that clients of the daemon ask for: what `tracing` tells, in a file.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::{Layer, Registry, fmt, reload};

/// The targets of the engine and of the daemon begin with this.
const TARGET: &str = "haulage";

static LOG: OnceLock<Log> = OnceLock::new();

/// The log of this process.
struct Log {
    filter: reload::Handle<Targets, Registry>,
    file: Arc<Place>,
}

/// The file that is written to; `None` while there is none.
#[derive(Default)]
struct Place(Mutex<Option<Arc<File>>>);

/// Writes to a file, if there is one.
struct Lines(Option<Arc<File>>);

/// Returns the layer that writes the log, to nothing at first; `None` if it has been returned.
pub(crate) fn layer() -> Option<impl Layer<Registry> + Send + Sync> {
    let file = Arc::new(Place::default());
    let (filter, handle) = reload::Layer::new(Targets::new());
    let log = Log {
        filter: handle,
        file: Arc::clone(&file),
    };
    LOG.set(log).ok()?;
    let lines = fmt::layer().with_ansi(false);
    // Else a full disk is told on standard error for each line, and a standard error that cannot be
    // written to ends the process.
    let lines = lines.log_internal_errors(false);
    let lines = lines.with_writer(move || Lines(file.get()));
    Some(lines.with_filter(filter))
}

/// Lets the log go to a file from now on, up to this level; `None` ends it.
pub(super) fn write(log: Option<(File, LevelFilter)>) {
    let Some(Log { filter, file }) = LOG.get() else {
        return;
    };
    let level = log.as_ref().map_or(LevelFilter::OFF, |(_, level)| *level);
    file.set(log.map(|(file, _)| Arc::new(file)));
    // It fails only when there is no subscriber any more.
    let _ = filter.reload(Targets::new().with_target(TARGET, level));
}

impl Place {
    fn get(&self) -> Option<Arc<File>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, file: Option<Arc<File>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = file;
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Some(file) => (&**file).write(bytes),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
