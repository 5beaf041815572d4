//! A network thread: a runtime of its own, on which lanes live and never leave.

use std::io;
use std::sync::Arc;
use std::thread;

use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Lane;
use crate::engine::run::Run;
use crate::engine::run::handover::OpenLane;

/// A thread to be started.
pub(crate) struct Worker {
    number: usize,
    lanes: UnboundedReceiver<OpenLane>,
}

impl Worker {
    /// A worker, and how lanes are opened on it.
    pub(crate) fn new(number: usize) -> (Self, UnboundedSender<OpenLane>) {
        let (open, lanes) = unbounded_channel();
        (Self { number, lanes }, open)
    }

    /// Starts its thread, which ends with the run.
    pub(crate) fn start(self, run: Arc<Run>) -> io::Result<()> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name(format!("haulage-net-{}", self.number))
            .spawn(move || runtime.block_on(self.run(run)))?;
        Ok(())
    }

    async fn run(mut self, run: Arc<Run>) {
        if self.number == 0 {
            let run = Arc::clone(&run);
            tokio::spawn(async move { run.dispatcher.keep_time().await });
        }
        let over = run.over.clone();
        loop {
            tokio::select! {
                () = over.cancelled() => return,
                opened = self.lanes.recv() => match opened {
                    Some(open) => {
                        tokio::spawn(Lane::new(Arc::clone(&run), self.number, &open).run(open.first));
                    }
                    None => return,
                },
            }
        }
    }
}
