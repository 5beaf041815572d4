//! The handle of a run: takes a source, and gives what happens in groups.

use std::mem;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use haul_command::embedded::{self, CookieFile, Log};
use haulage::{Error, Event, Events, Row, Status};
use pyo3::prelude::*;
use pyo3::types::PyList;
use pyo3::{PyTraverseError, PyVisit};

use crate::engine::Given;
use crate::errors;
use crate::event;
use crate::failure::Failure;
use crate::feed::{Fed, Feed, Room};
use crate::of_process::OfProcess;
use crate::outcome::Outcome;
use crate::row;
use crate::wake_up::{WakeUp, Woken};

/// After so many groups, each is followed by a rest, in which the next one grows: waking up costs
/// more than receiving. The first ones, and so all of a run of a few files, come without delay.
const AT_ONCE: usize = 32;
const REST: Duration = Duration::from_millis(10);
/// How often a thread that waits looks whether a signal has come that another thread has received.
const SIGNALS: Duration = Duration::from_millis(100);

/// A run under way. Dropping it stops the run.
#[pyclass(frozen, module = "haulage._haulage")]
pub(crate) struct RunHandle(OfProcess<Arc<Inner>>);

/// The end of a run into which rows are put. It does not keep the run alive: a source may take
/// forever for its next row.
#[pyclass(frozen, module = "haulage._haulage")]
pub(crate) struct RowFeed(OfProcess<Feeding>);

struct Feeding {
    feed: Arc<Feed>,
    run: Weak<Inner>,
}

/// No lock in it is held while Python code runs, or while its holder waits for the GIL: the code,
/// a signal handler or a finalizer, may call this run.
struct Inner {
    run: Mutex<Engaged>,
    received: Mutex<Received>,
    wake_up: Arc<WakeUp>,
    failure: Failure,
    feed: Arc<Feed>,
    folder: Option<Arc<PathBuf>>,
    wants: Wants,
}

/// The engine's handle of a run, which keeps the engine alive.
enum Engaged {
    Open(haulage::Run),
    /// The run is over. What it had received and read is known still.
    Over {
        received_bytes: u64,
        rows: Option<u64>,
    },
}

/// What Python is given.
enum Item {
    Outcome(Box<haulage::Outcome>),
    /// An event, as the text of a JSON object.
    Event(String),
    /// The lines of a log, with their level.
    Lines(u8, String),
}

/// What is wanted beside outcomes.
#[derive(Clone, Copy)]
pub(crate) struct Wants {
    /// Events, each as the text of a JSON object.
    pub(crate) events: bool,
    /// Lines for a log, each as its level and its text.
    pub(crate) log: bool,
}

struct Received {
    /// `None` when all have been taken: they keep what the engine did for the run alive.
    events: Option<Events>,
    /// Events that have been taken, and that Python has not been given.
    batch: Vec<Event>,
    batches: usize,
    is_over: bool,
    counts: Counts,
    log: Log,
    /// A list in a file tells of it here if it breaks off.
    list: Option<Receiver<Error>>,
    /// What the run could not go on with.
    broken: Option<Error>,
    cookies: Option<CookieFile>,
}

/// How many items have ended in which way, as far as they were received.
#[derive(Clone, Copy, Default)]
struct Counts {
    done: u64,
    skipped: u64,
    unchanged: u64,
    failed: u64,
    bytes: u64,
}

impl Counts {
    fn add(&mut self, outcome: &haulage::Outcome) {
        match outcome.status {
            Status::Done => self.done += 1,
            Status::Skipped => self.skipped += 1,
            Status::Unchanged => self.unchanged += 1,
            Status::Failed(_) => self.failed += 1,
            _ => {}
        }
        self.bytes += outcome.bytes;
    }
}

impl RunHandle {
    pub(crate) fn new(
        mut run: haulage::Run,
        folder: Option<PathBuf>,
        cookies: Option<CookieFile>,
        wants: Wants,
    ) -> PyResult<Self> {
        let events = run.events();
        let wake_up = WakeUp::new()?;
        Ok(Self(OfProcess::new(Arc::new(Inner {
            received: Mutex::new(Received {
                events: Some(events),
                batch: Vec::new(),
                batches: 0,
                is_over: false,
                counts: Counts::default(),
                log: Log::default(),
                list: None,
                broken: None,
                cookies,
            }),
            run: Mutex::new(Engaged::Open(run)),
            failure: Failure::new(Arc::clone(&wake_up)),
            wake_up,
            feed: Arc::new(Feed::new(WakeUp::new()?)),
            folder: folder.map(Arc::new),
            wants,
        }))))
    }
}

