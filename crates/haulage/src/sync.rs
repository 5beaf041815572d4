//! Locking, as everywhere in the library.

#[cfg(test)]
pub(crate) mod by_hand;
pub(crate) mod modelled;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex, whether or not a thread has panicked while it held it. What mutexes protect here
/// is changed in steps that cannot panic halfway.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
