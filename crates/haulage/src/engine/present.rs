//! What stands at a row's name already, and what becomes of the row then.

use std::sync::Arc;

use super::core::Core;
use super::ended::under_way;
use super::item::{AtName, Item};
use crate::checksum::Checksum;
use crate::error::{Error, ErrorKind};
use crate::fetch::redirect;
use crate::http_url::HttpUrl;
use crate::options::{Existing, Purpose};
use crate::outcome::{Outcome, Renamed, Status, Verified};
use crate::plan::name::TargetName;
use crate::plan::registry::{Key, Settled};
use crate::request::Request;
use crate::sync::lock;
use crate::write::{Present, Rechecked, differing};

/// What is known of a file that is there.
#[derive(Clone)]
pub(super) struct Found {
    /// Where it is, if not at the row's own name.
    pub(super) path: Option<Arc<str>>,
    pub(super) bytes: u64,
    pub(super) verified: Verified,
    pub(super) hashes: Vec<Checksum>,
    /// Why it is not at the row's own name.
    pub(super) renamed: Option<Renamed>,
}

impl Found {
    /// A file of this length.
    pub(super) fn of(bytes: u64) -> Self {
        Self::hashed(bytes, Vec::new(), &[])
    }

    /// One that was read, and whose hashes agree with what was expected.
    pub(super) fn hashed(bytes: u64, hashes: Vec<Checksum>, expected: &[Checksum]) -> Self {
        Self {
            path: None,
            bytes,
            verified: if expected.is_empty() {
                Verified::Nothing
            } else {
                Verified::Checksum
            },
            hashes,
            renamed: None,
        }
    }

    /// What became of an identical row.
    pub(super) fn same_as(outcome: &Outcome) -> Self {
        Self {
            path: outcome.path.clone(),
            bytes: outcome.bytes,
            verified: match outcome.verified {
                Verified::Checksum => Verified::Checksum,
                _ => Verified::Nothing,
            },
            hashes: outcome.hashes.clone(),
            renamed: outcome.renamed,
        }
    }
}

/// What the disk says of a row.
pub(super) enum There {
    /// Its file is to be fetched.
    Nothing,
    /// A file that is to be read first.
    Unread,
    /// A file of which nothing is known: it is compared with the head of the response.
    Unknown,
    /// The row ends so, with a file of this length.
    Ends(Status, u64),
}

impl Core {
    /// A row has its name: queues it, unless what stands there ends it.
    pub(super) fn fetch_or_end(
        self: &Arc<Self>,
        row: u64,
        request: Request,
        target: TargetName,
        key: Key,
        renamed: Option<Renamed>,
    ) {
        let there = if self.is_named_later(&request) {
            There::Nothing
        } else {
            self.there(&target, &request)
        };
        if let There::Ends(status, bytes) = there {
            lock(&self.names).settle(key, settled(&status));
            let found = Found {
                renamed,
                ..Found::of(bytes)
            };
            return self.end_without_request(row, &request, &target, status, found);
        }
        let mut item = Item::new(row, request, target, key);
        item.renamed = renamed;
        if matches!(there, There::Unknown) {
            item.at_name = AtName::Unknown;
        }
        if matches!(there, There::Unread) {
            self.read_first(item);
        } else {
            self.fetch(item);
        }
    }

    /// An item's file is to be fetched; in a run that only plans, that ends it.
    pub(super) fn fetch(&self, mut item: Box<Item>) {
        match self.options.purpose {
            Purpose::Download => {
                self.take_up(&mut item);
                self.queue(item);
            }
            Purpose::Plan => {
                let status = self.planned(&item.request);
                self.end_as_found(item, status, Found::of(0));
            }
        }
    }

    /// What becomes of a row that would be fetched: it is planned, unless each of its URLs is
    /// refused.
    fn planned(&self, request: &Request) -> Status {
        let allowed = |url: &HttpUrl| redirect::check_scheme(url, self.options.plain_http);
        let mut mirrors = request.mirrors.iter();
        match allowed(&request.url) {
            Err(error) if !mirrors.any(|(url, _)| allowed(url).is_ok()) => Status::Failed(error),
            _ => Status::Planned,
        }
    }

