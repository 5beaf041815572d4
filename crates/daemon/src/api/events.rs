//! What happens, as server-sent events: once a second, for all who listen.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{self, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::hosts::hosts_now;
use super::runs::status_now;
use super::view::RunView;
use crate::feed::Marks;
use crate::hub::Hub;
use crate::queue::Gid;
use crate::response::Body;

/// How often clients are told what has happened.
const PERIOD: Duration = Duration::from_secs(1);
/// When more runs than these have changed within that, clients load them again.
const MAX_CHANGES: usize = 500;

/// Tells clients each second what has happened; does not return.
pub(crate) async fn tell(hub: &Hub) {
    let mut ticks = time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut had_hosts = false;
    loop {
        ticks.tick().await;
        if !hub.feed.has_listeners() {
            continue;
        }
        let mut text = String::new();
        add(&mut text, "status", &status_now(hub));
        let Marks { changed, gone } = hub.feed.take();
        match runs(hub, changed, gone.len()) {
            None => add(&mut text, "reset", &json!({})),
            Some(runs) => {
                for gid in gone {
                    add(&mut text, "removed", &json!({"id": gid.to_string()}));
                }
                for run in &runs {
                    add(&mut text, "run", run);
                }
            }
        }
        let hosts = hosts_now(hub);
        let is_any = |hosts: &Vec<Value>| !hosts.is_empty();
        let are_any = hosts["hosts"].as_array().is_some_and(is_any);
        if are_any || had_hosts {
            add(&mut text, "hosts", &hosts);
        }
        had_hosts = are_any;
        hub.feed.send(text);
    }
}

/// Returns these runs, and those that are active; `None` if they are too many to tell of each, with
/// those that are gone.
fn runs(hub: &Hub, changed: BTreeSet<Gid>, gone: usize) -> Option<Vec<RunView>> {
    hub.look(|service| {
        let queue = &service.queue;
        let active = queue.active().map(|download| download.gid);
        let told = within(MAX_CHANGES.checked_sub(gone)?, changed, active)?;
        let positions = queue.positions().filter(|(gid, _)| told.contains(gid));
        let positions: HashMap<_, _> = positions.collect();
        let downloads = told.iter().filter_map(|gid| queue.get(*gid));
        let view = downloads.map(|download| {
            let position = positions.get(&download.gid).copied().flatten();
            RunView::of(service, download, position)
        });
        Some(view.collect())
    })
}

/// Returns all of these; `None` if they are more than `most`.
fn within<T: Ord>(
    most: usize,
    mut all: BTreeSet<T>,
    others: impl IntoIterator<Item = T>,
) -> Option<BTreeSet<T>> {
    let mut others = others.into_iter();
    while all.len() <= most {
        let Some(other) = others.next() else {
            return Some(all);
        };
        all.insert(other);
    }
    None
}

/// Adds an event (HTML Living Standard, §9.2). JSON has no line breaks.
fn add(text: &mut String, name: &str, data: &impl Serialize) {
    let data = serde_json::to_string(data).unwrap_or_default();
    // Writing to memory does not fail.
    let _ = write!(text, "event: {name}\ndata: {data}\n\n");
}

/// Who listens.
struct Listener {
    seconds: Receiver<Arc<str>>,
    closing: CancellationToken,
    first: Option<Value>,
}

/// Returns the response with the events from now on.
pub(super) fn listen(hub: &Hub) -> Response<Body> {
    let listener = Listener {
        seconds: hub.feed.listen(),
        closing: hub.closing.clone(),
        first: Some(status_now(hub)),
    };
    let events = stream::unfold(listener, |mut listener| async {
        let text = listener.next().await?;
        Some((Ok::<_, Infallible>(Frame::data(text)), listener))
    });
    let body = StreamBody::new(events).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    let headers = response.headers_mut();
    let events = HeaderValue::from_static("text/event-stream");
    headers.insert(CONTENT_TYPE, events);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Listener {
    /// Returns the next events; `None` when the daemon closes.
    async fn next(&mut self) -> Option<Bytes> {
        let mut text = String::new();
        if let Some(status) = self.first.take() {
            add(&mut text, "status", &status);
            return Some(text.into());
        }
        let second = tokio::select! {
            second = self.seconds.recv() => second,
            () = self.closing.cancelled() => return None,
        };
        match second {
            Ok(second) => Some(Bytes::copy_from_slice(second.as_bytes())),
            Err(RecvError::Lagged(_)) => {
                self.seconds = self.seconds.resubscribe();
                add(&mut text, "reset", &json!({}));
                Some(text.into())
            }
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{BACKLOG, Feed};

    #[test]
    fn runs_that_are_told_of_are_bounded() {
        let changed = || BTreeSet::from([1, 2]);
        assert_eq!(
            within(4, changed(), [2, 3]),
            Some(BTreeSet::from([1, 2, 3]))
        );
        assert!(within(4, changed(), [2, 3, 4]).is_some());
        assert_eq!(within(4, changed(), 2..), None);
        assert_eq!(within(1, changed(), []), None);
    }

    #[tokio::test]
    async fn slow_client_is_told_to_load_everything_again() {
        let feed = Feed::default();
        let mut listener = Listener {
            seconds: feed.listen(),
            closing: CancellationToken::new(),
            first: None,
        };
        for second in 0..=BACKLOG {
            feed.send(second.to_string());
        }
        let reset = Bytes::from_static(b"event: reset\ndata: {}\n\n");
        assert_eq!(listener.next().await, Some(reset));
        feed.send("next".to_owned());
        assert_eq!(listener.next().await, Some(Bytes::from_static(b"next")));
        listener.closing.cancel();
        assert_eq!(listener.next().await, None);
    }
}
