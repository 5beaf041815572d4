//! Metrics that somebody else serves: those of the daemon.

use std::sync::OnceLock;

use haulage::{Engine, Event};
use prometheus_client::registry::Registry;

use super::accept::Format;
use super::counters::Counters;
use super::registry;

/// The metrics of an engine.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    counters: Counters,
    registry: OnceLock<Registry>,
}

impl Exposition {
    /// Counts an event.
    pub(crate) fn event(&self, event: &Event) {
        self.counters.event(event);
    }

    /// Returns the type of a text for a client that accepts this, and the text.
    pub(crate) fn text(&self, engine: &Engine, accept: &str) -> (&'static str, String) {
        let registry = || registry::of(&self.counters, engine.clone());
        let format = Format::for_client(accept);
        let text = format.text(self.registry.get_or_init(registry));
        (format.content_type(), text)
    }
}
