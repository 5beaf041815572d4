//! Which text a client gets (RFC 9110 §12.5.1).

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;

/// A text format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The text format of Prometheus, 0.0.4.
    Prometheus,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl Format {
    /// Returns the format for an `Accept` field: `OpenMetrics` if the client prefers it to all
    /// else that it names, or names nothing else.
    pub(super) fn for_client(accept: &str) -> Self {
        let (mut open, mut plain) = (0.0, 0.0);
        for part in accept.split(',') {
            let mut parameters = part.split(';').map(str::trim);
            let name = parameters.next().unwrap_or_default();
            let quality = parameters
                .filter_map(|parameter| parameter.split_once('='))
                .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
                .map_or(Some(1.0), |(_, quality)| quality.trim().parse().ok());
            let quality: f32 = quality.unwrap_or_default();
            let best = if name.eq_ignore_ascii_case("application/openmetrics-text") {
                &mut open
            } else if ["text/plain", "text/*", "*/*"]
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known))
            {
                &mut plain
            } else {
                continue;
            };
            *best = quality.max(*best);
        }
        if open > 0.0 && open >= plain {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// Returns its `Content-Type`.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Returns the metrics in this format.
    pub(super) fn text(self, registry: &Registry) -> String {
        let mut out = String::new();
        let written = match self {
            Self::Prometheus => prometheus_text::encode(&mut out, registry),
            Self::OpenMetrics => text::encode(&mut out, registry),
        };
        // Writing to memory does not fail.
        debug_assert!(written.is_ok());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_gets_what_it_prefers() {
        const OF_PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;q=0.6,\
            text/plain;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.3";
        for (accept, format) in [
            ("", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("text/plain", Format::Prometheus),
            ("text/html,application/xhtml+xml", Format::Prometheus),
            ("application/openmetrics-text", Format::OpenMetrics),
            (
                "Application/OpenMetrics-Text; version=1.0.0",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;q=0", Format::Prometheus),
            ("application/openmetrics-text;q=x", Format::Prometheus),
            (
                "application/openmetrics-text;q=0.1, text/plain",
                Format::Prometheus,
            ),
            (OF_PROMETHEUS, Format::OpenMetrics),
        ] {
            assert_eq!(Format::for_client(accept), format, "{accept}");
        }
    }
}
