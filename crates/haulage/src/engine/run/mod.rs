//! What a run consists of: services, each of which owns what it locks. Where several of them meet,
//! `intake` and `lifecycle` tell.

pub(crate) mod backlog;
pub(crate) mod control;
pub(crate) mod event_queue;
pub(crate) mod folder;
pub(crate) mod ledger;
pub(crate) mod naming;
pub(crate) mod parts;
pub(crate) mod readers;
pub(crate) mod runs;
pub(crate) mod sampler;
pub(crate) mod sources;
pub(crate) mod spill;
pub(crate) mod work;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::HeaderValue;
use http::header::USER_AGENT;
use tokio_util::sync::CancellationToken;

use self::control::Control;
use self::folder::Place;
use self::ledger::Ledger;
use self::naming::Naming;
use self::parts::Parts;
use self::runs::Runs;
use self::sampler::Sampler;
use self::sources::Sources;
use self::spill::Spill;
use self::work::Work;
use crate::credentials::sessions::DigestSessions;
use crate::engine::shared;
use crate::engine::shared::in_flight::InFlight;
use crate::engine::shared::robots::Asker;
use crate::fetch::connector::Connector;
use crate::fetch::headers::Headers;
use crate::options::{Purpose, RunOptions, StateDir};
use crate::plan::robots;
use crate::schedule::RunId;
use crate::state::{RunRecord, State};
use crate::throttle::RunThrottle;
use crate::write::Rechecks;

/// What all runs of an engine share.
pub(crate) type Services = shared::Services<Work>;

/// A list on its way into a destination.
pub(crate) struct Run {
    /// Names it among the runs that its engine has had.
    pub(crate) number: u64,
    /// Names it among those that its engine has, in the schedule.
    pub(crate) id: RunId,
    pub(crate) services: Arc<Services>,
    pub(crate) runs: Arc<Runs>,
    pub(crate) sources: Sources,
    pub(crate) options: RunOptions,
    pub(crate) headers: Arc<Headers>,
    pub(crate) digests: DigestSessions,
    pub(crate) connector: Arc<Connector>,
    pub(crate) parts: Parts,
    pub(crate) naming: Naming,
    pub(crate) ledger: Ledger,
    /// `None` if the run is not sampled.
    pub(crate) sampler: Option<Sampler>,
    /// What earlier runs have recorded, and later ones need to know.
    pub(crate) state: Option<Arc<State>>,
    /// The name and the route with which a robots.txt is requested; `None` if none is obeyed.
    pub(crate) robots_asker: Option<Asker>,
    /// Rows that wait on the disk.
    pub(crate) spill: Spill,
    pub(crate) throttle: Arc<RunThrottle>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) control: Control,
    /// Nothing more is to be started.
    pub(crate) stopping: CancellationToken,
    /// The run is over.
    pub(crate) over: CancellationToken,
    pub(crate) stopped_by_disk: AtomicBool,
    /// It was told once that a proxy fails.
    pub(crate) has_warned_of_proxy: AtomicBool,
    /// Where it writes.
    pub(crate) place: Place,
}

/// Makes a run that writes to a place, and sends these headers.
pub(crate) fn start(
    number: u64,
    services: Arc<Services>,
    runs: Arc<Runs>,
    options: RunOptions,
    headers: Arc<Headers>,
    place: Place,
) -> Arc<Run> {
    let stopping = CancellationToken::new();
    let pool = Arc::clone(&services.pool);
    let folder = &place.folder;
    let (storage, state) = (Arc::clone(&folder.storage), folder.state.clone());
    let writer = Arc::clone(&folder.writer);
    let lookup = Arc::clone(&storage.lookup);
    let rechecks = Rechecks::new(lookup, Arc::clone(&pool), stopping.clone());
    let id = services
        .dispatcher
        .run_begins(options.priority, options.jobs);
    let in_flight = Arc::new(InFlight::new(id, Arc::clone(&writer)));
    let parts = Parts::new(&options, storage, pool, writer, rechecks, state.clone());
    let records = state.clone().map(|state| (state, place.first_row));
    let ledger = Ledger::new(records, options.max_errors, stopping.clone());
    let is_recorded = state.is_some()
        && options.state_dir == StateDir::Keep
        && options.purpose == Purpose::Download;
    let sampler = (is_recorded || options.samples).then(Sampler::new);
    if let (Some(state), Some(sampler)) = (state.as_ref().filter(|_| is_recorded), &sampler) {
        state.follow(
            place.first_row,
            RunRecord::new(&options, sampler.series(), sampler.latency_counts()),
        );
    }
    let connector = services.routes.connector(&options.route);
    let robots_asker = options.robots.then(|| Asker {
        name: robots_name(&options),
        route: connector.route(),
    });
    let run = Arc::new(Run {
        place,
        number,
        id,
        runs,
        sources: Sources::default(),
        headers,
        digests: DigestSessions::default(),
        connector,
        parts,
        naming: Naming::new(&options),
        ledger,
        sampler,
        state,
        robots_asker,
        spill: Spill::default(),
        throttle: Arc::new(RunThrottle::new(options.limit_rate)),
        in_flight,
        control: Control::default(),
        stopping,
        over: CancellationToken::new(),
        stopped_by_disk: AtomicBool::new(false),
        has_warned_of_proxy: AtomicBool::new(false),
        services,
        options,
    });
    run.place.is_of(&run);
    run
}

/// Returns the name by which a robots.txt addresses a run: that with which its `User-Agent` begins.
fn robots_name(options: &RunOptions) -> Arc<str> {
    let given = options.headers.get(USER_AGENT);
    let text = given
        .or(options.user_agent.as_ref())
        .map(HeaderValue::to_str);
    robots::token(text.and_then(Result::ok).unwrap_or_default()).into()
}

impl fmt::Debug for Run {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Run")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
