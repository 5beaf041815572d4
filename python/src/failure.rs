//! What a source has raised, on its way to whoever receives the outcomes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use pyo3::prelude::*;
use pyo3::{PyErr, PyTraverseError, PyVisit};

use crate::wake_up::WakeUp;

pub(crate) struct Failure {
    error: Mutex<Option<Py<PyAny>>>,
    wake_up: Arc<WakeUp>,
}

impl Failure {
    /// Creates an empty one, which wakes the receiver when there is something in it.
    pub(crate) fn new(wake_up: Arc<WakeUp>) -> Self {
        let error = Mutex::default();
        Self { error, wake_up }
    }

    pub(crate) fn set(&self, error: Py<PyAny>) {
        let before = self.lock().replace(error);
        // Without the lock: this may run code of Python.
        drop(before);
        self.wake_up.set();
    }

    pub(crate) fn take(&self, py: Python<'_>) -> Option<PyErr> {
        let error = self.lock().take()?;
        Some(PyErr::from_value(error.into_bound(py)))
    }

    pub(crate) fn clear(&self) {
        let before = self.lock().take();
        drop(before);
    }

    /// Shows the garbage collector the exception, so that it finds cycles through it.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.error.try_lock() {
            Ok(error) => visit.call(&*error),
            Err(TryLockError::Poisoned(error)) => visit.call(&*error.into_inner()),
            // Something uses it, so that it is no garbage.
            Err(TryLockError::WouldBlock) => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Py<PyAny>>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
