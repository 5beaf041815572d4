//! A host in trouble: what follows for it, and for all that wait for it.

use std::time::Instant;

use super::core::Core;
use super::host_unavailable::HostUnavailable;
use super::item::Item;
use crate::error::Error;
use crate::schedule::HostId;

impl Core {
    /// A lane has seen its host in trouble: what follows for the host, and for all that wait for
    /// it. `overloaded`: when the request was sent which has shown that it has too much to do.
    /// `false` when it is given up.
    pub(super) fn host_failed(
        &self,
        host: HostId,
        overloaded: Option<Instant>,
        error: &Error,
    ) -> bool {
        let policy = &self.options.retry;
        let Some((key, waiting)) = self.dispatcher.on_failure(host, overloaded, error, policy)
        else {
            return true;
        };
        let why = HostUnavailable::in_trouble(error, policy.max_time);
        self.spill.give_up(&key, &why);
        for work in waiting {
            self.give_back(work, Some(&why));
        }
        false
    }

    /// An item waited for a host that is given up, for this reason.
    pub(super) fn failed_with_host(&self, item: Box<Item>, why: &HostUnavailable) {
        self.failed_for_good(item, why.error());
    }
}
