//! What a run finds recorded in its database when it begins.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use super::damaged::Warnings;
use super::{unreadable, unwritable};
use crate::error::Error;
use crate::state::damage::is_damage;
use crate::state::parts::Unfinished;
use crate::state::store::{Access, Store};
use crate::write::LastingParts;

/// What earlier runs have recorded, when a run begins.
pub(super) struct Earlier {
    pub(super) store: Option<Store>,
    unfinished: Vec<Unfinished>,
    /// The numbers of all parts that are recorded.
    parts: Vec<u64>,
    /// The database has rows.
    pub(super) knows: bool,
}

impl Earlier {
    /// Reads what earlier runs have recorded in the database at this path.
    ///
    /// # Errors
    /// Of kind `disk`, when there is a database that cannot be used.
    pub(super) fn read(path: &Path, access: Access, warnings: &Warnings) -> Result<Self, Error> {
        let nothing = || Self {
            store: None,
            unfinished: Vec::new(),
            parts: Vec::new(),
            knows: false,
        };
        match path.symlink_metadata() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(nothing()),
            Err(error) => {
                return Err(Error::disk(
                    &format!("cannot use {}", path.display()),
                    error,
                ));
            }
        }
        let read = match Store::open(path, access) {
            Err(unfit) if unfit.is_damage(path) => None,
            Err(unfit) => return Err(unfit.into_error(path)),
            Ok(store) => match Self::of(store) {
                Err(error) if is_damage(&error) => None,
                read => Some(read.map_err(unreadable)?),
            },
        };
        if let Some(read) = read {
            return Ok(read);
        }
        // A run that only plans renames nothing.
        if access != Access::Read {
            warnings.rename_damaged(path)?;
        }
        Ok(nothing())
    }

    fn of(store: Store) -> rusqlite::Result<Self> {
        Ok(Self {
            unfinished: store.unfinished()?,
            parts: store.parts()?,
            knows: !store.is_empty()?,
            store: Some(store),
        })
    }

    /// Returns the parts that earlier runs have left and whose files still exist, by what their
    /// rows ask for. All other parts are removed, and forgotten in the database.
    pub(super) fn unfinished(
        &mut self,
        lasting: Option<&dyn LastingParts>,
    ) -> Result<HashMap<i64, Unfinished>, Error> {
        let mut recorded = std::mem::take(&mut self.unfinished);
        let parts: Vec<_> = recorded
            .iter()
            .map(|part| (part.number, part.end()))
            .collect();
        let kept: HashSet<u64> = lasting
            .map_or_else(|| Ok(Vec::new()), |lasting| lasting.adopt(&parts))
            .map_err(|cause| Error::disk("cannot look through what an earlier run left", cause))?
            .into_iter()
            .collect();
        recorded.retain(|part| kept.contains(&part.number));
        if let Some(store) = &mut self.store {
            let is_gone = |part: &u64| !kept.contains(part);
            let gone: Vec<_> = self.parts.drain(..).filter(is_gone).collect();
            if !gone.is_empty() {
                store.forget_parts(&gone).map_err(unwritable)?;
            }
        }
        let of_ask = recorded
            .into_iter()
            .map(|part| (part.owner.request_hash, part));
        Ok(of_ask.collect())
    }
}
