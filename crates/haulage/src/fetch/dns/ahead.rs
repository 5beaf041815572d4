//! Chooses the names that are looked up ahead of time: those of hosts whose work waits for a slot,
//! in the order in which they were queued. Only a few look-ups run at once, and no more names are
//! looked up than will be needed while their answers are kept. Pure: time is a parameter.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::{KEPT, MAX_AT_ONCE};

/// Maximum look-ups ahead of time at once. The other threads are for names that a connection waits
/// for.
pub(super) const AT_ONCE: usize = MAX_AT_ONCE / 2;
/// Maximum names that were looked up and not needed yet.
pub(super) const UNUSED: usize = 64;
/// Maximum names that wait for a look-up ahead. Further ones are looked up when they are needed.
const WAITING: usize = 10_000;

/// Names that wait for a look-up ahead, or whose answer was not needed yet.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// In the order of their arrival; a name that is no longer in `listed` is skipped.
    order: VecDeque<Arc<str>>,
    listed: HashSet<Arc<str>>,
    /// Names that were looked up and not needed yet, and the time of the look-up.
    unused: HashMap<Arc<str>, Instant>,
    /// Number of look-ups ahead in progress.
    under_way: usize,
}

impl Ahead {
    /// Adds a name that will be asked for.
    pub(super) fn add(&mut self, name: &str) {
        if self.order.len() >= WAITING || self.listed.contains(name) {
            return;
        }
        let name: Arc<str> = name.into();
        self.listed.insert(Arc::clone(&name));
        self.order.push_back(name);
    }

    /// Notes that a connection asks for a name: it is not looked up ahead any more.
    pub(super) fn needed(&mut self, name: &str) {
        self.listed.remove(name);
        self.unused.remove(name);
    }

    /// Returns whether another look-up may begin.
    pub(super) fn may_begin(&mut self, now: Instant) -> bool {
        while self
            .order
            .front()
            .is_some_and(|name| !self.listed.contains(name))
        {
            self.order.pop_front();
        }
        if self.order.is_empty() || self.under_way >= AT_ONCE {
            return false;
        }
        if self.unused.len() >= UNUSED {
            // Their rows may have ended without a request, for instance when their host was given
            // up.
            self.unused.retain(|_, since| now < *since + KEPT);
        }
        self.unused.len() < UNUSED
    }

    /// Begins a look-up: returns its name, or `None` if there is none to be looked up now.
    pub(super) fn begin(&mut self, now: Instant) -> Option<Arc<str>> {
        if !self.may_begin(now) {
            return None;
        }
        let name = self.order.pop_front()?;
        self.listed.remove(&name);
        self.unused.insert(Arc::clone(&name), now);
        self.under_way += 1;
        Some(name)
    }

    /// Forgets the names that wait: nobody needs them any more.
    pub(super) fn forget(&mut self) {
        self.order.clear();
        self.listed.clear();
    }

    /// Notes that a look-up has ended.
    pub(super) fn ended(&mut self) {
        self.under_way -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: usize) -> Ahead {
        let mut ahead = Ahead::default();
        for number in 0..count {
            ahead.add(&number.to_string());
        }
        ahead
    }

    #[test]
    fn a_few_look_ups_go_at_once_in_order() {
        let (mut ahead, now) = (of(10), Instant::now());
        for number in 0..AT_ONCE {
            assert_eq!(ahead.begin(now).as_deref(), Some(&*number.to_string()));
        }
        assert_eq!(ahead.begin(now), None);
        ahead.ended();
        assert_eq!(ahead.begin(now).as_deref(), Some(&*AT_ONCE.to_string()));
    }

    #[test]
    fn a_needed_name_is_not_looked_up_ahead() {
        let (mut ahead, now) = (of(2), Instant::now());
        ahead.needed("0");
        assert_eq!(ahead.begin(now).as_deref(), Some("1"));
        assert_eq!(ahead.begin(now), None);
        assert!(ahead.order.is_empty() && ahead.listed.is_empty());
    }

    #[test]
    fn forgotten_names_are_not_looked_up() {
        let (mut ahead, now) = (of(9), Instant::now());
        assert!(ahead.begin(now).is_some());
        ahead.forget();
        ahead.ended();
        assert_eq!(ahead.begin(now), None);
    }

    #[test]
    fn a_name_is_listed_once() {
        let mut ahead = of(3);
        ahead.add("1");
        assert_eq!(ahead.order.len(), 3);
    }

    #[test]
    fn unused_answers_hold_back_further_look_ups() {
        let (mut ahead, now) = (of(UNUSED + 3), Instant::now());
        for _ in 0..UNUSED {
            assert!(ahead.begin(now).is_some());
            ahead.ended();
        }
        assert_eq!(ahead.begin(now), None);
        ahead.needed("0");
        assert!(ahead.begin(now).is_some());
        ahead.ended();
        assert_eq!(ahead.begin(now), None);
        // Answers that were not needed are no longer kept by then.
        assert!(ahead.begin(now + KEPT).is_some());
    }

    #[test]
    fn no_more_names_wait_than_there_is_room_for() {
        let ahead = of(WAITING + 1);
        assert_eq!((ahead.order.len(), ahead.listed.len()), (WAITING, WAITING));
    }
}
