//! What earlier runs know of a row, and what becomes of it then.

use std::sync::Arc;
use std::time::SystemTime;

use super::existing::settled;
use crate::engine::item::existing::FileInfo;
use crate::engine::item::{AtName, Item};
use crate::engine::run::Run;
use crate::error::{Error, ErrorKind};
use crate::options::Existing;
use crate::outcome::{Renamed, Status};
use crate::plan::conditional::Stored;
use crate::plan::name::TargetName;
use crate::plan::registry::{Key, Settled};
use crate::request::Request;
use crate::state::Known;
use crate::write::Present;

impl Run {
    /// A row of which something is known has its name: it ends as it did, or is fetched.
    pub(crate) fn go_on(
        self: &Arc<Self>,
        row: u64,
        mut request: Request,
        target: TargetName,
        key: Key,
        renamed: Option<Renamed>,
        known: Known,
    ) {
        if let Some(failure) = known.is_final(self.options.retry_failed, request.ask.as_ref()) {
            let error = failure
                .to_error()
                .and("it failed so before, and is not tried again; --retry-failed all does");
            request.ask = known.as_recorded(request.ask);
            return self.end_known(row, &request, &target, key, Status::Failed(error));
        }
        let Some(path) = known.file() else {
            return self.fetch_apart(row, request, target, key, renamed);
        };
        let place = TargetName::of_recorded(path).unwrap_or_else(|| target.clone());
        let is_as_recorded = |length| length == known.bytes;
        let error = match (
            self.parts.storage.lookup.present(&place),
            self.options.existing,
        ) {
            (Ok(Present::File { length, modified }), Existing::Refresh) => {
                self.stands_at(key, &target, &place);
                let mut item = Item::new(row, request, place, key);
                // What was changed here is no file that the server knows.
                if is_as_recorded(length) && !known.is_by_name_alone() {
                    item.stored = stored(&known, modified);
                }
                if item.stored.conditions().is_empty() {
                    item.at_name = AtName::Unknown;
                }
                return self.fetch(item);
            }
            // Nobody has compared it yet.
            (Ok(Present::File { .. }), Existing::Auto) if known.is_by_name_alone() => {
                return self.fetch_apart(row, request, target, key, renamed);
            }
            (Ok(Present::File { length, .. }), _) if is_as_recorded(length) => {
                self.stands_at(key, &target, &place);
                let renamed = renamed.or_else(|| was_beside(&target, &place, request.url()));
                return self.take_as_it_is(row, request, place, key, renamed, known);
            }
            (Ok(Present::Nothing), _) => {
                return self.fetch_apart(row, request, target, key, renamed);
            }
            (Ok(present), Existing::Skip) => changed(&place, present, known.bytes),
            (Ok(_), _) => return self.fetch_apart(row, request, target, key, renamed),
            (Err(cause), _) => {
                let what = format!("cannot see whether {} is there", place.as_str());
                Error::disk(&what, cause)
            }
        };
        // What was saved once is to be known as long as something else is there.
        request.ask = known.as_recorded(request.ask);
        self.end_known(row, &request, &target, key, Status::Failed(error));
    }

    /// Tells identical rows where the file is.
    fn stands_at(self: &Arc<Self>, key: Key, target: &TargetName, place: &TargetName) {
        if place != target {
            self.naming.moved(key, place.clone());
        }
    }

    fn end_known(
        self: &Arc<Self>,
        row: u64,
        request: &Request,
        target: &TargetName,
        key: Key,
        ended: Status,
    ) {
        self.naming.settle(key, settled(&ended));
        self.end_without_request(row, request, target, ended, FileInfo::of(0));
    }

