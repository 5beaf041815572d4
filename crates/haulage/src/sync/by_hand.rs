//! What threads do otherwise, done by a simulation: in an order and at times that its seed decides.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;

use super::lock;

/// Jobs that wait until a simulation runs them.
#[derive(Default)]
pub(crate) struct ByHand {
    jobs: Mutex<VecDeque<Job>>,
    added: Notify,
}

type Job = Box<dyn FnOnce() + Send>;

impl ByHand {
    /// Adds a job.
    pub(crate) fn add(&self, job: impl FnOnce() + Send + 'static) {
        lock(&self.jobs).push_back(Box::new(job));
        self.added.notify_one();
    }

    /// Runs jobs in the order in which they were added, for ever: those that are there after up to
    /// `most` of virtual time each.
    pub(crate) async fn work(&self, mut random: fastrand::Rng, most: Duration) {
        loop {
            self.added.notified().await;
            tokio::time::sleep(most.mul_f64(random.f64())).await;
            while let Some(job) = self.next() {
                job();
            }
        }
    }

    fn next(&self) -> Option<Job> {
        lock(&self.jobs).pop_front()
    }
}
