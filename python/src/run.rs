//! The handle of a run: takes a source, and gives what happens in groups.

use std::mem;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use haul_command::embedded::{self, CookieFile, Log};
use haulage::{Error, Event, Events, Row, Status};
use pyo3::prelude::*;
use pyo3::sync::MutexExt as _;
use pyo3::types::{PyIterator, PyList};

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

/// A run under way.
#[pyclass(frozen, module = "haulage._haulage")]
pub(crate) struct RunHandle(OfProcess<Inner>);

struct Inner {
    run: Mutex<haulage::Run>,
    received: Mutex<Received>,
    wake_up: Arc<WakeUp>,
    failure: Failure,
    feed: Arc<Feed>,
    folder: Option<Arc<PathBuf>>,
    wants: Wants,
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
    events: Events,
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
        Ok(Self(OfProcess::new(Inner {
            received: Mutex::new(Received {
                events,
                batch: Vec::new(),
                batches: 0,
                is_over: false,
                counts: Counts::default(),
                log: Log::default(),
                list: None,
                broken: None,
                cookies,
            }),
            run: Mutex::new(run),
            failure: Failure::new(Arc::clone(&wake_up)),
            wake_up,
            feed: Arc::new(Feed::new(WakeUp::new()?)),
            folder: folder.map(Arc::new),
            wants,
        })))
    }
}

