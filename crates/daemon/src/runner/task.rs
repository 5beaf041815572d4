//! A run of one download.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use haulage::{
    Engine, Error, ErrorKind, Event, Outcome, Priority, RowQuery, Run, Status, Transfer,
};
use tokio_util::sync::CancellationToken;

use super::rows::{Rows, View};
use super::speed::Speed;
use super::waits::HostWaits;
use crate::lists::Lists;
use crate::options::{FilePlan, ListPlan, Plan};
use crate::queue::{Counts, Gid};
use crate::service::{Finish, Live, PartialFile};
use crate::tools::{ListFile, Tools};

/// What all runs share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) tools: Arc<dyn Tools>,
    pub(super) lists: Lists,
    pub(super) waits: HostWaits,
}

/// A run that has been started.
struct Begun {
    run: Run,
    /// What is known of a list; `None` for a file.
    list: Option<BegunList>,
}

/// A list that is being read.
struct BegunList {
    /// Receives an error if it breaks off.
    broken: Receiver<Error>,
    /// How rows had ended before, as it is recorded. A daemon that was killed knows less.
    earlier: Counts,
}

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
    /// When it began; `None` before that.
    begun: Option<Instant>,
    transfer: Option<Arc<Transfer>>,
    redirected: Option<String>,
    /// Of a list; `None` of a file.
    rows: Option<Rows>,
    /// Set when it was stopped.
    stopped: Option<PartialFile>,
    /// The limit that it has got since it was planned, in bytes per second; 0 lifts it. `None` if
    /// it has got none.
    limit: Option<u64>,
    /// Set when it was changed.
    priority: Option<Priority>,
    speed: Speed,
}

impl Inner {
    fn start(&mut self, transfer: Arc<Transfer>) {
        match &mut self.rows {
            Some(rows) => rows.begin(transfer),
            None => self.transfer = Some(transfer),
        }
    }

    /// Notes that a row has ended. Returns whether it is one of a list.
    fn end(&mut self, outcome: &Outcome) -> bool {
        let Some(rows) = &mut self.rows else {
            return false;
        };
        rows.end(outcome);
        if self.stopped == Some(PartialFile::Discard)
            && rows.removed().len() == 0
            && let Some(run) = &self.run
        {
            run.cancel();
        }
        true
    }
}

