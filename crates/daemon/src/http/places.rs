//! The places for connections. Those whose clients have not shown the secret are few: a newer one
//! takes the place of the oldest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    most: u32,
    free: Arc<Semaphore>,
    most_strangers: usize,
    strangers: Mutex<Strangers>,
}

/// Connections whose clients have not shown the secret, in the order in which they came.
#[derive(Debug, Default)]
struct Strangers {
    next: u64,
    waiting: BTreeMap<u64, CancellationToken>,
}

/// A place that nobody has.
#[derive(Debug)]
pub(super) struct FreePlace {
    places: Arc<Places>,
    permit: OwnedSemaphorePermit,
}

/// The place of a connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    places: Arc<Places>,
    lost: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    /// Returns `most` places, of which `most_strangers` are for strangers.
    pub(super) fn new(most: u32, most_strangers: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            free: Arc::new(Semaphore::new(most as usize)),
            most_strangers,
            strangers: Mutex::default(),
        })
    }

    /// Waits until a place is free.
    pub(super) async fn free(self: &Arc<Self>) -> Option<FreePlace> {
        // It fails only if it is closed, which it never is.
        let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
        let places = Arc::clone(self);
        Some(FreePlace { places, permit })
    }

    /// Waits until all places are free.
    pub(super) async fn all_free(&self) {
        let _ = self.free.acquire_many(self.most).await;
    }

    fn strangers(&self) -> MutexGuard<'_, Strangers> {
        self.strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl FreePlace {
    /// Gives the place to a stranger. If there are too many of them, the oldest one loses its own.
    pub(super) fn take(self) -> Place {
        let Self { places, permit } = self;
        let lost = CancellationToken::new();
        let mut strangers = places.strangers();
        let number = strangers.next;
        strangers.next += 1;
        strangers.waiting.insert(number, lost.clone());
        if strangers.waiting.len() > places.most_strangers
            && let Some((_, oldest)) = strangers.waiting.pop_first()
        {
            oldest.cancel();
        }
        drop(strangers);
        Place {
            number,
            places,
            lost,
            _permit: permit,
        }
    }
}

impl Place {
    /// Notes that the client has shown the secret. It keeps the place.
    pub(super) fn admit(&self) {
        self.places.strangers().waiting.remove(&self.number);
    }

    /// Serves the connection until that is over or the place is lost. Then nothing is waited for:
    /// others need the place.
    pub(super) async fn unless_lost(&self, serving: impl Future<Output = ()>) {
        tokio::select! {
            // What has lost its place begins nothing.
            biased;
            () = self.lost.cancelled() => {}
            () = serving => {}
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.strangers().waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn newer_stranger_takes_the_place_of_the_oldest() {
        let places = Places::new(4, 2);
        let take = async || places.free().await.unwrap().take();
        let (known, oldest, gone) = (take().await, take().await, take().await);
        assert!(known.lost.is_cancelled());
        known.admit();
        drop((known, gone));
        let known = take().await;
        known.admit();
        known.admit();
        let (next, newest) = (take().await, take().await);
        let lost = [&oldest, &known, &next, &newest].map(|place| place.lost.is_cancelled());
        assert_eq!(lost, [true, false, false, false]);
        assert_eq!(places.free.available_permits(), 0);
        drop((oldest, known, next, newest));
        places.all_free().await;
        assert!(places.strangers().waiting.is_empty());
    }
}
