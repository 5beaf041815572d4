//! From the words of the command line to arguments: options of other programs are answered, and
//! what is configured is added.

use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::args::{Arguments, short_help};
use crate::config::{self, Configured, Environment, Typed};
use crate::exit::{Exit, Problem};
use crate::foreign_flags;
use crate::report;

/// Arguments, with what is configured.
pub(crate) struct Read {
    pub(crate) arguments: Arguments,
    pub(crate) command: clap::Command,
    /// What was typed. Only that of `haul config` still has its values; all others have been moved
    /// to `arguments`.
    pub(crate) typed: Typed,
    pub(crate) configured: Configured,
}

/// Reads arguments, and adds what is configured in the environment and in a file.
pub(crate) fn read(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
) -> Result<Read, Stop> {
    let (mut command, mut typed) = typed(arguments)?;
    let mut configured = Configured::default();
    if matches!(
        typed.matches.subcommand_name(),
        None | Some("config" | "serve")
    ) {
        (typed, configured) =
            config::add(&mut command, typed, environment).map_err(Stop::Problems)?;
    }
    let arguments = match typed.matches.subcommand_name() {
        // It shows the values as they were typed.
        Some("config") => Arguments::from_arg_matches(&typed.matches),
        // Moved, since a copy of all values takes time at each start.
        _ => Arguments::from_arg_matches_mut(&mut typed.matches),
    };
    Ok(Read {
        arguments: arguments?,
        command,
        typed,
        configured,
    })
}

/// Reads arguments, without what is configured.
#[cfg(test)]
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, Stop> {
    let (_, mut typed) = typed(arguments)?;
    Ok(Arguments::from_arg_matches_mut(&mut typed.matches)?)
}

fn typed(arguments: impl IntoIterator<Item = OsString>) -> Result<(clap::Command, Typed), Stop> {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let mut command = built(&arguments);
    let translated = foreign_flags::translate(&command, arguments).map_err(Stop::Problems)?;
    let matches = command.try_get_matches_from_mut(&translated.words)?;
    let typed = Typed {
        words: translated.words,
        off: translated.off,
        matches,
    };
    Ok((command, typed))
}

/// Returns the command, built as far as this command line needs.
fn built(words: &[OsString]) -> clap::Command {
    let mut command = Arguments::command();
    if short_help::is_wanted(words) {
        command = short_help::shorten(command);
    }
    let is_subcommand = |first: &OsString| command.find_subcommand(first).is_some();
    if words.get(1).is_some_and(is_subcommand) {
        command.build();
    } else {
        // `build` would build the subcommands too. What this renders is a constant.
        command.render_usage();
    }
    command
}

/// Why there are no arguments: wrong ones, or one such as `--help` that needs nothing further.
#[derive(Debug)]
pub(crate) enum Stop {
    Clap(clap::Error),
    /// Options that haul does not have, or values that cannot be used.
    Problems(Vec<Problem>),
}

impl Stop {
    /// Shows it, and returns the status to end with.
    pub(crate) fn show(&self) -> Exit {
        match self {
            Self::Problems(problems) => {
                problems.iter().for_each(report::show);
                Exit::Usage
            }
            Self::Clap(error) => {
                // If the reader of the help has closed the pipe, that is no error.
                let _ = error.print();
                if error.use_stderr() {
                    Exit::Usage
                } else {
                    Exit::Success
                }
            }
        }
    }
}

impl From<clap::Error> for Stop {
    fn from(error: clap::Error) -> Self {
        Self::Clap(error)
    }
}
