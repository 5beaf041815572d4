//! The descriptions of the command for other programs: completions, and the manual page.

mod page;
mod roff;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Arguments;
use crate::completions;
use crate::exit::{Exit, Problem};
use crate::printed::print;

pub(crate) fn completions(shell: Shell) -> Result<Exit, Problem> {
    let mut command = Arguments::command();
    command.build();
    print(completions::script(shell, command).as_bytes())
}

/// Prints the manual page. It is made as a whole first, since the generators panic where a reader
/// has left.
pub(crate) fn page() -> Result<Exit, Problem> {
    let mut command = Arguments::command();
    command.build();
    print(page::page(&command).as_bytes())
}
