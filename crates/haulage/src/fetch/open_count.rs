//! Counts open connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many connections to servers and proxies are open.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenCount(Arc<AtomicUsize>);

/// Counts one open connection until it is dropped.
#[derive(Debug)]
pub(crate) struct Opened(OpenCount);

impl OpenCount {
    /// Counts one more, for as long as the returned value exists.
    pub(crate) fn opened(&self) -> Opened {
        self.0.fetch_add(1, Ordering::Relaxed);
        Opened(self.clone())
    }

    /// Returns how many are open.
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_is_counted_until_it_is_dropped() {
        let count = OpenCount::default();
        let (first, second) = (count.opened(), count.opened());
        assert_eq!(count.get(), 2);
        drop(first);
        assert_eq!(count.get(), 1);
        drop(second);
        assert_eq!(count.get(), 0);
    }
}
