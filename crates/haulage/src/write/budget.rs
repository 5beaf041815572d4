//! Memory for files that are kept in memory, shared out before their bytes are received.
//!
//! A file whose length is known waits until there is room for all of it, in the order in which
//! files ask: so none of them waits for memory that another one holds half of. A file of unknown
//! length begins with a part of the budget. One at a time may grow beyond it, so that there is
//! always one that can be completed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, ErrorKind};

/// Bytes that one permit stands for.
const PERMIT: u64 = 1 << 10;
/// A file of unknown length begins with this part of the budget.
const UNKNOWN: u64 = 16;

/// The memory for files of one run.
#[derive(Debug)]
pub(crate) struct Budget {
    /// In bytes.
    most: u64,
    free: Arc<Semaphore>,
    /// Taken by the one file that may grow although nothing is free.
    overdraft: Arc<Semaphore>,
}

/// Memory for one file, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Bytes of the budget.
    bytes: u64,
    permits: Vec<OwnedSemaphorePermit>,
    overdraft: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// Returns a budget of this many bytes, at least 1 KiB.
    pub(crate) fn new(most: u64) -> Arc<Self> {
        let permits = usize::try_from(most / PERMIT).unwrap_or(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            most: most.max(PERMIT),
            free: Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS))),
            overdraft: Arc::new(Semaphore::new(1)),
        })
    }

    /// Returns the bytes of all of it.
    pub(crate) fn most(&self) -> u64 {
        self.most
    }

    /// Waits for memory for a file of this many bytes, or of unknown length.
    ///
    /// # Errors
    /// Of kind `refused`, when the file is larger than the budget.
    pub(crate) async fn reserve(
        self: &Arc<Self>,
        length: Option<u64>,
    ) -> Result<Reservation, Error> {
        let bytes = length.unwrap_or(self.most / UNKNOWN).max(1);
        self.check(bytes)?;
        let permits = self.acquire(&self.free, permits_for(bytes)).await;
        Ok(Reservation {
            budget: Arc::clone(self),
            held: Mutex::new(Held {
                bytes,
                permits: permits.into_iter().collect(),
                overdraft: None,
            }),
        })
    }

    /// Checks that a file of this many bytes fits.
    fn check(&self, bytes: u64) -> Result<(), Error> {
        if bytes <= self.most {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Refused,
            format!(
                "the file is larger than the {} bytes of memory for files; save it to a folder, or allow more memory",
                self.most
            ),
        ))
    }

    /// `None` never comes: the semaphores are not closed.
    async fn acquire(&self, of: &Arc<Semaphore>, permits: u32) -> Option<OwnedSemaphorePermit> {
        Arc::clone(of).acquire_many_owned(permits).await.ok()
    }
}

impl Reservation {
    /// Returns whether the file may have this many bytes without waiting.
    pub(crate) fn covers(&self, bytes: u64) -> bool {
        let held = self.lock();
        held.overdraft.is_some() || bytes <= held.bytes
    }

    /// Waits until the file may have this many bytes.
    ///
    /// # Errors
    /// Of kind `refused`, when that is more than the budget.
    pub(crate) async fn grow(&self, bytes: u64) -> Result<(), Error> {
        self.budget.check(bytes)?;
        if self.covers(bytes) {
            return Ok(());
        }
        let missing = {
            let held = self.lock();
            // Twice as much at once, so that few steps are needed.
            held.bytes.max(bytes - held.bytes)
        };
        match Arc::clone(&self.budget.free).try_acquire_many_owned(permits_for(missing)) {
            Ok(permits) => {
                let mut held = self.lock();
                held.bytes += missing;
                held.permits.push(permits);
            }
            Err(_) => {
                let overdraft = self.budget.acquire(&self.budget.overdraft, 1).await;
                self.lock().overdraft = overdraft;
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the permits for this many bytes: no more than there can be.
fn permits_for(bytes: u64) -> u32 {
    u32::try_from(bytes / PERMIT).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    /// Returns what a future has come to by now.
    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            std::task::Poll::Ready(ready) => Some(ready),
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn a_file_waits_until_there_is_room_for_all_of_it() {
        let budget = Budget::new(64 << 10);
        let first = now(budget.reserve(Some(40 << 10))).unwrap().unwrap();
        let mut second = pin!(budget.reserve(Some(40 << 10)));
        assert!(now(second.as_mut()).is_none());
        drop(first);
        assert!(now(second).unwrap().is_ok());
    }

    #[test]
    fn a_small_file_does_not_pass_by_one_that_waits() {
        let budget = Budget::new(64 << 10);
        let first = now(budget.reserve(Some(40 << 10))).unwrap();
        let mut large = pin!(budget.reserve(Some(40 << 10)));
        let mut small = pin!(budget.reserve(Some(1 << 10)));
        assert!(now(large.as_mut()).is_none());
        assert!(now(small.as_mut()).is_none());
        drop(first);
        assert!(now(large).is_some() && now(small).is_some());
    }

    #[test]
    fn a_file_larger_than_the_budget_is_refused() {
        let budget = Budget::new(64 << 10);
        let refused = now(budget.reserve(Some((64 << 10) + 1))).unwrap();
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Refused);
        let unknown = now(budget.reserve(None)).unwrap().unwrap();
        let grown = now(unknown.grow((64 << 10) + 1)).unwrap();
        assert_eq!(grown.unwrap_err().kind(), ErrorKind::Refused);
    }

    #[test]
    fn one_file_of_unknown_length_can_always_grow() {
        let budget = Budget::new(64 << 10);
        let first = now(budget.reserve(None)).unwrap().unwrap();
        let second = now(budget.reserve(None)).unwrap().unwrap();
        let others: Vec<_> = (2..16)
            .map(|_| now(budget.reserve(None)).unwrap())
            .collect();
        assert!(now(budget.reserve(None)).is_none(), "all of it is in use");
        assert!(first.covers(4 << 10) && !first.covers(5 << 10));
        assert!(now(first.grow(64 << 10)).unwrap().is_ok());
        let mut grows = pin!(second.grow(5 << 10));
        assert!(now(grows.as_mut()).is_none(), "one at a time");
        drop((first, others));
        assert!(now(grows).unwrap().is_ok());
    }
}
