//! Prints what the engine says through `tracing` to standard error, if `RUST_LOG` asks for it.
//!
//! Without that variable nothing is set up. With it there is no bar: its lines would be torn.

use std::env;
use std::io;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The variable that says what is printed: `debug`, or `haulage=debug,haulage::attempt=off`.
const VARIABLE: &str = "RUST_LOG";

/// Returns whether anything is to be printed.
pub(crate) fn is_wanted() -> bool {
    env::var_os(VARIABLE).is_some_and(|filter| !filter.is_empty())
}

/// Begins to print what the variable asks for. Returns what is wrong with it; `None` if it is
/// right, or not set.
pub(crate) fn start() -> Option<String> {
    if !is_wanted() {
        return None;
    }
    let filter = env::var(VARIABLE).unwrap_or_default();
    let targets: Targets = match filter.parse() {
        Ok(targets) => targets,
        Err(cause) => {
            return Some(format!(
                "note: {VARIABLE} is ignored: {cause}; write a level, or targets and levels as in haulage=debug"
            ));
        }
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let subscriber = tracing_subscriber::registry().with(targets).with(lines);
    // A program has one subscriber; nobody else has set it.
    let _ = subscriber.try_init();
    None
}
