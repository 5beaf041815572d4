//! What comes from hosts: counted, and kept to the limits of each host and of the run.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::meter::Meter;
use crate::rate::{Limit, Place};

/// The limits of a run.
#[derive(Debug)]
pub(crate) struct Rates {
    total: Limit,
    per_host: Limit,
    meter: Arc<Meter>,
}

/// What comes from one host: counted, and kept to the limits.
#[derive(Debug, Clone)]
pub(crate) struct Inflow {
    rates: Arc<Rates>,
    meter: Arc<Meter>,
}

/// It is somebody's turn to receive.
#[derive(Debug)]
pub(crate) struct Turn {
    host: Option<Place>,
    total: Option<Place>,
}

impl Rates {
    /// Bytes per second; `None` is no limit.
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

    /// Counts what comes in all.
    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Nobody waits any more.
    pub(crate) fn lift(&self) {
        self.set_total(None);
        self.set_per_host(None);
    }
}

impl Inflow {
    pub(crate) fn new(rates: &Arc<Rates>, meter: Arc<Meter>) -> Self {
        Self {
            rates: Arc::clone(rates),
            meter,
        }
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self) -> Turn {
        let mut turn = Turn::none();
        // In this order: what waits for its host's takes nobody's in all.
        while let Some(wait) = self.host_wait(&mut turn) {
            tokio::time::sleep(wait).await;
        }
        while let Some(wait) = self.total_wait(&mut turn) {
            tokio::time::sleep(wait).await;
        }
        turn
    }

    /// The same, on a thread that may block.
    pub(crate) fn turn_blocking(&self) -> Turn {
        let mut turn = Turn::none();
        while let Some(wait) = self.host_wait(&mut turn) {
            thread::sleep(wait);
        }
        while let Some(wait) = self.total_wait(&mut turn) {
            thread::sleep(wait);
        }
        turn
    }

    fn host_wait(&self, turn: &mut Turn) -> Option<Duration> {
        let line = self.meter.line();
        self.rates.per_host.wait(line, &mut turn.host)
    }

    fn total_wait(&self, turn: &mut Turn) -> Option<Duration> {
        let line = self.rates.meter.line();
        self.rates.total.wait(line, &mut turn.total)
    }

    /// So many bytes have come in a turn.
    pub(crate) fn took(&self, turn: &Turn, bytes: u64) {
        for (meter, place) in [(&self.meter, &turn.host), (&self.rates.meter, &turn.total)] {
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
            host: None,
            total: None,
        }
    }

    /// How many bytes may be received in it.
    pub(crate) fn most(&self) -> u64 {
        let places = self.host.iter().chain(&self.total);
        places.map(Place::most).min().unwrap_or(u64::MAX)
    }
}