impl Inner {
    fn run(&self) -> MutexGuard<'_, Engaged> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the engine's handle, unless the run is over. Without the GIL: a thread that reads a
    /// source may hold one of the engine's locks, and wait for the GIL.
    fn steer(&self, py: Python<'_>, call: impl FnOnce(&haulage::Run) + Send) {
        py.detach(|| {
            if let Engaged::Open(run) = &*self.run() {
                call(run);
            }
        });
    }

    fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Feeds the only source of the run.
    fn feed_all<S>(&self, py: Python<'_>, rows: S)
    where
        S: Iterator<Item = Row> + Send + 'static,
    {
        self.steer(py, |run| {
            run.feed(rows);
            run.close();
        });
    }

    /// Takes what has happened: `None` when the run is over; nothing when nothing has happened, and
    /// then the descriptor says when something has.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        let collected = py.detach(|| self.collect());
        if !matches!(collected, Ok(Some(_)))
            && let Some(error) = self.failure.take(py)
        {
            return Err(error);
        }
        let Some(items) = collected? else {
            return Ok(None);
        };
        let list = PyList::empty(py);
        for item in items {
            match item {
                Item::Outcome(outcome) => {
                    let outcome = Outcome::new(*outcome, self.folder.clone());
                    list.append(outcome.into_pyobject(py)?)?;
                }
                Item::Event(json) => list.append(json)?,
                Item::Lines(level, lines) => list.append((level, lines))?,
            }
        }
        Ok(Some(list))
    }

    /// Does what [`take`](Self::take) does, without the GIL.
    fn collect(&self) -> PyResult<Option<Vec<Item>>> {
        let mut received = self.received();
        let received = &mut *received;
        if received.is_over {
            return Ok(None);
        }
        let mut items = Vec::new();
        // Most events are none of Python's business.
        while items.is_empty() {
            match self.poll(received) {
                Poll::Ready(0) if received.batch.is_empty() => {
                    received.is_over = true;
                    return self.end(received).map(|()| None);
                }
                Poll::Pending if received.batch.is_empty() => break,
                _ => {}
            }
            let mut batch = mem::take(&mut received.batch);
            for event in batch.drain(..) {
                self.give(event, received, &mut items);
            }
            received.batch = batch;
        }
        if !items.is_empty() {
            received.batches += 1;
        }
        Ok(Some(items))
    }

    /// Adds what has happened to the batch, and returns how much that was: 0 when the run is over.
    fn poll(&self, received: &mut Received) -> Poll<usize> {
        self.wake_up.clear();
        let Some(events) = &mut received.events else {
            return Poll::Ready(0);
        };
        let waker = self.wake_up.waker();
        let next = pin!(events.next_many(&mut received.batch));
        next.poll(&mut Context::from_waker(&waker))
    }

    /// Adds all that has happened to the batch. Returns whether the run is over; then it lets go of
    /// the engine.
    fn drain(&self) -> bool {
        let mut received = self.received();
        loop {
            match self.poll(&mut received) {
                Poll::Ready(0) => break,
                Poll::Ready(_) => {}
                Poll::Pending => return false,
            }
        }
        received.events = None;
        self.let_go();
        true
    }

    /// Adds to `items` what Python is told of an event.
    fn give(&self, event: Event, received: &mut Received, items: &mut Vec<Item>) {
        if self.wants.log
            && let Some((level, lines)) = event::lines(&mut received.log, &event)
        {
            items.push(Item::Lines(level, lines));
        }
        if self.wants.events
            && let Some(json) = embedded::event_json(&event)
        {
            items.push(Item::Event(json));
        }
        match event {
            Event::Ended(outcome) => {
                received.counts.add(&outcome);
                items.push(Item::Outcome(outcome));
            }
            Event::InputFailed(error) | Event::Stopped(error) => {
                received.broken.get_or_insert(error);
            }
            _ => {}
        }
    }

    /// Does what is left to do when the run is over. An error is what has ended it.
    fn end(&self, received: &mut Received) -> PyResult<()> {
        self.feed.close();
        received.events = None;
        self.let_go();
        // Others may wait for the end.
        self.wake_up.set();
        let saved = received.cookies.take().map(|cookies| cookies.save());
        let list = received.list.as_ref();
        let broken = list.and_then(|list| list.try_recv().ok());
        if let Some(error) = received.broken.take().or(broken) {
            return Err(errors::raised(&error));
        }
        if let Some(Err(problem)) = saved {
            return Err(errors::of_problem(&problem));
        }
        Ok(())
    }

