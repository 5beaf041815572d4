//! Tells a lane to stop its current work.

use std::pin::Pin;

use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::engine::run::Run;

/// Tells a lane that the run which it works for is paused or being stopped, or that the row which
/// it fetches is removed.
///
/// It is kept between pieces of work: to register with the run for each would cost more than a
/// check.
#[derive(Default)]
pub(crate) struct Interruption(Option<Registered>);

struct Registered {
    /// The number of the run.
    run: u64,
    interrupted: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Registered {
    fn with(run: &Run) -> Self {
        Self {
            run: run.number,
            interrupted: Box::pin(run.control.interrupt_token().cancelled_owned()),
        }
    }
}

impl Interruption {
    /// Waits until work for a row of a run is to stop. `None` stands for work for several rows.
    pub(crate) async fn of(&mut self, run: &Run, row: Option<u64>) {
        let known = self.0.take().filter(|known| known.run == run.number);
        let registered = self
            .0
            .insert(known.unwrap_or_else(|| Registered::with(run)));
        // In this order: a change after the check wakes the lane.
        while !run.control.stops(row) {
            registered.interrupted.as_mut().await;
            *registered = Registered::with(run);
        }
    }
}
