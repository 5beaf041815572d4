//! All metrics, with their names.

use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use haulage::Engine;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::counters::Counters;
use super::engine::OfEngine;
use super::process::OfProcess;

/// Returns the metrics of a run of this engine, which begins now.
pub(super) fn of(counters: &Counters, engine: Engine) -> Registry {
    let now = seconds(SystemTime::now());
    let mut all = Registry::default();
    let own = all.sub_registry_with_prefix("haul");
    let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    own.register("build", "The version of haul", version);
    let started = Gauge::<f64, AtomicU64>::default();
    started.set(now);
    own.register_with_unit(
        "run_start_time",
        "When the run began, in seconds after 1970",
        Unit::Seconds,
        started,
    );
    own.register(
        "items",
        "Items that have ended, by how they ended",
        counters.items.clone(),
    );
    own.register(
        "errors",
        "Items that have failed, by the kind of their error",
        counters.errors.clone(),
    );
    own.register(
        "command_failures",
        "Items that are done although the command of --on-complete failed",
        counters.command_failures.clone(),
    );
    own.register(
        "attempts",
        "Requests that have ended: success, redirect, or the kind of their error",
        counters.attempts.clone(),
    );
    own.register(
        "retries",
        "Attempts at items that failed and are followed by another one",
        counters.retries.clone(),
    );
    own.register_with_unit(
        "attempt_duration",
        "How long the phases of requests took",
        Unit::Seconds,
        counters.durations.clone(),
    );
    own.register(
        "host_waits",
        "Pauses in which nothing is sent to a host",
        counters.host_waits.clone(),
    );
    own.register_collector(Box::new(OfEngine(engine)));
    all.register_collector(Box::new(OfProcess { started: now }));
    all
}

fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
