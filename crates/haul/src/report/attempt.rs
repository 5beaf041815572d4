//! A request of an item, with its times: for people, and for programs.

use std::time::Duration;

use haulage::{Attempt, HttpProtocol};
use serde::Serialize;

use crate::report::format;
use crate::report::row::{Failure, time};

/// The fields of a request, in their order. Times are in milliseconds; a phase that it did not come
/// to, or did not need, has none.
#[derive(Debug, Serialize)]
pub(super) struct AttemptRow<'a> {
    row: u64,
    label: &'a str,
    url: &'a str,
    host: &'a str,
    attempt: u32,
    segment: bool,
    started: String,
    proxy: Option<&'a str>,
    remote: Option<String>,
    protocol: Option<&'static str>,
    reused: bool,
    http_status: Option<u16>,
    error: Option<Failure>,
    bytes: u64,
    queue_ms: Option<f64>,
    dns_ms: Option<f64>,
    connect_ms: Option<f64>,
    tls_ms: Option<f64>,
    first_byte_ms: Option<f64>,
    body_ms: Option<f64>,
    total_ms: f64,
}

impl<'a> AttemptRow<'a> {
    pub(super) fn new(attempt: &'a Attempt) -> Self {
        let timings = &attempt.timings;
        Self {
            row: attempt.row,
            label: &attempt.label,
            url: &attempt.url,
            host: &attempt.host,
            attempt: attempt.number,
            segment: attempt.is_segment,
            started: time(attempt.started),
            proxy: attempt.proxy.as_deref(),
            remote: attempt.remote.map(|remote| remote.to_string()),
            protocol: attempt.protocol.map(HttpProtocol::name),
            reused: attempt.is_reused,
            http_status: attempt.http_status,
            error: attempt.error.as_ref().map(Failure::from),
            bytes: attempt.bytes,
            queue_ms: timings.queue.map(millis),
            dns_ms: timings.dns.map(millis),
            connect_ms: timings.connect.map(millis),
            tls_ms: timings.tls.map(millis),
            first_byte_ms: timings.first_byte.map(millis),
            body_ms: timings.body.map(millis),
            total_ms: millis(timings.total),
        }
    }
}

/// Returns a time in milliseconds, to the microsecond.
fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

/// Returns a request in one line: `cn.gif: 200, 4.0 KiB, dns 3 ms, first byte 80 ms, h2, reused`.
pub(super) fn line(attempt: &Attempt) -> String {
    let what = match (attempt.is_segment, attempt.number) {
        (true, _) => ", segment".to_owned(),
        (false, 0 | 1) => String::new(),
        (false, number) => format!(", attempt {number}"),
    };
    let status = attempt.http_status.map(|status| status.to_string());
    let failed = attempt.error.as_ref().map(|error| error.kind().name());
    // That is what the status says.
    let failed = failed.filter(|kind| *kind != "http" || status.is_none());
    let bytes = Some(attempt.bytes).filter(|bytes| *bytes > 0);
    let phases = attempt.timings.phases();
    let phases = phases.map(|(name, time)| format!("{} {}", name.replace('_', " "), short(time)));
    let connection = attempt.protocol.map(|protocol| {
        let reused = if attempt.is_reused { "reused" } else { "new" };
        format!("{}, {reused}", protocol.name())
    });
    let parts: Vec<String> = status
        .into_iter()
        .chain(failed.map(str::to_owned))
        .chain(bytes.map(format::bytes))
        .chain(phases)
        .chain(connection)
        .collect();
    format!("{}{what}: {}", attempt.label, parts.join(", "))
}

/// Formats a short time: `0.4 ms`, `80 ms`, `1.2 s`, and from ten seconds on as any other.
fn short(time: Duration) -> String {
    match time.as_millis() {
        0..10 => format!("{:.1} ms", millis(time)),
        whole @ 10..1000 => format!("{whole} ms"),
        1000..10_000 => format!("{:.1} s", time.as_secs_f64()),
        _ => format::duration(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_times_have_their_own_units() {
        for (micros, text) in [
            (0, "0.0 ms"),
            (2_340, "2.3 ms"),
            (80_900, "80 ms"),
            (1_240_000, "1.2 s"),
            (12_340_000, "12.3 s"),
            (125_000_000, "2 min 5 s"),
        ] {
            assert_eq!(short(Duration::from_micros(micros)), text);
        }
    }
}
