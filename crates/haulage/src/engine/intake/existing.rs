//! Checks whether a file with a row's name exists already, and decides what happens to the row.
//! Works on disk threads.

use std::sync::Arc;

use crate::checksum::Checksum;
use crate::engine::item::existing::{ExistingCheck, FileInfo};
use crate::engine::item::named_row::NamedRow;
use crate::engine::item::outcome::{self, settled};
use crate::engine::item::{AtName, Item, Keys};
use crate::engine::run::Run;
use crate::error::{Error, ErrorKind};
use crate::fetch::redirect;
use crate::http_url::HttpUrl;
use crate::options::{Existing, Purpose};
use crate::outcome::{Outcome, Renamed, Status};
use crate::plan::name::TargetName;
use crate::plan::registry::Settled;
use crate::request::Request;
use crate::state::PriorRecord;
use crate::write::{PathKind, Rechecked, differing};

impl NamedRow {
    /// Looks whether earlier runs, or what stands at its name, end the row, and fetches its file
    /// otherwise. A destination may take its time to say: it is asked on the disk's threads.
    pub(crate) fn examine(self, run: &Arc<Run>, known: Option<PriorRecord>) {
        let knows_nothing = || run.state.as_ref().is_none_or(|state| !state.knows());
        if known.is_none() && run.parts.storage.lookup.was_empty() && knows_nothing() {
            // The folder was empty, each name is given once, and a commit checks again. A check of
            // the disk costs as much as reading the row.
            return run.fetch(self.into_item());
        }
        let look = move |run: &Arc<Run>| match known {
            _ if run.stopping.is_cancelled() => run.cancelled(self.into_item()),
            Some(known) => self.recall(run, known),
            None => self.fetch_apart(run),
        };
        if run.options.purpose == Purpose::Plan {
            // A plan lists its rows in order.
            return look(run);
        }
        run.ledger.examines();
        let run = Arc::clone(run);
        let pool = Arc::clone(&run.parts.pool);
        pool.call(move || {
            look(&run);
            run.ledger.examined();
        });
    }

    /// Fetches the row's file, unless what stands at its name ends the row.
    pub(crate) fn fetch_or_end(self, run: &Arc<Run>) {
        let there = if run.naming.is_named_later(&self.request) {
            ExistingCheck::Fetch
        } else {
            run.there(&self.target, &self.request)
        };
        if let ExistingCheck::Ends(status, bytes) = there {
            let found = FileInfo {
                renamed: self.renamed,
                ..FileInfo::of(bytes)
            };
            return self.end(run, status, found);
        }
        let mut item = self.into_item();
        if matches!(there, ExistingCheck::Compare) {
            item.at_name = AtName::Unknown;
        }
        if matches!(there, ExistingCheck::Hash) {
            run.read_first(item);
        } else {
            run.fetch(item);
        }
    }

    /// Ends the row without a request, and so the rows that asked for the same meanwhile.
    pub(crate) fn end(self, run: &Arc<Run>, status: Status, found: FileInfo) {
        let keys = Keys {
            own: self.key,
            by_server: None,
        };
        run.end_unrequested(self.row, &self.request, &self.target, keys, status, found);
    }
}

impl Run {
    /// Queues an item to fetch its file. In a run that only plans, ends the item instead.
    pub(crate) fn fetch(self: &Arc<Self>, mut item: Box<Item>) {
        match self.options.purpose {
            Purpose::Download => {
                if item.progress.partial.is_none() {
                    item.progress.partial = self.parts.take_up(&item.request);
                }
                self.queue(item);
            }
            Purpose::Plan => {
                let status = self.planned(&item.request);
                self.end_as_found(item, status, FileInfo::of(0));
            }
        }
    }

    /// Returns the status of a row in a run that only plans: planned, or failed if none of its URLs
    /// may be requested.
    fn planned(self: &Arc<Self>, request: &Request) -> Status {
        let allowed = |url: &HttpUrl| redirect::check_scheme(url, self.options.plain_http);
        let mut mirrors = request.mirrors.iter();
        match allowed(&request.url) {
            Err(error) if !mirrors.any(|(url, _)| allowed(url).is_ok()) => Status::Failed(error),
            _ => Status::Planned,
        }
    }

