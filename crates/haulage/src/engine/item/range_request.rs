//! Requests for a missing range of a partial file: the header fields that ask for it, as long as
//! the file is the same.

use std::sync::Arc;

use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, IF_RANGE, RANGE};

use super::Item;
use crate::plan::content_range::RequestedRange;
use crate::plan::resume::{self, Identity};
use crate::write::Assembly;

/// A request for the rest of a file.
pub(crate) struct RangeRequest {
    pub(crate) partial: Arc<Assembly>,
    /// The identity of the file, as the requested server can know it.
    pub(crate) identity: Identity,
    pub(crate) asked: RequestedRange,
}

impl RangeRequest {
    /// Adds the header fields that ask for the rest, as long as the file is the same.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        add_range(self.asked, &self.identity, headers);
    }
}

/// Adds the header fields that ask for these bytes, as long as the file is the same (RFC 9110
/// §13.1.5, §14.2).
pub(crate) fn add_range(asked: RequestedRange, identity: &Identity, headers: &mut HeaderMap) {
    let validator = identity.validator.as_ref();
    let if_range = validator.and_then(|own| HeaderValue::from_str(own.if_range()).ok());
    headers.extend(asked.header().map(|range| (RANGE, range)));
    headers.extend(if_range.map(|if_range| (IF_RANGE, if_range)));
    // Ranges count encoded bytes (RFC 9110 §14.1.2).
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

impl Item {
    /// Returns the request for the rest of its file; `None` if nothing is there that the server
    /// which is asked next can go on with.
    pub(crate) fn range_request(&self) -> Option<RangeRequest> {
        let partial = self
            .progress
            .partial
            .as_ref()
            .filter(|_| !self.progress.ignores_partial)?;
        let identity = self.identity_here(partial)?;
        match identity.resume_plan(&partial.claimed()) {
            resume::ResumePlan::Rest(asked) => Some(RangeRequest {
                partial: Arc::clone(partial),
                identity,
                asked,
            }),
            resume::ResumePlan::Whole | resume::ResumePlan::Nothing => None,
        }
    }

    /// Returns the identity of what was brought, in the eyes of the server that is asked next;
    /// `None` if that must not go on with it.
    fn identity_here(&self, partial: &Assembly) -> Option<Identity> {
        let at = self.mirrors.at();
        let is_of_others = |(source, _): &(usize, u64)| *source != at;
        if !self.progress.untrusted_sources.is_empty() && partial.sources().iter().any(is_of_others)
        {
            return None;
        }
        partial.identity.seen_from(self.source(at).as_str())
    }
}
