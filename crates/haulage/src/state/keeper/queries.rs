//! What a run finds of earlier runs: what is known of a row, and the part of its file.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{State, lock};
use crate::error::Error;
use crate::options::StateDir;
use crate::row_location::RowLocation;
use crate::state::left;
use crate::state::parts::{Progress, Unfinished};
use crate::state::prior_record::PriorRecord;
use crate::state::request_key::RequestKey;
use crate::state::store::Access;
use crate::write::Assembly;

impl State {
    /// Takes up the part that an earlier run has left of the file of a row of this input.
    /// `is_checked`: the row has a checksum.
    pub(crate) fn take_up(
        &self,
        key: &RequestKey,
        input: &Arc<str>,
        url: &str,
        is_checked: bool,
    ) -> Option<Arc<Assembly>> {
        if let Some(idle) = self.take_idle(key, url) {
            return Some(idle);
        }
        let left = if self.has_left {
            lock(&self.left).take(key.hash, url)
        } else {
            Vec::new()
        };
        let own = {
            let mut unfinished = lock(&self.unfinished);
            let found = unfinished.get(&key.hash);
            let is_same = found.is_some_and(|part| *part.owner.url == *url);
            is_same.then(|| unfinished.remove(&key.hash)).flatten()
        };
        let assembly = own.map(|found| Arc::new(found.into_assembly(is_checked)));
        if let Some(assembly) = &assembly {
            lock(&self.recorded).know(assembly);
        }
        let assembly = left.into_iter().rev().fold(assembly, |assembly, found| {
            let (run, number, part) = found;
            if assembly.is_some() {
                // One part is enough.
                if let Some(lasting) = self.storage.lasting() {
                    let _ = lasting.remove_left(&run, part.number);
                }
                return assembly;
            }
            self.take_over(&run, number, part, input, is_checked)
        })?;
        self.assemblies.add(&assembly);
        Some(assembly)
    }

    /// Leaves a part to another run that shares this state and has the same row.
    pub(crate) fn leave(&self, partial: &Arc<Assembly>) {
        if let Some(owner) = &partial.owner
            && partial.identity.validator.is_some()
        {
            lock(&self.idle).insert(owner.request_hash, Arc::clone(partial));
        }
    }

    /// Takes the part that another run sharing this state has left; `None` if there is none that
    /// this row can resume.
    fn take_idle(&self, key: &RequestKey, url: &str) -> Option<Arc<Assembly>> {
        let mut idle = lock(&self.idle);
        let is_same = |partial: &Arc<Assembly>| {
            let owner = partial.owner.as_ref();
            owner.is_some_and(|owner| *owner.url == *url) && partial.is_settled()
        };
        idle.get(&key.hash).filter(|partial| is_same(partial))?;
        idle.remove(&key.hash)
    }

    /// Moves a part that another run has left to this run; `None` if that fails.
    fn take_over(
        &self,
        run: &str,
        number: u64,
        part: Unfinished,
        input: &Arc<str>,
        is_checked: bool,
    ) -> Option<Arc<Assembly>> {
        let from = part.number;
        let part = left::taken_over(part, number, input);
        let assembly = Arc::new(part.into_assembly(is_checked));
        let moved = vec![(Arc::clone(&assembly), assembly.range_set())];
        let progress = Progress {
            moved,
            gone: Vec::new(),
        };
        // In this order: whenever this run ends, the file is recorded in the folder that it is in.
        // A record without a file is forgotten.
        self.write(&mut [], progress).ok()?;
        let taken = self.storage.lasting()?.take_left(run, from, number);
        let is_taken = taken.unwrap_or(false);
        is_taken.then_some(assembly)
    }

    /// Returns what is known of the next row of a run, which has `first_row` added to the numbers
    /// of its rows here; `None` if nothing is. Rows are looked up in their order.
    ///
    /// # Errors
    /// Of kind `disk`, when what was recorded cannot be read.
    pub(crate) fn recall(
        &self,
        first_row: u64,
        row: u64,
        location: Option<&RowLocation>,
        key: &RequestKey,
        url: &str,
    ) -> Result<Option<PriorRecord>, Error> {
        let input = location.map_or("", |location| &location.input);
        if self.has_left {
            self.take_over_rows(row, key, url)?;
        }
        let mut lookup = lock(&self.lookup);
        let known = if self.knows.load(Ordering::Acquire) {
            let row = (first_row, row);
            self.query(|store| lookup.recall(store, input, row, key.hash, url))?
        } else {
            lookup.pass_by(input, (first_row, row));
            None
        };
        let known = known.flatten();
        if known.is_some() || !self.has_lists {
            return Ok(known);
        }
        Ok(self
            .query_lists(|lists| lists.find(key.hash, url))
            .flatten())
    }

    /// Takes over what an interrupted run of URLs has recorded, if this row shows that it was the
    /// same.
    fn take_over_rows(&self, row: u64, key: &RequestKey, url: &str) -> Result<(), Error> {
        let same = {
            let mut left = lock(&self.left);
            left.mark_requested(key.hash, url);
            match self.dir {
                StateDir::RemoveWhenDone => left.rows_like(row, key.hash, url),
                // What a run of lists records is only of its lists.
                StateDir::Keep => Vec::new(),
            }
        };
        for earlier in same {
            self.write(&mut [], Progress::default())?;
            self.query(|store| store.take_over(&earlier))?;
            self.knows.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Returns whether a file belongs to a row with another URL or, if `key` is given, with another
    /// key.
    ///
    /// # Errors
    /// As [`recall`](Self::recall).
    pub(crate) fn belongs_to_other_row(
        &self,
        path: &str,
        key: Option<&RequestKey>,
        url: &str,
    ) -> Result<bool, Error> {
        if self.access == Access::Read {
            return Ok(false);
        }
        let request_hash = key.map(|key| key.hash);
        if self.knows.load(Ordering::Acquire)
            && self.query(|store| store.belongs_to_other_row(path, request_hash, url))?
                == Some(true)
        {
            return Ok(true);
        }
        let lists = self.query_lists(|lists| lists.belongs_to_other_row(path, request_hash, url));
        Ok(lists == Some(true))
    }
}
