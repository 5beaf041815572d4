//! Counts the bytes received from hosts, and keeps them within the limits of host, run and engine.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::meter::Meter;
use crate::rate::{Limit, Place};

/// The rate limits of an engine.
#[derive(Debug)]
pub(crate) struct Rates {
    total: Limit,
    per_host: Limit,
    meter: Arc<Meter>,
}

/// The bytes received for one run, and its own rate limit, besides those of the engine.
#[derive(Debug)]
pub(crate) struct RunInflow {
    limit: Limit,
    meter: Meter,
    /// No lane waits any more, under any limit: the run is being stopped.
    is_lifted: AtomicBool,
}

/// The bytes that one run receives from one host: counts them, and applies the limits.
#[derive(Debug, Clone)]
pub(crate) struct Inflow {
    rates: Arc<Rates>,
    meter: Arc<Meter>,
    run: Arc<RunInflow>,
}

/// The permission to receive, with a place under each limit; `None` where there is no limit.
#[derive(Debug)]
pub(crate) struct Turn {
    run: Option<Place>,
    host: Option<Place>,
    total: Option<Place>,
}

impl Rates {
    /// Creates the limits in bytes per second, for all hosts together and for each one; `None` is
    /// no limit.
    pub(crate) fn new(total: Option<NonZeroU64>, per_host: Option<NonZeroU64>) -> Self {
        Self {
            total: Limit::new(total),
            per_host: Limit::new(per_host),
            meter: Arc::default(),
        }
    }

    pub(crate) fn set_total(&self, rate: Option<NonZeroU64>) {
        self.total.set(rate);
    }

    pub(crate) fn set_per_host(&self, rate: Option<NonZeroU64>) {
        self.per_host.set(rate);
    }

    /// Returns the meter that counts the bytes of all hosts together.
    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }
}

impl RunInflow {
    /// Returns the inflow of a run, with its limit in bytes per second; `None` is no limit.
    pub(crate) fn new(rate: Option<NonZeroU64>) -> Self {
        Self {
            limit: Limit::new(rate),
            meter: Meter::default(),
            is_lifted: AtomicBool::new(false),
        }
    }

    /// Changes the limit.
    pub(crate) fn set_limit(&self, rate: Option<NonZeroU64>) {
        self.limit.set(rate);
    }

    /// Returns how many bytes have come.
    pub(crate) fn bytes(&self) -> u64 {
        self.meter.bytes()
    }

    /// Lets nobody wait any more, under any limit: the run is being stopped.
    pub(crate) fn lift(&self) {
        self.is_lifted.store(true, Ordering::Release);
    }
}

impl Inflow {
    /// Returns the inflow of a run from the host that this meter measures.
    pub(crate) fn new(rates: &Arc<Rates>, meter: Arc<Meter>, run: Arc<RunInflow>) -> Self {
        Self {
            rates: Arc::clone(rates),
            meter,
            run,
        }
    }

    /// Returns whether the inflow belongs to this run.
    pub(crate) fn is_of(&self, run: &Arc<RunInflow>) -> bool {
        Arc::ptr_eq(&self.run, run)
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self) -> Turn {
        let mut turn = Turn::none();
        while let Some(wait) = self.wait(&mut turn) {
            tokio::time::sleep(wait).await;
        }
        turn
    }

    /// Waits for a turn, on a thread that may block.
    pub(crate) fn turn_blocking(&self) -> Turn {
        let mut turn = Turn::none();
        while let Some(wait) = self.wait(&mut turn) {
            thread::sleep(wait);
        }
        turn
    }

    /// Returns how long to wait before the next check; `None` when the turn has come.
    fn wait(&self, turn: &mut Turn) -> Option<Duration> {
        if self.run.is_lifted.load(Ordering::Acquire) {
            return None;
        }
        // The order matters: while a reader waits for its run or its host, it takes no turn of the
        // total.
        (self.run.limit.wait(self.run.meter.line(), &mut turn.run))
            .or_else(|| self.rates.per_host.wait(self.meter.line(), &mut turn.host))
            .or_else(|| {
                let line = self.rates.meter.line();
                self.rates.total.wait(line, &mut turn.total)
            })
    }

    /// Counts the bytes that have come in a turn.
    pub(crate) fn took(&self, turn: &Turn, bytes: u64) {
        for (meter, place) in [
            (&self.run.meter, &turn.run),
            (&*self.meter, &turn.host),
            (&*self.rates.meter, &turn.total),
        ] {
            meter.add(bytes);
            if let Some(place) = place {
                meter.line().came(place, bytes);
            }
        }
    }
}

impl Turn {
    fn none() -> Self {
        Self {
            run: None,
            host: None,
            total: None,
        }
    }

    /// Returns how many bytes may be received in the turn.
    pub(crate) fn most(&self) -> u64 {
        let places = [&self.run, &self.host, &self.total].into_iter().flatten();
        places.map(Place::most).min().unwrap_or(u64::MAX)
    }
}
