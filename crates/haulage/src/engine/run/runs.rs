//! The runs of an engine.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::Run;
use super::readers::Readers;
use crate::clock;
use crate::event::Event;
use crate::schedule::{ScheduleEvent, key};
#[cfg(test)]
use crate::sync::by_hand::ByHand;
use crate::sync::lock;
use crate::trace::SCHEDULE;

/// The runs of an engine that are not over.
#[derive(Default)]
pub(crate) struct Runs {
    next: AtomicU64,
    state: Mutex<State>,
    /// Told when a run is over.
    changed: Condvar,
    /// Threads that read the lists of runs.
    pub(crate) readers: Arc<Readers<Run>>,
}

#[derive(Default)]
struct State {
    /// Each with its number, in the order of these: what is told to all of them has one order. A
    /// map takes more memory, and few runs end at a time.
    all: Vec<(u64, Weak<Run>)>,
    /// Runs that read on when there is room for more rows.
    stalled: Vec<Arc<Run>>,
    /// Runs that are sampled.
    sampled: Vec<Weak<Run>>,
}

impl Runs {
    /// Returns the runs of an engine whose lists a simulation reads.
    #[cfg(test)]
    pub(crate) fn by_hand(hand: &Arc<ByHand>) -> Self {
        Self {
            readers: Arc::new(Readers::by_hand(hand)),
            ..Self::default()
        }
    }

    /// Returns the number of the next run.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Adds a run that begins.
    pub(crate) fn add(&self, run: &Arc<Run>) {
        let mut state = lock(&self.state);
        if run.sampler.is_some() {
            state.sampled.push(Arc::downgrade(run));
        }
        let at = state
            .all
            .partition_point(|(number, _)| *number < run.number);
        state.all.insert(at, (run.number, Arc::downgrade(run)));
    }

    /// Forgets a run that is over.
    pub(crate) fn remove(&self, number: u64) {
        let mut state = lock(&self.state);
        if let Ok(at) = state
            .all
            .binary_search_by_key(&number, |(number, _)| *number)
        {
            state.all.remove(at);
        }
        state
            .sampled
            .retain(|run| run.upgrade().is_some_and(|run| run.number != number));
        drop(state);
        self.changed.notify_all();
    }

    /// Returns the runs that are not over.
    pub(crate) fn all(&self) -> Vec<Arc<Run>> {
        let state = lock(&self.state);
        let all = state.all.iter();
        all.filter_map(|(_, run)| run.upgrade()).collect()
    }

    /// Tells the runs that go on, and have rows that have not ended, what has become of a host.
    pub(crate) fn tell(&self, event: &ScheduleEvent) {
        tracing::debug!(target: SCHEDULE, event = ?event_of(event), "schedule");
        for run in self.all() {
            if !run.control.is_held_back() && run.ledger.has_open_rows() {
                run.ledger.emit(event_of(event));
            }
        }
    }

    /// Notes that a run reads on when there is room for more rows.
    pub(crate) fn stall(&self, run: Arc<Run>) {
        let services = Arc::clone(&run.services);
        lock(&self.state).stalled.push(run);
        services.dispatcher.wake_clock();
    }

    /// Lets those runs read on that have room for more rows now. Returns whether some are left.
    pub(crate) fn read_on(&self) -> bool {
        let stalled = {
            let mut state = lock(&self.state);
            if state.stalled.is_empty() {
                return false;
            }
            std::mem::take(&mut state.stalled)
        };
        let (ready, waiting): (Vec<_>, Vec<_>) =
            stalled.into_iter().partition(|run| run.may_read_on());
        let is_any = !waiting.is_empty();
        lock(&self.state).stalled.extend(waiting);
        for run in ready {
            run.read_on();
        }
        is_any
    }

    /// Samples the runs for which it is time. Returns whether there are some that go on.
    pub(crate) fn sample(&self) -> bool {
        let mut runs = Vec::new();
        {
            let mut state = lock(&self.state);
            if state.sampled.is_empty() {
                return false;
            }
            state.sampled.retain(|run| match run.upgrade() {
                Some(run) => {
                    runs.push(run);
                    true
                }
                None => false,
            });
        }
        let mut is_any = false;
        for run in runs {
            if !run.control.is_held_back() && run.ledger.has_open_rows() {
                is_any = true;
                run.sample_if_due();
            }
        }
        is_any
    }

    /// Waits until all runs are over, or this time has passed.
    pub(crate) fn wait_until_over(&self, most: Duration) {
        let state = lock(&self.state);
        let is_any = |state: &mut State| !state.all.is_empty();
        let waited = self.changed.wait_timeout_while(state, most, is_any);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Returns the origin of a host, by its key.
fn origin(key: &Arc<str>) -> Arc<str> {
    match key::split(key) {
        (0, _) => Arc::clone(key),
        (_, origin) => origin.into(),
    }
}

fn event_of(event: &ScheduleEvent) -> Event {
    match event {
        ScheduleEvent::LimitChanged(host, limit, why) => Event::LimitChanged {
            host: host.as_ref().map(origin),
            limit: *limit,
            why: *why,
        },
        ScheduleEvent::HostWaits(host, until, why) => Event::HostWaits {
            host: origin(host),
            why: *why,
            wait: until.saturating_duration_since(clock::now()),
        },
        ScheduleEvent::HostPaced(host, until, why) => Event::HostPaced {
            host: origin(host),
            why: *why,
            wait: until.saturating_duration_since(clock::now()),
        },
        ScheduleEvent::ProxyWaits(proxy, until, why) => Event::ProxyWaits {
            proxy: Arc::clone(proxy),
            why: *why,
            wait: until.saturating_duration_since(clock::now()),
        },
    }
}
