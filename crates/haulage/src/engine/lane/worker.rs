//! A network thread, with a runtime of its own. Lanes live on one thread and never move.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Lane;
use crate::engine::run::Services;
use crate::engine::run::work::Work;
use crate::engine::shared::handover::OpenLane;

/// A network thread that is to be started.
pub(crate) struct Worker {
    number: usize,
    lanes: UnboundedReceiver<OpenLane<Work>>,
}

impl Worker {
    /// Creates a worker, and the sender that opens lanes on it.
    pub(crate) fn new(number: usize) -> (Self, UnboundedSender<OpenLane<Work>>) {
        let (open, lanes) = unbounded_channel();
        (Self { number, lanes }, open)
    }

    /// Starts its thread, which ends with the engine.
    pub(crate) fn start(self, services: Arc<Services>) -> io::Result<JoinHandle<()>> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name(format!("haulage-net-{}", self.number))
            .spawn(move || runtime.block_on(self.run(services)))
    }

    /// Opens lanes, until the engine ends.
    pub(crate) async fn run(mut self, services: Arc<Services>) {
        if self.number == 0 {
            let services = Arc::clone(&services);
            tokio::spawn(async move { services.dispatcher.keep_time().await });
        }
        let closing = services.closing.clone();
        loop {
            tokio::select! {
                biased;
                () = closing.cancelled() => return,
                opened = self.lanes.recv() => match opened {
                    Some(open) => {
                        let lane = Lane::new(Arc::clone(&services), self.number, &open);
                        tokio::spawn(lane.run(open.first));
                    }
                    None => return,
                },
            }
        }
    }
}
