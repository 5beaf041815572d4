//! The place of a body in a part that others may write to: which bytes it may still write, while
//! others take some of them, or leave them.

use std::sync::Arc;

use super::assembly::Assembly;
use super::stretch::Stretch;

/// Where a body goes in a part that others may write to.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(super) assembly: Arc<Assembly>,
    pub(crate) stretch: Arc<Stretch>,
}

impl Place {
    /// Returns how many of `bytes` bytes, the first of which is for offset `at`, may be written
    /// here. If that is fewer, none of the bytes that follow may be written either.
    pub(super) fn takes(&self, at: u64, bytes: u64) -> u64 {
        let mut end = self.stretch.end();
        while end < at + bytes {
            match self.assembly.goes_on(&self.stretch) {
                Some(later) => end = later,
                None => return end.saturating_sub(at),
            }
        }
        bytes
    }

    /// Returns whether there is anything left to write.
    pub(crate) fn takes_more(&self) -> bool {
        self.stretch.left() > 0 || self.assembly.goes_on(&self.stretch).is_some()
    }
}
