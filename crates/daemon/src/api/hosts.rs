//! Hosts that have work, and those that wait.

use std::time::SystemTime;

use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use super::json::json_response;
use super::view::time_of;
use crate::hub::Hub;
use crate::response::Body;
use crate::runner::HostWait;

/// The most hosts that are returned.
const MAX_HOSTS: usize = 100;

#[derive(Debug, Serialize)]
struct HostView {
    host: String,
    active: usize,
    waiting: usize,
    limit: usize,
    state: &'static str,
    reason: Option<String>,
    until: Option<String>,
}

/// Returns the response with the hosts.
pub(super) fn list(hub: &Hub) -> Response<Body> {
    json_response(StatusCode::OK, &hosts_now(hub))
}

/// Returns the hosts, the busiest ones first, and then those to which nothing is sent for a while.
pub(super) fn hosts_now(hub: &Hub) -> Value {
    let (engine, mut waits) = hub.look(|service| {
        let waits = service.runner.waits().at(SystemTime::now());
        (service.runner.engine().clone(), waits)
    });
    let loads = engine.snapshot(MAX_HOSTS).busiest.into_iter();
    let mut hosts: Vec<_> = loads
        .map(|load| {
            let wait = waits.remove(&load.host);
            HostView::of(&load.host, [load.in_flight, load.queued, load.limit], wait)
        })
        .collect();
    let mut idle: Vec<_> = waits.into_iter().collect();
    idle.sort_by(|(a, _), (b, _)| a.cmp(b));
    let idle = idle.into_iter();
    hosts.extend(idle.map(|(host, wait)| HostView::of(&host, [0; 3], Some(wait))));
    hosts.truncate(MAX_HOSTS);
    json!({"hosts": hosts})
}

impl HostView {
    fn of(host: &str, [active, waiting, limit]: [usize; 3], wait: Option<HostWait>) -> Self {
        let until = wait.as_ref().map(|wait| time_of(wait.until));
        Self {
            host: host.to_string(),
            active,
            waiting,
            limit,
            state: if wait.is_some() { "waits" } else { "ok" },
            reason: wait.and_then(|wait| wait.reason),
            until,
        }
    }
}
