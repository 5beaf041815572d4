//! Runs, items and limits as clients see them.

use std::num::NonZeroU64;
use std::path::Path;
use std::time::SystemTime;

use haulage::Request;
use jiff::Timestamp;
use serde::Serialize;

use crate::queue::{Download, State};
use crate::runner::RowNow;
use crate::service::{Live, Runner, Service, connections};
use crate::tools::Tools;

/// A run.
#[derive(Debug, Serialize)]
pub(super) struct RunView {
    id: String,
    kind: &'static str,
    name: String,
    dir: String,
    state: &'static str,
    priority: i32,
    position: Option<usize>,
    limit_rate: u64,
    connections: u16,
    created_at: Option<String>,
    started_at: Option<String>,
    ended_at: Option<String>,
    items: ItemCounts,
    bytes: u64,
    size: Option<u64>,
    rate: u64,
    eta: Option<u64>,
    error: Option<ErrorView>,
}

#[derive(Debug, Serialize)]
struct ItemCounts {
    total: Option<u64>,
    done: u64,
    skipped: u64,
    failed: u64,
    active: u64,
}

/// Why something failed.
#[derive(Debug, Serialize)]
pub(super) struct ErrorView {
    kind: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// A row of a run.
#[derive(Debug, Serialize)]
pub(super) struct ItemView {
    row: u64,
    line: Option<u64>,
    url: String,
    path: Option<String>,
    status: &'static str,
    bytes: u64,
    size: Option<u64>,
    rate: Option<u64>,
    error: Option<ErrorView>,
}

/// What holds for all runs together.
#[derive(Debug, Serialize)]
pub(super) struct Limits {
    max_concurrent_downloads: usize,
    limit_rate: u64,
    per_host: Option<usize>,
}

impl RunView {
    /// Looks at a run. `position` is its place in the queue; `None` if it is in none.
    pub(super) fn of<R: Runner>(
        service: &Service<R>,
        download: &Download,
        position: Option<usize>,
    ) -> Self {
        let live = service.runner.live(download.gid);
        let live = live.unwrap_or_else(|| Live {
            completed: download.completed,
            ..Live::default()
        });
        let size = live.total.or(download.total);
        let items = ItemCounts::of(download, &live);
        let is_active = download.state == State::Active;
        let rate = service.effective(download).rate("max-download-limit");
        Self {
            id: download.gid.to_string(),
            kind: if download.is_list() {
                "list"
            } else {
                "download"
            },
            name: name(service, download, &live),
            dir: service.folder_of(download).to_string_lossy().into_owned(),
            state: state_name(download.state),
            priority: download.priority,
            position,
            limit_rate: rate.map_or(0, NonZeroU64::get),
            connections: connections(download),
            created_at: (download.created > 0).then(|| time(download.created)),
            started_at: download.started.map(time),
            ended_at: download.ended.map(time),
            bytes: if download.is_list() {
                live.completed.max(download.completed)
            } else {
                live.completed
            },
            size,
            rate: live.speed,
            eta: eta(&live, size, &items).filter(|_| is_active),
            items,
            error: ErrorView::of(download),
        }
    }
}

impl ItemCounts {
    fn of(download: &Download, live: &Live) -> Self {
        let Some(list) = &download.list else {
            let is = |state| u64::from(download.state == state);
            return Self {
                total: Some(1),
                done: is(State::Complete),
                skipped: 0,
                failed: is(State::Error),
                active: is(State::Active),
            };
        };
        let counts = live.rows.map_or(list.counts, |rows| rows.counts);
        Self {
            total: live.rows.and_then(|rows| rows.total).or(list.total),
            done: counts.done,
            skipped: counts.skipped,
            failed: counts.failed,
            active: live.rows.map_or(0, |rows| rows.active),
        }
    }
}

impl ErrorView {
    fn of(download: &Download) -> Option<Self> {
        let ending = download.ending.as_ref()?;
        (!ending.message.is_empty()).then(|| Self {
            kind: ending.kind.clone(),
            message: ending.message.clone(),
            hint: None,
        })
    }
}

impl ItemView {
    /// Returns a row of a list.
    pub(super) fn of(row: &RowNow, tools: &dyn Tools) -> Self {
        Self {
            row: row.row,
            line: row.line,
            url: row.url.to_string(),
            path: row.path.as_deref().map(str::to_owned),
            status: row.status.name(),
            bytes: row.bytes,
            size: row.size,
            rate: row.rate,
            error: row.error.as_ref().map(|(kind, message)| ErrorView {
                kind: kind.name().to_owned(),
                message: message.clone(),
                hint: Some(tools.explain(*kind).to_owned()),
            }),
        }
    }

    /// Returns the one item of a file.
    pub(super) fn of_file<R: Runner>(service: &Service<R>, download: &Download) -> Self {
        let live = service.runner.live(download.gid);
        let path = live.as_ref().and_then(|live| live.name.clone());
        let folder = service.folder_of(download);
        let path = path.or_else(|| {
            let path = download.path.as_ref().map(Path::new)?;
            let below = path.strip_prefix(&folder).unwrap_or(path);
            Some(below.to_string_lossy().into_owned())
        });
        Self {
            row: 0,
            line: None,
            url: first_url(download),
            path,
            status: match download.state {
                State::Active => "active",
                State::Waiting | State::Paused => "waiting",
                State::Complete => "done",
                State::Error | State::Removed => "failed",
            },
            bytes: live
                .as_ref()
                .map_or(download.completed, |live| live.completed),
            size: live.as_ref().and_then(|live| live.total).or(download.total),
            rate: live.as_ref().map(|live| live.speed),
            error: ErrorView::of(download),
        }
    }

