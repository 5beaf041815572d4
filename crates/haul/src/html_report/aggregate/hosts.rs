//! Counts of items by host.

use std::cmp::Reverse;
use std::collections::HashMap;

use haulage::Outcome;

/// The most hosts that are told apart. Items of further ones are counted together.
const MAX_HOSTS: usize = 10_000;

/// Counts of items, for the hosts that came first.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    counts: HashMap<Box<str>, HostCount>,
    /// The items of all other hosts.
    others: HostCount,
}

/// The items of a host.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostCount {
    pub(crate) rows: u64,
    pub(crate) failed: u64,
    /// Of the files that are there, in bytes.
    pub(crate) size: u64,
}

impl Hosts {
    pub(super) fn add(&mut self, host: &str, outcome: &Outcome) {
        let has_room = self.counts.len() < MAX_HOSTS;
        let count = match self.counts.get_mut(host) {
            Some(count) => count,
            None if has_room => self.counts.entry(host.into()).or_default(),
            None => &mut self.others,
        };
        count.rows += 1;
        count.failed += u64::from(outcome.error().is_some());
        count.size += outcome.bytes;
    }

    /// Returns how many hosts are told apart.
    pub(crate) fn count(&self) -> usize {
        self.counts.len()
    }

    /// Returns the items of hosts that are not told apart.
    pub(crate) fn others(&self) -> HostCount {
        self.others
    }

    /// Returns the hosts with the most items, at most `most` of them.
    pub(crate) fn largest(&self, most: usize) -> Vec<(&str, HostCount)> {
        let counts = self.counts.iter();
        let mut hosts: Vec<_> = counts.map(|(host, count)| (&**host, *count)).collect();
        hosts.sort_unstable_by_key(|(host, count)| (Reverse(count.rows), *host));
        hosts.truncate(most);
        hosts
    }
}
