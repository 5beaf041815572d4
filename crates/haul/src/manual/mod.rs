//! The descriptions of the command for other programs: completions, and the manual page.

mod page;
mod roff;

use std::io::{self, Write as _};

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Arguments;
use crate::completions;
use crate::exit::{Exit, Problem};

pub(crate) fn completions(shell: Shell) -> Result<Exit, Problem> {
    let mut command = Arguments::command();
    command.build();
    print(completions::script(shell, command).as_bytes())
}

pub(crate) fn page() -> Result<Exit, Problem> {
    let mut command = Arguments::command();
    command.build();
    print(page::page(&command).as_bytes())
}

/// Writes to standard output in one go; a reader that has left is not an error. (The generators
/// themselves would panic in that case.)
fn print(text: &[u8]) -> Result<Exit, Problem> {
    match io::stdout().lock().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Problem::destination(
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(Exit::Success),
    }
}
