//! Rows come in: each gets its number and its name, and is queued unless its file is there already.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use super::core::Core;
use super::item::Item;
use super::lock;
use super::settle::unstarted;
use crate::error::{Error, ErrorKind};
use crate::options::Existing;
use crate::outcome::{Outcome, Status};
use crate::plan::layout;
use crate::plan::name::TargetName;
use crate::plan::registry::{Claim, Settled};
use crate::request::{BadRow, Request, Row};
use crate::write::Present;

/// Something to be read.
pub(super) enum Source {
    Rows(Box<dyn Iterator<Item = Row> + Send>),
    /// Nothing more comes.
    End,
}

/// Reads sources, one after another, until there are no more or the run is being stopped.
pub(super) fn read_all(core: &Arc<Core>, sources: &Receiver<Source>) {
    while let Ok(Source::Rows(rows)) = sources.recv() {
        for row in rows {
            if !core.window.enter(|| core.schedule().has_room()) {
                return;
            }
            let number = core.next_row.fetch_add(1, Ordering::Relaxed);
            match row {
                Ok(request) => core.admit(number, request),
                Err(bad) => core.refuse(number, bad),
            }
        }
    }
    if core.window.input_ended() {
        core.wrap_up();
    }
}

impl Core {
    /// A row that is no request fails alone.
    fn refuse(&self, row: u64, bad: BadRow) {
        self.end(Outcome {
            place: bad.place,
            status: Status::Failed(bad.error),
            ..unstarted(row, bad.text.into())
        });
    }

    /// A request gets its name, and goes to its host's queue if there is something to fetch.
    fn admit(&self, row: u64, request: Request) {
        let wanted = match &request.name {
            Some(name) => TargetName::of_user(name, request.url()),
            None => layout::name(self.options.layout, &request.url, request.url(), row),
        };
        let (target, key) = {
            let mut names = lock(&self.names);
            match names.claim(wanted, request.url()) {
                Claim::Mine { name, key } => (name, key),
                Claim::Same { name, key, state } => {
                    if state == Settled::Pending {
                        lock(&self.followers)
                            .entry(key)
                            .or_default()
                            .push((row, request));
                    } else if state == Settled::Failed(ErrorKind::Cancelled)
                        && self.stopping.is_cancelled()
                    {
                        // The first one had not started, so this one has not either.
                        drop(names);
                        self.forget();
                    } else {
                        drop(names);
                        let bytes = self.length_of(&name);
                        self.end_as_same(row, &request, &name, state, bytes);
                    }
                    return;
                }
            }
        };
        match self.already_there(&target) {
            None => self.queue(Box::new(Item::new(row, request, target, key))),
            Some((status, bytes)) => {
                let settled = match &status {
                    Status::Failed(error) => Settled::Failed(error.kind()),
                    Status::Done | Status::Skipped => Settled::Done,
                };
                lock(&self.names).settle(key, settled);
                self.end_without_request(row, &request, &target, status, bytes);
            }
        }
    }

    /// How a row ends when something stands at its name that is to stay.
    fn already_there(&self, target: &TargetName) -> Option<(Status, u64)> {
        if self.disk.was_empty() {
            // Names are given once each, and a commit looks once more: asking the disk costs as much as reading the row.
            return None;
        }
        match (self.disk.present(target), self.options.existing) {
            (Ok(Present::Nothing), _) | (Ok(Present::File(_)), Existing::Overwrite) => None,
            (Ok(Present::File(length)), Existing::Skip) => Some((Status::Skipped, length)),
            (Ok(Present::Obstacle), _) => {
                let error = Error::new(
                    ErrorKind::Exists,
                    format!("{} is there and is no file; move it away", target.as_str()),
                );
                Some((Status::Failed(error), 0))
            }
            (Err(error), _) => {
                let what = format!("cannot see whether {} is there", target.as_str());
                Some((Status::Failed(Error::disk(&what, error)), 0))
            }
        }
    }

    fn length_of(&self, target: &TargetName) -> u64 {
        match self.disk.present(target) {
            Ok(Present::File(length)) => length,
            _ => 0,
        }
    }
}
