//! The end of a run into which rows are put.

use std::sync::{Arc, Weak};

use pyo3::prelude::*;

use super::inner::Inner;
use crate::feed::{Feed, Room};
use crate::of_process::OfProcess;
use crate::row;

/// The end of a run into which rows are put. It does not keep the run alive: a source may take
/// forever for its next row.
#[pyclass(frozen, module = "haulage._haulage")]
pub(crate) struct RowFeed(pub(super) OfProcess<Feeding>);

pub(super) struct Feeding {
    pub(super) feed: Arc<Feed>,
    pub(super) run: Weak<Inner>,
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
        inner.fail(py, error.unbind());
        // It may be the last one.
        py.detach(|| drop(inner));
        Ok(())
    }
}