impl Task {
    /// Returns a run that has not begun.
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            over: CancellationToken::new(),
            inner: Mutex::default(),
        }
    }

    /// Runs until the run is over, and returns how it ended; `None` if it was stopped.
    pub(super) async fn run(&self, shared: &Arc<Shared>, gid: Gid, plan: Plan) -> Option<Finish> {
        if self.lock().stopped.is_some() {
            return None;
        }
        if let Plan::List(plan) = &plan {
            self.lock().rows = Some(Rows::after(plan.counts));
        }
        // Opening a folder, or a list, takes its time.
        let starting = Arc::clone(shared);
        let begun = tokio::task::spawn_blocking(move || match plan {
            Plan::File(plan) => begin_file(&starting, *plan),
            Plan::List(plan) => begin_list(&starting, gid, &plan),
        });
        let begun = begun.await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Disk,
                "the download could not be started",
            ))
        });
        let Begun { mut run, list } = match begun {
            Ok(begun) => begun,
            Err(error) => return Some(Finish::not_begun(&error)),
        };
        let mut events = run.events();
        if let Some(list) = &list {
            self.lock().rows = Some(Rows::after(list.earlier));
        }
        self.begin(run);
        let (mut finish, mut reason) = (None, None);
        while let Some(event) = events.next().await {
            shared.tools.count_event(&event);
            match event {
                Event::Started(transfer) => self.lock().start(transfer),
                Event::Redirected { to, .. } => self.lock().redirected = Some(to),
                Event::Stopped(error) | Event::InputFailed(error) => {
                    reason = Some(Finish::failed(&error));
                }
                Event::HostWaits { host, wait, why } => {
                    let why = why.map(|why| why.to_string());
                    shared.waits.note(&host, SystemTime::now(), wait, why);
                }
                Event::Ended(outcome) => {
                    let is_row = self.lock().end(&outcome);
                    if !is_row {
                        finish = Some(of_file(&outcome));
                    }
                }
                _ => {}
            }
        }
        if let Some(error) = list.and_then(|list| list.broken.try_iter().last()) {
            reason = Some(Finish::failed(&error));
        }
        let mut inner = self.lock();
        inner.run = None;
        if let Some(rows) = &inner.rows {
            let last_error = rows.last_error();
            finish = Some(Finish::List { last_error });
        }
        let nothing = || {
            let error = Error::new(ErrorKind::Cancelled, "the download was stopped");
            Finish::failed(&error)
        };
        let is_stopped = inner.stopped.is_some();
        (!is_stopped).then(|| reason.or(finish).unwrap_or_else(nothing))
    }

    /// Stops it.
    pub(super) fn stop(&self, partial_file: PartialFile) {
        let mut inner = self.lock();
        inner.stopped = Some(partial_file);
        if let (Some(rows), PartialFile::Discard) = (&mut inner.rows, partial_file) {
            rows.remove_active();
        }
        stop_run(&inner);
    }

    /// Limits what comes for it; `None` lifts the limit.
    pub(super) fn limit(&self, rate: Option<NonZeroU64>) {
        let mut inner = self.lock();
        inner.limit = Some(rate.map_or(0, NonZeroU64::get));
        if let Some(run) = &inner.run {
            run.limit_rate(rate);
        }
    }

    /// Changes how urgent it is.
    pub(super) fn set_priority(&self, priority: Priority) {
        let mut inner = self.lock();
        inner.priority = Some(priority);
        if let Some(run) = &inner.run {
            run.set_priority(priority);
        }
    }

    /// Returns its rows; `None` of a file.
    pub(super) fn rows(&self) -> Option<View> {
        self.lock().rows.as_ref().map(Rows::view)
    }

    /// Measures how fast it is.
    pub(super) fn measure(&self, now: Instant) {
        let mut inner = self.lock();
        let bytes = inner.run.as_ref().map_or(0, Run::received_bytes);
        inner.speed.note(now, bytes);
        if let Some(rows) = &mut inner.rows {
            rows.measure(now);
        }
    }

    /// Returns how it goes.
    pub(super) fn live(&self) -> Live {
        let inner = self.lock();
        let transfer = inner.transfer.as_ref();
        let total = inner.run.as_ref().and_then(Run::input_rows);
        let elapsed = inner.begun.map(|begun| begun.elapsed()).unwrap_or_default();
        Live {
            rows: inner.rows.as_ref().map(|rows| rows.live(total, elapsed)),
            total: match (&inner.rows, transfer) {
                (Some(rows), _) => rows.size(total),
                (None, transfer) => transfer.and_then(|transfer| transfer.length()),
            },
            completed: match (&inner.rows, transfer) {
                (Some(rows), _) => rows.bytes(),
                (None, transfer) => transfer.map_or(0, |transfer| transfer.received()),
            },
            speed: inner.speed.rate(),
            connections: inner.run.as_ref().map_or(0, Run::in_flight),
            name: transfer.map(|transfer| transfer.label.to_string()),
            redirected: inner.redirected.clone(),
        }
    }

    /// Notes that the engine's run has begun; what was asked for meanwhile is done now.
    fn begin(&self, run: Run) {
        let mut inner = self.lock();
        if let Some(rate) = inner.limit {
            run.limit_rate(NonZeroU64::new(rate));
        }
        if let Some(priority) = inner.priority {
            run.set_priority(priority);
        }
        let now = Instant::now();
        inner.speed.note(now, 0);
        inner.begun = Some(now);
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
        (Some(run), Some(PartialFile::Discard)) => match &inner.rows {
            None => run.remove(0),
            // It goes on until these rows have ended: what is cancelled stays to be resumed.
            Some(rows) if rows.removed().len() > 0 => {
                rows.removed().for_each(|row| run.remove(row));
            }
            Some(_) => run.cancel(),
        },
        _ => {}
    }
}

fn begin_file(shared: &Shared, mut plan: FilePlan) -> Result<Begun, Error> {
    plan.read_cookies()?;
    Ok(Begun {
        run: shared.engine.run(plan.options, [Ok(plan.request)])?,
        list: None,
    })
}

fn begin_list(shared: &Shared, gid: Gid, plan: &ListPlan) -> Result<Begun, Error> {
    let path = shared.lists.path(gid);
    let list = ListFile::new(&path, &plan.options, &plan.folder);
    let list = shared.tools.open(&list);
    let mut list = list.map_err(|refused| Error::new(ErrorKind::Input, refused.0))?;
    plan.complete(&mut list.options);
    let earlier = recorded(&plan.folder, &path);
    Ok(Begun {
        run: shared.engine.run(list.options, list.rows)?,
        list: Some(BegunList {
            broken: list.broken,
            earlier,
        }),
    })
}

/// Returns how the rows of a list have ended, as it is recorded in its folder.
fn recorded(folder: &Path, list: &Path) -> Counts {
    let count = |statuses: &[&'static str]| {
        let query = RowQuery {
            input: list.to_string_lossy().into_owned(),
            statuses: statuses.to_vec(),
            ..RowQuery::default()
        };
        // As a rule, nothing is recorded yet.
        haulage::query_rows(folder, &query).map_or(0, |rows| rows.total)
    };
    Counts {
        done: count(&["done"]),
        skipped: count(&["skipped", "unchanged"]),
        failed: count(&["failed"]),
    }
}

/// Returns how the run of a file has ended.
fn of_file(outcome: &Outcome) -> Finish {
    match &outcome.status {
        Status::Failed(error) => Finish::failed(error),
        _ => Finish::Complete {
            name: outcome.path.as_deref().unwrap_or_default().to_owned(),
            bytes: outcome.bytes,
        },
    }
}
