//! What a source has raised, on its way to whoever receives the outcomes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::PyErr;

use crate::wake_up::WakeUp;

pub(crate) struct Failure {
    error: Mutex<Option<PyErr>>,
    wake_up: Arc<WakeUp>,
}

impl Failure {
    /// Creates an empty one, which wakes the receiver when there is something in it.
    pub(crate) fn new(wake_up: Arc<WakeUp>) -> Self {
        let error = Mutex::default();
        Self { error, wake_up }
    }

    pub(crate) fn set(&self, error: PyErr) {
        *self.lock() = Some(error);
        self.wake_up.set();
    }

    pub(crate) fn is_set(&self) -> bool {
        self.lock().is_some()
    }

    pub(crate) fn take(&self) -> Option<PyErr> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<PyErr>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
