//! Limits the sum of the windows of all HTTP/2 connections of an engine: the bytes that servers may
//! have sent and that no lane has taken yet. So memory is bounded when the disk is slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes for all connections, besides the `LEAST` of each.
const TOTAL: u32 = 64 << 20;
/// A connection gets at most one `PART`th of what is left, so that the next one gets some too.
const PART: u32 = 4;
/// Bytes that every connection gets in any case.
pub(super) const LEAST: u32 = 1 << 20;

/// The bytes that are left for the connections of an engine.
#[derive(Debug)]
pub(crate) struct Budget {
    left: AtomicU32,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            left: AtomicU32::new(TOTAL),
        }
    }
}

/// A connection's share of the budget. It is given back when the connection ends.
#[derive(Debug)]
pub(super) struct BudgetShare {
    budget: Arc<Budget>,
    /// Bytes beyond `LEAST`.
    more: u32,
}

impl BudgetShare {
    /// Takes this many bytes of the budget, or as many as one connection may have.
    pub(super) fn new(budget: Arc<Budget>, wanted: u32) -> Self {
        let mut share = Self { budget, more: 0 };
        share.resize(wanted);
        share
    }

    /// Returns how many bytes it has.
    pub(super) fn bytes(&self) -> u32 {
        LEAST + self.more
    }

    /// Takes more of the budget, as far as that is left, or gives some back.
    pub(super) fn resize(&mut self, wanted: u32) {
        let left = &self.budget.left;
        let wanted = wanted.saturating_sub(LEAST);
        if wanted <= self.more {
            left.fetch_add(self.more - wanted, Ordering::Relaxed);
            self.more = wanted;
            return;
        }
        let missing = wanted - self.more;
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            Some(left - missing.min(left / PART))
        });
        if let Ok(before) = taken {
            self.more += missing.min(before / PART);
        }
    }
}

impl Drop for BudgetShare {
    fn drop(&mut self) {
        self.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_many_connections_are_bounded_together() {
        let budget = Arc::default();
        let shares: Vec<_> = (0..100)
            .map(|_| BudgetShare::new(Arc::clone(&budget), 16 << 20))
            .collect();
        assert_eq!(shares[0].bytes(), 16 << 20);
        assert!(shares[1].bytes() >= 8 << 20);
        let all: u64 = shares.iter().map(|share| u64::from(share.bytes())).sum();
        assert!(all <= u64::from(TOTAL) + 100 * u64::from(LEAST));
        drop(shares);
        assert_eq!(budget.left.load(Ordering::Relaxed), TOTAL);
    }

    #[test]
    fn share_that_shrinks_leaves_more_to_others() {
        let budget = Arc::default();
        let mut share = BudgetShare::new(Arc::clone(&budget), 16 << 20);
        share.resize(4 << 20);
        assert_eq!(share.bytes(), 4 << 20);
        assert_eq!(budget.left.load(Ordering::Relaxed), TOTAL - (3 << 20));
        share.resize(u32::MAX);
        assert!(share.bytes() <= 32 << 20);
    }
}
