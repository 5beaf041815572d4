//! What a run and those who wait for it share.

use std::mem;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use haul_command::embedded::{self, CookieFile, Log};
use haulage::{Event, Row};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::received::{Counts, Item, Received, Wants};
use crate::errors;
use crate::event;
use crate::failure::Failure;
use crate::feed::Feed;
use crate::outcome::Outcome;
use crate::wake_up::{WakeUp, Woken};

/// After so many groups, each is followed by a rest, in which the next one grows: waking up costs
/// more than receiving. The first ones, and so all of a run of a few files, come without delay.
pub(super) const AT_ONCE: usize = 32;
pub(super) const REST: Duration = Duration::from_millis(10);
/// How often a thread that waits looks whether a signal has come that another thread has received.
pub(super) const SIGNALS: Duration = Duration::from_millis(100);

/// No lock in it is held while Python code runs, or while its holder waits for the GIL: the code,
/// a signal handler or a finalizer, may call this run.
pub(super) struct Inner {
    pub(super) run: Mutex<Engaged>,
    pub(super) received: Mutex<Received>,
    pub(super) wake_up: Arc<WakeUp>,
    pub(super) failure: Failure,
    pub(super) feed: Arc<Feed>,
    pub(super) folder: Option<Arc<PathBuf>>,
    pub(super) wants: Wants,
    /// Whether it was to stop before its end.
    cancelled: AtomicBool,
    /// Whether there is something that it could not go on with.
    broken: AtomicBool,
}

/// The engine's handle of a run, which keeps the engine alive.
pub(super) enum Engaged {
    Open(haulage::Run),
    /// The run is over. What it had received and read is known still.
    Over {
        received_bytes: u64,
        rows: Option<u64>,
    },
}

impl Inner {
    pub(super) fn new(
        mut run: haulage::Run,
        folder: Option<PathBuf>,
        cookies: Option<CookieFile>,
        wants: Wants,
    ) -> PyResult<Arc<Self>> {
        let events = run.events();
        let wake_up = WakeUp::new()?;
        Ok(Arc::new(Self {
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
            cancelled: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        }))
    }

    pub(super) fn run(&self) -> MutexGuard<'_, Engaged> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the engine's handle, unless the run is over. Without the GIL: a thread that reads a
    /// source may hold one of the engine's locks, and wait for the GIL.
    pub(super) fn steer(&self, py: Python<'_>, call: impl FnOnce(&haulage::Run) + Send) {
        py.detach(|| {
            if let Engaged::Open(run) = &*self.run() {
                call(run);
            }
        });
    }

    pub(super) fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Feeds the only source of the run.
    pub(super) fn feed_all<S>(&self, py: Python<'_>, rows: S)
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
    pub(super) fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
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
        let event = event::reworded(event);
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
            Event::TooManyErrors(_) => self.cancelled.store(true, Ordering::Relaxed),
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
            self.broken.store(true, Ordering::Relaxed);
            return Err(errors::raised(&error));
        }
        if let Some(Err(problem)) = saved {
            return Err(errors::of_problem(&problem));
        }
        Ok(())
    }

    /// Stops the run.
    pub(super) fn cancel(&self, py: Python<'_>) {
        self.feed.close();
        self.cancelled.store(true, Ordering::Relaxed);
        self.steer(py, haulage::Run::cancel);
    }

    /// Stops the run, and lets its receiver raise this.
    pub(super) fn fail(&self, py: Python<'_>, error: Py<PyAny>) {
        self.broken.store(true, Ordering::Relaxed);
        self.failure.set(error);
        self.cancel(py);
    }

    /// Returns whether the run was stopped before all of its items had ended. `length` is the
    /// number of its rows if that is known before the engine has read them.
    pub(super) fn is_stopped(&self, length: Option<u64>) -> bool {
        let rows = match &*self.run() {
            Engaged::Open(run) => run.input_rows(),
            Engaged::Over { rows, .. } => *rows,
        };
        let counts = self.received().counts;
        let is_complete = rows.or(length) == Some(counts.ended) && counts.cancelled == 0;
        self.broken.load(Ordering::Relaxed)
            || (self.cancelled.load(Ordering::Relaxed) && !is_complete)
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
    pub(super) fn wait(&self, py: Python<'_>, most: Duration) -> PyResult<()> {
        if py.detach(|| self.wake_up.wait(most)) == Woken::BySignal || most >= SIGNALS {
            py.check_signals()?;
        }
        Ok(())
    }

    /// Waits until the run is over, or this time is. Returns whether it is over: then all that has
    /// happened is in the batch.
    pub(super) fn wait_until_over(&self, py: Python<'_>, until: Instant) -> PyResult<bool> {
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
    pub(super) fn rest(&self, py: Python<'_>) -> PyResult<()> {
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
