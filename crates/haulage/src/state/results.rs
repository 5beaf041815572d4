//! The outcomes of all rows, as they are recorded in a destination.

use std::path::Path;

use super::damage;
use super::record::Record;
use super::store::{Store, newest};
use crate::error::{Error, ErrorKind};
use crate::outcome::Outcome;
use crate::write::state_in;

/// Number of rows that are read at once.
const CHUNK: usize = 1024;

/// Returns the recorded outcomes of a destination, list by list, in the order of their rows.
///
/// # Errors
/// Of kind `input`, when nothing is recorded there; of kind `disk`, when it cannot be read.
pub fn results(directory: impl AsRef<Path>) -> Result<Results, Error> {
    Ok(Results {
        store: open(directory.as_ref())?,
        read: Vec::new().into_iter(),
        last: (i64::MIN, i64::MIN),
        only: None,
        over: false,
    })
}

/// Returns the recorded outcomes of one list of a destination, in the order of its rows; none if
/// the list is not recorded there.
///
/// # Errors
/// As [`results`].
pub fn results_of(directory: impl AsRef<Path>, input: &str) -> Result<Results, Error> {
    let store = open(directory.as_ref())?;
    let list = newest(&store.connection, input)
        .map_err(|cause| damage::failed("cannot read what was recorded", cause))?;
    Ok(Results {
        store,
        read: Vec::new().into_iter(),
        last: (list.unwrap_or_default(), i64::MIN),
        only: list,
        over: list.is_none(),
    })
}

/// Opens what is recorded in a destination, to read it.
///
/// # Errors
/// Of kind `input`, when nothing is recorded there; of kind `disk`, when it cannot be read.
pub(super) fn open(directory: &Path) -> Result<Store, Error> {
    let path = state_in(directory).ok().filter(|path| path.is_file());
    let path = path.ok_or_else(|| {
        let shown = directory.display();
        let message = if directory.is_dir() {
            format!("nothing is recorded in {shown}: no list was downloaded to it")
        } else if directory.exists() {
            format!("{shown} is not a folder; give the folder that a list was downloaded to")
        } else {
            format!("there is no folder {shown}; give the folder that a list was downloaded to")
        };
        Error::new(ErrorKind::Input, message)
    })?;
    Store::open_to_read(&path)
}

/// The recorded outcomes of a destination; see [`results`].
pub struct Results {
    store: Store,
    read: std::vec::IntoIter<(i64, Record)>,
    last: (i64, i64),
    /// The number of the one list that is wanted; `None` if all are.
    only: Option<i64>,
    over: bool,
}

impl Iterator for Results {
    type Item = Result<Outcome, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((list, record)) = self.read.next() {
                if self.only.is_some_and(|only| only != list) {
                    (self.over, self.read) = (true, Vec::new().into_iter());
                    return None;
                }
                self.last = (list, i64::try_from(record.row).unwrap_or(i64::MAX));
                return Some(Ok(record.into_outcome()));
            }
            if self.over {
                return None;
            }
            match self.store.records(self.last, CHUNK) {
                Ok(read) => {
                    self.over = read.len() < CHUNK;
                    self.read = read.into_iter();
                }
                Err(cause) => {
                    self.over = true;
                    return Some(Err(damage::failed("cannot read what was recorded", cause)));
                }
            }
        }
    }
}

impl std::fmt::Debug for Results {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Results").finish_non_exhaustive()
    }
}