    pub(crate) fn there(self: &Arc<Self>, target: &TargetName, request: &Request) -> ExistingCheck {
        if self.parts.storage.lookup.was_empty() {
            // The folder was empty, each name is given once, and a commit checks again. A check of
            // the disk costs as much as reading the row.
            return ExistingCheck::Fetch;
        }
        let failed = |error| ExistingCheck::Ends(Status::Failed(error), 0);
        let present = match self.parts.storage.lookup.stat(target) {
            Ok(present) => present,
            Err(cause) => {
                let what = format!("cannot see whether {} is there", target.as_str());
                return failed(Error::disk(&what, cause));
            }
        };
        match verdict(present, self.options.existing) {
            Verdict::Fetch => ExistingCheck::Fetch,
            Verdict::Compare if self.is_read_first(request) => ExistingCheck::Hash,
            Verdict::Compare => ExistingCheck::Compare,
            Verdict::Take(_) if !self.parts.hashes_of(request).is_empty() => ExistingCheck::Hash,
            Verdict::Take(length) => ExistingCheck::Ends(Status::Skipped, length),
            Verdict::Fail(why) => {
                let message = format!("{} {why}", target.as_str());
                failed(Error::new(ErrorKind::Exists, message))
            }
        }
    }

    /// Returns whether a file of which nothing is known is compared with its row's hashes rather
    /// than with a response.
    fn is_read_first(self: &Arc<Self>, request: &Request) -> bool {
        self.options.existing == Existing::Auto && request.is_checked()
    }

    /// Returns what becomes of a row whose file an identical row has saved.
    pub(crate) fn there_already(
        self: &Arc<Self>,
        target: &TargetName,
        request: &Request,
    ) -> ExistingCheck {
        if self.parts.hashes_of(request).is_empty() {
            ExistingCheck::Ends(Status::Skipped, self.parts.length_of(target))
        } else {
            ExistingCheck::Hash
        }
    }

    /// Hashes an item's file, which is there, and ends the item; fetches it if the file has gone
    /// meanwhile.
    pub(crate) fn read_first(self: &Arc<Self>, item: Box<Item>) {
        if item.request.checksums.is_empty() && item.request.is_checked() {
            return self.read_pieces(item);
        }
        let run = Arc::clone(self);
        let (target, hashes) = (item.target.clone(), self.parts.hashes_of(&item.request));
        let then = move |checked| {
            let (status, found) = match checked {
                Rechecked::Hashed(bytes, hashes) => {
                    match differing(&hashes, &item.request.checksums) {
                        None => {
                            let expected = &item.request.checksums;
                            (Status::Skipped, FileInfo::hashed(bytes, hashes, expected))
                        }
                        Some(_) if run.options.existing == Existing::Auto => {
                            return run.read_pieces(item);
                        }
                        Some((found, expected)) => {
                            let error = another_file(&item.target, found, expected);
                            (Status::Failed(error), FileInfo::of(0))
                        }
                    }
                }
                Rechecked::Stopped => return run.cancelled(item),
                Rechecked::Unreadable(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return run.fetch(item);
                }
                Rechecked::Unreadable(_) if run.options.existing == Existing::Auto => {
                    return run.read_beside(item);
                }
                Rechecked::Unreadable(error) => {
                    let what = format!("{} is there, but cannot be read", item.target.as_str());
                    (Status::Failed(Error::disk(&what, error)), FileInfo::of(0))
                }
            };
            run.end_as_found(item, status, found);
        };
        self.parts.rechecks.add(target, hashes, then);
    }

    /// Hashes the file at an item's distinct name, where an earlier run may have saved it beside
    /// the one that has another checksum; fetches it if that is another one too.
    pub(super) fn read_beside(self: &Arc<Self>, mut item: Box<Item>) {
        item.at_name = AtName::Compared;
        let distinct = item.target.distinct(item.request.url());
        let was_saved = distinct != item.target
            && matches!(
                self.parts.storage.lookup.stat(&distinct),
                Ok(PathKind::File { .. })
            );
        if !was_saved {
            return self.fetch(item);
        }
        let (run, hashes) = (Arc::clone(self), self.parts.hashes_of(&item.request));
        self.parts
            .rechecks
            .add(distinct.clone(), hashes, move |checked| {
                let expected = &item.request.checksums;
                match checked {
                    Rechecked::Hashed(bytes, hashes) if differing(&hashes, expected).is_none() => {
                        let found = FileInfo::hashed(bytes, hashes, expected);
                        run.stands_beside(&mut item, distinct);
                        run.end_as_found(item, Status::Skipped, found);
                    }
                    Rechecked::Hashed(..) | Rechecked::Unreadable(_) => run.fetch(item),
                    Rechecked::Stopped => run.cancelled(item),
                }
            });
    }

    /// Notes that an item's file is at its distinct name, beside another file.
    pub(crate) fn stands_beside(self: &Arc<Self>, item: &mut Item, distinct: TargetName) {
        self.naming.moved(item.keys.own, distinct.clone());
        item.target = distinct;
        item.renamed = Some(Renamed::AnotherFile);
    }

