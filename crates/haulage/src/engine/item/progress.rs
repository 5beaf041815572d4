//! What has been received of an item's file so far.

use std::sync::Arc;

use crate::write::{Assembly, Seen};

/// What has been received of an item's file.
#[derive(Default)]
pub(crate) struct Progress {
    /// The part that the next request can resume; `None` if there is none.
    pub(crate) partial: Option<Arc<Assembly>>,
    /// Whether the next request asks for the whole file even if there is a part: the server has
    /// refused ranges.
    pub(crate) ignores_partial: bool,
    /// The most segments at once, as its servers have shown; `None` if not known.
    pub(crate) max_segments: Option<usize>,
    /// Bytes that the last request did not ask for, since they had been received before.
    pub(crate) resumed: u64,
    /// How many responses to requests for the rest delivered very few bytes.
    pub(crate) short_responses: u32,
    /// Why received bytes were discarded; `None` if none were.
    pub(crate) restart_reason: Option<Box<str>>,
    /// The damaged file at its name that it replaces, if that is still the same; `None` if there is
    /// none.
    pub(crate) repairs: Option<Box<Seen>>,
    /// How often damaged pieces of it were fetched again.
    pub(crate) rounds_of_pieces: u32,
    /// Numbers of the item's URLs that have contributed to damaged pieces. From then on one URL at
    /// a time is requested.
    pub(crate) damaging_sources: Vec<usize>,
    /// Numbers of the item's URLs that have contributed to a file with a wrong checksum. From then
    /// on bytes of different URLs are not joined.
    pub(crate) untrusted_sources: Vec<usize>,
}

impl Progress {
    /// Returns whether several of the item's URLs have brought what is there.
    pub(crate) fn is_mixed(&self) -> bool {
        let partial = self.partial.as_ref();
        partial.is_some_and(|partial| partial.sources().len() > 1)
    }
}