    /// Lets go of the engine, so that it can end before Python lets go of the run.
    fn let_go(&self) {
        let mut engaged = self.run();
        if let Engaged::Open(run) = &*engaged {
            let over = Engaged::Over {
                received_bytes: run.received_bytes(),
                rows: run.input_rows(),
            };
            let open = mem::replace(&mut *engaged, over);
            drop(engaged);
            drop(open);
        }
    }

    /// Waits until something has happened, or this time is over. Returns early after a signal.
    fn wait(&self, py: Python<'_>, most: Duration) -> PyResult<()> {
        if py.detach(|| self.wake_up.wait(most)) == Woken::BySignal || most >= SIGNALS {
            py.check_signals()?;
        }
        Ok(())
    }

    /// Waits until the run is over, or this time is. Returns whether it is over: then all that has
    /// happened is in the batch.
    fn wait_until_over(&self, py: Python<'_>, until: Instant) -> PyResult<bool> {
        while !py.detach(|| self.drain()) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.wait(py, left.min(SIGNALS))?;
        }
        Ok(true)
    }

    /// Lets a group grow, unless the run ends meanwhile.
    fn rest(&self, py: Python<'_>) -> PyResult<()> {
        if py.detach(|| self.rest_until_signal()) == Woken::BySignal {
            py.check_signals()?;
        }
        Ok(())
    }

    fn rest_until_signal(&self) -> Woken {
        let received = self.received();
        let Some(events) = &received.events else {
            return Woken::Ready;
        };
        let until = Instant::now() + REST;
        let waker = self.wake_up.waker();
        let mut context = Context::from_waker(&waker);
        let mut over = pin!(events.over());
        while received.batches > AT_ONCE && over.as_mut().poll(&mut context).is_pending() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if self.wake_up.wait(left) == Woken::BySignal {
                return Woken::BySignal;
            }
            self.wake_up.clear();
        }
        Woken::Ready
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The engine's reader may wait for a row, and would keep its threads from ending.
        self.feed.close();
    }
}

