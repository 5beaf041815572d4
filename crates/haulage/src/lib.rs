//! A list of URLs, of one line or of a hundred million, becomes complete, verified files.
//!
//! ```no_run
//! use haulage::{RunOptions, source::Pattern};
//!
//! # async fn flags() -> Result<(), haulage::Error> {
//! let flags = Pattern::parse("http://flupy.org/data/flags/{<cc>cn,in,us}/{<cc>}.gif")?;
//! let mut outcomes = haulage::download(flags, RunOptions::new("downloads"))?;
//! while let Some(outcome) = outcomes.next().await {
//!     println!("{}: {}", outcome.label, outcome.status.name());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`download`] is for one list. An [`Engine`] has many [`Run`]s at once, each with [`RunOptions`]
//! of its own; to every server they are one client, as [`EngineOptions`] says. A run yields
//! [`Event`]s, grows while it goes on, and can be paused. Both take [`Request`]s from any iterator
//! (see [`source`]), and yield one [`Outcome`] for each. Neither needs a runtime of the caller's,
//! prints anything, or touches signals.
//!
//! # What it says of itself
//!
//! The engine says what it does through the facade `tracing`, at the levels `DEBUG` and `TRACE`,
//! under the targets `haulage::run`, `haulage::connection`, `haulage::attempt`,
//! `haulage::schedule`, `haulage::commit` and `haulage::state`. A program that installs no
//! subscriber pays next to nothing for it. Passwords and header fields are never among it.
//!
//! # The map
//!
//! An item goes `source → request → schedule → lane → fetch → plan → write → outcome`:
//!
//! | room | what it does |
//! |---|---|
//! | [`source`] | lists and patterns, read lazily |
//! | `schedule` | who may go now: hosts' queues, caps, turns, repetitions |
//! | `fetch` | names, connections, TLS, one exchange |
//! | `plan` | decisions, all pure: names, what a head claims |
//! | `write` | parts, their verification, their final names |
//! | `state` | what a later run needs to know; see [`results`] |
//! | `engine` | wires them; the lanes' loop |
//!
//! The nouns (`request`, `checksum`, `outcome`, `event`, `attempt`, `error`, `options`) are the
//! ground floor, with `rate`, `meter` and `throttle`, which count what is received and limit it.

mod attempt;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
mod bounded_file;
mod check;
mod checksum;
mod clock;
mod completed_file;
mod cookies;
mod credentials;
mod engine;
mod error;
mod event;
mod fetch;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod http_url;
mod latencies;
mod meter;
mod options;
mod outcome;
mod pieces;
mod plan;
mod pool;
mod priority;
mod rate;
mod raw_connection;
mod redact;
mod request;
mod request_key;
mod row_location;
mod schedule;
mod series;
#[cfg(test)]
mod simulation;
pub mod source;
mod state;
mod sync;
mod sys;
mod throttle;
mod trace;
mod write;

pub use attempt::{Attempt, HttpProtocol, Timings};
pub use check::{Expected, Finding, check_file};
pub use checksum::{Algorithm, Checksum};
pub use completed_file::{CompletedFile, OnComplete};
pub use cookies::CookieJar;
pub use credentials::Credentials;
pub use credentials::bearer::BearerFile;
pub use credentials::netrc::Netrc;
pub use engine::{Engine, EngineSnapshot, Events, HostSnapshot, Outcomes, RunHandle as Run};
pub use error::{Error, ErrorKind};
pub use event::{Event, LimitChange, Pace, Transfer, WaitCause, WaitReason, Warning};
pub use latencies::Latencies;
pub use options::{
    AddressFamily, ContentEncoding, Destination, Durability, EngineOptions, Environment, Existing,
    FileNames, HostLimits, HostOptions, HostPattern, HttpVersion, Identity, Interface, Layout,
    NoProxy, Output, PemFile, PinnedKeys, PlainHttp, Proxies, Proxy, Purpose, Resolve, RetryFailed,
    RetryPolicy, Roots, Route, RunOptions, StateDir, TlsOptions, TlsVersion, Verification,
};
pub use outcome::{Outcome, Renamed, Status, Verified};
pub use pieces::PieceHashes;
pub use priority::Priority;
pub use request::{BadRow, Request, Row};
pub use row_location::RowLocation;
pub use series::{HostSample, Sample, thin};
pub use state::{
    QueriedRows, RecordedRun, Results, RowQuery, query_rows, recorded_runs, results, results_of,
};

/// Downloads a list: starts an [`Engine`] for this one run, and returns the outcomes as items end.
/// Dropping them stops it.
///
/// # Errors
/// As [`Engine::start`] and [`Engine::run`].
pub fn download<S>(source: S, options: RunOptions) -> Result<Outcomes, Error>
where
    S: IntoIterator<Item = Row>,
    S::IntoIter: Send + 'static,
{
    let engine = Engine::start(EngineOptions::default())?;
    Ok(Outcomes::of(engine.run(options, source)?))
}
