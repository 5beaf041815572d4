//! Makes outcomes of items and rows; the caller adds how they ended.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Item;
use crate::clock;
use crate::outcome::{Outcome, Status};
use crate::plan::name::RelativeName;
use crate::plan::registry::Settled;
use crate::request::Request;

/// Returns the outcome of an item as far as it has come.
pub(crate) fn of_item(item: Box<Item>) -> Outcome {
    let label = item.label();
    let (started, duration, fetched) = match &item.under_way {
        Some(under_way) => (
            under_way.at,
            clock::elapsed(under_way.clock),
            under_way.transfer.fetched(),
        ),
        None => (SystemTime::now(), Duration::ZERO, 0),
    };
    let carried = item.request.carried();
    let final_url = item.hop.map_or(item.request.url, |hop| hop.url);
    Outcome {
        carried,
        name: item.request.name.as_ref().map(RelativeName::to_shared),
        checksums: item.request.checksums,
        location: item.request.location,
        request_key: item.request.key,
        url: item.request.given,
        final_url: item.http_status.map(|_| final_url.into()),
        http_status: item.http_status,
        attempts: item.attempts,
        resumed: item.progress.resumed,
        restart_reason: item.progress.restart_reason,
        duration,
        fetched,
        ..Outcome::of_row(item.row, label, started)
    }
}

/// Returns the outcome of a request that was not looked at.
pub(crate) fn of_request(row: u64, request: &Request) -> Outcome {
    let url = Arc::clone(&request.given);
    let label = request.label.clone().unwrap_or_else(|| Arc::clone(&url));
    Outcome {
        carried: request.carried(),
        name: request.name.as_ref().map(RelativeName::to_shared),
        checksums: request.checksums.clone(),
        location: request.location.clone(),
        request_key: request.key.clone(),
        url,
        ..Outcome::of_row(row, label, SystemTime::now())
    }
}

/// Returns what a row that ended so means for identical rows.
pub(crate) fn settled(status: &Status) -> Settled {
    match status {
        Status::Failed(error) => Settled::Failed(error.kind()),
        Status::Done | Status::Skipped | Status::Unchanged | Status::Planned => Settled::Done,
    }
}
