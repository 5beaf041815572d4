//! An item whose response shows that its file is there already: by a status 304, or by its length
//! and time. What becomes of it.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::oneshot;

use super::core::Core;
use super::existing::FileInfo;
use super::item::{AtName, Item};
use super::lane::Lane;
use super::outcome;
use crate::checksum::Checksum;
use crate::error::{Error, ErrorKind};
use crate::options::{Codings, Existing};
use crate::outcome::{Outcome, Status, Verified};
use crate::plan::coding;
use crate::plan::conditional::{Says, Stored};
use crate::plan::existing::{self, Offered, Standing};
use crate::plan::fields::Fields;
use crate::plan::head::Entity;
use crate::plan::name::TargetName;
use crate::plan::registry::Settled;
use crate::write::{Present, Rechecked, differing};

impl Lane {
    /// Returns the name at which the file that a response describes stands already, as far as its
    /// length and time tell; `None` where the body is needed. Only an item at whose name an unknown
    /// file stands is looked at. `fields`: the head of a response with the whole file, in whatever
    /// coding.
    pub(super) async fn is_there(
        &mut self,
        item: &Item,
        entity: &Entity,
        fields: Option<&Fields>,
    ) -> Option<TargetName> {
        if item.at_name != AtName::Unknown {
            return None;
        }
        let undoes_content = self.core.options.codings == Codings::Undone;
        let is_decoded = fields.is_some_and(|fields| {
            !coding::to_undo(fields, undoes_content).is_ok_and(|all| all.is_empty())
        });
        let offered = Offered {
            length: entity.length.filter(|_| !is_decoded),
            modified: entity.modified(),
        };
        let looks = self.core.place_of(item, offered);
        self.link.idle.aside(looks).await
    }
}

/// An item's file is there already, as far as a response tells.
struct There {
    /// What the response says of it.
    entity: Entity,
    /// Where it is.
    place: TargetName,
    /// What shows that it is the server's file: its length, or nothing but the server's word.
    by: Verified,
}

impl There {
    /// Returns whether a file of this length can be the one.
    fn has_length(&self, length: u64) -> bool {
        self.by != Verified::Length || self.entity.length == Some(length)
    }
}

impl Core {
    /// What is known of the file that stands at a row's name, if nothing is recorded of it.
    pub(super) fn stored(modified: Option<SystemTime>) -> Stored {
        Stored::by_time(modified, SystemTime::now())
    }

    /// Returns the name at which a file stands that is the one offered, as far as length and time
    /// tell. Looks at the disk on its own threads.
    async fn place_of(self: &Arc<Self>, item: &Item, offered: Offered) -> Option<TargetName> {
        // Without a length they tell nothing.
        offered.length?;
        let (core, target) = (Arc::clone(self), item.target.clone());
        // A file that is replaced is kept nowhere else.
        let keeps_both = self.options.existing == Existing::Auto;
        let distinct = keeps_both.then(|| target.distinct(item.request.url()));
        let distinct = distinct.filter(|distinct| *distinct != target);
        let (tell, told) = oneshot::channel();
        self.parts.pool.call(move || {
            let standing = |name: &TargetName| core.standing(name, offered);
            let beside = distinct.as_ref().and_then(standing);
            let place = match existing::judge(standing(&target), beside, offered) {
                existing::Found::AtName => Some(target),
                existing::Found::AtDistinct => distinct,
                existing::Found::Nowhere => None,
            };
            // Nobody may wait any more.
            let _ = tell.send(place);
        });
        told.await.ok().flatten()
    }

    /// Returns what is known of the file at a name; `None` where none stands there.
    fn standing(&self, name: &TargetName, offered: Offered) -> Option<Standing> {
        let Ok(Present::File { length, modified }) = self.parts.disk.present(name) else {
            return None;
        };
        // To look for markers costs a dozen system calls, and where the length differs they say
        // nothing new.
        let is_unfinished =
            offered.length == Some(length) && self.parts.disk.marker(name).is_some();
        Some(Standing {
            length,
            modified,
            is_unfinished,
        })
    }

