//! How work is handed to lanes: to one that waits, or to one that is opened for it.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::fetch::connection::Http2Handle;
use crate::fetch::connector::Connector;
use crate::meter::Meter;
use crate::schedule::{HostId, Lease};
use crate::sync::modelled::{Mutex, lock};

/// A lane to be opened, and what it does first.
pub(crate) struct OpenLane<W> {
    pub(crate) host: HostId,
    /// Makes its connections.
    pub(crate) connector: Arc<Connector>,
    pub(crate) shared: Option<Http2Handle>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) first: First<W>,
}

/// What a lane does first.
pub(crate) enum First<W> {
    /// This piece of work.
    Work(Lease<W>),
    /// It opens a connection to this origin, ahead of any work.
    Connect(Arc<str>),
}

/// Wakes an idle lane and hands it work.
pub(crate) struct LaneHandle<L>(Arc<Slot<L>>);

struct Slot<L> {
    lease: Mutex<Option<L>>,
    given: Notify,
}

impl<L> LaneHandle<L> {
    /// Waits to be called.
    pub(crate) async fn called(&self) {
        self.0.given.notified().await;
    }

    /// Takes what it was called for.
    pub(crate) fn take(&self) -> Option<L> {
        lock(&self.0.lease).take()
    }

    /// Gives an idle lane work.
    pub(crate) fn give(&self, lease: L) {
        *lock(&self.0.lease) = Some(lease);
        self.0.given.notify_one();
    }
}

impl<L> Clone for LaneHandle<L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L> Default for LaneHandle<L> {
    fn default() -> Self {
        Self(Arc::new(Slot {
            lease: Mutex::new(None),
            given: Notify::new(),
        }))
    }
}

impl<L> PartialEq for LaneHandle<L> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
#[cfg(feature = "model")]
mod model;
