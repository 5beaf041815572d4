//! The options that are not given on the command line: those of the environment (`HAUL_JOBS`) and
//! of the configuration file. A value on the command line counts more than one of the environment,
//! that more than one of the file, and that more than the default.
//!
//! Such a value becomes a word like those that are typed (`--jobs=8`), which stands before them.
//! So every option can be configured, and is checked, without any code of its own.

pub(crate) mod call;
mod effective;
mod environment;
mod file;
pub(crate) mod hosts;
mod keys;
mod of_host;
mod secrets;
mod setting;
mod show;
mod shown_command;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use self::effective::{Level, merge};
pub(crate) use self::environment::Environment;
#[cfg(test)]
pub(crate) use self::environment::is_told_to_commands;
use self::file::File;
pub(crate) use self::hosts::HostSection;
pub use self::keys::Takes;
use self::keys::{Key, Keys};
use self::setting::Setting;
pub(crate) use self::show::print;
pub(crate) use self::shown_command::{shown_command, without_login};
use crate::args::is_of_the_daemon;
use crate::exit::Problem;

/// A command line that clap has accepted.
pub(crate) struct Typed {
    /// The program, and what was typed after it.
    pub(crate) words: Vec<OsString>,
    /// The names of switches that were turned off, as in `--robots=false`.
    pub(crate) off: Vec<String>,
    pub(crate) matches: ArgMatches,
}

impl Typed {
    /// Returns where configured words belong: before what was typed, after a subcommand.
    fn start(&self) -> usize {
        1 + usize::from(self.matches.subcommand().is_some())
    }

    /// Returns the options of the download, or of the subcommand that takes the same.
    fn download(&self) -> &ArgMatches {
        self.matches
            .subcommand()
            .map_or(&self.matches, |(_, matches)| matches)
    }

    /// Returns the URLs that were given.
    fn urls(&self) -> impl Iterator<Item = &str> {
        // The daemon takes none.
        let urls = self.download().try_get_many::<String>("urls");
        let urls = urls.ok().flatten();
        urls.into_iter().flatten().map(String::as_str)
    }

    /// Returns whether an option was given.
    fn has(&self, key: &Key) -> bool {
        let source = self.download().value_source(&key.id);
        source == Some(ValueSource::CommandLine) || self.off.contains(&key.long)
    }
}

/// What was configured.
#[derive(Default)]
pub(crate) struct Configured {
    /// The values that count, of the environment and of the file.
    settings: Vec<Setting>,
    pub(crate) hosts: Vec<HostSection>,
    /// What is wrong with the file, though it can be used; each a line.
    pub(crate) warnings: Vec<String>,
}

/// Adds what is configured to a command line. `command` has been built.
///
/// # Errors
/// One problem for each value that cannot be used.
pub(crate) fn add(
    command: &mut Command,
    typed: Typed,
    environment: &Environment,
) -> Result<(Typed, Configured), Vec<Problem>> {
    let given = typed.download();
    let path = given.get_one::<PathBuf>("config");
    let file = File::find(
        path.map(PathBuf::as_path),
        given.get_flag("no_config"),
        environment,
    )?;
    if file.is_none() && !environment.has_options() {
        return Ok((typed, Configured::default()));
    }
    let keys = Keys::of(command);
    // What the daemon has not is configured for downloads alone.
    let is_serve = typed.matches.subcommand_name() == Some("serve");
    let mut level = |mut settings: Vec<Setting>| {
        settings.retain(|setting| !is_serve || is_of_the_daemon(&setting.key.long));
        Level::check(command, settings)
    };
    let from_environment = level(environment.settings(&keys)?)?;
    let Some(file) = file else {
        return merge(command, typed, vec![from_environment]);
    };
    let content = file.content(&keys)?;
    let levels = vec![from_environment, level(content.settings)?];
    let (typed, mut configured) = merge(command, typed, levels)?;
    configured.hosts = hosts::read(command, content.sections, &typed, &configured)?;
    configured.warnings = file.warnings(configured.has_secrets());
    Ok((typed, configured))
}

fn problem(error: &clap::Error) -> Vec<Problem> {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    vec![Problem::usage(line.trim_start_matches("error: "))]
}

#[cfg(test)]
mod tests;