    /// A row that has no file yet goes on, under a name whose file is no other row's.
    pub(crate) fn fetch_apart(
        self: &Arc<Self>,
        row: u64,
        request: Request,
        target: TargetName,
        key: Key,
        renamed: Option<Renamed>,
    ) {
        match self.apart(&target, key, &request) {
            Ok(None) => self.fetch_or_end(row, request, target, key, renamed),
            Ok(Some(target)) => {
                self.fetch_or_end(row, request, target, key, Some(Renamed::AnotherFile));
            }
            Err(error) => {
                self.stop(error);
                self.forget();
            }
        }
    }

    /// The distinct name of a row that has no file, where the file that stands at its own was saved
    /// for another row, of another list or of this one as it was; `None` where it was not.
    fn apart(
        self: &Arc<Self>,
        target: &TargetName,
        key: Key,
        request: &Request,
    ) -> Result<Option<TargetName>, Error> {
        let (Some(state), Some(ask)) = (&self.state, &request.ask) else {
            return Ok(None);
        };
        // A file of the same URL is compared with what the row asks for now.
        let ask = (self.options.existing != Existing::Auto).then_some(ask);
        // Otherwise whoever asks has said what becomes of a file that is in the way.
        let keeps_it = matches!(
            self.options.existing,
            Existing::Auto | Existing::Skip | Existing::Refresh
        );
        if !keeps_it
            || !state.knows()
            || !matches!(
                self.parts.storage.lookup.present(target),
                Ok(Present::File { .. })
            )
            || !state.is_of_another(target.as_str(), ask, request.url())?
        {
            return Ok(None);
        }
        let wanted = target.distinct(request.url());
        Ok(Some(self.naming.claim_distinct(key, request, wanted)))
    }

    /// The file that was saved for a row is there, of its length.
    fn take_as_it_is(
        self: &Arc<Self>,
        row: u64,
        mut request: Request,
        place: TargetName,
        key: Key,
        renamed: Option<Renamed>,
        known: Known,
    ) {
        let is_known = |algorithm| {
            let mut hashes = known.hashes.iter();
            hashes.any(|hash| hash.algorithm() == algorithm)
        };
        let wanted = self.parts.hashes_of(&request);
        if !wanted.algorithms().all(is_known) {
            request.ask = request.ask.map(|ask| known.with_other_hashes(ask));
            let mut item = Item::new(row, request, place, key);
            item.renamed = renamed;
            return self.read_first(item);
        }
        request.ask = known.as_recorded(request.ask);
        let found = FileInfo {
            path: None,
            bytes: known.bytes,
            verified: known.verified,
            hashes: known.hashes,
            renamed,
        };
        self.naming.settle(key, Settled::Done);
        self.end_without_request(row, &request, &place, Status::Skipped, found);
    }
}

/// What is known of a file that is there, with this modification time. Its tag counts only while it
/// is the file that came with it, as far as its time tells.
fn stored(known: &Known, modified: Option<SystemTime>) -> Stored {
    let came = known.last_modified.as_deref();
    let came = came.and_then(|text| httpdate::parse_http_date(text).ok());
    let is_as_it_came = came.is_none_or(|came| modified == Some(came));
    let etag = known.etag.as_deref().filter(|_| is_as_it_came);
    Stored {
        etag: etag.map(Into::into),
        ..Run::stored(modified)
    }
}

/// Returns why a row's file was saved at a place that is not its name, as far as the place tells;
/// `None` where it does not tell.
fn was_beside(target: &TargetName, place: &TargetName, given: &str) -> Option<Renamed> {
    let is_beside = place != target && *place == target.distinct(given);
    is_beside.then_some(Renamed::AnotherFile)
}

/// What stands there is not what was saved.
fn changed(place: &TargetName, present: Present, saved: u64) -> Error {
    let place = place.as_str();
    let what = match present {
        Present::File { length, .. } => format!(
            "{place} has {length} bytes, not the {saved} that were saved: somebody has changed it"
        ),
        _ => format!("{place} was saved, and something that is no file stands there now"),
    };
    Error::new(
        ErrorKind::Exists,
        format!("{what}; move it away, or replace it with --exists overwrite"),
    )
}
