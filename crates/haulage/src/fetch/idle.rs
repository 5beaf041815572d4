//! The timeouts of a connection: how long nothing may be received, and how slow a body may be.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::error::{Error, ErrorKind};

/// The timer of a lane. It is not armed anew for each read, since that costs as much as reading a
/// small body. For the same reason the clock is read only when a wait begins.
pub(crate) struct IdleTimer {
    timeout: Duration,
    /// In bytes per second.
    lowest_speed: u64,
    /// Set for the deadline of the current wait or earlier. If it rings too early, it is set again.
    alarm: Pin<Box<Sleep>>,
    /// The window in which the body's speed is measured; `None` until the lane had to wait for the
    /// body.
    window: Option<SpeedWindow>,
}

/// A period as long as the timeout, in which enough bytes of a body must be received.
struct SpeedWindow {
    /// Moved on by the time in which nothing was read from the server.
    ends: Instant,
    bytes: u64,
}

impl IdleTimer {
    /// Creates a timer. `lowest_speed` is in bytes per second.
    pub(crate) fn new(timeout: Duration, lowest_speed: u64) -> Self {
        Self {
            timeout,
            lowest_speed,
            alarm: Box::pin(tokio::time::sleep(timeout)),
            window: None,
        }
    }

    /// Changes the timeout, and the lowest speed in bytes per second, for what follows.
    pub(crate) fn set_limits(&mut self, timeout: Duration, lowest_speed: u64) {
        self.lowest_speed = lowest_speed;
        if std::mem::replace(&mut self.timeout, timeout) > timeout {
            // The alarm may be set for a later time than the new timeout allows.
            self.alarm.as_mut().reset(Instant::now() + timeout);
        }
    }

    /// Returns the timeout.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns the lowest speed, in bytes per second.
    pub(crate) fn lowest_speed(&self) -> u64 {
        self.lowest_speed
    }

    /// Waits for `future`, but not longer than the timeout.
    ///
    /// # Errors
    /// Of kind `timeout`.
    pub(crate) async fn guard<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Error> {
        self.window = None;
        let mut future = pin!(future);
        let mut silent_until = None;
        poll_fn(|context| {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(value));
            }
            let until = *silent_until.get_or_insert_with(|| Instant::now() + self.timeout);
            ready!(self.poll_alarm(until, context));
            Poll::Ready(Err(self.silent()))
        })
        .await
    }

    /// Begins a body: the speed is measured anew.
    pub(crate) fn begin_body(&mut self) {
        self.window = None;
    }

    /// Waits for more of a body, but not longer than the timeout, nor when it has come too slowly
    /// for that long.
    ///
    /// # Errors
    /// Of kind `timeout`.
    pub(crate) async fn guard_body<T>(
        &mut self,
        future: impl Future<Output = T>,
    ) -> Result<T, Error> {
        let mut future = pin!(future);
        let mut silent_until = None;
        poll_fn(|context| {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(value));
            }
            let until = *silent_until.get_or_insert_with(|| Instant::now() + self.timeout);
            loop {
                let window = self.window.get_or_insert(SpeedWindow {
                    ends: until,
                    bytes: 0,
                });
                let window_ends = window.ends;
                ready!(self.poll_alarm(until.min(window_ends), context));
                if until <= window_ends {
                    return Poll::Ready(Err(self.silent()));
                }
                self.next_window(until - self.timeout)?;
            }
        })
        .await
    }

    /// Counts these bytes of the body as received.
    pub(crate) fn received(&mut self, bytes: usize) {
        if let Some(window) = &mut self.window {
            window.bytes += bytes as u64;
        }
    }

    /// Waits for what is not the server's to do, such as the disk: the time does not count.
    pub(crate) async fn paused<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut began = None;
        poll_fn(|context| {
            let Poll::Ready(value) = future.as_mut().poll(context) else {
                began.get_or_insert_with(Instant::now);
                return Poll::Pending;
            };
            if let (Some(window), Some(began)) = (&mut self.window, began) {
                window.ends += began.elapsed();
            }
            Poll::Ready(value)
        })
        .await
    }

    /// Waits for that long, between two requests.
    pub(crate) async fn sleep(&mut self, time: Duration) {
        let until = Instant::now() + time;
        if self.alarm.deadline() > until {
            self.alarm.as_mut().reset(until);
        }
        poll_fn(|context| self.poll_alarm(until, context)).await;
    }

    /// Judges the window that is over, and begins the next one. A window lasts longer than the
    /// timeout if nobody waits for the body at its end. Fails with `timeout` if the body was too
    /// slow.
    fn next_window(&mut self, wait_began: Instant) -> Result<(), Error> {
        if let Some(window) = &mut self.window {
            if window.bytes < bytes_in(self.lowest_speed, self.timeout) {
                return Err(self.slow());
            }
            *window = SpeedWindow {
                ends: window.ends.max(wait_began) + self.timeout,
                bytes: 0,
            };
        }
        Ok(())
    }

    /// Returns `Ready` once it is the time `at`. The alarm may have been set for an earlier wait:
    /// if it rings too early, it is set again.
    fn poll_alarm(&mut self, at: Instant, context: &mut Context<'_>) -> Poll<()> {
        while self.alarm.as_mut().poll(context).is_ready() {
            if Instant::now() >= at {
                return Poll::Ready(());
            }
            self.alarm.as_mut().reset(at);
        }
        Poll::Pending
    }

    /// Returns the error of a server that has sent nothing for too long.
    pub(crate) fn silent(&self) -> Error {
        let seconds = self.timeout.as_secs_f64();
        Error::new(
            ErrorKind::Timeout,
            format!("nothing was received for {seconds} s (--timeout)"),
        )
    }

    /// Returns the error of a server that has been too slow for too long.
    pub(crate) fn slow(&self) -> Error {
        let (speed, seconds) = (self.lowest_speed, self.timeout.as_secs_f64());
        Error::new(
            ErrorKind::Timeout,
            format!(
                "less than {speed} bytes per second came for {seconds} s (--lowest-speed, --timeout)"
            ),
        )
        .too_slow()
    }
}

