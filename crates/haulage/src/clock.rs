//! The engine's clock. In a simulation it is virtual: that of tokio, which tests can pause and
//! advance, so that hours pass in milliseconds.

use std::time::{Duration, Instant};

/// Returns the present time. Without the `test-util` of tokio, which only tests have, this is
/// [`Instant::now`] itself.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Returns how much time has passed since then; zero if it is still to come.
pub(crate) fn elapsed(since: Instant) -> Duration {
    now().saturating_duration_since(since)
}
