//! A value under a lock whose changes a thread or a task can wait for.

use std::panic::Location;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Maximum time that a thread waits: a test whose event never happens must fail with a message, not
/// hang.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(crate) struct Signal<T> {
    value: Mutex<Watched<T>>,
    threads: Condvar,
    tasks: Notify,
}

#[derive(Debug, Default)]
struct Watched<T> {
    value: T,
    /// Number of threads in `wait`: notifying a `Condvar` is a system call even if no thread waits.
    threads: usize,
}

impl<T> Signal<T> {
    /// Changes the value, and wakes all that wait for a change.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut watched = self.lock();
        let result = change(&mut watched.value);
        let threads = watched.threads;
        drop(watched);
        self.tasks.notify_waiters();
        if threads > 0 {
            self.threads.notify_all();
        }
        result
    }

    /// Calls `look` with the value, and returns its result.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock().value)
    }

    /// Waits until `done` returns true. `done` may change the value, for example to take its share.
    pub(crate) async fn until(&self, mut done: impl FnMut(&mut T) -> bool) {
        loop {
            // Registered before looking, so that a change between the look and the wait is not
            // missed.
            let changed = self.tasks.notified();
            if done(&mut self.lock().value) {
                return;
            }
            changed.await;
        }
    }

    /// Waits like [`until`](Self::until), but blocks the thread, and panics after half a minute.
    #[track_caller]
    pub(crate) fn wait(&self, mut done: impl FnMut(&mut T) -> bool) {
        let caller = Location::caller();
        let deadline = Instant::now() + PATIENCE;
        let mut watched = self.lock();
        watched.threads += 1;
        while !done(&mut watched.value) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{caller} waited {PATIENCE:?} for what did not come"
            );
            watched = self
                .threads
                .wait_timeout(watched, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        watched.threads -= 1;
    }

    /// Locks the value, even after a panic elsewhere: no change leaves the value half made.
    fn lock(&self) -> MutexGuard<'_, Watched<T>> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
