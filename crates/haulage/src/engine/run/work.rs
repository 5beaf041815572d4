//! The tasks of runs, as the engine dispatches them.

use std::sync::Arc;
use std::time::Instant;

use super::Run;
use crate::engine::item::task::Task;
use crate::engine::shared::Dispatched;
use crate::engine::shared::in_flight::InFlight;
use crate::fetch::connector::Connector;
use crate::http_url::HttpUrl;

/// A task, and the run that it belongs to.
pub(crate) struct Work {
    pub(crate) run: Arc<Run>,
    pub(crate) task: Task,
    /// Since when it could begin; `None` if its requests have no records.
    pub(crate) ready_at: Option<Instant>,
}

impl Dispatched for Work {
    fn with_url<T>(&self, call: impl FnOnce(&HttpUrl) -> T) -> T {
        self.task.with_url(call)
    }

    fn connector(&self) -> &Arc<Connector> {
        &self.run.connector
    }

    fn split(&self) -> usize {
        self.run.options.split
    }

    fn in_flight(&self) -> &Arc<InFlight> {
        &self.run.in_flight
    }

    fn is_held_back(&self) -> bool {
        self.run.control.is_held_back()
    }
}
