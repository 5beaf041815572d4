//! Items whose response gives the file its name, or shows that the file exists already: by a status
//! 304, or by its length and time.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::oneshot;

use crate::checksum::Checksum;
use crate::engine::item::existing::ExistingCheck;
use crate::engine::item::existing::FileInfo;
use crate::engine::item::outcome;
use crate::engine::item::{AtName, Item};
use crate::engine::run::Run;
use crate::error::{Error, ErrorKind};
use crate::options::Existing;
use crate::outcome::{Outcome, Status, Verified};
use crate::plan::conditional::{Says, Stored};
use crate::plan::disposition;
use crate::plan::existing::{self, Offered, Standing};
use crate::plan::fields::Fields;
use crate::plan::head::Entity;
use crate::plan::name::TargetName;
use crate::plan::registry::{Claim, Settled};
use crate::write::{PathKind, Rechecked, differing};
use http::header::CONTENT_DISPOSITION;

/// An existing file that is the item's, according to its response.
struct There {
    /// What the response says of the file.
    entity: Entity,
    /// Where it is.
    place: TargetName,
    /// What shows that it is the server's file: its length, or only the server's statement.
    by: Verified,
}

impl There {
    /// Returns whether a file of this length can be the one.
    fn has_length(&self, length: u64) -> bool {
        self.by != Verified::Length || self.entity.length == Some(length)
    }
}

impl Run {
    /// Returns what is known of the file at a row's name if nothing is recorded of it: no more than
    /// its modification time tells.
    pub(crate) fn stored(modified: Option<SystemTime>) -> Stored {
        Stored::by_time(modified, SystemTime::now())
    }

    /// Returns the name at which a file stands that is the one offered, as far as length and time
    /// tell. Looks at the disk on its own threads.
    pub(crate) async fn place_of(
        self: &Arc<Self>,
        item: &Item,
        offered: Offered,
    ) -> Option<TargetName> {
        // Without a length, length and time show nothing.
        offered.length?;
        let (run, target) = (Arc::clone(self), item.target.clone());
        // Only `auto` saves a second file at a distinct name.
        let keeps_both = self.options.existing == Existing::Auto;
        let distinct = keeps_both.then(|| target.distinct(item.request.url()));
        let distinct = distinct.filter(|distinct| *distinct != target);
        let (tell, told) = oneshot::channel();
        self.parts.pool.call(move || {
            let standing = |name: &TargetName| run.standing(name, offered);
            let beside = distinct.as_ref().and_then(standing);
            let place = match existing::judge(standing(&target), beside, offered) {
                existing::ExistingMatch::AtName => Some(target),
                existing::ExistingMatch::AtDistinct => distinct,
                existing::ExistingMatch::Nowhere => None,
            };
            // The receiver may be gone.
            let _ = tell.send(place);
        });
        told.await.ok().flatten()
    }

    /// Returns what is known of the file at a name; `None` where none stands there.
    fn standing(self: &Arc<Self>, name: &TargetName, offered: Offered) -> Option<Standing> {
        let Ok(PathKind::File { length, modified }) = self.parts.storage.lookup.stat(name) else {
            return None;
        };
        // To look for markers costs a dozen system calls, and where the length differs they say
        // nothing new.
        let is_unfinished =
            offered.length == Some(length) && self.parts.storage.lookup.marker(name).is_some();
        Some(Standing {
            length,
            modified,
            is_unfinished,
        })
    }

