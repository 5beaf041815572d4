//! A run of one download.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use haulage::{Engine, Error, ErrorKind, Event, Run, Status, Transfer};
use tokio_util::sync::CancellationToken;

use super::speed::Speed;
use crate::options::Plan;
use crate::service::{Finish, Live, PartialFile};

/// A run of a download, from before it begins until it is over.
#[derive(Debug)]
pub(super) struct Task {
    /// Names it among all runs of this process.
    pub(super) number: u64,
    /// Cancelled when it is over.
    pub(super) over: CancellationToken,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The engine's run; `None` before it has begun, and when it is over.
    run: Option<Run>,
    transfer: Option<Arc<Transfer>>,
    redirected: Option<String>,
    /// Set when it was stopped.
    stopped: Option<PartialFile>,
    limit: Option<NonZeroU64>,
    speed: Speed,
}

impl Task {
    /// Returns a run that has not begun.
    pub(super) fn new(number: u64, limit: Option<NonZeroU64>) -> Self {
        Self {
            number,
            over: CancellationToken::new(),
            inner: Mutex::new(Inner {
                limit,
                ..Inner::default()
            }),
        }
    }

    /// Runs until the run is over, and returns how it ended; `None` if it was stopped.
    pub(super) async fn run(&self, engine: Engine, mut plan: Plan) -> Option<Finish> {
        if self.lock().stopped.is_some() {
            return None;
        }
        // Opening a folder takes its time.
        let begun = tokio::task::spawn_blocking(move || {
            plan.read_cookies()?;
            engine.run(plan.options, [Ok(plan.request)])
        });
        let begun = begun.await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Disk,
                "the download could not be started",
            ))
        });
        let mut run = match begun {
            Ok(run) => run,
            Err(error) => return Some(failed(&error)),
        };
        let mut events = run.events();
        self.begin(run);
        let (mut finish, mut reason) = (None, None);
        while let Some(event) = events.next().await {
            match event {
                Event::Started(transfer) => self.lock().transfer = Some(transfer),
                Event::Redirected { to, .. } => self.lock().redirected = Some(to),
                Event::Stopped(error) => reason = Some(failed(&error)),
                Event::Ended(outcome) => {
                    finish = Some(match &outcome.status {
                        Status::Failed(error) => failed(error),
                        _ => Finish::Complete {
                            name: outcome.path.as_deref().unwrap_or_default().to_owned(),
                            bytes: outcome.bytes,
                        },
                    });
                }
                _ => {}
            }
        }
        let mut inner = self.lock();
        inner.run = None;
        let nothing = || Finish::Failed {
            kind: ErrorKind::Cancelled,
            http_status: None,
            message: "the download was stopped".to_owned(),
        };
        let is_stopped = inner.stopped.is_some();
        (!is_stopped).then(|| reason.or(finish).unwrap_or_else(nothing))
    }

    /// Stops it.
    pub(super) fn stop(&self, partial_file: PartialFile) {
        let mut inner = self.lock();
        inner.stopped = Some(partial_file);
        stop_run(&inner);
    }

    /// Limits what comes for it; `None` lifts the limit.
    pub(super) fn limit(&self, rate: Option<NonZeroU64>) {
        let mut inner = self.lock();
        inner.limit = rate;
        if let Some(run) = &inner.run {
            run.limit_rate(rate);
        }
    }

    /// Measures how fast it is.
    pub(super) fn measure(&self, now: Instant) {
        let mut inner = self.lock();
        let bytes = inner.run.as_ref().map_or(0, Run::received_bytes);
        inner.speed.note(now, bytes);
    }

    /// Returns how it goes.
    pub(super) fn live(&self) -> Live {
        let inner = self.lock();
        let transfer = inner.transfer.as_ref();
        Live {
            total: transfer.and_then(|transfer| transfer.length()),
            completed: transfer.map_or(0, |transfer| transfer.received()),
            speed: inner.speed.rate(),
            connections: inner.run.as_ref().map_or(0, Run::in_flight),
            name: transfer.map(|transfer| transfer.label.to_string()),
            redirected: inner.redirected.clone(),
        }
    }

    /// Notes that the engine's run has begun; what was asked for meanwhile is done now.
    fn begin(&self, run: Run) {
        let mut inner = self.lock();
        run.limit_rate(inner.limit);
        inner.speed.note(Instant::now(), 0);
        inner.run = Some(run);
        stop_run(&inner);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stop_run(inner: &Inner) {
    match (&inner.run, inner.stopped) {
        (Some(run), Some(PartialFile::Keep)) => run.cancel(),
        (Some(run), Some(PartialFile::Discard)) => run.remove(0),
        _ => {}
    }
}

fn failed(error: &Error) -> Finish {
    Finish::Failed {
        kind: error.kind(),
        http_status: error.http_status(),
        message: error.to_string(),
    }
}