    /// Ends an item without receiving its body, and the rows that asked for the same.
    pub(super) fn end_as_found(self: &Arc<Self>, item: Box<Item>, status: Status, found: FileInfo) {
        let (keys, target, settled) = (item.keys, item.target.clone(), settled(&status));
        let found = FileInfo {
            renamed: item.renamed,
            ..found
        };
        if item.under_way.is_some() {
            let there = !matches!(status, Status::Failed(_));
            let outcome = Outcome {
                status,
                path: there.then(|| target.to_shared()),
                renamed: found.renamed.filter(|_| there),
                bytes: found.bytes,
                verified: found.verified,
                hashes: found.hashes,
                ..outcome::of_item(item)
            };
            return self.settle(keys, &target, settled, Box::new(outcome));
        }
        self.end_unrequested(item.row, &item.request, &target, keys, status, found);
    }

    /// Ends a row of which no request was sent, and the rows that asked for the same.
    fn end_unrequested(
        self: &Arc<Self>,
        row: u64,
        request: &Request,
        target: &TargetName,
        keys: Keys,
        status: Status,
        found: FileInfo,
    ) {
        let settled = settled(&status);
        let followers = self.naming.release(keys, settled);
        if followers.is_empty() {
            return self.end_without_request(row, request, target, status, found);
        }
        self.end_without_request(row, request, target, status, found.clone());
        for (row, request) in followers {
            self.end_as_same(row, &request, target, settled, found.clone());
        }
    }

    /// Does what a look at an item's name has decided, without reading the body of its response:
    /// ends the item, hashes the existing file first, or queues the item.
    pub(crate) fn end_unread(self: &Arc<Self>, item: Box<Item>, there: ExistingCheck) {
        match there {
            ExistingCheck::Ends(status, bytes) => {
                self.end_as_found(item, status, FileInfo::of(bytes));
            }
            ExistingCheck::Hash => self.read_first(item),
            ExistingCheck::Fetch | ExistingCheck::Compare => self.fetch(item),
        }
    }

    /// Ends a row that asks for the same as one that has ended as done, and whose file exists.
    /// Hashes the file again first if the row has checksums or asks for hashes.
    pub(crate) fn end_as_done(self: &Arc<Self>, row: u64, request: Request, target: TargetName) {
        let hashes = self.parts.hashes_of(&request);
        if hashes.is_empty() {
            let found = FileInfo::of(self.parts.length_of(&target));
            return self.end_as_same(row, &request, &target, Settled::Done, found);
        }
        let run = Arc::clone(self);
        self.parts
            .rechecks
            .add(target.clone(), hashes, move |checked| {
                let found = match checked {
                    // Another program may have replaced the file since.
                    Rechecked::Hashed(bytes, hashes) => {
                        let expected = match differing(&hashes, &request.checksums) {
                            None => &request.checksums[..],
                            Some(_) => &[],
                        };
                        FileInfo::hashed(bytes, hashes, expected)
                    }
                    Rechecked::Unreadable(_) => FileInfo::of(0),
                    Rechecked::Stopped => return run.forget(),
                };
                run.end_as_same(row, &request, &target, Settled::Done, found);
            });
    }
}

/// What is done about what exists at a row's name.
enum Verdict {
    Fetch,
    /// The existing file is to be compared with the row's.
    Compare,
    /// The existing file, of this length in bytes, is the row's.
    Take(u64),
    /// The row fails; why, in words that fit after the name.
    Fail(&'static str),
}

fn verdict(present: PathKind, existing: Existing) -> Verdict {
    match (present, existing) {
        (PathKind::NoFolder, _) => {
            Verdict::Fail("cannot be made: a file stands where a folder of it should; move it away")
        }
        (PathKind::Nothing, _)
        | (_, Existing::Rename)
        | (PathKind::File { .. } | PathKind::Link, Existing::Overwrite)
        | (PathKind::Link, Existing::Refresh) => Verdict::Fetch,
        (PathKind::File { .. }, Existing::Auto | Existing::Refresh) => Verdict::Compare,
        (_, Existing::Fail) => Verdict::Fail(
            "is there already; move it away, or choose what is done with --exists auto, skip, refresh, overwrite or rename",
        ),
        (PathKind::File { length, .. }, Existing::Skip) => Verdict::Take(length),
        (PathKind::Link | PathKind::Obstacle, _) => {
            Verdict::Fail("is there and is no file; move it away")
        }
    }
}

fn another_file(target: &TargetName, found: &Checksum, expected: &Checksum) -> Error {
    Error::new(
        ErrorKind::Exists,
        format!(
            "{} is there with the {} {}, not {}; --exists overwrite replaces it",
            target.as_str(),
            found.algorithm(),
            found.hex(),
            expected.hex()
        ),
    )
}