impl Inner {
    /// Returns the engine's handle. Whoever calls it has let go of the GIL: a thread that reads a
    /// source may hold one of the engine's locks, and wait for the GIL.
    fn run(&self) -> MutexGuard<'_, haulage::Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what has been received. Who waits for it lets go of the GIL.
    fn received(&self, py: Python<'_>) -> MutexGuard<'_, Received> {
        let received = self.received.lock_py_attached(py);
        received.unwrap_or_else(PoisonError::into_inner)
    }

    /// Feeds the only source of the run.
    fn feed_all<S>(&self, py: Python<'_>, rows: S)
    where
        S: Iterator<Item = Row> + Send + 'static,
    {
        py.detach(|| {
            let run = self.run();
            run.feed(rows);
            run.close();
        });
    }

    /// Takes what has happened: `None` when the run is over; nothing when nothing has happened, and
    /// then the descriptor says when something has.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        let mut received = self.received(py);
        let received = &mut *received;
        if received.is_over {
            return Ok(None);
        }
        let items = PyList::empty(py);
        // Most events are none of Python's business.
        while items.is_empty() {
            match py.detach(|| self.poll(received)) {
                Poll::Pending => break,
                Poll::Ready(0) => {
                    received.is_over = true;
                    return self.end(py, received).map(|()| None);
                }
                Poll::Ready(_) => {}
            }
            for event in mem::take(&mut received.batch) {
                self.give(event, received, &items)?;
            }
        }
        if !items.is_empty() {
            received.batches += 1;
        }
        Ok(Some(items))
    }

    /// Adds what has happened to the batch, and returns how much that was: 0 when the run is over.
    fn poll(&self, received: &mut Received) -> Poll<usize> {
        // The source has raised: what is under way stops where it can be resumed.
        if self.failure.is_set() {
            self.run().cancel();
        }
        self.wake_up.clear();
        let waker = self.wake_up.waker();
        let next = pin!(received.events.next_many(&mut received.batch));
        next.poll(&mut Context::from_waker(&waker))
    }

    /// Adds to `items` what Python is told of an event.
    fn give(
        &self,
        event: Event,
        received: &mut Received,
        items: &Bound<'_, PyList>,
    ) -> PyResult<()> {
        if self.wants.log
            && let Some(lines) = event::lines(&mut received.log, &event)
        {
            items.append(lines)?;
        }
        if self.wants.events
            && let Some(json) = embedded::event_json(&event)
        {
            items.append(json)?;
        }
        match event {
            Event::Ended(outcome) => {
                received.counts.add(&outcome);
                items.append(Outcome::new(*outcome, self.folder.clone()).into_pyobject(items.py())?)
            }
            Event::InputFailed(error) | Event::Stopped(error) => {
                received.broken.get_or_insert(error);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Does what is left to do when the run is over, and raises what has ended it.
    fn end(&self, py: Python<'_>, received: &mut Received) -> PyResult<()> {
        self.feed.close();
        let cookies = received.cookies.take();
        let saved = py.detach(|| cookies.map(|cookies| cookies.save()));
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
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

    /// Waits until something has happened, or this time is over. Returns early after a signal.
    fn wait(&self, py: Python<'_>, most: Duration) -> PyResult<()> {
        if py.detach(|| self.wake_up.wait(most)) == Woken::BySignal || most >= SIGNALS {
            py.check_signals()?;
        }
        Ok(())
    }

    /// Lets a group grow, unless the run ends meanwhile.
    fn rest(&self, py: Python<'_>) -> PyResult<()> {
        let received = self.received(py);
        if received.batches <= AT_ONCE || received.is_over {
            return Ok(());
        }
        let until = Instant::now() + REST;
        let waker = self.wake_up.waker();
        let mut over = pin!(received.events.over());
        while over
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
        {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if py.detach(|| self.wake_up.wait(left)) == Woken::BySignal {
                py.check_signals()?;
            }
            self.wake_up.clear();
        }
        Ok(())
    }
}

#[pymethods]
impl RunHandle {
    /// Reads a list from a file. Nothing more can be fed.
    fn feed_list(&self, py: Python<'_>, path: PathBuf, options: Given) -> PyResult<()> {
        let inner = self.0.get()?;
        let list = py.detach(|| embedded::list(&path, &options));
        let list = list.map_err(|problem| errors::of_problem(&problem))?;
        inner.received(py).list = Some(list.broken);
        inner.feed_all(py, list.rows);
        Ok(())
    }

    /// Prepares the run for rows that are added. Returns the descriptor that becomes readable when
    /// there is room again.
    fn feed_rows(&self, py: Python<'_>) -> PyResult<i32> {
        let inner = self.0.get()?;
        inner.feed_all(py, Fed(Arc::clone(&inner.feed)));
        Ok(inner.feed.descriptor())
    }

    /// Adds a row. Returns whether there is room for more.
    fn add(&self, item: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.0.get()?.feed.add(row::read(item)) == Room::Left)
    }

    /// Adds all rows of an iterator, as there is room for them; ends early when the run is over.
    fn add_all(&self, py: Python<'_>, rows: Bound<'_, PyIterator>) -> PyResult<()> {
        let feed = &self.0.get()?.feed;
        for item in rows {
            match feed.add(row::read(&item?)) {
                Room::Left => {}
                Room::None if py.detach(|| feed.wait_for_room()) => {}
                Room::None | Room::Closed => break,
            }
        }
        Ok(())
    }

    /// Says that no more rows are added.
    fn close_rows(&self) -> PyResult<()> {
        self.0.get()?.feed.close();
        Ok(())
    }

    /// Stops the run, and lets its receiver raise this.
    fn fail(&self, py: Python<'_>, error: Bound<'_, PyAny>) -> PyResult<()> {
        let inner = self.0.get()?;
        inner.failure.set(PyErr::from_value(error));
        inner.feed.close();
        py.detach(|| inner.run().cancel());
        Ok(())
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
        let batches = self.0.get()?.received(py).batches;
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
        let counts = self.0.get()?.received(py).counts;
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
        let inner = self.0.get()?;
        py.detach(|| inner.run().pause());
        Ok(())
    }

    fn resume(&self, py: Python<'_>) -> PyResult<()> {
        let inner = self.0.get()?;
        py.detach(|| inner.run().resume());
        Ok(())
    }

    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        let inner = self.0.get()?;
        inner.feed.close();
        py.detach(|| inner.run().cancel());
        Ok(())
    }

    fn remove(&self, py: Python<'_>, row: u64) -> PyResult<()> {
        let inner = self.0.get()?;
        py.detach(|| inner.run().remove(row));
        Ok(())
    }

    fn limit_rate(&self, py: Python<'_>, bytes_per_second: Option<u64>) -> PyResult<()> {
        let inner = self.0.get()?;
        let limit = bytes_per_second.and_then(NonZeroU64::new);
        py.detach(|| inner.run().limit_rate(limit));
        Ok(())
    }

    #[getter]
    fn received_bytes(&self, py: Python<'_>) -> PyResult<u64> {
        let inner = self.0.get()?;
        Ok(py.detach(|| inner.run().received_bytes()))
    }

    #[getter]
    fn in_flight(&self, py: Python<'_>) -> PyResult<usize> {
        let inner = self.0.get()?;
        Ok(py.detach(|| inner.run().in_flight()))
    }

    #[getter]
    fn rows(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        let inner = self.0.get()?;
        Ok(py.detach(|| inner.run().input_rows()))
    }
}
