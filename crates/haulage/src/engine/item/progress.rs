//! What has been brought of an item's file so far.

use std::sync::Arc;

use crate::write::Assembly;

/// What has been brought of an item's file.
#[derive(Default)]
pub(crate) struct Progress {
    /// The part with which the next request can go on; `None` if there is none.
    pub(crate) partial: Option<Arc<Assembly>>,
    /// The next request asks for the whole file even if a part is there: the server has refused
    /// ranges.
    pub(crate) ignores_partial: bool,
    /// How many connections may bring the file at once, where its server has shown that.
    pub(crate) max_segments: Option<usize>,
    /// Bytes that were there already, so that the last request did not ask for them.
    pub(crate) resumed: u64,
    /// How many responses with the rest of the file brought very little of it.
    pub(crate) short_responses: u32,
    /// Why what had been brought was discarded; `None` if nothing was.
    pub(crate) restart_reason: Option<Box<str>>,
    /// Which of the item's URLs have contributed to a file with a wrong checksum. From then on the
    /// bytes of one URL are not joined to those of another.
    pub(crate) untrusted_sources: Vec<usize>,
}

impl Progress {
    /// Returns whether several of the item's URLs have brought what is there.
    pub(crate) fn is_mixed(&self) -> bool {
        let partial = self.partial.as_ref();
        partial.is_some_and(|partial| partial.sources().len() > 1)
    }
}
