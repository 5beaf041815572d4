//! How work is handed to lanes: to one that waits, or to one that is opened for it.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::work::Work;
use crate::fetch::connection::Shared;
use crate::meter::Meter;
use crate::schedule::{HostId, Lease};
use crate::sync::lock;

/// A lane to be opened, and what it does first.
pub(super) struct OpenLane {
    pub(super) host: HostId,
    pub(super) shared: Option<Shared>,
    pub(super) meter: Arc<Meter>,
    pub(super) first: First,
}

/// What a lane does first.
pub(super) enum First {
    /// This piece of work.
    Work(Lease<Work>),
    /// It opens a connection to this host, by its key, ahead of any work.
    Connect(Arc<str>),
}

/// How an idle lane is called.
#[derive(Clone, Default)]
pub(super) struct LaneHandle(Arc<Slot>);

#[derive(Default)]
struct Slot {
    lease: Mutex<Option<Lease<Work>>>,
    given: Notify,
}

impl LaneHandle {
    /// Waits to be called.
    pub(super) async fn called(&self) {
        self.0.given.notified().await;
    }

    /// Takes what it was called for.
    pub(super) fn take(&self) -> Option<Lease<Work>> {
        lock(&self.0.lease).take()
    }

    /// Gives an idle lane work.
    pub(super) fn give(&self, lease: Lease<Work>) {
        *lock(&self.0.lease) = Some(lease);
        self.0.given.notify_one();
    }
}

impl PartialEq for LaneHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