    pub(super) fn there(&self, target: &TargetName, request: &Request) -> There {
        if self.disk.was_empty() {
            // Names are given once each, and a commit looks once more: asking the disk costs as
            // much as reading the row.
            return There::Nothing;
        }
        let failed = |error| There::Ends(Status::Failed(error), 0);
        let present = match self.disk.present(target) {
            Ok(present) => present,
            Err(cause) => {
                let what = format!("cannot see whether {} is there", target.as_str());
                return failed(Error::disk(&what, cause));
            }
        };
        match verdict(present, self.options.existing) {
            Verdict::Fetch => There::Nothing,
            Verdict::Compare if self.is_read_first(request) => There::Unread,
            Verdict::Compare => There::Unknown,
            Verdict::Take(_) if !self.hashes_of(request).is_empty() => There::Unread,
            Verdict::Take(length) => There::Ends(Status::Skipped, length),
            Verdict::Fail(why) => {
                let message = format!("{} {why}", target.as_str());
                failed(Error::new(ErrorKind::Exists, message))
            }
        }
    }

    /// Returns whether a file of which nothing is known is compared with its row's checksum rather
    /// than with a response.
    fn is_read_first(&self, request: &Request) -> bool {
        self.options.existing == Existing::Auto && !request.checksums.is_empty()
    }

    /// Returns what becomes of a row whose file an identical row has saved.
    pub(super) fn there_already(&self, target: &TargetName, request: &Request) -> There {
        if self.hashes_of(request).is_empty() {
            There::Ends(Status::Skipped, self.length_of(target))
        } else {
            There::Unread
        }
    }

    /// Hashes an item's file, which is there, and ends the item; fetches it if the file has gone
    /// meanwhile.
    pub(super) fn read_first(self: &Arc<Self>, item: Box<Item>) {
        let core = Arc::clone(self);
        let (target, hashes) = (item.target.clone(), self.hashes_of(&item.request));
        let then = move |checked| {
            let (status, found) = match checked {
                Rechecked::Hashed(bytes, hashes) => {
                    match differing(&hashes, &item.request.checksums) {
                        None => {
                            let expected = &item.request.checksums;
                            (Status::Skipped, Found::hashed(bytes, hashes, expected))
                        }
                        Some(_) if core.options.existing == Existing::Auto => {
                            return core.read_beside(item);
                        }
                        Some((found, expected)) => {
                            let error = another_file(&item.target, found, expected);
                            (Status::Failed(error), Found::of(0))
                        }
                    }
                }
                Rechecked::Stopped => return core.cancelled(item),
                Rechecked::Unreadable(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return core.fetch(item);
                }
                Rechecked::Unreadable(_) if core.options.existing == Existing::Auto => {
                    return core.read_beside(item);
                }
                Rechecked::Unreadable(error) => {
                    let what = format!("{} is there, but cannot be read", item.target.as_str());
                    (Status::Failed(Error::disk(&what, error)), Found::of(0))
                }
            };
            core.end_as_found(item, status, found);
        };
        self.rechecks.add(target, hashes, then);
    }

    /// Hashes the file at an item's distinct name, where an earlier run may have saved it beside
    /// the one that has another checksum; fetches it if that is another one too.
    fn read_beside(self: &Arc<Self>, mut item: Box<Item>) {
        item.at_name = AtName::Compared;
        let distinct = item.target.distinct(item.request.url());
        let was_saved = distinct != item.target
            && matches!(self.disk.present(&distinct), Ok(Present::File { .. }));
        if !was_saved {
            return self.fetch(item);
        }
        let (core, hashes) = (Arc::clone(self), self.hashes_of(&item.request));
        self.rechecks.add(distinct.clone(), hashes, move |checked| {
            let expected = &item.request.checksums;
            match checked {
                Rechecked::Hashed(bytes, hashes) if differing(&hashes, expected).is_none() => {
                    let found = Found::hashed(bytes, hashes, expected);
                    core.stands_beside(&mut item, distinct);
                    core.end_as_found(item, Status::Skipped, found);
                }
                Rechecked::Hashed(..) | Rechecked::Unreadable(_) => core.fetch(item),
                Rechecked::Stopped => core.cancelled(item),
            }
        });
    }

