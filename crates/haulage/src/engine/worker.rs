//! A network thread: a runtime of its own, on which lanes live and never leave.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::core::Core;
use super::handover::OpenLane;
use super::lane::Lane;

/// A thread to be started.
pub(super) struct Worker {
    number: usize,
    lanes: UnboundedReceiver<OpenLane>,
}

impl Worker {
    /// A worker, and how lanes are opened on it.
    pub(super) fn new(number: usize) -> (Self, UnboundedSender<OpenLane>) {
        let (open, lanes) = unbounded_channel();
        (Self { number, lanes }, open)
    }

    /// Starts its thread, which ends with the run.
    pub(super) fn start(self, core: Arc<Core>) -> io::Result<()> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name(format!("haulage-net-{}", self.number))
            .spawn(move || runtime.block_on(self.run(core)))?;
        Ok(())
    }

    async fn run(mut self, core: Arc<Core>) {
        if self.number == 0 {
            let core = Arc::clone(&core);
            tokio::spawn(async move { core.dispatcher.keep_time().await });
        }
        let over = core.over.clone();
        loop {
            tokio::select! {
                () = over.cancelled() => return,
                opened = self.lanes.recv() => match opened {
                    Some(open) => {
                        tokio::spawn(Lane::new(Arc::clone(&core), self.number, &open).run(open.first));
                    }
                    None => return,
                },
            }
        }
    }
}
