//! The engine, which many runs share, and what needs none.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use haul_command::embedded::{self, Takes};
use haulage::Request;
use pyo3::exceptions::{PyOverflowError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt as _;

use crate::errors;
use crate::of_process::OfProcess;
use crate::run::{RunHandle, Wants};

/// Options of the command: their names, and their values; a flag has none.
pub(crate) type Given = Vec<(String, Option<OsString>)>;

/// An engine. It is shared by runs, and ends with the last of them.
#[pyclass(frozen, module = "haulage._haulage")]
pub(crate) struct Engine(OfProcess<Mutex<Option<haulage::Engine>>>);

#[pymethods]
impl Engine {
    /// Starts an engine.
    #[new]
    #[pyo3(signature = (options, threads=None))]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "Python's values are converted into owned ones"
    )]
    fn new(py: Python<'_>, options: Given, threads: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let threads = threads.map(count).transpose()?;
        let engine = py.detach(|| {
            let mut options = embedded::options(None, &options)
                .map_err(|problem| errors::of_problem(&problem))?
                .engine;
            options.threads = threads;
            haulage::Engine::start(options).map_err(|error| errors::raised(&error))
        })?;
        Ok(Self(OfProcess::new(Mutex::new(Some(engine)))))
    }

    /// Starts a run without a source. Without a folder, its files go to memory. The run of a list
    /// in a file is recorded. Returns the run, what to say before it, and what to warn of: a
    /// promise that cannot be kept.
    #[pyo3(signature = (folder, options, *, list, wants_events, wants_log))]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "Python's values are converted into owned ones"
    )]
    fn open(
        &self,
        py: Python<'_>,
        folder: Option<PathBuf>,
        options: Given,
        list: Option<PathBuf>,
        wants_events: bool,
        wants_log: bool,
    ) -> PyResult<(RunHandle, Vec<String>, Vec<String>)> {
        let engine = self.engine(py)?.clone();
        let Some(engine) = engine else {
            return Err(PyRuntimeError::new_err("the engine is closed"));
        };
        let wants = Wants {
            events: wants_events,
            log: wants_log,
        };
        py.detach(|| {
            let mut given = embedded::options(folder.as_deref(), &options)
                .map_err(|problem| errors::of_problem(&problem))?;
            if let Some(list) = &list {
                given.record_list(list);
            }
            // The limits of the engine, as far as they are given for one run, are its own.
            if given.is_given("jobs") {
                given.run.jobs = Some(given.engine.jobs);
            }
            given.run.limit_rate = given.engine.limit_rate;
            let run = engine.open(given.run);
            let run = run.map_err(|error| errors::unopened(&error))?;
            let handle = RunHandle::new(run, folder, given.cookie_file, wants)?;
            Ok((handle, given.notes, given.warnings))
        })
    }

    /// Lets go of the engine: it starts no more runs, and its threads end with its last one.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let engine = self.engine(py)?.take();
        py.detach(|| drop(engine));
        Ok(())
    }
}

impl Engine {
    fn engine(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, Option<haulage::Engine>>> {
        let engine = self.0.get()?.lock_py_attached(py);
        Ok(engine.unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns a number; one that is too large or negative becomes 0, which is refused.
fn count(number: &Bound<'_, PyAny>) -> PyResult<usize> {
    number.extract().or_else(|error: PyErr| {
        let is_number = error.is_instance_of::<PyOverflowError>(number.py());
        if is_number { Ok(0) } else { Err(error) }
    })
}

/// Returns what the engine takes for the host of a URL: scheme, name, and port where it is not the
/// scheme's own. `None` for what is no URL.
#[pyfunction]
pub(crate) fn host_of(url: &str) -> Option<String> {
    let request = Request::new(url).ok()?;
    Some(request.origin().to_owned())
}

/// Returns the options that runs take: the name that the command has for each, and `flag`, `value`
/// or `values`.
#[pyfunction]
pub(crate) fn option_names() -> Vec<(String, &'static str)> {
    let kind = |takes| match takes {
        Takes::Nothing => "flag",
        Takes::One => "value",
        Takes::Several => "values",
    };
    let names = embedded::option_names().into_iter();
    names
        .map(|option| (option.name, kind(option.takes)))
        .collect()
}

/// Returns a message with the names of options as Python has them.
#[pyfunction]
pub(crate) fn with_keywords(message: &str) -> String {
    embedded::with_keywords(message)
}

/// Returns how many bytes a size is, such as `64M`.
#[pyfunction]
pub(crate) fn bytes_of(size: OsString) -> PyResult<Option<u64>> {
    let given = [("max-size".to_owned(), Some(size))];
    let options = embedded::options(None, &given);
    let options = options.map_err(|problem| errors::of_problem(&problem))?;
    Ok(options.run.max_size)
}