    /// The server says that an item's file has not changed: it ends so, unless what is there turns
    /// out to be another one after all. Looks at the disk on its own threads.
    pub(super) fn unchanged(self: &Arc<Self>, item: Box<Item>, entity: Entity) {
        if item.stored.compare(&entity) == Says::Other {
            let error = Error::new(
                ErrorKind::Protocol,
                "the server said that the file has not changed, but described another one",
            );
            return self.fetch_anyway(item, error);
        }
        let there = There {
            entity,
            place: item.target.clone(),
            by: Verified::Nothing,
        };
        self.confirm(item, there);
    }

    /// Ends an item whose file is at this name already, as far as length and time tell. If that
    /// turns out to be another one after all, the file is fetched. Looks at the disk on its own
    /// threads.
    pub(super) fn there_by_length(
        self: &Arc<Self>,
        item: Box<Item>,
        entity: Entity,
        place: TargetName,
    ) {
        let there = There {
            entity,
            place,
            by: Verified::Length,
        };
        self.confirm(item, there);
    }

    /// Looks once more at the file that ends an item, and hashes it where that is asked for.
    fn confirm(self: &Arc<Self>, item: Box<Item>, there: There) {
        let (core, place) = (Arc::clone(self), there.place.clone());
        let hashes = self.parts.hashes_of(&item.request);
        if hashes.is_empty() {
            self.parts
                .pool
                .call(move || match core.parts.disk.present(&place) {
                    Ok(Present::File { length, .. }) if there.has_length(length) => {
                        core.end_there(item, there, FileInfo::of(length));
                    }
                    _ => core.fetch_anyway(item, gone(&place)),
                });
            return;
        }
        let expected = item.request.checksums.clone();
        let then = move |checked| match checked {
            Rechecked::Hashed(bytes, _) if !there.has_length(bytes) => {
                core.fetch_anyway(item, gone(&there.place));
            }
            Rechecked::Hashed(bytes, hashes) => match differing(&hashes, &expected) {
                None => {
                    core.end_there(item, there, FileInfo::hashed(bytes, hashes, &expected));
                }
                Some((found, expected)) => core.fetch_anyway(item, another_file(found, expected)),
            },
            Rechecked::Unreadable(_) => core.fetch_anyway(item, gone(&there.place)),
            Rechecked::Stopped => core.cancelled(item),
        };
        self.parts.rechecks.add(place, hashes, then);
    }

    fn end_there(&self, mut item: Box<Item>, there: There, found: FileInfo) {
        let There { entity, place, by } = there;
        if place != item.target {
            self.stands_beside(&mut item, place);
        }
        // What an earlier run has brought of it is of no use any more.
        self.parts.discard(&mut item.progress);
        let (keys, target) = (item.keys, item.target.clone());
        let outcome = Outcome {
            status: if self.options.existing == Existing::Auto {
                Status::Skipped
            } else {
                Status::Unchanged
            },
            path: Some(target.to_shared()),
            renamed: item.renamed,
            bytes: found.bytes,
            etag: entity.etag,
            last_modified: entity.last_modified,
            content_type: entity.content_type,
            verified: match found.verified {
                Verified::Nothing => by,
                verified => verified,
            },
            hashes: found.hashes,
            ..outcome::of_item(item)
        };
        self.settle(keys, &target, Settled::Done, Box::new(outcome));
    }

    /// What stands at an item's name is not its file, whatever the server said: asks for it without
    /// conditions.
    fn fetch_anyway(&self, mut item: Box<Item>, why: Error) {
        item.ignore_existing();
        self.ask_again(item, why);
    }
}

fn gone(target: &TargetName) -> Error {
    let target = target.as_str();
    Error::new(
        ErrorKind::Exists,
        format!("{target} was what the server has, but has changed or cannot be read any more"),
    )
}

fn another_file(found: &Checksum, expected: &Checksum) -> Error {
    Error::new(
        ErrorKind::Checksum,
        format!(
            "the file seems not to have changed, but what is there has the {} {}, not {}",
            found.algorithm(),
            found.hex(),
            expected.hex()
        ),
    )
}
