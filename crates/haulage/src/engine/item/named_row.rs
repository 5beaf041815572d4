//! A row that has its name, before anything is requested for it.

use super::Item;
use crate::outcome::Renamed;
use crate::plan::name::TargetName;
use crate::plan::registry::Key;
use crate::request::Request;

/// A row that has its name, and of which no request has been sent.
pub(crate) struct NamedRow {
    /// Its number.
    pub(crate) row: u64,
    pub(crate) request: Request,
    /// The name of its file.
    pub(crate) target: TargetName,
    /// Identifies the name among those of the run.
    pub(crate) key: Key,
    /// Why its name is not the one that was wanted; `None` if it is.
    pub(crate) renamed: Option<Renamed>,
}

impl NamedRow {
    /// Returns the item that the row becomes.
    pub(crate) fn into_item(self) -> Box<Item> {
        let mut item = Item::new(self.row, self.request, self.target, self.key);
        item.renamed = self.renamed;
        item
    }
}
