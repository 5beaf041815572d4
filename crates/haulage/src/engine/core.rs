//! What all threads of a run share, and how work is handed to lanes.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::dispatcher::{Dispatcher, Uses};
use super::handover::OpenLane;
use super::item::Item;
use super::robots_gate::RobotsGate;
use super::spill::Spill;
use super::window::Window;
use crate::checksum::Checksum;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::fetch::connect::Connector;
use crate::fetch::headers::Headers;
use crate::inflow::Rates;
use crate::options::{Codings, Options};
use crate::plan::accepted::Accepted;
use crate::plan::coding;
use crate::plan::fields::Fields;
use crate::plan::head::Entity;
use crate::plan::registry::{Key, Names};
use crate::pool::BlockingPool;
use crate::request::Request;
use crate::state::{Ending, State};
use crate::write::{Assemblies, Content, Disk, Expected, Hashes, Rechecks, Syncs, Writer};

/// Most threads that wait for the disk, when it hangs.
const DISK_THREADS: usize = 16;
/// Most bytes that the read buffers of all lanes hold together.
const READ_BUFFERS: usize = 8 << 20;
/// The smallest and the largest read buffer: below the first each read costs more than its bytes,
/// above the second nothing is gained.
const READ_BUFFER: (usize, usize) = (64 << 10, 256 << 10);

/// What a run has told; `None` comes last.
pub(super) type Told = UnboundedReceiver<Option<Event>>;

/// What all threads of a run share.
pub(super) struct Core {
    pub(super) options: Options,
    pub(super) headers: Headers,
    pub(super) connector: Arc<Connector>,
    pub(super) writer: Arc<Writer>,
    /// The parts with which this run, or a later one, can go on.
    pub(super) assemblies: Arc<Assemblies>,
    pub(super) rechecks: Arc<Rechecks>,
    pub(super) disk: Arc<dyn Disk>,
    /// What earlier runs have recorded, and later ones need to know.
    pub(super) state: Option<Arc<State>>,
    pub(super) window: Window,
    pub(super) robots: Arc<RobotsGate<Box<Item>>>,
    /// Rows that wait on the disk.
    pub(super) spill: Spill,
    pub(super) rates: Arc<Rates>,
    pub(super) names: Mutex<Names>,
    /// What the destination takes in names, once a row has needed to know.
    accepted_names: OnceLock<Accepted>,
    /// Rows that ask for the same as one which is under way.
    pub(super) followers: Mutex<HashMap<Key, Vec<(u64, Request)>>>,
    /// Origins that do not want several requests for one file: scheme, host and port.
    pub(super) unsplit: Mutex<HashSet<Box<str>>>,
    /// Nothing more is to be started.
    pub(super) stopping: CancellationToken,
    /// The run is over.
    pub(super) over: CancellationToken,
    pub(super) every_item_is_there: AtomicBool,
    /// Items that have failed.
    pub(super) failures: AtomicU64,
    pub(super) stopped_by_disk: AtomicBool,
    pub(super) next_row: AtomicU64,
    /// How many rows the input has, once all of it has been read.
    pub(super) input_rows: OnceLock<u64>,
    pub(super) dispatcher: Dispatcher,
    pub(super) pool: Arc<BlockingPool>,
    events: UnboundedSender<Option<Event>>,
}