    /// Returns its status.
    pub(super) fn status(&self) -> &'static str {
        self.status
    }

    /// Returns whether a text is in its URL or path.
    pub(super) fn contains(&self, text: &str) -> bool {
        contains(&self.url, text)
            || self
                .path
                .as_deref()
                .is_some_and(|path| contains(path, text))
    }
}

impl Limits {
    /// Looks at the limits.
    pub(super) fn of<R: Runner>(service: &Service<R>, per_host: Option<usize>) -> Self {
        let rate = service.global_options().rate("max-overall-download-limit");
        Self {
            max_concurrent_downloads: service.max_active(),
            limit_rate: rate.map_or(0, NonZeroU64::get),
            per_host,
        }
    }
}

/// Returns the name of a state.
pub(super) const fn state_name(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::Waiting => "waiting",
        State::Paused => "paused",
        State::Complete => "done",
        State::Error => "failed",
        State::Removed => "removed",
    }
}

/// Returns what people call a run: its name, or that of its file, or the end of its URL.
fn name<R: Runner>(service: &Service<R>, download: &Download, live: &Live) -> String {
    if !download.name.is_empty() || download.is_list() {
        return download.name.clone();
    }
    let out = service.effective(download).get("out");
    let last = |path: &str| Path::new(path).file_name()?.to_str().map(str::to_owned);
    let url = first_url(download);
    live.name
        .clone()
        .or_else(|| last(download.path.as_deref()?))
        .or_else(|| out.filter(|out| !out.is_empty()).map(str::to_owned))
        .or_else(|| last(url.split(['?', '#']).next()?))
        .unwrap_or_else(|| url.clone())
}

/// Returns the URL of a file, without userinfo.
fn first_url(download: &Download) -> String {
    let request = download.uris.first().map(|url| Request::new(url));
    let request = request.and_then(Result::ok);
    request.map_or_else(String::new, |request| request.url().to_owned())
}

/// Returns whether a run has a text in its name, its number, its folder or its URLs, whatever the
/// case of its letters.
pub(super) fn is_found<R: Runner>(service: &Service<R>, download: &Download, text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let live = service.runner.live(download.gid).unwrap_or_default();
    let dir = service.folder_of(download);
    contains(&name(service, download, &live), text)
        || contains(&download.gid.to_string(), text)
        || contains(&dir.to_string_lossy(), text)
        || download.uris.iter().any(|uri| contains(uri, text))
}

fn contains(whole: &str, text: &str) -> bool {
    whole.to_lowercase().contains(&text.to_lowercase())
}

/// Returns the seconds that are left; `None` if that cannot be told.
fn eta(live: &Live, size: Option<u64>, items: &ItemCounts) -> Option<u64> {
    if let (Some(rows), None) = (&live.rows, size) {
        let left = items.total?.checked_sub(rows.counts.ended())?;
        let time = left.checked_mul(rows.elapsed.as_secs())?;
        return time.checked_div(rows.ended_now);
    }
    size?.checked_sub(live.completed)?.checked_div(live.speed)
}

/// Returns a time in milliseconds since 1970 as RFC 3339 has it, in UTC.
fn time(millis: u64) -> String {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    format!(
        "{:.3}",
        Timestamp::from_millisecond(millis).unwrap_or_default()
    )
}

/// Returns a time as RFC 3339 has it, in UTC.
pub(super) fn time_of(time: SystemTime) -> String {
    format!("{:.3}", Timestamp::try_from(time).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::queue::Counts;
    use crate::service::LiveRows;

    fn items(total: Option<u64>) -> ItemCounts {
        ItemCounts {
            total,
            done: 0,
            skipped: 0,
            failed: 0,
            active: 0,
        }
    }

    #[test]
    fn time_that_is_left_is_told_if_it_is_known() {
        let mut live = Live {
            completed: 400,
            speed: 100,
            ..Live::default()
        };
        assert_eq!(eta(&live, Some(1000), &items(Some(1))), Some(6));
        assert_eq!(eta(&live, None, &items(Some(1))), None);
        live.speed = 0;
        assert_eq!(eta(&live, Some(1000), &items(Some(1))), None);
        live.rows = Some(LiveRows {
            counts: Counts {
                done: 30,
                skipped: 10,
                failed: 0,
            },
            ended_now: 20,
            elapsed: Duration::from_secs(5),
            ..LiveRows::default()
        });
        assert_eq!(eta(&live, None, &items(Some(100))), Some(15));
        assert_eq!(eta(&live, None, &items(None)), None);
        assert_eq!(eta(&live, None, &items(Some(3))), None);
        // The bytes of the last rows say more than their number.
        live.speed = 100;
        assert_eq!(eta(&live, Some(1000), &items(Some(100))), Some(6));
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(time(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(time(u64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
