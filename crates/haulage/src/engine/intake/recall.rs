//! Decides what happens to a row that earlier runs have recorded. Works on disk threads.

use std::sync::Arc;
use std::time::SystemTime;

use crate::engine::item::existing::FileInfo;
use crate::engine::item::named_row::NamedRow;
use crate::engine::item::{AtName, Item, Keys};
use crate::engine::run::Run;
use crate::error::{Error, ErrorKind};
use crate::options::Existing;
use crate::outcome::{Renamed, Status};
use crate::plan::conditional::Stored;
use crate::plan::name::TargetName;
use crate::state::PriorRecord;
use crate::write::PathKind;

impl NamedRow {
    /// Ends the row as an earlier run did, or goes on to fetch its file. Looks at the disk.
    pub(crate) fn recall(mut self, run: &Arc<Run>, known: PriorRecord) {
        if let Some(failure) =
            known.final_failure(run.options.retry_failed, self.request.key.as_ref())
        {
            let error = failure
                .to_error()
                .and("it failed so before, and is not tried again; --retry-failed all does");
            return self.end_known(run, &known, Status::Failed(error));
        }
        let Some(path) = known.file() else {
            return self.fetch_apart(run);
        };
        let place = TargetName::of_recorded(path).unwrap_or_else(|| self.target.clone());
        let is_as_recorded = |length| length == known.bytes;
        let present = run.parts.storage.lookup.stat(&place);
        let error = match (present, run.options.existing) {
            (Ok(PathKind::File { length, .. }), _)
                if known.awaits_command() && is_as_recorded(length) =>
            {
                self.stands_at(run, place);
                return self.complete(run, known);
            }
            (Ok(PathKind::File { length, modified }), Existing::Refresh) => {
                self.stands_at(run, place);
                let mut item = Item::new(self.row, self.request, self.target, self.key);
                // A file that was changed locally is not one that the server knows.
                if is_as_recorded(length) && !known.is_by_name_alone() {
                    item.stored = stored(&known, modified);
                }
                if item.stored.conditions().is_empty() {
                    item.at_name = AtName::Unknown;
                }
                return run.fetch(item);
            }
            // The file has not been compared yet.
            (Ok(PathKind::File { .. }), Existing::Auto) if known.is_by_name_alone() => {
                return self.fetch_apart(run);
            }
            (Ok(PathKind::File { length, .. }), _) if is_as_recorded(length) => {
                let beside = was_beside(&self.target, &place, self.request.url());
                self.renamed = self.renamed.or(beside);
                self.stands_at(run, place);
                return self.take_as_it_is(run, known);
            }
            (Ok(PathKind::Nothing), _) => return self.fetch_apart(run),
            (Ok(present), Existing::Skip) => changed(&place, present, known.bytes),
            (Ok(_), _) => return self.fetch_apart(run),
            (Err(cause), _) => {
                let what = format!("cannot see whether {} is there", place.as_str());
                Error::disk(&what, cause)
            }
        };
        // The record of the saved file is kept as long as something else is in its place.
        self.end_known(run, &known, Status::Failed(error));
    }

    /// Completes the row's file, which an earlier run has downloaded.
    fn complete(self, run: &Arc<Run>, known: PriorRecord) {
        let found = FileInfo {
            path: None,
            bytes: known.bytes,
            verified: known.verified,
            hashes: known.hashes,
            renamed: self.renamed,
        };
        let (row, target) = (self.row, self.target);
        let mut outcome =
            run.outcome_without_request(row, &self.request, &target, Status::Skipped, found);
        outcome.etag = known.etag.map(Arc::from);
        outcome.last_modified = known.last_modified.map(Arc::from);
        let keys = Keys {
            own: self.key,
            by_server: None,
        };
        run.complete(keys, target, outcome);
    }

