//! Memory for files that are kept in memory, reserved before their bytes are received.
//!
//! A file of known length waits until there is memory for all of it; files wait in the order in
//! which they ask. So no file waits for memory that a half-received file occupies. A file of
//! unknown length begins with a part of the budget. One file at a time may exceed the budget, so
//! that there is always one that can be completed.

use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, ErrorKind};
use crate::sync::lock;

/// Bytes that one permit stands for.
const PERMIT: u64 = 1 << 10;
/// A file of unknown length begins with the budget divided by this.
const UNKNOWN: u64 = 16;

/// The memory for the files of one run.
#[derive(Debug)]
pub(crate) struct Budget {
    /// The size of the budget in bytes.
    most: u64,
    free: Arc<Semaphore>,
    /// The permit of the one file that may grow although no memory is free.
    overdraft: Arc<Semaphore>,
}

/// Memory for one file; it is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Reserved bytes of the budget.
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

    /// Returns the size of the budget in bytes.
    pub(crate) fn most(&self) -> u64 {
        self.most
    }

    /// Returns memory for a file of this many bytes, or of unknown length; `None` where there is
    /// not enough now.
    ///
    /// # Errors
    /// Of kind `refused`, when the file is larger than the budget.
    pub(crate) fn try_reserve(
        self: &Arc<Self>,
        length: Option<u64>,
    ) -> Result<Option<Reservation>, Error> {
        let bytes = self.bytes_for(length)?;
        let permits = Arc::clone(&self.free).try_acquire_many_owned(permits_for(bytes));
        Ok(permits
            .ok()
            .map(|permits| self.reservation(bytes, Some(permits))))
    }

    /// Waits for memory for a file of this many bytes, or of unknown length.
    ///
    /// # Errors
    /// Of kind `refused`, when the file is larger than the budget.
    pub(crate) async fn reserve(
        self: &Arc<Self>,
        length: Option<u64>,
    ) -> Result<Reservation, Error> {
        let bytes = self.bytes_for(length)?;
        let permits = acquire(&self.free, permits_for(bytes)).await;
        Ok(self.reservation(bytes, permits))
    }

    fn reservation(
        self: &Arc<Self>,
        bytes: u64,
        permits: Option<OwnedSemaphorePermit>,
    ) -> Reservation {
        Reservation {
            budget: Arc::clone(self),
            held: Mutex::new(Held {
                bytes,
                permits: permits.into_iter().collect(),
                overdraft: None,
            }),
        }
    }

    /// Returns how many bytes are reserved first for a file of this length; `None` is unknown.
    fn bytes_for(&self, length: Option<u64>) -> Result<u64, Error> {
        let bytes = length.unwrap_or(self.most / UNKNOWN).max(1);
        self.check(bytes)?;
        Ok(bytes)
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
}

impl Reservation {
    /// Returns whether the file may have this many bytes now.
    ///
    /// # Errors
    /// Of kind `refused`, when that is more than the budget.
    pub(crate) fn try_grow(&self, bytes: u64) -> Result<bool, Error> {
        self.budget.check(bytes)?;
        let mut held = lock(&self.held);
        if held.overdraft.is_some() || bytes <= held.bytes {
            return Ok(true);
        }
        // At least doubled, so that few steps are needed.
        let more = held.bytes.max(bytes - held.bytes);
        let permits = Arc::clone(&self.budget.free).try_acquire_many_owned(permits_for(more));
        let Ok(permits) = permits else {
            return Ok(false);
        };
        held.bytes += more;
        held.permits.push(permits);
        Ok(true)
    }

    /// Waits until the file may grow although no memory is free.
    pub(crate) async fn grow(&self) {
        let overdraft = acquire(&self.budget.overdraft, 1).await;
        lock(&self.held).overdraft = overdraft;
    }
}

/// Waits for permits. Never returns `None`, since the semaphores are not closed.
async fn acquire(of: &Arc<Semaphore>, permits: u32) -> Option<OwnedSemaphorePermit> {
    Arc::clone(of).acquire_many_owned(permits).await.ok()
}

/// Returns the permits for this many bytes, at most as many as there can be.
fn permits_for(bytes: u64) -> u32 {
    u32::try_from(bytes / PERMIT).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    /// Returns the result of a future if it is ready at once; `None` if it is pending.
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
        let grown = unknown.try_grow((64 << 10) + 1);
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
        assert!(first.try_grow(4 << 10).unwrap() && !first.try_grow(5 << 10).unwrap());
        now(first.grow()).unwrap();
        assert!(first.try_grow(64 << 10).unwrap());
        let mut grows = pin!(second.grow());
        assert!(now(grows.as_mut()).is_none(), "one at a time");
        drop((first, others));
        now(grows).unwrap();
    }
}
