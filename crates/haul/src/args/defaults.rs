//! The options of a download that `haul serve` takes: they hold for all that it downloads.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

use super::Download;

/// Options of one run, of its list, or of what it shows: the daemon has none of them.
const LEFT_OUT: [&str; 30] = [
    "base-url",
    "checksum",
    "checksum-column",
    "delimiter",
    "dry-run",
    "globoff",
    "head",
    "header-column",
    "input",
    "input-format",
    "log-file",
    "metrics",
    "metrics-file",
    "name-column",
    "no-wait",
    "on-complete",
    "on-complete-fails",
    "on-complete-jobs",
    "output",
    "progress",
    "quiet",
    "report",
    "results",
    "retry-failed",
    "sample",
    "save-cookies",
    "shard",
    "size-column",
    "url-column",
    "verbose",
];

/// Options that are not given to each run.
const OF_THE_DAEMON: [&str; 3] = ["config", "dir", "no-config"];

/// What was given, of the options of a download.
#[derive(Debug)]
pub(crate) struct Defaults {
    pub(crate) directory: PathBuf,
    /// Names of options, without dashes, and their values; a switch has none.
    pub(crate) given: Vec<(String, Option<OsString>)>,
}

/// Returns whether the daemon has an option of a download, by its name without dashes.
pub(crate) fn is_of_the_daemon(long: &str) -> bool {
    !LEFT_OUT.contains(&long)
}

/// Returns whether the daemon has an option, or a positional argument, of a download.
fn is_taken(argument: &Arg) -> bool {
    argument.get_long().is_some_and(is_of_the_daemon)
}

impl Args for Defaults {
    fn augment_args(command: Command) -> Command {
        let of_downloads = Download::augment_args(Command::new(""));
        let taken = of_downloads.get_arguments().filter(|each| is_taken(each));
        command.args(taken.cloned())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Defaults {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut given = Vec::new();
        let of_downloads = Download::augment_args(Command::new(""));
        for argument in of_downloads.get_arguments().filter(|each| is_taken(each)) {
            let id = argument.get_id().as_str();
            if matches.value_source(id) != Some(ValueSource::CommandLine) {
                continue;
            }
            let is_of_runs = |long| !OF_THE_DAEMON.contains(&long);
            if argument.get_long().is_some_and(is_of_runs) {
                given.extend(values(argument, matches));
            }
        }
        let directory = matches.get_one::<PathBuf>("directory");
        Ok(Self {
            directory: directory.cloned().unwrap_or_else(|| ".".into()),
            given,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Returns the values of an option, each with its name.
fn values(argument: &Arg, matches: &ArgMatches) -> Vec<(String, Option<OsString>)> {
    let name = argument.get_long().unwrap_or_default().to_owned();
    if matches!(argument.get_action(), ArgAction::SetTrue) {
        return vec![(name, None)];
    }
    let values = matches.get_raw(argument.get_id().as_str());
    let values = values.into_iter().flatten();
    values
        .map(|value| (name.clone(), Some(value.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_are_left_out_exist() {
        assert!(LEFT_OUT.is_sorted());
        let command = Download::augment_args(Command::new(""));
        let longs: Vec<_> = command.get_arguments().filter_map(Arg::get_long).collect();
        for long in LEFT_OUT.iter().chain(&OF_THE_DAEMON) {
            assert!(longs.contains(long), "{long}");
        }
    }
}