    /// Ends an item as unchanged, as the server says, unless the existing file turns out to be
    /// another one. Looks at the disk on its own threads.
    pub(crate) fn unchanged(self: &Arc<Self>, item: Box<Item>, entity: Entity) {
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
    pub(crate) fn there_by_length(
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
        let (run, place) = (Arc::clone(self), there.place.clone());
        let hashes = self.parts.hashes_of(&item.request);
        if hashes.is_empty() {
            self.parts
                .pool
                .call(move || match run.parts.storage.lookup.stat(&place) {
                    Ok(PathKind::File { length, .. }) if there.has_length(length) => {
                        run.end_there(item, there, FileInfo::of(length));
                    }
                    _ => run.fetch_anyway(item, gone(&place)),
                });
            return;
        }
        let expected = item.request.checksums.clone();
        let then = move |checked| match checked {
            Rechecked::Hashed(bytes, _) if !there.has_length(bytes) => {
                run.fetch_anyway(item, gone(&there.place));
            }
            Rechecked::Hashed(bytes, hashes) => match differing(&hashes, &expected) {
                None => {
                    run.end_there(item, there, FileInfo::hashed(bytes, hashes, &expected));
                }
                Some((found, expected)) => run.fetch_anyway(item, another_file(found, expected)),
            },
            Rechecked::Unreadable(_) => run.fetch_anyway(item, gone(&there.place)),
            Rechecked::Stopped => run.cancelled(item),
        };
        self.parts.rechecks.add(place, hashes, then);
    }

    fn end_there(self: &Arc<Self>, mut item: Box<Item>, there: There, found: FileInfo) {
        let There { entity, place, by } = there;
        if place != item.target {
            self.stands_beside(&mut item, place);
        }
        // The partial file of an earlier run is no longer of use.
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

    /// Queues an item for an unconditional request: what stands at its name is not its file,
    /// whatever the server said.
    fn fetch_anyway(self: &Arc<Self>, mut item: Box<Item>, why: Error) {
        item.ignore_existing();
        self.ask_again(item, why);
    }

    /// Gives an item the name that its server proposes in the fields of its response, if it
    /// proposes one. Returns whether the body is to be fetched, by what stands at the item's name.
    pub(crate) async fn name_by_server(
        self: &Arc<Self>,
        item: &mut Item,
        headers: &Fields,
    ) -> ExistingCheck {
        if !self.naming.is_named_later(&item.request) {
            return ExistingCheck::Fetch;
        }
        let is_done = self.claim(item, headers);
        if item.at_name == AtName::Compared {
            return ExistingCheck::Fetch;
        }
        let (run, target, request) = (Arc::clone(self), item.target.clone(), item.request.clone());
        let (tell, told) = oneshot::channel();
        self.parts.pool.call(move || {
            let there = if is_done {
                run.there_already(&target, &request)
            } else {
                run.there(&target, &request)
            };
            // The receiver may be gone.
            let _ = tell.send(there);
        });
        told.await.unwrap_or(ExistingCheck::Fetch)
    }

    /// Claims the name that an item is to have; says whether an identical row has saved its file
    /// under it.
    fn claim(self: &Arc<Self>, item: &mut Item, headers: &Fields) -> bool {
        // Only once: if another attempt claimed another name, nothing would use the first one.
        if item.keys.by_server.is_some() {
            return false;
        }
        let wanted = self
            .proposed(item, headers)
            .unwrap_or_else(|| item.target.clone());
        match self.naming.claim_from_server(&item.request, wanted) {
            Claim::Mine { name, key } => {
                item.target = name;
                item.keys.by_server = Some(key);
                false
            }
            Claim::Same {
                name,
                state: Settled::Done,
                ..
            } => {
                item.target = name;
                true
            }
            // The item's own name; or that of an identical row in progress, and then this item
            // keeps the name from its URL.
            Claim::Same { .. } => false,
        }
    }

    fn proposed(self: &Arc<Self>, item: &Item, headers: &Fields) -> Option<TargetName> {
        let field = headers.get(CONTENT_DISPOSITION)?;
        let proposed = disposition::file_name(field.as_bytes())?;
        let accepted = || {
            self.naming
                .accepted(|| self.parts.storage.lookup.accepted_names())
        };
        item.target
            .named_by_server(&proposed, item.request.url(), &accepted)
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
