//! How long nothing may be received.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::error::{Error, ErrorKind};

/// A timer that a lane keeps: it is armed once in a while, not once for each read, since moving it costs as much as
/// reading a small body.
pub(crate) struct IdleTimer {
    timeout: Duration,
    alarm: Pin<Box<Sleep>>,
}

impl IdleTimer {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            alarm: Box::pin(tokio::time::sleep(timeout)),
        }
    }

    /// Waits for `future`, but not longer than the timeout.
    ///
    /// # Errors
    /// Of kind `timeout`.
    pub(crate) async fn guard<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Error> {
        let mut future = pin!(future);
        let mut deadline = None;
        poll_fn(|context| {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(value));
            }
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + self.timeout);
            // The alarm was set for an earlier wait: it may ring too early, then it is set for this one.
            while self.alarm.as_mut().poll(context).is_ready() {
                if Instant::now() >= deadline {
                    return Poll::Ready(Err(self.error()));
                }
                self.alarm.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await
    }

    /// The failure of who was silent for too long.
    pub(crate) fn error(&self) -> Error {
        let seconds = self.timeout.as_secs_f64();
        Error::new(
            ErrorKind::Timeout,
            format!("nothing was received for {seconds} s (--timeout)"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_own_time() {
        let mut timer = IdleTimer::new(Duration::from_secs(3));
        let start = Instant::now();
        for _ in 0..5 {
            timer
                .guard(tokio::time::sleep(Duration::from_secs(2)))
                .await
                .unwrap();
        }
        assert_eq!(start.elapsed().as_secs(), 10);
        let error = timer.guard(std::future::pending::<()>()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(start.elapsed().as_secs(), 13);
    }
}
