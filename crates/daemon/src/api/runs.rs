//! Runs: what there is, and what is done to them.

use std::time::SystemTime;

use http::{Response, StatusCode};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task;

use super::error::ApiError;
use super::json::json_response;
use super::query::{Page, Query};
use super::route::Action;
use super::upload::read_json;
use super::view::{self, Limits, RunView, state_name};
use crate::hub::Hub;
use crate::options::Options;
use crate::queue::{Gid, State, Whence};
use crate::response::{Body, empty};
use crate::service::{Runner, Service};

/// How many runs are looked at while the daemon is locked.
const SLICE: usize = 256;

/// Returns the response with the state of the whole daemon.
pub(super) fn status(hub: &Hub) -> Response<Body> {
    json_response(StatusCode::OK, &status_now(hub))
}

/// Returns the state of the whole daemon.
pub(super) fn status_now(hub: &Hub) -> Value {
    let (started, per_host) = (hub.about.started, hub.about.per_host);
    let uptime = SystemTime::now().duration_since(started);
    hub.look(|service| {
        let queue = &service.queue;
        let [active, queued, _] = queue.counts();
        let waiting = queue.waiting();
        let (mut done, mut failed, mut removed) = (0, 0, 0);
        for one in queue.stopped() {
            match one.state {
                State::Complete => done += 1,
                State::Error => failed += 1,
                _ => removed += 1,
            }
        }
        let live = queue
            .active()
            .filter_map(|one| service.runner.live(one.gid));
        let folders = service.folders.all();
        let dirs: Vec<_> = folders.map(|folder| folder.to_string_lossy()).collect();
        let default = service.global_options().shown_folder(&service.folders);
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "started_at": view::time_of(started),
            "uptime": uptime.unwrap_or_default().as_secs(),
            "rate": live.map(|live| live.speed).sum::<u64>(),
            "runs": {
                "active": active,
                "waiting": waiting,
                "paused": queued - waiting,
                "done": done,
                "failed": failed,
                "removed": removed,
            },
            "limits": Limits::of(service, per_host),
            "dirs": dirs,
            "default_dir": default.to_string_lossy(),
        })
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLimits {
    max_concurrent_downloads: Option<u16>,
    limit_rate: Option<u64>,
}

/// Changes what holds for all runs together.
pub(super) async fn change_limits(hub: &Hub, body: Incoming) -> Result<Response<Body>, ApiError> {
    let new: NewLimits = read_json(body).await?;
    let mut options = Options::default();
    let wrong = |name: &str| ApiError::input(format!("{name}: there is no such limit"));
    if let Some(most) = new.max_concurrent_downloads {
        let name = "max-concurrent-downloads";
        let set = options.set(name, &most.to_string());
        set.map_err(|_| wrong("max_concurrent_downloads"))?;
    }
    if let Some(rate) = new.limit_rate {
        let set = options.set("max-overall-download-limit", &rate.to_string());
        set.map_err(|_| wrong("limit_rate"))?;
    }
    let per_host = hub.about.per_host;
    let limits = hub.change(|service| {
        service.change_global(&options);
        Limits::of(service, per_host)
    });
    Ok(json_response(StatusCode::OK, &limits.await?))
}

/// Lists runs: those that are active, the queue, and those that are over, the last one first.
pub(super) async fn list(hub: &Hub, query: &str) -> Result<Response<Body>, ApiError> {
    let query = Query::read(query, &["state", "search", "offset", "limit"])?;
    let page = Page::of(&query)?;
    let states: Vec<_> = query.list("state").collect();
    if let Some(wrong) = states.iter().find(|name| !is_state(name)) {
        return Err(ApiError::malformed(format!(
            "state: {wrong:?} is no state of a run"
        )));
    }
    let text = query.get("search").unwrap_or_default();
    let all: Vec<_> = hub.look(|service| service.queue.all().collect());
    let found = if states.is_empty() && text.is_empty() {
        all
    } else {
        let is_wanted = |service: &Service<_>, gid| {
            service.queue.get(gid).is_some_and(|one| {
                (states.is_empty() || states.contains(&state_name(one.state)))
                    && view::is_found(service, one, text)
            })
        };
        sifted(&all, |slice| {
            let slice = slice.iter().copied();
            hub.look(|service| slice.filter(|(gid, _)| is_wanted(service, *gid)).collect())
        })
        .await
    };
    let shown = found.iter().skip(page.offset).take(page.limit);
    let runs: Vec<_> = hub.look(|service| {
        let view = |(gid, position): &(Gid, _)| {
            let download = service.queue.get(*gid)?;
            Some(RunView::of(service, download, *position))
        };
        shown.filter_map(view).collect()
    });
    Ok(json_response(
        StatusCode::OK,
        &json!({"total": found.len(), "runs": runs}),
    ))
}

/// Returns what `sift` leaves of each slice. Others have their turn between two of them.
async fn sifted<T>(all: &[T], mut sift: impl FnMut(&[T]) -> Vec<T>) -> Vec<T> {
    let mut left = Vec::new();
    for slice in all.chunks(SLICE) {
        left.extend(sift(slice));
        task::yield_now().await;
    }
    left
}

fn is_state(name: &str) -> bool {
    let all = [
        State::Active,
        State::Waiting,
        State::Paused,
        State::Complete,
        State::Error,
        State::Removed,
    ];
    all.into_iter().any(|state| state_name(state) == name)
}

/// Returns the response with one run.
pub(super) fn one(hub: &Hub, id: &str) -> Result<Response<Body>, ApiError> {
    let run = hub.look(|service| Ok::<_, ApiError>(seen(service, find(service, id)?)))?;
    Ok(json_response(StatusCode::OK, &run))
}

/// Returns the run of a name, or of the beginning of one.
pub(super) fn find<R: Runner>(service: &Service<R>, id: &str) -> Result<Gid, ApiError> {
    let found = service.queue.find(id);
    found.map_err(|why| ApiError::no_run(id, why))
}

/// Returns a run as clients see it; `None` if it is gone.
pub(super) fn seen<R: Runner>(service: &Service<R>, gid: Gid) -> Option<RunView> {
    let download = service.queue.get(gid)?;
    let position = service.queue.position(gid);
    Some(RunView::of(service, download, position))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunChange {
    priority: Option<i32>,
    position: Option<usize>,
    limit_rate: Option<u64>,
    connections: Option<u16>,
}

/// Changes a run.
pub(super) async fn change(
    hub: &Hub,
    id: &str,
    body: Incoming,
) -> Result<Response<Body>, ApiError> {
    let change: RunChange = read_json(body).await?;
    let mut options = Options::default();
    if let Some(rate) = change.limit_rate {
        let set = options.set("max-download-limit", &rate.to_string());
        set.map_err(|_| ApiError::input("limit_rate: there is no such limit"))?;
    }
    let changed = hub.change(|service| {
        let gid = find(service, id)?;
        let state = service.queue.get(gid).map(|download| download.state);
        if state.is_none_or(State::is_stopped) {
            return Err(ApiError::conflict("the run is over"));
        }
        let not_queued = || ApiError::conflict("the run is not in the queue");
        if change.position.is_some() && service.queue.position(gid).is_none() {
            // Nothing is changed then.
            return Err(not_queued());
        }
        if let Some(priority) = change.priority {
            service.set_priority(gid, priority);
        }
        if change.limit_rate.is_some() {
            service.change_options(gid, &options);
        }
        if let Some(most) = change.connections {
            service.limit_connections(gid, most);
        }
        if let Some(position) = change.position {
            let position = i64::try_from(position).unwrap_or(i64::MAX);
            let moved = service.queue.reposition(gid, position, Whence::Start);
            moved.ok_or_else(not_queued)?;
        }
        Ok(seen(service, gid))
    });
    Ok(json_response(StatusCode::OK, &changed.await??))
}

/// Pauses a run, lets it go on, or tries it again.
pub(super) async fn act(hub: &Hub, id: &str, action: Action) -> Result<Response<Body>, ApiError> {
    let run = hub.change(|service| {
        let gid = find(service, id)?;
        let (is_done, otherwise) = match action {
            Action::Pause => (service.pause(gid), "the run is paused or over"),
            Action::Resume => (service.unpause(gid), "the run is not paused"),
            Action::Retry => (service.retry(gid), "the run has not failed"),
        };
        let done = is_done.then(|| seen(service, gid));
        done.ok_or_else(|| ApiError::conflict(otherwise))
    });
    Ok(json_response(StatusCode::OK, &run.await??))
}

/// Removes a run that is not over, or, if that is asked for, forgets one that is.
pub(super) async fn remove(hub: &Hub, id: &str, query: &str) -> Result<Response<Body>, ApiError> {
    let purges = Query::read(query, &["purge"])?.switch("purge")?;
    let removed = hub.change(|service| {
        let gid = find(service, id)?;
        if service.remove(gid) || (purges && service.queue.forget(gid)) {
            return Ok(());
        }
        Err(ApiError::conflict(
            "the run is over; with ?purge=true it is forgotten",
        ))
    });
    removed.await??;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Forgets all runs that are over.
pub(super) async fn purge(hub: &Hub) -> Result<Response<Body>, ApiError> {
    hub.change(|service| service.queue.forget_all_but(0))
        .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn others_have_their_turn_during_a_search() {
        let turns = std::cell::Cell::new(0);
        let others = async {
            loop {
                turns.set(turns.get() + 1);
                task::yield_now().await;
            }
        };
        let all: Vec<_> = (0..10 * SLICE).collect();
        let mut before = Vec::new();
        let search = sifted(&all, |slice| {
            assert!(slice.len() <= SLICE);
            before.push(turns.get());
            vec![slice[0]]
        });
        let found = tokio::select! {
            biased;
            found = search => found,
            () = others => unreachable!(),
        };
        assert_eq!(
            found,
            (0..10).map(|slice| slice * SLICE).collect::<Vec<_>>()
        );
        assert!(before.is_sorted_by(|earlier, later| earlier < later));
    }
}
