//! Counts the bytes received from hosts, and keeps them within the limits of host, run and engine.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::meter::Meter;
use crate::rate::{RateLimit, Ticket};

/// The rate limits of an engine.
#[derive(Debug)]
pub(crate) struct RateLimits {
    total: RateLimit,
    per_host: RateLimit,
    meter: Arc<Meter>,
}

/// The bytes received for one run, and its own rate limit, besides those of the engine.
#[derive(Debug)]
pub(crate) struct RunThrottle {
    limit: RateLimit,
    meter: Meter,
    /// No lane waits any more, under any limit: the run is being stopped.
    is_lifted: AtomicBool,
}

/// The bytes that one run receives from one host: counts them, and applies the limits.
#[derive(Debug, Clone)]
pub(crate) struct Throttle {
    rates: Arc<RateLimits>,
    meter: Arc<Meter>,
    run: Arc<RunThrottle>,
}

/// The permission to receive, with a ticket under each limit; `None` where there is no limit.
#[derive(Debug)]
pub(crate) struct Permit {
    run: Option<Ticket>,
    host: Option<Ticket>,
    total: Option<Ticket>,
}

impl RateLimits {
    /// Creates the limits in bytes per second, for all hosts together and for each one; `None` is
    /// no limit.
    pub(crate) fn new(total: Option<NonZeroU64>, per_host: Option<NonZeroU64>) -> Self {
        Self {
            total: RateLimit::new(total),
            per_host: RateLimit::new(per_host),
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

impl RunThrottle {
    /// Returns the throttle of a run, with its limit in bytes per second; `None` is no limit.
    pub(crate) fn new(rate: Option<NonZeroU64>) -> Self {
        Self {
            limit: RateLimit::new(rate),
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

impl Throttle {
    /// Returns the throttle of a run for the host that this meter measures.
    pub(crate) fn new(rates: &Arc<RateLimits>, meter: Arc<Meter>, run: Arc<RunThrottle>) -> Self {
        Self {
            rates: Arc::clone(rates),
            meter,
            run,
        }
    }

    /// Returns whether the throttle belongs to this run.
    pub(crate) fn is_of(&self, run: &Arc<RunThrottle>) -> bool {
        Arc::ptr_eq(&self.run, run)
    }

    /// Returns whether any limit applies now, so that readers may have to wait for permits.
    pub(crate) fn is_limited(&self) -> bool {
        let RateLimits {
            total, per_host, ..
        } = &*self.rates;
        [&self.run.limit, per_host, total]
            .into_iter()
            .any(RateLimit::is_set)
    }

    /// Waits for a permit.
    pub(crate) async fn acquire(&self) -> Permit {
        let mut permit = Permit::none();
        while let Some(wait) = self.wait(&mut permit) {
            tokio::time::sleep(wait).await;
        }
        permit
    }

    /// Waits for a permit, on a thread that may block.
    pub(crate) fn acquire_blocking(&self) -> Permit {
        let mut permit = Permit::none();
        while let Some(wait) = self.wait(&mut permit) {
            thread::sleep(wait);
        }
        permit
    }

    /// Returns how long to wait before the next check; `None` when the time of the permit
    /// has come.
    fn wait(&self, permit: &mut Permit) -> Option<Duration> {
        if self.run.is_lifted.load(Ordering::Acquire) {
            return None;
        }
        // The order matters: while a reader waits for its run or its host, it takes no ticket of
        // the total.
        (self.run.limit.wait(self.run.meter.queue(), &mut permit.run))
            .or_else(|| {
                self.rates
                    .per_host
                    .wait(self.meter.queue(), &mut permit.host)
            })
            .or_else(|| {
                let queue = self.rates.meter.queue();
                self.rates.total.wait(queue, &mut permit.total)
            })
    }

    /// Counts the bytes that were received with a permit.
    pub(crate) fn consumed(&self, permit: &Permit, bytes: u64) {
        for (meter, ticket) in [
            (&self.run.meter, &permit.run),
            (&*self.meter, &permit.host),
            (&*self.rates.meter, &permit.total),
        ] {
            meter.add(bytes);
            if let Some(ticket) = ticket {
                meter.queue().settle(ticket, bytes);
            }
        }
    }
}

impl Permit {
    fn none() -> Self {
        Self {
            run: None,
            host: None,
            total: None,
        }
    }

    /// Returns how many bytes may be received with the permit.
    pub(crate) fn max_bytes(&self) -> u64 {
        let tickets = [&self.run, &self.host, &self.total].into_iter().flatten();
        tickets.map(Ticket::max_bytes).min().unwrap_or(u64::MAX)
    }
}
