//! The idle lanes of a host. Those with an open connection are used first.

/// Idle lanes, of type `L`.
#[derive(Debug)]
pub(super) struct IdleLanes<L> {
    /// First those without a connection; then those whose connection is open, with the one that
    /// was used last at the end.
    lanes: Vec<L>,
    /// How many have no connection.
    closed: usize,
}

impl<L> Default for IdleLanes<L> {
    fn default() -> Self {
        Self {
            lanes: Vec::new(),
            closed: 0,
        }
    }
}

impl<L> IdleLanes<L> {
    /// Adds a lane that has had an answer; `is_open` says whether its connection is open.
    pub(super) fn push(&mut self, lane: L, is_open: bool) {
        if is_open {
            self.lanes.push(lane);
        } else {
            self.lanes.insert(0, lane);
            self.closed += 1;
        }
    }

    /// Adds a lane that has connected ahead of its work. Those that have had answers are quicker.
    pub(super) fn push_unused(&mut self, lane: L) {
        self.lanes.insert(self.closed, lane);
    }

    /// Takes the lane that is best for work; `None` if there is none.
    pub(super) fn pop(&mut self) -> Option<L> {
        let lane = self.lanes.pop();
        self.closed = self.closed.min(self.lanes.len());
        lane
    }

    /// Removes a lane. Returns `false` if it is not here.
    pub(super) fn remove(&mut self, lane: &L) -> bool
    where
        L: PartialEq,
    {
        let Some(at) = self.lanes.iter().position(|idle| idle == lane) else {
            return false;
        };
        self.lanes.remove(at);
        self.closed -= usize::from(at < self.closed);
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Returns whether one of them has an open connection.
    pub(super) fn have_open(&self) -> bool {
        self.lanes.len() > self.closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_connections_are_used_first_and_the_last_one_before_others() {
        let mut idle = IdleLanes::default();
        idle.push(1, true);
        idle.push(2, false);
        idle.push(3, true);
        idle.push_unused(4);
        assert!(idle.have_open());
        let order: Vec<i32> = std::iter::from_fn(|| idle.pop()).collect();
        assert_eq!(order, [3, 1, 4, 2]);
        assert!(idle.is_empty() && !idle.have_open());
    }

    #[test]
    fn lanes_without_a_connection_are_counted_as_they_leave() {
        let mut idle = IdleLanes::default();
        for (lane, is_open) in [(1, false), (2, false), (3, true)] {
            idle.push(lane, is_open);
        }
        assert!(idle.remove(&1) && !idle.remove(&1));
        assert_eq!(idle.pop(), Some(3));
        assert!(!idle.have_open() && !idle.is_empty());
        assert_eq!(idle.pop(), Some(2));
        idle.push(5, true);
        assert!(idle.have_open());
    }
}
