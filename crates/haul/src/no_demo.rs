//! `haul demo` where the server of the demo is left out: in libraries, which have no such command.

use crate::args::Demo;
use crate::exit::{Exit, Problem};

pub(crate) fn run(demo: &Demo) -> Result<Exit, Problem> {
    let folder = demo.directory.display();
    Err(Problem::usage(format!(
        "the server of the demo is not built in; {folder} stays as it is"
    )))
}
