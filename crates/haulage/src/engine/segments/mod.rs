//! One file in several segments: a state machine that knows nothing of items, and the URLs that
//! segments are requested from.

pub(crate) mod download;
pub(crate) mod sources;
