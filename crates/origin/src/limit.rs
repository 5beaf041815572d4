//! Limits on the requests to a part of the origin, whatever the scripts there say.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::script::Script;

/// A limit of concurrent requests or of requests per second, and the response to those beyond it.
///
/// ```
/// use origin::{Limit, Origin, Script};
///
/// let origin = Origin::plain();
/// let busy = Script::status(429).header("retry-after", "1");
/// origin.limit("/many/", Limit::at_once(4, busy));
/// origin.limit("/", Limit::per_second(100, Script::status(503)));
/// ```
#[derive(Clone, Debug)]
pub struct Limit {
    most: Most,
    refusal: Arc<Script>,
}

#[derive(Clone, Copy, Debug)]
enum Most {
    AtOnce(usize),
    PerSecond(usize),
}

impl Limit {
    /// Returns a limit of `most` requests in flight (see
    /// [`Tally::in_flight`](crate::Tally::in_flight)). Those beyond it get the script `refusal`,
    /// and do not count themselves.
    #[must_use]
    pub fn at_once(most: usize, refusal: Script) -> Self {
        Self {
            most: Most::AtOnce(most),
            refusal: Arc::new(refusal),
        }
    }

    /// Returns a limit of `most` requests within any second. Those beyond it get the script
    /// `refusal`, and do not count themselves.
    #[must_use]
    pub fn per_second(most: usize, refusal: Script) -> Self {
        Self {
            most: Most::PerSecond(most),
            refusal: Arc::new(refusal),
        }
    }
}

/// The limits of one origin. They can be added while it runs.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    watched: Mutex<Vec<Watched>>,
}

#[derive(Debug)]
struct Watched {
    prefix: String,
    limit: Limit,
    in_flight: Arc<AtomicUsize>,
    /// The times of the requests admitted in the last second.
    admitted: VecDeque<Instant>,
}

/// Counts a request as in flight until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Permit {
    counted: Vec<Arc<AtomicUsize>>,
}

impl Limits {
    pub(crate) fn add(&self, prefix: &str, limit: Limit) {
        let watched = Watched {
            prefix: prefix.to_owned(),
            limit,
            in_flight: Arc::default(),
            admitted: VecDeque::new(),
        };
        self.watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(watched);
    }

    /// Admits a request for this path at this time, or says what it gets instead.
    pub(crate) fn admit(&self, path: &str, now: Instant) -> Result<Permit, Arc<Script>> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let concerned = |watched: &&mut Watched| path.starts_with(watched.prefix.as_str());
        for watched in watched.iter_mut().filter(concerned) {
            if watched.full(now) {
                return Err(Arc::clone(&watched.limit.refusal));
            }
        }
        let counted = watched.iter_mut().filter(concerned);
        let counted = counted.map(|watched| watched.count(now)).collect();
        Ok(Permit { counted })
    }
}

impl Watched {
    fn full(&mut self, now: Instant) -> bool {
        let past = |then: &mut Instant| now.duration_since(*then) >= Duration::from_secs(1);
        while self.admitted.pop_front_if(past).is_some() {}
        match self.limit.most {
            Most::AtOnce(most) => self.in_flight.load(Ordering::Acquire) >= most,
            Most::PerSecond(most) => self.admitted.len() >= most,
        }
    }

    fn count(&mut self, now: Instant) -> Arc<AtomicUsize> {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        if let Most::PerSecond(_) = self.limit.most {
            self.admitted.push_back(now);
        }
        Arc::clone(&self.in_flight)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        for counted in &self.counted {
            counted.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once() {
        let limits = Limits::default();
        limits.add("/a", Limit::at_once(2, Script::status(429)));
        let now = Instant::now();
        let first = limits.admit("/a/1", now).unwrap();
        let _second = limits.admit("/a/2", now).unwrap();
        let refusal = limits.admit("/a/3", now).unwrap_err();
        assert_eq!(refusal.status.as_u16(), 429);
        assert!(limits.admit("/b", now).is_ok(), "another prefix");
        drop(first);
        assert!(limits.admit("/a/3", now).is_ok());
    }

    #[test]
    fn so_many_in_a_second() {
        let limits = Limits::default();
        limits.add("/", Limit::per_second(2, Script::status(503)));
        let start = Instant::now();
        let admitted = |millis| {
            limits
                .admit("/a", start + Duration::from_millis(millis))
                .is_ok()
        };
        let times = [0, 600, 999, 1000, 1001, 1600];
        assert_eq!(
            times.map(admitted),
            [true, true, false, true, false, true],
            "those that were refused do not count"
        );
    }

    #[test]
    fn a_request_must_be_within_all_limits() {
        let limits = Limits::default();
        limits.add("/", Limit::at_once(2, Script::status(503)));
        limits.add("/a", Limit::at_once(1, Script::status(429)));
        let now = Instant::now();
        let _first = limits.admit("/a", now).unwrap();
        assert_eq!(limits.admit("/a", now).unwrap_err().status.as_u16(), 429);
        let _second = limits.admit("/b", now).unwrap();
        assert_eq!(limits.admit("/a", now).unwrap_err().status.as_u16(), 503);
    }
}
