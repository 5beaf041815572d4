//! `--on-complete CMD`: runs a command for each file that is complete, before its row ends.

mod command;
mod variables;
mod workers;

use std::sync::mpsc::Sender;

use haulage::{Destination, OnComplete};

use self::command::Command;
use self::workers::Workers;
use crate::args::Download;
use crate::exit::Problem;

/// Returns what the command line asks to be done with each complete file; `None` if nothing. What
/// the commands print goes to `said`, line by line.
///
/// # Errors
/// If the command cannot be run, or there are no files that it could be run for.
pub(crate) fn of(
    download: &Download,
    destination: &Destination,
    said: Sender<String>,
) -> Result<Option<OnComplete>, Problem> {
    let options = &download.on_complete;
    let Some(line) = &options.on_complete else {
        return Ok(None);
    };
    if download.dry_run {
        return Ok(None);
    }
    let refuse = |why: String| Problem::usage(format!("--on-complete: {why}"));
    let Destination::Directory(folder) = destination else {
        return Err(
            refuse("the file goes where no command could read it".to_owned())
                .hint("leave out -o, or let -o name a file"),
        );
    };
    let command = Command::parse(line, folder).map_err(refuse)?;
    let workers = Workers::new(command, options.jobs(), options.on_complete_fails, said);
    Ok(Some(OnComplete::new(move |file| workers.add(file))))
}
