//! `haul serve` where the daemon is left out: in libraries, which have no such command.

use tracing_subscriber::layer::Identity;

use crate::args::ServeArgs;
use crate::config::Configured;
use crate::exit::{Exit, Problem};

pub(crate) fn run(arguments: &ServeArgs, _configured: Configured) -> Result<Exit, Problem> {
    let address = &arguments.listen;
    let _ = (&arguments.defaults.directory, &arguments.defaults.given);
    Err(Problem::usage(format!(
        "the daemon is not built in; nothing listens at {address}"
    )))
}

/// Returns the layer that writes the log of a daemon: none.
pub(crate) fn log_layer() -> Option<Identity> {
    None
}
