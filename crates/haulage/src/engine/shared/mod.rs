//! What all runs of an engine share: everything that a server can observe of the program. It knows
//! a run only through the work that it carries.

pub(crate) mod descriptors;
pub(crate) mod dispatcher;
pub(crate) mod handover;
pub(crate) mod host_limits;
pub(crate) mod in_flight;
pub(crate) mod robots;
pub(crate) mod routes;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

pub(crate) use self::dispatcher::Dispatched;
use self::dispatcher::{Dispatcher, Hooks};
use self::handover::OpenLane;
use self::robots::RobotsGate;
use self::routes::Routes;
use crate::options::EngineOptions;
use crate::pool::BlockingPool;
use crate::throttle::RateLimits;

/// The most disk threads, when the disk hangs.
pub(crate) const DISK_THREADS: usize = 16;

/// What all runs of an engine share. Work of theirs is a `W`.
pub(crate) struct Services<W> {
    pub(crate) dispatcher: Dispatcher<W>,
    pub(crate) rates: Arc<RateLimits>,
    pub(crate) robots: Arc<RobotsGate<W>>,
    pub(crate) routes: Arc<Routes>,
    /// Threads for calls that block.
    pub(crate) pool: Arc<BlockingPool>,
    /// Origins that do not want several requests for one file: scheme, host and port.
    pub(crate) unsplit: Mutex<HashSet<Box<str>>>,
    /// Cancelled when the engine ends, and its threads with it.
    pub(crate) closing: CancellationToken,
}

impl<W: Dispatched + Send + 'static> Services<W> {
    /// Starts the services of an engine whose lanes live on these workers, with a pool for calls
    /// that block.
    pub(crate) fn start(
        options: &EngineOptions,
        pool: BlockingPool,
        workers: Vec<UnboundedSender<OpenLane<W>>>,
        hooks: Hooks,
    ) -> Self {
        let pool = Arc::new(pool);
        let rates = Arc::new(RateLimits::new(
            options.limit_rate,
            options.limit_rate_per_host,
        ));
        let robots = Arc::new(RobotsGate::default());
        let routes = Arc::new(Routes::new(options, Arc::clone(&pool)));
        let dispatcher = Dispatcher::new(
            options,
            Arc::clone(rates.meter()),
            workers,
            Arc::clone(&routes),
            hooks,
            Arc::clone(&robots),
        );
        Self {
            dispatcher,
            rates,
            robots,
            routes,
            pool,
            unsplit: Mutex::default(),
            closing: CancellationToken::new(),
        }
    }
}