/// Returns how many bytes come in that time at this speed, which is in bytes per second.
fn bytes_in(speed: u64, time: Duration) -> u64 {
    let bytes = u128::from(speed) * time.as_millis() / 1000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn timer(lowest_speed: u64) -> IdleTimer {
        IdleTimer::new(3 * SECOND, lowest_speed)
    }

    /// Receives a body that brings `bytes` bytes after each of these waits, in milliseconds.
    /// Returns after how many milliseconds it fails; `None` if it does not.
    async fn fails(timer: &mut IdleTimer, bytes: usize, waits: &[u64]) -> Option<u128> {
        let start = Instant::now();
        timer.begin_body();
        for wait in waits {
            let wait = tokio::time::sleep(Duration::from_millis(*wait));
            if let Err(error) = timer.guard_body(wait).await {
                assert_eq!(error.kind(), ErrorKind::Timeout);
                return Some(start.elapsed().as_millis());
            }
            timer.received(bytes);
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_own_time() {
        let mut timer = timer(0);
        let start = Instant::now();
        for _ in 0..5 {
            timer.guard(tokio::time::sleep(2 * SECOND)).await.unwrap();
        }
        assert_eq!(start.elapsed().as_secs(), 10);
        let error = timer.guard(std::future::pending::<()>()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(start.elapsed().as_secs(), 13);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_of_other_lengths_end_in_time() {
        let mut timer = timer(0);
        let start = Instant::now();
        for (wait, ends) in [(1, 1), (7, 8), (2, 10)] {
            timer.sleep(wait * SECOND).await;
            assert_eq!(start.elapsed().as_secs(), ends);
        }
        timer.guard(std::future::pending::<()>()).await.unwrap_err();
        assert_eq!(start.elapsed().as_secs(), 13);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_in_a_body_counts_from_its_last_byte() {
        for lowest_speed in [0, 1] {
            let waits = [1000, 1000, 1000, 1000, 9999];
            let failed = fails(&mut timer(lowest_speed), 100, &waits).await;
            assert_eq!(failed, Some(7000));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_too_slowly_fails_after_the_timeout() {
        let drip = [100; 100];
        // These are 100 bytes per second.
        assert_eq!(fails(&mut timer(101), 10, &drip).await, Some(3000));
        assert_eq!(fails(&mut timer(99), 10, &drip).await, None);
        assert_eq!(fails(&mut timer(0), 10, &drip).await, None);
        // A body with rarer drops is noticed at the same time.
        assert_eq!(fails(&mut timer(101), 10, &[2900; 5]).await, Some(3000));
    }

    #[tokio::test(start_paused = true)]
    async fn each_window_of_a_body_must_bring_enough() {
        let mut timer = timer(1000);
        let start = Instant::now();
        timer.begin_body();
        for bytes in [9_000_000, 4000, 0] {
            timer.guard_body(tokio::time::sleep(SECOND)).await.unwrap();
            timer.received(bytes);
            for _ in 0..2 {
                let wait = timer.guard_body(tokio::time::sleep(SECOND)).await;
                if wait.is_err() {
                    assert_eq!((bytes, start.elapsed().as_secs()), (0, 9));
                    return;
                }
            }
        }
        timer
            .guard_body(tokio::time::sleep(SECOND))
            .await
            .unwrap_err();
        assert_eq!(start.elapsed().as_secs(), 9);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_the_disk_takes_is_not_the_servers() {
        let mut timer = timer(1000);
        timer.begin_body();
        for _ in 0..10 {
            timer.guard_body(tokio::time::sleep(SECOND)).await.unwrap();
            timer.received(1100);
            timer.paused(tokio::time::sleep(60 * SECOND)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_kept_nobody_waiting_for_long_is_not_slow_after_that() {
        let mut timer = timer(1000);
        timer.begin_body();
        timer.guard_body(tokio::time::sleep(SECOND)).await.unwrap();
        for _ in 0..100 {
            tokio::time::advance(SECOND).await;
            timer.guard_body(std::future::ready(())).await.unwrap();
            timer.received(1000);
        }
        timer.guard_body(tokio::time::sleep(SECOND)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_for_a_head_has_no_speed() {
        let mut timer = timer(1000);
        assert_eq!(fails(&mut timer, 2000, &[1000, 1000]).await, None);
        for _ in 0..3 {
            timer.guard(tokio::time::sleep(2 * SECOND)).await.unwrap();
        }
        assert_eq!(fails(&mut timer, 2000, &[1000, 1000]).await, None);
    }
}
