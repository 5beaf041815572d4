//! What an outcome says whatever became of its item.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::item::Item;
use crate::outcome::{Outcome, Status, Verified};

/// The outcome of an item as far as it has come; how it ended is for the caller to say.
pub(super) fn under_way(item: Box<Item>) -> Outcome {
    let label = item.label();
    let (started, duration) = match &item.under_way {
        Some(under_way) => (under_way.at, under_way.clock.elapsed()),
        None => (SystemTime::now(), Duration::ZERO),
    };
    let mut final_url = item.hop.map_or(item.request.url, |hop| hop.0);
    final_url.set_fragment(None);
    Outcome {
        place: item.request.place,
        ask: item.request.ask,
        url: item.request.given,
        final_url: item.http_status.map(|_| final_url.into()),
        http_status: item.http_status,
        attempts: item.attempts,
        resumed: item.brought.resumed,
        restarted: item.brought.restarted,
        started,
        duration,
        ..unstarted(item.row, label)
    }
}

/// The outcome of a row of which nothing is known.
pub(super) fn unstarted(row: u64, label: Arc<str>) -> Outcome {
    Outcome {
        row,
        place: None,
        url: Arc::clone(&label),
        final_url: None,
        label,
        status: Status::Skipped,
        path: None,
        bytes: 0,
        http_status: None,
        attempts: 0,
        started: SystemTime::now(),
        duration: Duration::ZERO,
        etag: None,
        last_modified: None,
        content_type: None,
        verified: Verified::Nothing,
        hashes: Vec::new(),
        segments: 0,
        resumed: 0,
        restarted: None,
        ask: None,
    }
}
