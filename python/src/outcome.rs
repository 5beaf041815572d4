//! How one item ended, as an object whose attributes are the fields of a results row. They are made
//! when they are looked at: most are not.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use haul_command::embedded;
use haulage::{Checksum, Error, Status};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString};

use crate::pickle::{self, State};

/// The module where `pickle` finds functions.
const MODULE: &str = "haulage._haulage";

/// Why an item failed.
#[pyclass(frozen, module = "haulage", get_all)]
pub(crate) struct ItemError {
    kind: &'static str,
    message: String,
}

#[pymethods]
impl ItemError {
    fn __repr__(&self) -> String {
        format!(
            "ItemError(kind={:?}, message={:?})",
            self.kind, self.message
        )
    }

    fn __str__(&self) -> &str {
        &self.message
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, (&'static str, &str))> {
        Ok((
            py.import(MODULE)?.getattr("restored_error")?,
            (self.kind, &self.message),
        ))
    }
}

/// Makes what `pickle` has kept of an `ItemError`.
#[pyfunction]
pub(crate) fn restored_error(kind: &str, message: String) -> PyResult<ItemError> {
    Ok((&pickle::error(kind, message)?).into())
}

impl From<&Error> for ItemError {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind().name(),
            message: error.to_string(),
        }
    }
}

/// How one item ended.
#[pyclass(frozen, module = "haulage")]
pub(crate) struct Outcome {
    outcome: haulage::Outcome,
    /// The destination; `None` for memory.
    folder: Option<Arc<PathBuf>>,
}

impl Outcome {
    pub(crate) fn new(outcome: haulage::Outcome, folder: Option<Arc<PathBuf>>) -> Self {
        Self { outcome, folder }
    }
}

#[pymethods]
impl Outcome {
    #[getter]
    fn row(&self) -> u64 {
        self.outcome.row
    }

    #[getter]
    fn input(&self) -> Option<&str> {
        let location = self.outcome.location.as_ref()?;
        Some(&location.input)
    }

    #[getter]
    fn line(&self) -> Option<u64> {
        Some(self.outcome.location.as_ref()?.line)
    }

    #[getter]
    fn url(&self) -> &str {
        &self.outcome.url
    }

    #[getter]
    fn final_url(&self) -> Option<&str> {
        self.outcome.final_url.as_deref()
    }

    #[getter]
    fn label(&self) -> &str {
        &self.outcome.label
    }

    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> &Bound<'py, PyString> {
        let cell = match self.outcome.status {
            Status::Done => &DONE,
            Status::Skipped => &SKIPPED,
            Status::Unchanged => &UNCHANGED,
            Status::Failed(_) => &FAILED,
            _ => &PLANNED,
        };
        let make = || PyString::new(py, self.outcome.status.name()).unbind();
        cell.get_or_init(py, make).bind(py)
    }

    #[getter]
    fn ok(&self) -> bool {
        self.outcome.error().is_none()
    }

    /// The path of the file, relative to the destination.
    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let path = self.outcome.path.as_deref();
        path.map(|path| path_class(py)?.call1((path,))).transpose()
    }

    /// The path of the file, with the destination.
    #[getter]
    fn file<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (Some(folder), Some(path)) = (&self.folder, self.outcome.path.as_deref()) else {
            return Ok(None);
        };
        Ok(Some(path_class(py)?.call1((folder.as_os_str(), path))?))
    }

    #[getter]
    fn bytes(&self) -> u64 {
        self.outcome.bytes
    }

    #[getter]
    fn http_status(&self) -> Option<u16> {
        self.outcome.http_status
    }

    #[getter]
    fn error(&self) -> Option<ItemError> {
        self.outcome.error().map(ItemError::from)
    }

    #[getter]
    fn attempts(&self) -> u32 {
        self.outcome.attempts
    }

    #[getter]
    fn segments(&self) -> Option<u32> {
        self.outcome.known_segments()
    }

    #[getter]
    fn resumed(&self) -> Option<u64> {
        self.outcome.known_resumed()
    }

    #[getter]
    fn started(&self) -> SystemTime {
        self.outcome.started
    }

    #[getter]
    fn duration(&self) -> Duration {
        self.outcome.duration
    }

    #[getter]
    fn etag(&self) -> Option<&str> {
        self.outcome.etag.as_deref()
    }

    #[getter]
    fn last_modified(&self) -> Option<&str> {
        self.outcome.last_modified.as_deref()
    }

    #[getter]
    fn content_type(&self) -> Option<&str> {
        self.outcome.content_type.as_deref()
    }

    #[getter]
    fn verified(&self) -> &'static str {
        self.outcome.verified.name()
    }

    #[getter]
    fn hashes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let hashes = PyDict::new(py);
        for hash in &self.outcome.hashes {
            hashes.set_item(hash.algorithm().to_string(), hash.hex())?;
        }
        Ok(hashes)
    }

    /// The file's bytes, where the destination is memory: a view, not a copy.
    #[getter]
    fn content<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        static VIEW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = slf.py();
        let Some((address, length)) = slf.get().content_address() else {
            return Ok(None);
        };
        let view = VIEW.import(py, "haulage._content", "view")?;
        Ok(Some(view.call1((slf, address, length))?))
    }

    /// Where the content is, and how many bytes it has; `None` if there is none. It stays there as
    /// long as the outcome.
    #[getter(_content_address)]
    fn content_address(&self) -> Option<(usize, usize)> {
        let content = self.outcome.content.as_ref()?;
        Some((content.as_ptr() as usize, content.len()))
    }

    /// Returns the fields as a dict, with values that JSON has too: a row of `haul --results`, and
    /// the label.
    fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let loads = LOADS.import(py, "json", "loads")?;
        let fields = loads.call1((embedded::outcome_json(&self.outcome),))?;
        fields.set_item("label", &*self.outcome.label)?;
        Ok(fields)
    }

    /// What `pickle` keeps: all of it, with its content.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (State,))> {
        let folder = self
            .folder
            .as_deref()
            .map(|folder| folder.as_os_str().to_owned());
        let state = State::of(py, &self.outcome, folder);
        Ok((py.import(MODULE)?.getattr("restored_outcome")?, (state,)))
    }

    /// It cannot change, so a copy would be of no use.
    fn __copy__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        slf
    }

    fn __repr__(&self) -> String {
        let outcome = &self.outcome;
        let (status, url) = (outcome.status.name(), &outcome.url);
        match (outcome.error(), &outcome.path) {
            (Some(error), _) => format!("<Outcome {status} {url}: {error}>"),
            (None, Some(path)) => {
                format!("<Outcome {status} {url}: {path}, {} bytes>", outcome.bytes)
            }
            (None, None) => format!("<Outcome {status} {url}: {} bytes>", outcome.bytes),
        }
    }
}