    /// Notes that the file is at this place, and tells identical rows.
    fn stands_at(&mut self, run: &Run, place: TargetName) {
        if place != self.target {
            run.naming.moved(self.key, place.clone());
            self.target = place;
        }
    }

    /// Ends the row, and keeps what is recorded of it.
    fn end_known(mut self, run: &Arc<Run>, known: &PriorRecord, ended: Status) {
        self.request.key = known.unchanged_record(self.request.key);
        self.end(run, ended, FileInfo::of(0));
    }

    /// Fetches the row's file, which is not there yet, under a name whose file is no other row's.
    pub(crate) fn fetch_apart(mut self, run: &Arc<Run>) {
        match self.apart(run) {
            Ok(None) => {}
            Ok(Some(target)) => {
                self.target = target;
                self.renamed = Some(Renamed::AnotherFile);
            }
            Err(error) => {
                run.stop(error);
                return run.cancelled(self.into_item());
            }
        }
        self.fetch_or_end(run);
    }

    /// Returns the distinct name of a row that has no file, where the file that stands at its own
    /// was saved for another row, of another list or of this one as it was; `None` where it was
    /// not.
    fn apart(&self, run: &Run) -> Result<Option<TargetName>, Error> {
        let (Some(state), Some(key)) = (&run.state, &self.request.key) else {
            return Ok(None);
        };
        let existing = run.options.existing;
        // With `auto` and `refresh`, a file of the same URL is compared with the response instead.
        let key = (existing == Existing::Skip).then_some(key);
        // With other values, the user has decided what happens to a file that is in the way.
        let keeps_it = matches!(
            existing,
            Existing::Auto | Existing::Skip | Existing::Refresh
        );
        let is_there = || {
            let present = run.parts.storage.lookup.stat(&self.target);
            matches!(present, Ok(PathKind::File { .. }))
        };
        let url = self.request.url();
        if !keeps_it
            || !state.knows()
            || !is_there()
            || !state.belongs_to_other_row(self.target.as_str(), key, url)?
        {
            return Ok(None);
        }
        let wanted = self.target.distinct(url);
        let claimed = run.naming.claim_distinct(self.key, &self.request, wanted);
        Ok(Some(claimed))
    }

    /// Ends the row, whose file was saved before and is there, of its length; where other hashes
    /// are asked for than are recorded, hashes it first.
    fn take_as_it_is(mut self, run: &Arc<Run>, known: PriorRecord) {
        let is_known = |algorithm| {
            let mut hashes = known.hashes.iter();
            hashes.any(|hash| hash.algorithm() == algorithm)
        };
        let wanted = run.parts.hashes_of(&self.request);
        if !wanted.algorithms().all(is_known) {
            let key = self.request.key.take();
            self.request.key = key.map(|key| known.with_other_hashes(key));
            return run.read_first(self.into_item());
        }
        self.request.key = known.unchanged_record(self.request.key);
        let found = FileInfo {
            path: None,
            bytes: known.bytes,
            verified: known.verified,
            hashes: known.hashes,
            renamed: self.renamed,
        };
        self.end(run, Status::Skipped, found);
    }
}

/// Returns what is known of an existing file with this modification time. The recorded `ETag` is
/// left out if that time is not the recorded `Last-Modified`: then the file is no longer the one
/// that came with it.
fn stored(known: &PriorRecord, modified: Option<SystemTime>) -> Stored {
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

/// Returns the error for a row whose saved file was changed or replaced since; `saved` is its
/// former length in bytes.
fn changed(place: &TargetName, present: PathKind, saved: u64) -> Error {
    let place = place.as_str();
    let what = match present {
        PathKind::File { length, .. } => format!(
            "{place} has {length} bytes, not the {saved} that were saved: somebody has changed it"
        ),
        _ => format!("{place} was saved, and something that is no file stands there now"),
    };
    Error::new(
        ErrorKind::Exists,
        format!("{what}; move it away, or replace it with --exists overwrite"),
    )
}
