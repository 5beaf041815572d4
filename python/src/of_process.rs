//! What belongs to the process that made it: after a fork, the child has a copy without the threads
//! that it needs.

use std::mem::ManuallyDrop;
use std::process;

use pyo3::exceptions::PyRuntimeError;
use pyo3::{PyResult, Python};

/// A value that only the process that made it may use. In a child of that process it is neither
/// used nor dropped: a lock in it may be held by a thread that does not exist there.
pub(crate) struct OfProcess<T: Send> {
    value: ManuallyDrop<T>,
    process: u32,
}

impl<T: Send> OfProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            value: ManuallyDrop::new(value),
            process: process::id(),
        }
    }

    /// Returns the value.
    ///
    /// # Errors
    /// `RuntimeError`, in another process than the one that made it.
    pub(crate) fn get(&self) -> PyResult<&T> {
        if self.is_here() {
            Ok(&self.value)
        } else {
            Err(PyRuntimeError::new_err(
                "it was made before this process was forked; make another one here",
            ))
        }
    }

    /// Returns the value; `None` in another process than the one that made it.
    pub(crate) fn get_unless_forked(&self) -> Option<&T> {
        self.is_here().then(|| &*self.value)
    }

    fn is_here(&self) -> bool {
        process::id() == self.process
    }
}

impl<T: Send> Drop for OfProcess<T> {
    /// Drops the value without the GIL: what it waits for may want the GIL. Where the interpreter
    /// is about to end, nothing is dropped, as the process ends too.
    #[expect(unsafe_code, reason = "the value is dropped once at most")]
    fn drop(&mut self) {
        if !self.is_here() {
            return;
        }
        // SAFETY: this is the only place that takes it, and nothing uses it after.
        let value = unsafe { ManuallyDrop::take(&mut self.value) };
        let mut value = ManuallyDrop::new(Some(value));
        Python::try_attach(|py| py.detach(|| drop(value.take())));
    }
}