/// Makes what `pickle` has kept of an `Outcome`.
#[pyfunction]
pub(crate) fn restored_outcome(py: Python<'_>, state: State) -> PyResult<Outcome> {
    let (outcome, folder) = state.restored(py)?;
    Ok(Outcome::new(
        outcome,
        folder.map(|folder| Arc::new(folder.into())),
    ))
}

static DONE: PyOnceLock<Py<PyString>> = PyOnceLock::new();
static SKIPPED: PyOnceLock<Py<PyString>> = PyOnceLock::new();
static UNCHANGED: PyOnceLock<Py<PyString>> = PyOnceLock::new();
static FAILED: PyOnceLock<Py<PyString>> = PyOnceLock::new();
static PLANNED: PyOnceLock<Py<PyString>> = PyOnceLock::new();

fn path_class(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static PATH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    PATH.import(py, "pathlib", "Path")
}

/// Returns the columns of a table of results, by their names, a list each. An item without an
/// outcome had not started when its run was stopped.
#[pyfunction]
#[expect(
    clippy::needless_pass_by_value,
    reason = "Python's values are converted into owned ones"
)]
pub(crate) fn columns(
    py: Python<'_>,
    outcomes: Vec<Option<Py<Outcome>>>,
    names: Vec<String>,
) -> PyResult<Vec<Bound<'_, PyList>>> {
    names
        .iter()
        .map(|name| column(py, &outcomes, name))
        .collect()
}

fn column<'py>(
    py: Python<'py>,
    outcomes: &[Option<Py<Outcome>>],
    name: &str,
) -> PyResult<Bound<'py, PyList>> {
    let values = PyList::empty(py);
    for slot in outcomes {
        let value = match slot {
            Some(outcome) => cell(outcome.bind(py), name)?,
            None => not_started(py, name)?,
        };
        values.append(value)?;
    }
    Ok(values)
}

/// Returns the value of a column for an item that has an outcome.
fn cell<'py>(outcome: &Bound<'py, Outcome>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let py = outcome.py();
    let this = &outcome.get().outcome;
    let text = |text: Option<&str>| Ok(text.into_pyobject(py)?.into_any());
    match name {
        "status" => text(Some(this.status.name())),
        "path" => text(this.path.as_deref()),
        "bytes" => Ok(this.bytes.into_pyobject(py)?.into_any()),
        "http_status" => Ok(this.http_status.into_pyobject(py)?.into_any()),
        "error_kind" => text(this.error().map(|error| error.kind().name())),
        "error_message" => text(this.error().map(ToString::to_string).as_deref()),
        "final_url" => text(this.final_url.as_deref()),
        "attempts" => Ok(this.attempts.into_pyobject(py)?.into_any()),
        "started" => Ok(this.started.into_pyobject(py)?.into_any()),
        "duration_ms" => Ok(this.duration.as_millis().into_pyobject(py)?.into_any()),
        "etag" => text(this.etag.as_deref()),
        "last_modified" => text(this.last_modified.as_deref()),
        "content_type" => text(this.content_type.as_deref()),
        "verified" => text(Some(this.verified.name())),
        "content" => Ok(Outcome::content(outcome)?.into_pyobject(py)?.into_any()),
        hash => {
            let is_it = |known: &&Checksum| known.algorithm().to_string() == hash;
            text(this.hashes.iter().find(is_it).map(Checksum::hex).as_deref())
        }
    }
}

/// Returns the value of a column for an item that had not started when its run was stopped.
fn not_started<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let text = match name {
        "status" => "failed",
        "error_kind" => "cancelled",
        "error_message" => "the run was stopped before it started",
        "verified" => "none",
        "bytes" | "attempts" => return Ok(0_u8.into_pyobject(py)?.into_any()),
        _ => return Ok(py.None().into_bound(py)),
    };
    Ok(PyString::new(py, text).into_any())
}
