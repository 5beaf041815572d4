//! Requests to hosts that have not answered yet give their slots to other hosts after a while.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::run::Services;
use crate::schedule::HostId;

/// How long a request may wait for a host that has not answered yet.
pub(crate) struct Patience {
    services: Arc<Services>,
    host: HostId,
    time: Duration,
}

impl Patience {
    pub(crate) fn new(services: Arc<Services>, host: HostId, time: Duration) -> Self {
        Self {
            services,
            host,
            time,
        }
    }

    /// Waits until the request has to give way: as long as nobody else wants its slot, for ever.
    async fn is_over(&self) {
        loop {
            tokio::time::sleep(self.time).await;
            if self.services.dispatcher.gives_way(self.host, self.time) {
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
pub(crate) async fn within<T>(
    patience: Patience,
    waits: Pin<Box<impl Future<Output = T>>>,
) -> Option<T> {
    tokio::select! {
        biased;
        came = waits => Some(came),
        () = patience.is_over() => None,
    }
}
