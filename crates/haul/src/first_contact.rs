//! What `haul` says when it is started without arguments.

use std::io;

use rustix::fs::FileType;

use crate::exit::{Exit, Problem};
use crate::printed;

const TEXT: &str = "\
haul downloads URLs, and lists of URLs, into complete and verified files.
Stop it at any time: the same command resumes, and skips what is complete.

  haul https://example.org/x.iso    one file, into the current folder
  haul -d photos -i urls.txt        a list, one URL per line
  haul demo                         20 flags from a built-in server

haul -h shows the common options, haul --help all of them, haul man the manual.
";

/// Prints how to begin to standard output. The status is that of a command line that cannot be
/// used: a script whose variable has no URL must not go on as if it had downloaded something.
///
/// # Errors
/// If standard input is a pipe or a file, which may have URLs; or if nothing can be printed.
pub(crate) fn print() -> Result<Exit, Problem> {
    if has_input() {
        let problem = Problem::usage("nothing to do: no URL was given");
        return Err(problem.hint("to read URLs from standard input: haul -i -"));
    }
    printed::print(TEXT.as_bytes()).map(|_| Exit::Usage)
}

/// Returns whether standard input is something that another program or a file may feed.
fn has_input() -> bool {
    let status = rustix::fs::fstat(io::stdin());
    status.is_ok_and(|status| {
        matches!(
            FileType::from_raw_mode(status.st_mode),
            FileType::Fifo | FileType::RegularFile | FileType::Socket
        )
    })
}
