//! Repairs files by the hashes of their pieces: right pieces are kept, the others are fetched.
//! Works on disk threads.

use std::sync::Arc;

use crate::engine::item::existing::FileInfo;
use crate::engine::item::{AtName, Item};
use crate::engine::run::Run;
use crate::error::Error;
use crate::options::{Existing, Purpose};
use crate::outcome::Status;
use crate::write::pieces::{self, RightPieces};

impl Run {
    /// Looks which pieces of the file at an item's name are right. If most are, takes them over and
    /// fetches the others; if all are, and the item has no checksum, ends the item. Otherwise, the
    /// file counts as another one.
    pub(crate) fn read_pieces(self: &Arc<Self>, item: Box<Item>) {
        let is_of_length = item
            .request
            .usable_pieces()
            .is_some_and(|(_, total)| self.parts.length_of(&item.target) == total);
        let is_possible = is_of_length
            && self.options.existing == Existing::Auto
            && self.options.purpose == Purpose::Download
            && self.parts.storage.has_names();
        if !is_possible {
            return self.read_beside(item);
        }
        let run = Arc::clone(self);
        self.parts.pool.call(move || run.read_pieces_now(item));
    }

    fn read_pieces_now(self: &Arc<Self>, mut item: Box<Item>) {
        let Some((hashes, total)) = item.request.usable_pieces() else {
            return self.read_beside(item);
        };
        let storage = &self.parts.storage;
        let right = pieces::of_file(storage, &item.target, hashes, total, &self.stopping);
        let right = match right {
            Ok(Some(right)) => right,
            Ok(None) => return self.cancelled(item),
            Err(_) => return self.read_beside(item),
        };
        if right.is_whole && item.request.checksums.is_empty() {
            let found = FileInfo::by_pieces(total);
            return self.end_as_found(item, Status::Skipped, found);
        }
        // With few right pieces, it is rather another version of the file.
        let is_same_file = right.ranges.covered() >= total / 2 && !right.is_whole;
        let Some(seen) = right.seen.filter(|_| is_same_file) else {
            return self.read_beside(item);
        };
        item.at_name = AtName::Compared;
        item.progress.repairs = Some(Box::new(seen));
        let begun = self.parts.take_up(&item.request);
        let number = self.parts.writer.next_number();
        let is_less = |bytes: u64| bytes < right.ranges.covered();
        if begun
            .as_ref()
            .is_none_or(|begun| is_less(begun.range_set().covered()))
        {
            if let Some(begun) = begun {
                item.progress.partial = Some(begun);
                self.parts.discard(&mut item.progress);
            }
            match pieces::copy(storage, &item.target, number, &right.ranges, &self.stopping) {
                Ok(true) => {
                    let part = self
                        .parts
                        .taken_over(&item.request, number, total, right.ranges);
                    item.progress.partial = Some(part);
                }
                Ok(false) | Err(_) => {
                    // All of it is fetched; an error of the disk will be met again.
                    let _ = storage.scratch.remove(number);
                }
            }
        } else {
            item.progress.partial = begun;
        }
        self.fetch(item);
    }

    /// Keeps the right pieces of an item's part, whose file has another checksum than it should,
    /// and fetches the others again, from another of its URLs if there is one. Happens once for
    /// each URL; otherwise, and if no piece tells what is wrong, `instead` is called.
    pub(crate) fn keep_right_pieces(
        self: &Arc<Self>,
        mut item: Box<Item>,
        error: Error,
        instead: impl FnOnce(Box<Item>, Error),
    ) {
        let part = item.progress.partial.clone();
        let (Some(part), Some((hashes, total))) = (part, item.request.usable_pieces()) else {
            return instead(item, error);
        };
        if item.progress.rounds_of_pieces as usize >= item.sources() || part.identity.total != total
        {
            return instead(item, error);
        }
        let storage = &self.parts.storage;
        let right = pieces::of_part(storage, part.number, hashes, total, &self.stopping);
        let RightPieces { ranges, .. } = match right {
            Ok(Some(right)) if !right.is_whole && right.ranges.covered() > 0 => right,
            Ok(None) => return self.cancelled(item),
            Ok(Some(_)) | Err(_) => return instead(item, error),
        };
        let why = format!(
            "{} of {total} bytes are in damaged pieces, which are fetched again: {error}",
            total - ranges.covered()
        );
        for source in part.keep_ranges(&ranges) {
            if !item.progress.damaging_sources.contains(&source) {
                item.progress.damaging_sources.push(source);
            }
        }
        item.progress.rounds_of_pieces += 1;
        item.progress.restart_reason = Some(why.as_str().into());
        let is_sound = |nth: &usize| !item.progress.damaging_sources.contains(nth);
        match (0..item.sources()).find(is_sound) {
            Some(other) => item.go_to_source(other),
            // In the order of the row, since none is better than the others.
            None => {
                item.next_source(true);
            }
        }
        self.ask_again(item, Error::new(error.kind(), why));
    }
}