impl Core {
    pub(super) fn new(
        options: Options,
        disk: Arc<dyn Disk>,
        state: Option<Arc<State>>,
        workers: Vec<UnboundedSender<OpenLane>>,
    ) -> Result<(Arc<Self>, Told), Error> {
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
        let syncs = syncs.unwrap_or_else(|| Arc::new(Syncs::new(Arc::clone(&disk))));
        let writer = {
            let (disk, pool) = (Arc::clone(&disk), Arc::clone(&pool));
            Arc::new(Writer::new(disk, syncs, pool, options.durability))
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
        let core = Self {
            headers: Headers::new(&options)?,
            connector,
            assemblies: state
                .as_ref()
                .map(|state| state.assemblies())
                .unwrap_or_default(),
            writer,
            rechecks: Rechecks::new(Arc::clone(&disk), Arc::clone(&pool), stopping.clone()),
            disk,
            state,
            window: Window::default(),
            robots,
            spill: Spill::default(),
            names: Mutex::default(),
            accepted_names: OnceLock::new(),
            followers: Mutex::default(),
            unsplit: Mutex::default(),
            stopping,
            over: CancellationToken::new(),
            every_item_is_there: AtomicBool::new(true),
            failures: AtomicU64::new(0),
            stopped_by_disk: AtomicBool::new(false),
            next_row: AtomicU64::new(0),
            input_rows: OnceLock::new(),
            dispatcher,
            rates,
            pool,
            events,
            options,
        };
        Ok((Arc::new(core), received))
    }

    /// What is asked of the bytes of a response with these headers besides saving them.
    pub(super) fn content_of(
        &self,
        request: &Request,
        entity: &Entity,
        headers: &Fields,
    ) -> Result<Option<Box<Content>>, Error> {
        let codings = coding::to_undo(headers, self.options.codings == Codings::Undone)?;
        // What is saved as it was sent is measured as it comes in.
        let most = self.options.max_size.filter(|_| !codings.is_empty());
        let (hashes, expected) = self.expected_of(request, entity);
        Content::asked(&codings, most, hashes, expected)
    }

    /// The same for bytes that are those of the file.
    pub(super) fn plain_content(
        &self,
        request: &Request,
        entity: &Entity,
    ) -> Result<Option<Box<Content>>, Error> {
        let (hashes, expected) = self.expected_of(request, entity);
        Content::asked(&[], None, hashes, expected)
    }

    fn expected_of(&self, request: &Request, entity: &Entity) -> (Hashes, Expected) {
        let expected = Expected {
            checksums: request.checksums.clone(),
            digest: entity.digest.clone(),
        };
        let all = expected.checksums.iter().chain(&expected.digest);
        (Hashes::new(&self.options.hashes, all), expected)
    }

    /// What a request's file is to be hashed with.
    pub(super) fn hashes_of(&self, request: &Request) -> Hashes {
        Hashes::new(&self.options.hashes, &request.checksums)
    }

    /// Of a file's hashes those that somebody has asked for: its server may have had others
    /// computed.
    pub(super) fn asked_for(&self, request: &Request, mut hashes: Vec<Checksum>) -> Vec<Checksum> {
        hashes.retain(|hash| {
            let is_same = |checksum: &Checksum| checksum.algorithm() == hash.algorithm();
            self.options.hashes.contains(&hash.algorithm()) || request.checksums.iter().any(is_same)
        });
        hashes
    }

    /// Returns what names may hold beyond what every system takes. The destination is asked the
    /// first time.
    pub(super) fn accepted_names(&self) -> Accepted {
        if self.options.portable_names {
            return Accepted::NOTHING;
        }
        *self
            .accepted_names
            .get_or_init(|| self.disk.accepted_names())
    }

    /// Stops the run: nothing more is started.
    pub(super) fn cancel(&self) {
        self.stopping.cancel();
        self.rates.lift();
        // In this order: no more rows come in while the queues are emptied.
        if self.window.cancel() {
            self.wrap_up();
        }
        // What is whole has its name before the run is over.
        self.writer.set_quiet(true);
        for work in self.dispatcher.drain() {
            self.give_back(work, None);
        }
        self.cancel_obeying();
        self.discard_spill();
    }

    pub(super) fn tell(&self, event: Event) {
        let ended = matches!(event, Event::Ended(_));
        if self.events.send(Some(event)).is_err() && ended {
            self.received(1);
        }
    }

    /// Outcomes have left the engine: there is room for as many rows.
    pub(super) fn received(&self, outcomes: usize) {
        if outcomes > 0 {
            self.window.leave(outcomes);
        }
    }

    /// The run is over: cleans up, off the network's threads, and says so.
    pub(super) fn wrap_up(&self) {
        let (disk, state) = (Arc::clone(&self.disk), self.state.clone());
        let (events, over) = (self.events.clone(), self.over.clone());
        let has_stopped = self.stopped_by_disk.load(Ordering::Acquire);
        let complete = !self.stopping.is_cancelled();
        let ending = Ending {
            complete,
            everything_is_there: complete && self.every_item_is_there.load(Ordering::Acquire),
        };
        self.pool.call(move || {
            let is_needed = match state.map(|state| state.close(ending)).transpose() {
                Ok(is_needed) => is_needed.unwrap_or(false),
                Err(error) => {
                    if !has_stopped {
                        let _ = events.send(Some(Event::Stopped(error)));
                    }
                    true
                }
            };
            disk.close(!is_needed);
            // Nobody may listen any more.
            let _ = events.send(None);
            over.cancel();
        });
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
