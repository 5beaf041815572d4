//! A file that is there and whose server is asked whether it has changed: what is known of it, and what becomes of its item
//! when it has not.

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;

use super::core::Core;
use super::ended::under_way;
use super::item::Item;
use super::present::Found;
use crate::checksum::Checksum;
use crate::error::{Error, ErrorKind};
use crate::outcome::{Outcome, Status};
use crate::plan::conditional::{Says, Stored};
use crate::plan::head::Entity;
use crate::plan::name::TargetName;
use crate::plan::registry::Settled;
use crate::write::{Present, Rechecked, differing};

impl Item {
    /// What its next request is conditional on. Each hop of a redirect is asked so, since the last one answers for the file; a
    /// mirror is not: its tags and times are its own, and say nothing of a file that came from elsewhere.
    pub(super) fn conditions(&self) -> HeaderMap {
        if self.mirrors.at() == 0 {
            self.stored.conditions()
        } else {
            HeaderMap::new()
        }
    }

    /// Whether a whole response need not be received, since what is `stored` of the file at its name is what the response
    /// describes.
    pub(super) fn has_it_already(&self, stored: &Stored, entity: &Entity) -> bool {
        self.mirrors.at() == 0 && !self.replaces && stored.compare(entity) == Says::Same
    }

    /// From now on it asks for its file whatever stands at its name, beginning at its own URL. So it is only once that what is
    /// there is found to be another file than its server has said.
    fn replace_anyway(&mut self) {
        self.stored = Stored::default();
        self.replaces = true;
        self.hop = None;
        self.hops = 0;
    }
}

impl Core {
    /// What is known of the file that stands at a row's name, if nothing is recorded of it.
    pub(super) fn stored(modified: Option<SystemTime>) -> Stored {
        Stored::by_time(modified, SystemTime::now())
    }

    /// The server says that an item's file has not changed: it ends so, unless what is there turns out to be another one after
    /// all. Looks at the disk on its own threads.
    pub(super) fn unchanged(self: &Arc<Self>, item: Box<Item>, entity: Entity) {
        if item.stored.compare(&entity) == Says::Other {
            let error = Error::new(
                ErrorKind::Protocol,
                "the server said that the file has not changed, but described another one",
            );
            return self.fetch_anyway(item, error);
        }
        let (core, target) = (Arc::clone(self), item.target.clone());
        let hashes = self.hashes_of(&item.request);
        if hashes.is_empty() {
            self.pool.call(move || match core.disk.present(&target) {
                Ok(Present::File { length, .. }) => {
                    core.end_unchanged(item, entity, Found::of(length));
                }
                _ => core.fetch_anyway(item, gone(&target)),
            });
            return;
        }
        let expected = item.request.checksums.clone();
        let then = move |checked| match checked {
            Rechecked::Hashed(bytes, hashes) => match differing(&hashes, &expected) {
                None => {
                    core.end_unchanged(item, entity, Found::hashed(bytes, hashes, &expected));
                }
                Some((found, expected)) => core.fetch_anyway(item, another_file(found, expected)),
            },
            Rechecked::Unreadable(_) => {
                let why = gone(&item.target);
                core.fetch_anyway(item, why);
            }
            Rechecked::Stopped => core.cancelled(item),
        };
        self.rechecks.add(target, hashes, then);
    }

    fn end_unchanged(&self, item: Box<Item>, entity: Entity, found: Found) {
        let (keys, target) = (item.keys, item.target.clone());
        let outcome = Outcome {
            status: Status::Unchanged,
            path: Some(target.to_shared()),
            bytes: found.bytes,
            etag: entity.etag,
            last_modified: entity.last_modified,
            content_type: entity.content_type,
            verified: found.verified,
            hashes: found.hashes,
            ..under_way(item)
        };
        self.settle(keys, &target, Settled::Done, Box::new(outcome));
    }

    /// What stands at an item's name is not its file, whatever the server said: asks for it without conditions.
    fn fetch_anyway(&self, mut item: Box<Item>, why: Error) {
        item.replace_anyway();
        self.ask_again(item, why);
    }
}

fn gone(target: &TargetName) -> Error {
    let target = target.as_str();
    Error::new(
        ErrorKind::Exists,
        format!("the server said that {target} has not changed, but it cannot be read any more"),
    )
}

fn another_file(found: &Checksum, expected: &Checksum) -> Error {
    Error::new(
        ErrorKind::Checksum,
        format!(
            "the server said that the file has not changed, but what is there has the {} {}, not {}",
            found.algorithm(),
            found.hex(),
            expected.hex()
        ),
    )
}
