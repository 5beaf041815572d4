//! An answer that other requests wait for, since it says how they are to be sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// How long others wait. A server that takes longer gets their requests all the same: each may cost
/// a 401, and no connection stays idle until the server closes it.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// The answer. A clone is the same one.
#[derive(Clone)]
pub(crate) struct FirstAnswer {
    /// Never has a permit, and is closed when the answer has come.
    come: Arc<Semaphore>,
}

/// The request that brings it. When this is dropped, however the request has ended, nothing waits
/// any longer.
pub(crate) struct FirstRequest(FirstAnswer);

impl FirstAnswer {
    /// Returns whether the answer has come, or is not waited for any longer.
    pub(crate) fn has_come(&self) -> bool {
        self.come.is_closed()
    }

    /// Waits until the answer has come, for five seconds at most.
    pub(crate) async fn wait(self) {
        if tokio::time::timeout(MAX_WAIT, self.come.acquire())
            .await
            .is_err()
        {
            // What is sent later need not wait as long again.
            self.come.close();
        }
    }
}

impl FirstRequest {
    /// Returns a request, and the answer that it will bring.
    pub(crate) fn new() -> (Self, FirstAnswer) {
        let answer = FirstAnswer {
            come: Arc::new(Semaphore::new(0)),
        };
        (Self(answer.clone()), answer)
    }
}

impl Drop for FirstRequest {
    fn drop(&mut self) {
        self.0.come.close();
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn request_that_ends_ends_the_wait_of_all() {
        let (request, answer) = FirstRequest::new();
        assert!(!answer.has_come());
        let began = Instant::now();
        tokio::join!(answer.clone().wait(), answer.clone().wait(), async {
            drop(request);
        });
        assert!(answer.has_come());
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn wait_is_bounded_and_only_once() {
        let (request, answer) = FirstRequest::new();
        let began = Instant::now();
        tokio::join!(answer.clone().wait(), answer.clone().wait());
        assert_eq!(began.elapsed(), MAX_WAIT);
        answer.wait().await;
        assert_eq!(began.elapsed(), MAX_WAIT);
        drop(request);
    }
}
