//! The commands that talk to a daemon where they are left out: in libraries.

use crate::args::{AddArgs, DaemonAt, RunsArgs, StatusArgs};
use crate::exit::{Exit, Problem};

pub(crate) fn add(arguments: &AddArgs) -> Result<Exit, Problem> {
    let _ = (&arguments.urls, &arguments.input, &arguments.directory);
    let _ = (arguments.paused, &arguments.name);
    Err(left_out(&arguments.daemon))
}

pub(crate) fn status(arguments: &StatusArgs) -> Result<Exit, Problem> {
    let _ = (&arguments.id, arguments.json);
    Err(left_out(&arguments.daemon))
}

pub(crate) fn pause(arguments: &RunsArgs) -> Result<Exit, Problem> {
    let _ = (&arguments.ids, arguments.all);
    Err(left_out(&arguments.daemon))
}

pub(crate) fn resume(arguments: &RunsArgs) -> Result<Exit, Problem> {
    pause(arguments)
}

pub(crate) fn remove(arguments: &RunsArgs) -> Result<Exit, Problem> {
    pause(arguments)
}

fn left_out(daemon: &DaemonAt) -> Problem {
    let _ = (
        &daemon.at,
        &daemon.state,
        &daemon.rpc_secret,
        &daemon.secret_file,
    );
    Problem::usage("this haul was built without what talks to a daemon")
}
