//! What a run consists of: services, each of which owns what it locks. Where several of them meet,
//! `intake` and `lifecycle` tell.

pub(crate) mod descriptors;
pub(crate) mod dispatcher;
pub(crate) mod handover;
pub(crate) mod ledger;
pub(crate) mod naming;
pub(crate) mod parts;
pub(crate) mod robots;
pub(crate) mod spill;
pub(crate) mod window;

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use self::dispatcher::{Dispatcher, Uses};
use self::handover::OpenLane;
use self::ledger::{EventReceiver, Ledger};
use self::naming::Naming;
use self::parts::Parts;
use self::robots::RobotsGate;
use self::spill::Spill;
use crate::engine::item::Item;
use crate::error::{Error, ErrorKind};
use crate::fetch::connect::Connector;
use crate::fetch::headers::Headers;
use crate::inflow::Rates;
use crate::options::Options;
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
pub(crate) struct Run {
    pub(crate) options: Options,
    pub(crate) headers: Headers,
    pub(crate) connector: Arc<Connector>,
    pub(crate) parts: Parts,
    pub(crate) naming: Naming,
    pub(crate) ledger: Ledger,
    /// What earlier runs have recorded, and later ones need to know.
    pub(crate) state: Option<Arc<State>>,
    pub(crate) robots: Arc<RobotsGate<Box<Item>>>,
    /// Rows that wait on the disk.
    pub(crate) spill: Spill,
    pub(crate) rates: Arc<Rates>,
    /// Origins that do not want several requests for one file: scheme, host and port.
    pub(crate) unsplit: Mutex<HashSet<Box<str>>>,
    /// Nothing more is to be started.
    pub(crate) stopping: CancellationToken,
    /// The run is over.
    pub(crate) over: CancellationToken,
    pub(crate) stopped_by_disk: AtomicBool,
    pub(crate) dispatcher: Dispatcher,
}

/// Makes a run that writes to `storage`, records in `state`, and opens its lanes on these workers.
///
/// # Errors
/// When threads cannot be started, or the options cannot be used.
pub(crate) fn start(
    options: Options,
    storage: Arc<Storage>,
    state: Option<Arc<State>>,
    workers: Vec<UnboundedSender<OpenLane>>,
) -> Result<(Arc<Run>, EventReceiver), Error> {
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
    let run = Run {
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
    Ok((Arc::new(run), received))
}

impl fmt::Debug for Run {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Run")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// The most that one read may bring: with few lanes large, since a read of 256 KiB costs half of
/// four of 64 KiB for each byte; with many smaller, so that together they stay within bounds.
fn read_buffer(jobs: usize) -> usize {
    (READ_BUFFERS / jobs.max(1)).clamp(READ_BUFFER.0, READ_BUFFER.1)
}
