//! The runs of a destination, as they are recorded.

use std::path::Path;

use super::damage;
use super::results::open;
use super::runs::{self, RecordedRun};
use crate::error::Error;

/// Returns the runs that are recorded in a destination, the first one first: the last twenty. It is
/// empty if all were of an older version, which recorded rows only.
///
/// # Errors
/// Of kind `input`, when nothing is recorded there; of kind `disk`, when it cannot be read.
pub fn recorded_runs(directory: impl AsRef<Path>) -> Result<Vec<RecordedRun>, Error> {
    let store = open(directory.as_ref())?;
    let runs = runs::all(&store.connection);
    runs.map_err(|cause| damage::failed("cannot read what was recorded", cause))
}
