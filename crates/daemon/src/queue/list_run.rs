//! A list that is one run of the engine, as the daemon remembers it.

use serde::{Deserialize, Serialize};

/// A list, and what has become of its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListRun {
    /// The options that were given for it: their names on the command line, and their values;
    /// `None` for a switch.
    pub(crate) options: Vec<(String, Option<String>)>,
    /// How many rows it has; `None` while that is not known.
    pub(crate) total: Option<u64>,
    /// How its rows have ended so far.
    pub(crate) counts: Counts,
    /// Most requests of it in flight at once; 0 leaves that to haul.
    #[serde(default)]
    pub(crate) connections: u16,
    /// Whether the next run tries all rows again that have failed.
    pub(crate) retries_failed: bool,
}

/// How many rows have ended, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Files that were downloaded.
    pub(crate) done: u64,
    /// Files that were there already.
    pub(crate) skipped: u64,
    pub(crate) failed: u64,
}

impl Counts {
    /// Returns how many rows have ended.
    pub(crate) fn ended(self) -> u64 {
        self.done + self.skipped + self.failed
    }
}
