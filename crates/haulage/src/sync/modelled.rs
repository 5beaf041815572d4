//! The locks and condition variables of the files whose wake-ups are model-checked: the types of
//! `std`. In tests with the feature `model` they are those of shuttle, which runs a test many
//! times, and each time chooses anew which thread runs after each lock, wait and notification.

#[cfg(not(all(test, feature = "model")))]
mod types {
    pub(crate) use std::sync::atomic::AtomicBool;
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::thread;

    pub(crate) use crate::sync::lock;
}

#[cfg(all(test, feature = "model"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "so that they can stand where those of std do"
)]
mod types {
    use std::ops::{Deref, DerefMut};
    use std::sync::{LockResult, PoisonError};
    use std::time::Duration;

    pub(crate) use shuttle::sync::atomic::AtomicBool;
    pub(crate) use shuttle::thread;

    /// A wait with at least this timeout never times out in the model. A shorter one always
    /// does, at any moment.
    const FOR_EVER: Duration = Duration::from_secs(1);

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    pub(crate) struct MutexGuard<'a, T> {
        mutex: &'a Mutex<T>,
        guard: shuttle::sync::MutexGuard<'a, T>,
    }

    /// Whether a wait ended because it timed out.
    pub(crate) struct TimedOut(bool);

    impl TimedOut {
        pub(crate) fn timed_out(&self) -> bool {
            self.0
        }
    }

    #[derive(Debug, Default)]
    pub(crate) struct Condvar(shuttle::sync::Condvar);

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        let guard = mutex.0.lock().unwrap_or_else(PoisonError::into_inner);
        MutexGuard { mutex, guard }
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.guard
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.guard
        }
    }

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }

        pub(crate) fn wait<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
        ) -> LockResult<MutexGuard<'a, T>> {
            let MutexGuard { mutex, guard } = guard;
            let guard = self.0.wait(guard).unwrap_or_else(PoisonError::into_inner);
            Ok(MutexGuard { mutex, guard })
        }

        /// Returns whether the time has passed, too.
        pub(crate) fn wait_timeout<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            most: Duration,
        ) -> LockResult<(MutexGuard<'a, T>, TimedOut)> {
            if most >= FOR_EVER {
                return Ok((
                    self.wait(guard).unwrap_or_else(PoisonError::into_inner),
                    TimedOut(false),
                ));
            }
            let mutex = guard.mutex;
            drop(guard);
            thread::yield_now();
            Ok((lock(mutex), TimedOut(true)))
        }

        /// Returns whether the time has passed, too.
        pub(crate) fn wait_timeout_while<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            most: Duration,
            mut condition: impl FnMut(&mut T) -> bool,
        ) -> LockResult<(MutexGuard<'a, T>, TimedOut)> {
            let mut is_over = TimedOut(false);
            while !is_over.0 && condition(&mut guard) {
                (guard, is_over) = self
                    .wait_timeout(guard, most)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            Ok((guard, is_over))
        }
    }

    /// Runs a test under many schedules: some at random, and some that go wrong where few changes
    /// of threads at the right places are needed.
    pub(crate) fn check(test: impl Fn() + Send + Sync + 'static) {
        const SCHEDULES: usize = 2000;
        const CHANGES: usize = 3;
        let test = std::sync::Arc::new(test);
        let same = std::sync::Arc::clone(&test);
        shuttle::check_random(move || same(), SCHEDULES);
        shuttle::check_pct(move || test(), SCHEDULES, CHANGES);
    }
}

pub(crate) use types::*;