    /// Notes that an item's file is at its distinct name, beside another file.
    pub(super) fn stands_beside(&self, item: &mut Item, distinct: TargetName) {
        lock(&self.names).moved(item.keys.own, distinct.clone());
        item.target = distinct;
        item.renamed = Some(Renamed::AnotherFile);
    }

    /// An item ends without its body, and so do the rows that asked for the same.
    fn end_as_found(&self, item: Box<Item>, status: Status, found: Found) {
        let (keys, target, settled) = (item.keys, item.target.clone(), settled(&status));
        let found = Found {
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
                ..under_way(item)
            };
            return self.settle(keys, &target, settled, Box::new(outcome));
        }
        let followers = self.release(keys, settled);
        self.end_without_request(item.row, &item.request, &target, status, found.clone());
        for (row, request) in followers {
            self.end_as_same(row, &request, &target, settled, found.clone());
        }
    }

    /// An item whose request was answered ends, or has its file read first, since that is there.
    pub(super) fn end_unread(self: &Arc<Self>, item: Box<Item>, there: There) {
        match there {
            There::Ends(status, bytes) => self.end_as_found(item, status, Found::of(bytes)),
            There::Unread => self.read_first(item),
            There::Nothing | There::Unknown => self.fetch(item),
        }
    }

    /// A row asks for the same as one that has ended, and whose file is there.
    pub(super) fn end_as_done(self: &Arc<Self>, row: u64, request: Request, target: TargetName) {
        let hashes = self.hashes_of(&request);
        if hashes.is_empty() {
            let found = Found::of(self.length_of(&target));
            return self.end_as_same(row, &request, &target, Settled::Done, found);
        }
        let core = Arc::clone(self);
        self.rechecks.add(target.clone(), hashes, move |checked| {
            let found = match checked {
                // Somebody else may have replaced it since.
                Rechecked::Hashed(bytes, hashes) => {
                    let expected = match differing(&hashes, &request.checksums) {
                        None => &request.checksums[..],
                        Some(_) => &[],
                    };
                    Found::hashed(bytes, hashes, expected)
                }
                Rechecked::Unreadable(_) => Found::of(0),
                Rechecked::Stopped => return core.forget(),
            };
            core.end_as_same(row, &request, &target, Settled::Done, found);
        });
    }

    fn length_of(&self, target: &TargetName) -> u64 {
        match self.disk.present(target) {
            Ok(Present::File { length, .. }) => length,
            _ => 0,
        }
    }
}

/// What is done about what stands at a name.
enum Verdict {
    Fetch,
    /// It is to be seen whether the file that stands there is the row's.
    Compare,
    /// A file of this length is the row's.
    Take(u64),
    /// What stands there is in the way; why, in words that fit after its name.
    Fail(&'static str),
}

fn verdict(present: Present, existing: Existing) -> Verdict {
    match (present, existing) {
        (Present::NoFolder, _) => {
            Verdict::Fail("cannot be made: a file stands where a folder of it should; move it away")
        }
        (Present::Nothing, _)
        | (_, Existing::Rename)
        | (Present::File { .. } | Present::Link, Existing::Overwrite)
        | (Present::Link, Existing::Refresh) => Verdict::Fetch,
        (Present::File { .. }, Existing::Auto | Existing::Refresh) => Verdict::Compare,
        (_, Existing::Fail) => Verdict::Fail(
            "is there already; move it away, or choose what is done with --exists auto, skip, refresh, overwrite or rename",
        ),
        (Present::File { length, .. }, Existing::Skip) => Verdict::Take(length),
        (Present::Link | Present::Obstacle, _) => {
            Verdict::Fail("is there and is no file; move it away")
        }
    }
}

pub(super) fn settled(status: &Status) -> Settled {
    match status {
        Status::Failed(error) => Settled::Failed(error.kind()),
        Status::Done | Status::Skipped | Status::Unchanged | Status::Planned => Settled::Done,
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
