//! The handle of a run: takes a source, and gives what happens in groups.

mod inner;
mod received;
mod row_feed;

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use haul_command::embedded::{self, CookieFile};
use pyo3::prelude::*;
use pyo3::types::PyList;
use pyo3::{PyTraverseError, PyVisit};

use self::inner::{AT_ONCE, Engaged, Inner, REST, SIGNALS};
pub(crate) use self::received::Wants;
use self::row_feed::Feeding;
pub(crate) use self::row_feed::RowFeed;
use crate::engine::Given;
use crate::errors;
use crate::feed::Fed;
use crate::of_process::OfProcess;

/// A run under way. Dropping it stops the run.
#[pyclass(frozen, module = "haulage._haulage")]
pub(crate) struct RunHandle(OfProcess<Arc<Inner>>);

impl RunHandle {
    pub(crate) fn new(
        run: haulage::Run,
        folder: Option<PathBuf>,
        cookies: Option<CookieFile>,
        wants: Wants,
    ) -> PyResult<Self> {
        let inner = Inner::new(run, folder, cookies, wants)?;
        Ok(Self(OfProcess::new(inner)))
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

    /// Returns whether the run was stopped before all of its items had ended. `length` is the
    /// number of its rows if that is known.
    #[pyo3(signature = (length))]
    fn is_stopped(&self, py: Python<'_>, length: Option<u64>) -> PyResult<bool> {
        let inner = self.0.get()?;
        Ok(py.detach(|| inner.is_stopped(length)))
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
        self.0.get()?.cancel(py);
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
