//! Metrics of a run, for Prometheus: served while it goes on, or written to a file.
//!
//! A thread of its own serves and writes them, so that no slow client, and no slow disk, holds up
//! the run. Events are counted where reports get them; how much is in flight is asked of the engine
//! when somebody looks.

mod accept;
mod address;
mod counters;
mod engine;
#[cfg(feature = "program")]
mod exposition;
mod file;
mod process;
mod registry;
mod server;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use haulage::{Engine, Event};
use prometheus_client::registry::Registry;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::{self, MissedTickBehavior};

pub(crate) use self::address::MetricsAddress;
use self::counters::Counters;
#[cfg(feature = "program")]
pub(crate) use self::exposition::Exposition;
pub(crate) use self::file::PromFile;
use crate::exit::Problem;
use crate::report::{Notice, Reporter, Summary, format, whole_file};

/// How often the file is written.
const PERIOD: Duration = Duration::from_secs(15);
/// How long the end of a run waits for the last write: a disk may hang.
const GRACE: Duration = Duration::from_secs(2);

/// Where metrics go.
#[derive(Debug, Clone, Default)]
pub(crate) struct MetricsPlan {
    pub(crate) address: Option<MetricsAddress>,
    pub(crate) file: Option<PromFile>,
}

/// Metrics of a run that has not begun.
pub(crate) struct Metrics {
    counters: Counters,
    listener: Option<TcpListener>,
    /// The system has chosen the port.
    is_port_chosen: bool,
    file: Option<PathBuf>,
    trouble: Trouble,
}

/// What could not be written, until that is told.
#[derive(Debug, Clone, Default)]
struct Trouble(Arc<Mutex<Option<String>>>);

/// The thread that serves and writes metrics. It ends when this is dropped.
pub(crate) struct Serving {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Is disconnected when the thread ends.
    ended: Receiver<()>,
    trouble: Trouble,
}

/// Counts the events of a run.
struct Counting {
    counters: Counters,
    trouble: Trouble,
}

impl MetricsPlan {
    /// Returns whether metrics go anywhere.
    pub(crate) fn is_some(&self) -> bool {
        self.address.is_some() || self.file.is_some()
    }
}

impl Metrics {
    /// Listens at the address, and checks that the file can be written; `None` if no metrics are
    /// wanted.
    ///
    /// # Errors
    /// When that cannot be done.
    pub(crate) fn open(plan: &MetricsPlan) -> Result<Option<Self>, Problem> {
        if !plan.is_some() {
            return Ok(None);
        }
        if let Some(PromFile(path)) = &plan.file {
            whole_file::check(path).map_err(|cause| {
                let (path, cause) = (path.display(), format::io(&cause));
                let hint = "give a file in a folder that exists, and that you may write to";
                Problem::usage(format!("--metrics-file {path}: {cause}")).hint(hint)
            })?;
        }
        let listener = plan.address.as_ref().map(MetricsAddress::listen);
        Ok(Some(Self {
            counters: Counters::default(),
            listener: listener.transpose()?,
            is_port_chosen: plan
                .address
                .as_ref()
                .is_some_and(MetricsAddress::is_any_port),
            file: plan.file.as_ref().map(|file| file.0.clone()),
            trouble: Trouble::default(),
        }))
    }

    /// Returns where metrics are served, to be told, if the port was left to the system; `None`
    /// otherwise.
    pub(crate) fn note(&self) -> Option<String> {
        if !self.is_port_chosen {
            return None;
        }
        let address = self.listener.as_ref()?.local_addr().ok()?;
        Some(format!("metrics: http://{address}/metrics"))
    }

    /// Returns what counts the events of the run.
    pub(crate) fn reporter(&self) -> Box<dyn Reporter> {
        Box::new(Counting {
            counters: self.counters.clone(),
            trouble: self.trouble.clone(),
        })
    }

    /// Starts to serve and write the metrics of a run of this engine.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(self, engine: Engine) -> Result<Serving, Problem> {
        let (stop, stopped) = oneshot::channel();
        let trouble = self.trouble.clone();
        let (running, ended) = mpsc::channel();
        let serve = move || {
            serve(self, engine, stopped);
            drop(running);
        };
        let thread = thread::Builder::new()
            .name("haul-metrics".to_owned())
            .spawn(serve)
            .map_err(|cause| {
                let cause = format::io(&cause);
                Problem::destination(format!("no thread could be started: {cause}"))
            })?;
        Ok(Serving {
            stop: Some(stop),
            thread: Some(thread),
            ended,
            trouble,
        })
    }
}

impl Serving {
    /// Writes the file for the last time, and serves no longer. Returns what could not be written,
    /// unless that has been told.
    pub(crate) fn finish(mut self) -> Option<String> {
        self.end();
        self.trouble.take()
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended.
            let _ = stop.send(());
        }
        let Some(thread) = self.thread.take() else {
            return;
        };
        if self.ended.recv_timeout(GRACE) == Err(RecvTimeoutError::Disconnected) {
            // A panic there is no reason to fail here.
            let _ = thread.join();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.end();
    }
}

/// Serves and writes metrics until it is stopped.
fn serve(metrics: Metrics, engine: Engine, stopped: oneshot::Receiver<()>) {
    let registry = Arc::new(registry::of(&metrics.counters, engine));
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(cause) => {
            let cause = format::io(&cause);
            return metrics.trouble.tell(format!("no metrics: {cause}"));
        }
    };
    let writer = metrics.file.map(|path| Writer {
        path,
        registry: Arc::clone(&registry),
        trouble: metrics.trouble.clone(),
    });
    runtime.block_on(async {
        if let Some(listener) = metrics.listener {
            tokio::spawn(server::serve(listener, registry));
        }
        let written = async {
            match &writer {
                Some(writer) => writer.keep_writing().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = written => {}
            // It is dropped if the run could not be started.
            _ = stopped => {}
        }
    });
    if let Some(writer) = writer {
        writer.write();
    }
}

/// Writes the file of metrics.
struct Writer {
    path: PathBuf,
    registry: Arc<Registry>,
    trouble: Trouble,
}

impl Writer {
    /// Writes the file now and then, for ever.
    async fn keep_writing(&self) {
        let mut ticks = time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.write();
        }
    }

    fn write(&self) {
        let text = accept::Format::Prometheus.text(&self.registry);
        if let Err(cause) = whole_file::replace(&self.path, &text) {
            let (path, cause) = (self.path.display(), format::io(&cause));
            self.trouble
                .tell(format!("cannot write the metrics to {path}: {cause}"));
        }
    }
}

impl Reporter for Counting {
    fn event(&mut self, event: &Event) {
        self.counters.event(event);
    }

    fn notice(&mut self, _notice: &Notice<'_>) {}

    fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    fn finish(&mut self, _summary: &Summary) {}
}

impl Trouble {
    /// Notes what is to be told, once in all.
    fn tell(&self, what: String) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.get_or_insert(what);
    }

    /// Returns what is to be told, once.
    fn take(&self) -> Option<String> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // An empty text stands for what has been told.
        let what = told.as_mut().map(std::mem::take);
        what.filter(|what| !what.is_empty())
    }
}

#[cfg(test)]
mod tests;
