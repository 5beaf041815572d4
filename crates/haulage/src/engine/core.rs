//! What all threads of a run share, and how work is handed to lanes.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::dispatcher::{Dispatcher, Uses};
use super::handover::OpenLane;
use super::item::Item;
use super::ledger::{EventReceiver, Ledger};
use super::naming::Naming;
use super::parts::Parts;
use super::robots_gate::RobotsGate;
use super::spill::Spill;
use crate::error::{Error, ErrorKind};
use crate::fetch::connect::Connector;
use crate::fetch::headers::Headers;
use crate::inflow::Rates;
use crate::options::Options;
use crate::plan::accepted::Accepted;
use crate::pool::BlockingPool;
use crate::state::State;
use crate::write::{Rechecks, Storage, Syncs, Writer};

/// Most threads that wait for the disk, when it hangs.
const DISK_THREADS: usize = 16;
/// Most bytes that the read buffers of all lanes hold together.
const READ_BUFFERS: usize = 8 << 20;
/// The smallest and the largest read buffer: below the first each read costs more than its bytes,
/// above the second nothing is gained.
const READ_BUFFER: (usize, usize) = (64 << 10, 256 << 10);

/// What all threads of a run share.
pub(super) struct Core {
    pub(super) options: Options,
    pub(super) headers: Headers,
    pub(super) connector: Arc<Connector>,
    pub(super) parts: Parts,
    pub(super) naming: Naming,
    pub(super) ledger: Ledger,
    /// What earlier runs have recorded, and later ones need to know.
    pub(super) state: Option<Arc<State>>,
    pub(super) robots: Arc<RobotsGate<Box<Item>>>,
    /// Rows that wait on the disk.
    pub(super) spill: Spill,
    pub(super) rates: Arc<Rates>,
    /// Origins that do not want several requests for one file: scheme, host and port.
    pub(super) unsplit: Mutex<HashSet<Box<str>>>,
    /// Nothing more is to be started.
    pub(super) stopping: CancellationToken,
    /// The run is over.
    pub(super) over: CancellationToken,
    pub(super) stopped_by_disk: AtomicBool,
    pub(super) dispatcher: Dispatcher,
}

impl Core {
    pub(super) fn new(
        options: Options,
        storage: Arc<Storage>,
        state: Option<Arc<State>>,
        workers: Vec<UnboundedSender<OpenLane>>,
    ) -> Result<(Arc<Self>, EventReceiver), Error> {
        let no_thread = |cause| {
            Error::new(
                ErrorKind::Disk,
                "the threads for the disk could not be started",
            )
            .caused_by(cause)
        };
        let pool = Arc::new(BlockingPool::new("haulage-disk", DISK_THREADS).map_err(no_thread)?);
        let (events, received) = unbounded_channel();
        let stopping = CancellationToken::new();
        let rates = Arc::new(Rates::new(options.limit_rate, options.limit_rate_per_host));
        let connector = Connector::new(&options, read_buffer(options.jobs), Arc::clone(&pool));
        let connector = Arc::new(connector.map_err(no_thread)?);
        let syncs = state.as_ref().map(|state| state.syncs());
        let syncs = syncs.unwrap_or_else(|| Arc::new(Syncs::new(Arc::clone(&storage))));
        let writer = {
            let (storage, pool) = (Arc::clone(&storage), Arc::clone(&pool));
            Arc::new(Writer::new(storage, syncs, pool, options.durability))
        };
        let robots = Arc::new(RobotsGate::new(options.robots));
        let uses = Uses {
            stopping: stopping.clone(),
            connector: Arc::clone(&connector),
            robots: Arc::clone(&robots),
            writer: Arc::clone(&writer),
            events: events.clone(),
        };
        let total = Arc::clone(rates.meter());
        let dispatcher = Dispatcher::new(&options, total, workers, uses);
        let lookup = Arc::clone(&storage.lookup);
        let rechecks = Rechecks::new(lookup, Arc::clone(&pool), stopping.clone());
        let parts = Parts::new(&options, storage, pool, writer, rechecks, state.clone());
        let ledger = Ledger::new(events, state.clone(), options.max_errors, stopping.clone());
        let core = Self {
            headers: Headers::new(&options)?,
            connector,
            parts,
            naming: Naming::new(&options),
            ledger,
            state,
            robots,
            spill: Spill::default(),
            unsplit: Mutex::default(),
            stopping,
            over: CancellationToken::new(),
            stopped_by_disk: AtomicBool::new(false),
            dispatcher,
            rates,
            options,
        };
        Ok((Arc::new(core), received))
    }

    /// Returns what names may hold beyond what every system takes.
    pub(super) fn accepted_names(&self) -> Accepted {
        self.naming
            .accepted(|| self.parts.storage.lookup.accepted_names())
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Core")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// The most that one read may bring: with few lanes large, since a read of 256 KiB costs half of
/// four of 64 KiB for each byte; with many smaller, so that together they stay within bounds.
fn read_buffer(jobs: usize) -> usize {
    (READ_BUFFERS / jobs.max(1)).clamp(READ_BUFFER.0, READ_BUFFER.1)
}
