//! Counts of failures by kind and host, each with an example.

use std::cmp::Reverse;
use std::collections::HashMap;

use haulage::Outcome;

/// The most groups that are told apart. Further ones are counted by their kinds.
const MAX_GROUPS: usize = 2000;
/// Stands for the hosts that are not told apart.
const OTHER_HOSTS: &str = "(other hosts)";
/// The longest text of an example, in bytes.
const MAX_TEXT: usize = 500;

/// Failures by kind and host.
#[derive(Debug, Default)]
pub(crate) struct ErrorGroups {
    groups: HashMap<&'static str, HashMap<Box<str>, ErrorGroup>>,
    count: usize,
}

/// The failures of one kind at one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErrorGroup {
    pub(crate) count: u64,
    /// The URL and the message of the first one.
    pub(crate) url: Box<str>,
    pub(crate) message: Box<str>,
}

impl ErrorGroups {
    pub(super) fn add(&mut self, kind: &'static str, host: &str, outcome: &Outcome) {
        let of_kind = self.groups.entry(kind).or_default();
        if let Some(group) = of_kind.get_mut(host) {
            group.count += 1;
            return;
        }
        let host = if self.count < MAX_GROUPS {
            self.count += 1;
            host
        } else {
            OTHER_HOSTS
        };
        let group = of_kind.entry(host.into()).or_insert_with(|| ErrorGroup {
            count: 0,
            url: start(&outcome.url, MAX_TEXT).into(),
            message: outcome
                .error()
                .map(|error| start(&error.to_string(), MAX_TEXT).into())
                .unwrap_or_default(),
        });
        group.count += 1;
    }

    /// Returns how many groups there are.
    pub(crate) fn count(&self) -> usize {
        self.groups.values().map(HashMap::len).sum()
    }

    /// Returns the largest groups with their kinds and hosts, at most `most` of them.
    pub(crate) fn largest(&self, most: usize) -> Vec<(&'static str, &str, &ErrorGroup)> {
        let kinds = self.groups.iter();
        let groups = kinds.flat_map(|(kind, hosts)| {
            let hosts = hosts.iter();
            hosts.map(|(host, group)| (*kind, &**host, group))
        });
        let mut groups: Vec<_> = groups.collect();
        groups.sort_unstable_by_key(|(kind, host, group)| (Reverse(group.count), *kind, *host));
        groups.truncate(most);
        groups
    }
}

/// Returns the start of a text, at most this many bytes, cut between characters.
pub(super) fn start(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
