//! Counts the failures of a run by reason and host, and says in one line which there were. Memory
//! is bounded, however many hosts there are.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;

use haulage::{Error, ErrorKind, Outcome};

use crate::explain;

/// Maximum pairs of a reason and a host that are told apart.
const MAX_PAIRS: usize = 1000;
/// Maximum length of a host that is kept, in bytes.
const MAX_HOST_BYTES: usize = 255;
/// Maximum groups that are named.
const MAX_NAMED: usize = 4;
/// A host has a group of its own if at least one failure in this number is there.
const WORTH_NAMING: u64 = 10;

/// Why items failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Reason {
    /// The HTTP status that a server answered with.
    Status(u16),
    Kind(ErrorKind),
}

/// The failures for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Failures {
    /// How many there were at each host.
    hosts: HashMap<Box<str>, u64>,
    /// How many there were at hosts that are not told apart.
    elsewhere: u64,
    /// How many there were that are not about a host.
    here: u64,
}

/// Failures by reason and host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FailureGroups {
    reasons: HashMap<Reason, Failures>,
    /// Number of pairs of a reason and a host.
    pairs: usize,
    total: u64,
}

impl FailureGroups {
    /// Counts an item that failed.
    pub(crate) fn add(&mut self, outcome: &Outcome, error: &Error) {
        // Of a failure that an earlier run has recorded, only the outcome has the status.
        let status = error.http_status().or(outcome.http_status);
        let reason = match status.filter(|_| error.kind() == ErrorKind::Http) {
            Some(status) => Reason::Status(status),
            None => Reason::Kind(error.kind()),
        };
        // A status is that of the last response; for other errors, it is not known which host is at
        // fault.
        let url = match reason {
            Reason::Status(_) => outcome.final_url.as_deref().unwrap_or(&outcome.url),
            Reason::Kind(_) => &outcome.url,
        };
        self.count(reason, host(url));
    }

    fn count(&mut self, reason: Reason, host: Option<&str>) {
        self.total += 1;
        let failures = self.reasons.entry(reason).or_default();
        let Some(host) = host.filter(|_| reason.is_of_a_host()) else {
            failures.here += 1;
            return;
        };
        let host = &host[..host.floor_char_boundary(MAX_HOST_BYTES)];
        if let Some(count) = failures.hosts.get_mut(host) {
            *count += 1;
        } else if self.pairs < MAX_PAIRS {
            self.pairs += 1;
            failures.hosts.insert(host.into(), 1);
        } else {
            failures.elsewhere += 1;
        }
    }

    /// Returns lines that say what failed most, and where more is said about it; none if nothing
    /// failed. A single failure has been told already.
    pub(crate) fn lines(&self) -> Vec<String> {
        let groups = (self.total > 1).then(|| self.to_string());
        let topic = self
            .topic()
            .map(|topic| format!("haul explain {topic} says more"));
        groups.into_iter().chain(topic).collect()
    }

    /// Returns what `haul explain` calls the most frequent reason; `None` if nothing failed.
    fn topic(&self) -> Option<String> {
        let reasons = self.reasons.iter();
        let most = reasons
            .min_by_key(|(reason, failures)| (Reverse(failures.total()), reason.to_string()));
        most.map(|(reason, _)| match reason {
            Reason::Status(status) if explain::of_status(*status).is_none() => {
                ErrorKind::Http.to_string()
            }
            reason => reason.to_string(),
        })
    }

    /// Returns groups of failures, the largest first: how many there are, and where.
    fn groups(&self) -> Vec<(u64, String)> {
        let reasons = self.reasons.iter();
        let mut groups: Vec<_> = reasons
            .flat_map(|(reason, failures)| failures.groups(*reason, self.total / WORTH_NAMING))
            .collect();
        groups.sort_by(|(one, here), (other, there)| other.cmp(one).then_with(|| here.cmp(there)));
        groups
    }
}

/// `312 failed: 300 × 404 on a.example, 12 × timeout on b.example, … and 3 others`.
impl fmt::Display for FailureGroups {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} failed", self.total)?;
        let groups = self.groups();
        let mut rest = self.total;
        for (at, (count, what)) in groups.iter().take(MAX_NAMED).enumerate() {
            let separator = if at == 0 { ":" } else { "," };
            write!(formatter, "{separator} {count} × {what}")?;
            rest -= count;
        }
        match rest {
            0 => Ok(()),
            1 => formatter.write_str(", … and 1 other"),
            _ => write!(formatter, ", … and {rest} others"),
        }
    }
}

impl Failures {
    fn total(&self) -> u64 {
        self.hosts.values().sum::<u64>() + self.elsewhere + self.here
    }

    /// Returns a group for each host with more than `few` failures, and one for all others.
    fn groups(&self, reason: Reason, few: u64) -> Vec<(u64, String)> {
        let (mut named, mut others): (Vec<_>, Vec<_>) =
            self.hosts.iter().partition(|(_, count)| **count > few);
        if others.len() == 1 && self.elsewhere == 0 {
            named.append(&mut others);
        }
        let other = if named.is_empty() { "" } else { "other " };
        let place = match others.len() {
            // More than are counted.
            _ if self.elsewhere > 0 => "other hosts".to_owned(),
            hosts => format!("{hosts} {other}hosts"),
        };
        let in_others = others.iter().map(|(_, count)| **count).sum::<u64>() + self.elsewhere;
        let named = named
            .into_iter()
            .map(|(host, count)| (*count, format!("{reason} on {host}")));
        named
            .chain([
                (in_others, format!("{reason} on {place}")),
                (self.here, reason.to_string()),
            ])
            .filter(|(count, _)| *count > 0)
            .collect()
    }
}

impl Reason {
    /// Returns whether it tells something about a host, and not about a row or this machine.
    fn is_of_a_host(self) -> bool {
        !matches!(
            self,
            Self::Kind(
                ErrorKind::Input
                    | ErrorKind::Name
                    | ErrorKind::Disk
                    | ErrorKind::Exists
                    | ErrorKind::Command
            )
        )
    }
}

/// The status, or the name of the kind.
impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => status.fmt(formatter),
            Self::Kind(kind) => kind.fmt(formatter),
        }
    }
}

/// Returns the host and the port of a URL; `None` if the text is not one.
fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.split(['/', '?', '#']).next()
}

#[cfg(test)]
mod tests;
