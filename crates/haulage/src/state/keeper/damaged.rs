//! Renames a database that turns out to be damaged; the run continues without its contents.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock};

use super::{State, lock, unreadable, unwritable};
use crate::error::Error;
use crate::event::Warning;
use crate::state::damage::is_damage;
use crate::state::lists::Lists;
use crate::state::parts::Recorded;
use crate::state::store::Store;
use crate::write::{LastingParts, rename_damaged};

type Tell = Box<dyn Fn(Warning) + Send + Sync>;

/// Warnings about the state, kept until a receiver is set.
#[derive(Default)]
pub(super) struct Warnings {
    tell: OnceLock<Tell>,
    early: Mutex<Vec<Warning>>,
}

impl Warnings {
    pub(super) fn of(early: Vec<Warning>) -> Self {
        Self {
            early: Mutex::new(early),
            ..Self::default()
        }
    }

    /// Passes on the warnings so far, and from now on each one at once.
    pub(super) fn tell_to(&self, tell: impl Fn(Warning) + Send + Sync + 'static) {
        let mut early = lock(&self.early);
        early.drain(..).for_each(&tell);
        let _ = self.tell.set(Box::new(tell));
    }

    fn add(&self, warning: Warning) {
        let mut early = lock(&self.early);
        match self.tell.get() {
            Some(tell) => tell(warning),
            None => early.push(warning),
        }
    }

    /// Renames a damaged database, and warns about it.
    pub(super) fn rename_damaged(&self, database: &Path) -> Result<(), Error> {
        let kept = rename_damaged(database).map_err(|error| {
            let what = format!("{} is damaged and cannot be renamed", database.display());
            Error::disk(&what, error)
        })?;
        self.add(Warning::StateDamaged(kept));
        Ok(())
    }
}

/// Opens the database of lists, for a run that records none; `None` if it cannot be read, which is
/// no reason not to run.
pub(super) fn open_lists(
    path: &Path,
    lasting: Option<&dyn LastingParts>,
    warnings: &Warnings,
) -> Option<Lists> {
    match Lists::open(path) {
        Ok(lists) => return Some(lists),
        Err(unfit) if unfit.is_damage(path) => rename_damaged_lists(path, lasting, warnings),
        Err(_) => {}
    }
    None
}

/// Renames a damaged database of lists, unless another run is writing to it.
fn rename_damaged_lists(path: &Path, lasting: Option<&dyn LastingParts>, warnings: &Warnings) {
    let lock = lasting.map(LastingParts::lock_lists);
    if let Some(Ok(Some(_lock))) = lock {
        let _ = warnings.rename_damaged(path);
    }
}

impl State {
    /// Asks the database something; `None` if there is none, or none any more.
    pub(super) fn query<T>(
        &self,
        query: impl FnOnce(&mut Store) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Error> {
        let mut store = lock(&self.store);
        match store.as_mut().map(query).transpose() {
            Err(error) => {
                self.rename_damaged(&mut store, error).map_err(unreadable)?;
                Ok(None)
            }
            Ok(answer) => Ok(answer),
        }
    }

    /// Changes something in the database, if there is one.
    pub(super) fn change(
        &self,
        change: impl FnOnce(&mut Store) -> rusqlite::Result<()>,
    ) -> Result<(), Error> {
        let mut store = lock(&self.store);
        if let Some(Err(error)) = store.as_mut().map(change) {
            self.rename_damaged(&mut store, error).map_err(unwritable)?;
        }
        Ok(())
    }

    /// Asks the database of lists something; `None` if there is none to be asked.
    pub(super) fn query_lists<T>(
        &self,
        query: impl FnOnce(&mut Lists) -> rusqlite::Result<T>,
    ) -> Option<T> {
        let mut lists = lock(&self.lists);
        let answer = lists.as_mut().map(query)?.ok();
        if answer.is_none() {
            // A run that writes to it will find out whether it is damaged.
            *lists = None;
        }
        answer
    }

    /// Renames the database if a statement failed because it is damaged; returns any other error.
    pub(super) fn rename_damaged(
        &self,
        store: &mut Option<Store>,
        error: rusqlite::Error,
    ) -> Result<(), Failed> {
        if !is_damage(&error) {
            return Err(Failed::Statement(error));
        }
        // Closed before the file is renamed.
        *store = None;
        self.knows.store(false, Ordering::Release);
        self.is_renewed.store(true, Ordering::Release);
        *lock(&self.recorded) = Recorded::default();
        self.warnings
            .rename_damaged(&self.path)
            .map_err(Failed::Rename)
    }
}

/// Why a run cannot continue without its database.
pub(super) enum Failed {
    Statement(rusqlite::Error),
    Rename(Error),
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Statement(error)
    }
}
