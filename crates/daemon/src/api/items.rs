//! The items of a run: those that are active, then those that have ended, the last one first.

use std::path::PathBuf;
use std::sync::Arc;

use haulage::{Outcome, RowQuery, Status};
use http::{Response, StatusCode};
use serde_json::json;

use super::error::ApiError;
use super::json::json_response;
use super::query::{Page, Query};
use super::runs::find;
use super::view::ItemView;
use crate::hub::Hub;
use crate::queue::Counts;
use crate::response::Body;
use crate::runner::{RowNow, RowStatus, View};

/// Which items are wanted.
struct Wanted {
    statuses: Vec<RowStatus>,
    text: String,
    page: Page,
}

/// What is known of a run's items without a look at the disk.
enum Known {
    File(Box<ItemView>),
    List {
        /// `None` if it is not active.
        view: Option<View>,
        folder: PathBuf,
        counts: Counts,
    },
}

/// Lists the items of a run.
pub(super) async fn list(
    hub: &Arc<Hub>,
    id: &str,
    query: &str,
) -> Result<Response<Body>, ApiError> {
    let wanted = Wanted::read(query)?;
    let (gid, known) = hub.look(|service| {
        let gid = find(service, id)?;
        let download = service.queue.get(gid).ok_or_else(ApiError::nothing_there)?;
        let known = match &download.list {
            None => Known::File(Box::new(ItemView::of_file(service, download))),
            Some(list) => Known::List {
                view: service.runner.rows(gid),
                folder: service.folder_of(download),
                counts: list.counts,
            },
        };
        Ok::<_, ApiError>((gid, known))
    })?;
    let (total, items) = match known {
        Known::File(item) => {
            let is_wanted = wanted.accepts(item.status()) && item.contains(&wanted.text);
            let items = is_wanted.then_some(*item).into_iter();
            let total = items.len();
            let items = items.skip(wanted.page.offset).take(wanted.page.limit);
            (total as u64, items.collect())
        }
        Known::List {
            view,
            folder,
            counts,
        } => {
            let input = hub.lists.path(gid).to_string_lossy().into_owned();
            let page = move || rows(view, &folder, counts, input, &wanted);
            let page = tokio::task::spawn_blocking(page).await;
            let (total, rows) = page
                .map_err(|_| ApiError::internal("what was recorded cannot be read"))?
                .map_err(|error| ApiError::internal(error.to_string()))?;
            let tools = hub.tools.as_ref();
            let items = rows.iter().map(|row| ItemView::of(row, tools));
            (total, items.collect::<Vec<_>>())
        }
    };
    Ok(json_response(
        StatusCode::OK,
        &json!({"total": total, "items": items}),
    ))
}

/// Returns how many rows of a list are wanted, and a page of them.
fn rows(
    view: Option<View>,
    folder: &std::path::Path,
    counts: Counts,
    input: String,
    wanted: &Wanted,
) -> Result<(u64, Vec<RowNow>), haulage::Error> {
    let Page { offset, limit } = wanted.page;
    let is_whole = view.as_ref().is_some_and(|view| view.is_whole);
    let (active, ended) = view.map_or_else(Default::default, |view| (view.active, view.ended));
    // They may have ended in a run before.
    let except = active.iter().map(|row| row.row).collect();
    let active = active.into_iter().filter(|row| wanted.accepts_row(row));
    let mut rows: Vec<_> = active.collect();
    if is_whole {
        let ended = ended.iter().filter(|row| wanted.accepts_row(row));
        rows.extend(ended.map(|row| RowNow::clone(row)));
        let total = rows.len() as u64;
        let page = rows.into_iter().skip(offset).take(limit);
        return Ok((total, page.collect()));
    }
    let before = rows.len();
    let mut page: Vec<_> = rows.into_iter().skip(offset).take(limit).collect();
    let is_any_wanted = wanted.statuses.is_empty() || wanted.statuses.iter().any(|s| s.is_over());
    if !is_any_wanted || (counts == Counts::default() && ended.is_empty()) {
        return Ok((before as u64, page));
    }
    let statuses = wanted.statuses.iter().filter(|status| status.is_over());
    let recorded = haulage::query_rows(
        folder,
        &RowQuery {
            input,
            statuses: statuses.map(|status| status.name()).collect(),
            text: wanted.text.clone(),
            except,
            skip: offset.saturating_sub(before) as u64,
            take: (limit - page.len()) as u64,
        },
    )?;
    page.extend(recorded.outcomes.iter().map(of_outcome));
    Ok((before as u64 + recorded.total, page))
}

fn of_outcome(outcome: &Outcome) -> RowNow {
    let status = match &outcome.status {
        Status::Failed(_) => RowStatus::Failed,
        Status::Skipped => RowStatus::Skipped,
        Status::Unchanged => RowStatus::Unchanged,
        _ => RowStatus::Done,
    };
    RowNow::of(outcome, status)
}

impl Wanted {
    fn read(query: &str) -> Result<Self, ApiError> {
        let query = Query::read(query, &["status", "search", "offset", "limit"])?;
        let named = |name: &str| {
            let mut all = RowStatus::ALL.into_iter();
            let found = all.find(|status| status.name() == name);
            found.ok_or_else(|| {
                ApiError::malformed(format!("status: {name:?} is no status of an item"))
            })
        };
        Ok(Self {
            statuses: query.list("status").map(named).collect::<Result<_, _>>()?,
            text: query.get("search").unwrap_or_default().to_owned(),
            page: Page::of(&query)?,
        })
    }

    fn accepts(&self, status: &str) -> bool {
        let mut statuses = self.statuses.iter();
        self.statuses.is_empty() || statuses.any(|wanted| wanted.name() == status)
    }

    fn accepts_row(&self, row: &RowNow) -> bool {
        let text = self.text.to_ascii_lowercase();
        let has = |whole: &str| whole.to_ascii_lowercase().contains(&text);
        self.accepts(row.status.name()) && (has(&row.url) || row.path.as_deref().is_some_and(has))
    }
}
