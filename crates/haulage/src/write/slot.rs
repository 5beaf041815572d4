//! Where a response writes in a part that others may write to: its segment, which ends earlier when
//! others claim some of its bytes, and later when they release them.

use std::sync::Arc;

use super::assembly::Assembly;
use super::segment::Segment;

/// Where a body goes in a part that others may write to.
#[derive(Debug, Clone)]
pub(crate) struct SegmentSlot {
    pub(crate) assembly: Arc<Assembly>,
    pub(crate) segment: Arc<Segment>,
}

impl SegmentSlot {
    /// Extends the segment as far as needed and possible, and returns how many of `bytes` bytes,
    /// the first of which is for offset `at`, may be written to it. If that is fewer, none of the
    /// bytes that follow may be written either.
    pub(crate) fn admit(&self, at: u64, bytes: u64) -> u64 {
        let mut end = self.segment.end();
        while end < at + bytes {
            match self.assembly.extend(&self.segment) {
                Some(later) => end = later,
                None => return end.saturating_sub(at),
            }
        }
        bytes
    }

    /// Returns whether its response is still of use: its segment is not complete, or, where it is
    /// silent, nobody has a response for its rest yet. Extends the segment if it is at its end.
    pub(crate) fn is_needed(&self) -> bool {
        self.segment.is_silent() && !self.assembly.has_successor(&self.segment) || self.try_extend()
    }

    /// Extends the segment if it is at its end. Returns whether anything is still to come.
    pub(crate) fn try_extend(&self) -> bool {
        !self.segment.missing().is_empty() || self.assembly.extend(&self.segment).is_some()
    }
}