#[pymethods]
impl RunHandle {
    /// Reads a list from a file. Nothing more can be fed.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "Python's values are converted into owned ones"
    )]
    fn feed_list(&self, py: Python<'_>, path: PathBuf, options: Given) -> PyResult<()> {
        let inner = self.0.get()?;
        let list = py.detach(|| embedded::list(&path, &options));
        let list = list.map_err(|problem| errors::of_problem(&problem))?;
        py.detach(|| inner.received().list = Some(list.broken));
        inner.feed_all(py, list.rows);
        Ok(())
    }

    /// Prepares the run for rows that are added, and returns where they are.
    fn feed_rows(&self, py: Python<'_>) -> PyResult<RowFeed> {
        let inner = self.0.get()?;
        inner.feed_all(py, Fed(Arc::clone(&inner.feed)));
        Ok(RowFeed(OfProcess::new(Feeding {
            feed: Arc::clone(&inner.feed),
            run: Arc::downgrade(inner),
        })))
    }

    /// Returns what has happened; an empty list if nothing has. `None` when the run is over.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        self.0.get()?.take(py)
    }

    /// Waits at most so many seconds for something to happen, and returns it; `None` when the run
    /// is over. Without a time, it waits until something has happened.
    #[pyo3(signature = (seconds=None))]
    fn receive<'py>(
        &self,
        py: Python<'py>,
        seconds: Option<f64>,
    ) -> PyResult<Option<Bound<'py, PyList>>> {
        let inner = self.0.get()?;
        let until =
            seconds.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds.max(0.0)));
        inner.rest(py)?;
        loop {
            match inner.take(py)? {
                Some(items) if items.is_empty() => {}
                taken => return Ok(taken),
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(Some(PyList::empty(py)));
            }
            inner.wait(py, left.unwrap_or(SIGNALS).min(SIGNALS))?;
        }
    }

    /// Returns how many seconds an event loop does best to wait before it takes the next group.
    #[getter]
    fn rest(&self, py: Python<'_>) -> PyResult<f64> {
        let inner = self.0.get()?;
        let batches = py.detach(|| inner.received().batches);
        Ok(if batches > AT_ONCE {
            REST.as_secs_f64()
        } else {
            0.0
        })
    }

    /// Returns how many items have ended as done, skipped, unchanged and failed, and the bytes of
    /// their files.
    #[getter]
    fn counts(&self, py: Python<'_>) -> PyResult<(u64, u64, u64, u64, u64)> {
        let inner = self.0.get()?;
        let counts = py.detach(|| inner.received().counts);
        Ok((
            counts.done,
            counts.skipped,
            counts.unchanged,
            counts.failed,
            counts.bytes,
        ))
    }

    /// Returns whether it gives more than outcomes.
    #[getter]
    fn has_more_than_outcomes(&self) -> PyResult<bool> {
        let wants = self.0.get()?.wants;
        Ok(wants.events || wants.log)
    }

    /// Returns the descriptor that becomes readable when something has happened.
    fn fileno(&self) -> PyResult<i32> {
        Ok(self.0.get()?.wake_up.descriptor())
    }

    fn pause(&self, py: Python<'_>) -> PyResult<()> {
        self.0.get()?.steer(py, haulage::Run::pause);
        Ok(())
    }

    fn resume(&self, py: Python<'_>) -> PyResult<()> {
        self.0.get()?.steer(py, haulage::Run::resume);
        Ok(())
    }

    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        let inner = self.0.get()?;
        inner.feed.close();
        inner.steer(py, haulage::Run::cancel);
        Ok(())
    }

    /// Stops the run, and waits at most so many seconds for its end. What has happened until then
    /// is received later. Returns whether it has ended.
    fn stop(&self, py: Python<'_>, seconds: f64) -> PyResult<bool> {
        let inner = self.0.get()?;
        self.cancel(py)?;
        let until = Instant::now() + Duration::from_secs_f64(seconds.max(0.0));
        let is_over = inner.wait_until_over(py, until);
        // Others may wait for what has happened.
        inner.wake_up.set();
        is_over
    }

    fn remove(&self, py: Python<'_>, row: u64) -> PyResult<()> {
        self.0.get()?.steer(py, |run| run.remove(row));
        Ok(())
    }

    fn limit_rate(&self, py: Python<'_>, bytes_per_second: Option<u64>) -> PyResult<()> {
        let limit = bytes_per_second.and_then(NonZeroU64::new);
        self.0.get()?.steer(py, |run| run.limit_rate(limit));
        Ok(())
    }

    #[getter]
    fn received_bytes(&self, py: Python<'_>) -> PyResult<u64> {
        let inner = self.0.get()?;
        Ok(py.detach(|| match &*inner.run() {
            Engaged::Open(run) => run.received_bytes(),
            Engaged::Over { received_bytes, .. } => *received_bytes,
        }))
    }

    #[getter]
    fn in_flight(&self, py: Python<'_>) -> PyResult<usize> {
        let inner = self.0.get()?;
        Ok(py.detach(|| match &*inner.run() {
            Engaged::Open(run) => run.in_flight(),
            Engaged::Over { .. } => 0,
        }))
    }

    #[getter]
    fn rows(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        let inner = self.0.get()?;
        Ok(py.detach(|| match &*inner.run() {
            Engaged::Open(run) => run.input_rows(),
            Engaged::Over { rows, .. } => *rows,
        }))
    }

    /// An exception of the source refers to its frames, which may refer to the run.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.0.get_unless_forked() {
            Some(inner) => inner.failure.traverse(&visit),
            None => Ok(()),
        }
    }

    fn __clear__(&self) {
        if let Some(inner) = self.0.get_unless_forked() {
            inner.failure.clear();
        }
    }
}

#[pymethods]
impl RowFeed {
    /// Adds a row. Returns whether there is room for more.
    fn add(&self, item: &Bound<'_, PyAny>) -> PyResult<bool> {
        let row = row::read(item);
        Ok(self.0.get()?.feed.add(row) == Room::Left)
    }

    /// Waits until there is room again. Returns whether more rows are wanted.
    fn wait_for_room(&self, py: Python<'_>) -> PyResult<bool> {
        let feed = &self.0.get()?.feed;
        Ok(py.detach(|| feed.wait_for_room()))
    }

    /// Returns whether no more rows are wanted.
    #[getter]
    fn is_closed(&self) -> PyResult<bool> {
        Ok(self.0.get()?.feed.is_closed())
    }

    /// Returns the descriptor that becomes readable when there is room again.
    fn fileno(&self) -> PyResult<i32> {
        Ok(self.0.get()?.feed.descriptor())
    }

    /// Says that no more rows are added.
    fn close(&self) -> PyResult<()> {
        self.0.get()?.feed.close();
        Ok(())
    }

    /// Stops the run, and lets its receiver raise this.
    fn fail(&self, py: Python<'_>, error: Bound<'_, PyAny>) -> PyResult<()> {
        let feeding = self.0.get()?;
        let Some(inner) = feeding.run.upgrade() else {
            return Ok(());
        };
        inner.failure.set(error.unbind());
        feeding.feed.close();
        inner.steer(py, haulage::Run::cancel);
        // It may be the last one.
        py.detach(|| drop(inner));
        Ok(())
    }
}
