//! Requests to hosts that have not answered yet give their slots to other hosts after a while.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::lane::Lane;
use crate::schedule::HostId;

/// How long a request may wait for a host that has not answered yet.
pub(super) struct Patience {
    core: Arc<Core>,
    host: HostId,
    time: Duration,
}

impl Patience {
    /// Waits until the request has to give way: as long as nobody else wants its slot, for ever.
    async fn is_over(&self) {
        loop {
            tokio::time::sleep(self.time).await;
            if self.core.dispatcher.gives_way(self.host, self.time) {
                return;
            }
        }
    }
}

/// Waits for something of a host that has not answered yet. Returns `None` when the request has to
/// give way to other hosts.
///
/// Requests to hosts that have answered do not come here, and what is waited for is boxed: these
/// futures are large, a lane's own future holds them, and that is moved with each file.
pub(super) async fn within<T>(
    patience: Patience,
    waits: Pin<Box<impl Future<Output = T>>>,
) -> Option<T> {
    tokio::select! {
        biased;
        came = waits => Some(came),
        () = patience.is_over() => None,
    }
}

impl Lane {
    /// How long the present request may wait for its host. `None` where that has answered before.
    pub(super) fn patience(&self) -> Option<Patience> {
        self.patience.map(|time| Patience {
            core: Arc::clone(&self.core),
            host: self.host,
            time,
        })
    }

    /// Gives the present request up, as if it had not been sent: it goes back to its queue.
    pub(super) fn give_way(&mut self) {
        self.stop_connecting();
        // Over HTTP/2 that ends its stream, and no other.
        self.connection = None;
        self.used = false;
    }
}
