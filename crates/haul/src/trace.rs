//! Prints what the engine says through `tracing` to standard error, if `RUST_LOG` asks for it. The
//! daemon also writes it to a file, if a client asks for that.
//!
//! Without either, nothing is set up. With that variable there is no bar: its lines would be torn.

use std::env;
use std::io;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry};

/// The variable that says what is printed: `debug`, or `haulage=debug,haulage::attempt=off`.
const VARIABLE: &str = "RUST_LOG";

/// Returns whether anything is to be printed.
pub(crate) fn is_wanted() -> bool {
    env::var_os(VARIABLE).is_some_and(|filter| !filter.is_empty())
}

/// Begins to print what the variable asks for, and to write the `log` of a daemon. Returns what is
/// wrong with the variable; `None` if it is right, or not set.
pub(crate) fn start<L>(log: Option<L>) -> Option<String>
where
    L: Layer<Registry> + Send + Sync,
{
    if log.is_none() && !is_wanted() {
        return None;
    }
    let (targets, wrong) = match wanted() {
        Ok(targets) => (targets, None),
        Err(wrong) => (None, Some(wrong)),
    };
    let lines = targets.map(|targets| {
        let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
        // A standard error that cannot be written to must not end the process.
        lines.log_internal_errors(false).with_filter(targets)
    });
    let subscriber = tracing_subscriber::registry().with(log).with(lines);
    // A program has one subscriber; nobody else has set it.
    let _ = subscriber.try_init();
    wrong
}

/// Returns what is to be printed; `None` for nothing.
///
/// # Errors
/// Says what is wrong with the variable.
fn wanted() -> Result<Option<Targets>, String> {
    if !is_wanted() {
        return Ok(None);
    }
    let filter = env::var(VARIABLE).unwrap_or_default();
    filter.parse().map(Some).map_err(|cause| {
        format!(
            "note: {VARIABLE} is ignored: {cause}; write a level, or targets and levels as in haulage=debug"
        )
    })
}
