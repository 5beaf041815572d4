//! The items that took the longest.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use haulage::Outcome;

use super::errors::start;

/// How many items are kept.
const MAX_ITEMS: usize = 20;
/// The longest URL that is kept, in bytes.
const MAX_URL: usize = 500;

/// The items that took the longest.
#[derive(Debug, Default)]
pub(crate) struct Slowest {
    /// The shortest time of them is on top; of equal times, the one that came last.
    items: BinaryHeap<Reverse<(Duration, Reverse<u64>, SlowItem)>>,
}

/// An item that took long.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlowItem {
    pub(crate) url: Box<str>,
    pub(crate) time: Duration,
    pub(crate) bytes: u64,
    pub(crate) attempts: u32,
    pub(crate) status: &'static str,
}

impl Slowest {
    pub(super) fn add(&mut self, outcome: &Outcome) {
        let time = outcome.duration;
        if self.items.len() == MAX_ITEMS {
            let least = self.items.peek().map_or(Duration::ZERO, |least| least.0.0);
            if time <= least {
                return;
            }
            self.items.pop();
        }
        let item = SlowItem {
            url: start(&outcome.url, MAX_URL).into(),
            time,
            bytes: outcome.bytes,
            attempts: outcome.attempts,
            status: outcome.status.name(),
        };
        self.items.push(Reverse((time, Reverse(outcome.row), item)));
    }

    /// Returns them, the slowest one first.
    pub(crate) fn items(&self) -> Vec<&SlowItem> {
        let mut items: Vec<_> = self.items.iter().map(|Reverse(item)| item).collect();
        items.sort_unstable_by(|a, b| b.cmp(a));
        items.into_iter().map(|(_, _, item)| item).collect()
    }
}
