//! The options of the command for a program that embeds it, such as a package for Python: what is
//! given by name becomes the options of an engine and of a run, as on the command line.
//!
//! Nothing here uses the terminal or standard input, or reads a configuration. The files that
//! options name are read, and so are the variables that name proxies, certificates and the netrc
//! file. All functions may block.

mod events;

use std::ffi::OsString;
use std::path::Path;
use std::sync::mpsc::Receiver;

use haulage::{Checksum, Destination, EngineOptions, Error, Row, RunOptions, StateDir};

pub use self::events::{Level, Log, event_json, outcome_json};
use crate::config::HostSection;
pub use crate::config::Takes;
use crate::config::call::{self, Call};
pub use crate::cookies::CookieFile;
pub use crate::exit::{Exit, Problem};
#[cfg(feature = "program")]
use crate::input::Count;
use crate::input::{GivenAs, Inputs};
use crate::settings::{self, Basis};
pub use crate::start::WhenBusy;

/// Options that become [`EngineOptions`]: they count for all runs of an engine together.
const OF_THE_ENGINE: [&str; 6] = [
    "jobs",
    "per-host",
    "per-proxy",
    "delay",
    "limit-rate",
    "limit-rate-per-host",
];

/// What the options decide.
///
/// What was not given has the default of the command; [`is_given`](Self::is_given) tells the two
/// apart, and [`given_for_engine`](Self::given_for_engine) returns what was given and is in
/// [`engine`](Self::engine): a run in an engine that exists already cannot have that.
#[non_exhaustive]
pub struct EmbeddedOptions {
    /// Limits of all runs of an engine together; it has no limits for single hosts.
    pub engine: EngineOptions,
    /// The options of the run. Its `jobs`, `limit_rate` and `priority` are the defaults of the
    /// library, since no option sets them. It is recorded as a run of URLs is, until
    /// [`record_list`](Self::record_list) is called.
    pub run: RunOptions,
    /// Checksums for the file of a single URL, one at most for each algorithm. They are not in
    /// `run`: they belong to its request.
    pub checksums: Vec<Checksum>,
    /// Where the cookies are saved after the run.
    pub cookie_file: Option<CookieFile>,
    /// What to do while [`Engine::open`](haulage::Engine::open) fails because another run uses the
    /// destination ([`Error::busy_with`]): nothing here waits.
    pub when_busy: WhenBusy,
    /// What to say before the run, each a line.
    pub notes: Vec<String>,
    /// What to say before the run in any case, each a line: a promise that cannot be kept.
    pub warnings: Vec<String>,
    given: Vec<String>,
}

impl EmbeddedOptions {
    /// Returns whether an option was given, by its name in either form: `per-host`, `per_host`. A
    /// switch that was given as `false` was not.
    #[must_use]
    pub fn is_given(&self, name: &str) -> bool {
        let name = keyword(name);
        self.given.iter().any(|long| keyword(long) == name)
    }

    /// Returns the options that were given and became options of the engine, as identifiers.
    #[must_use]
    pub fn given_for_engine(&self) -> Vec<String> {
        let of_engine = OF_THE_ENGINE.iter().filter(|long| self.is_given(long));
        of_engine.map(|long| keyword(long)).collect()
    }

    /// Makes the run one of the list at this path, which is recorded for the next run of it, as
    /// with `-i`.
    pub fn record_list(&mut self, path: &Path) {
        self.run.state_dir = StateDir::Keep;
        self.run.title = settings::title(&[path.to_owned()]);
    }
}

/// Reads options, each a name and a value, as on the command line: `("per-host", "4")` is
/// `--per-host=4`. `_` may stand for `-` and `.` in a name. A switch has no value, or `true` or
/// `false`. An option that may be repeated may be there several times; of any other the last value
/// counts. Files go into the folder `destination`; with `None`, outcomes have their bytes, of which
/// the engine holds [`RunOptions::DEFAULT_MEMORY`] at most.
///
/// # Errors
/// When there is no such option, when it is for a command line only, or when its value, or a file
/// that it names, cannot be used. The exit status tells the kind:
/// [`Exit::Usage`], or [`Exit::Destination`] if a file cannot be written.
pub fn options(
    destination: Option<&Path>,
    given: &[(String, Option<OsString>)],
) -> Result<EmbeddedOptions, Problem> {
    options_with_hosts(destination, given, &[]).map_err(in_keywords)
}

/// Reads options as [`options`] does, with what is configured for some hosts. Messages have the
/// names of options as on the command line.
pub(crate) fn options_with_hosts(
    destination: Option<&Path>,
    given: &[(String, Option<OsString>)],
    hosts: &[HostSection],
) -> Result<EmbeddedOptions, Problem> {
    let Call { download, given } = Call::read(given)?;
    settings::check_algorithms(&download.checksums)?;
    let basis = Basis::new(&download, hosts, GivenAs::Urls)?;
    let mut run = basis.options;
    run.destination = match destination {
        Some(folder) => Destination::Directory(folder.to_owned()),
        None => Destination::Memory {
            limit: RunOptions::DEFAULT_MEMORY,
        },
    };
    let texts = |texts: Vec<String>| {
        let texts = texts.iter().map(|text| call::with_keywords(text));
        texts.collect()
    };
    Ok(EmbeddedOptions {
        cookie_file: CookieFile::of(&run, &download)?,
        when_busy: settings::when_busy(&download),
        engine: basis.engine,
        run,
        notes: texts(basis.notes),
        warnings: texts(basis.warnings),
        checksums: download.checksums,
        given,
    })
}

/// A list that has been opened. It is read as its rows are taken.
#[non_exhaustive]
pub struct ListFile {
    /// Its rows, in order.
    pub rows: Box<dyn Iterator<Item = Row> + Send>,
    /// Receives an error if the list breaks off, before its rows end.
    pub broken: Receiver<Error>,
}

/// Opens a list in a file, as with `-i`, in any format, compressed or not. Of the options, which
/// are checked as by [`options`], those about lists count.
///
/// # Errors
/// When an option or the file cannot be used.
pub fn list(path: &Path, given: &[(String, Option<OsString>)]) -> Result<ListFile, Problem> {
    let inputs = inputs(path, given)?;
    let (sources, told) = inputs.into_parts();
    let rows = Box::new(sources.flatten());
    Ok(ListFile {
        rows,
        broken: told.broken,
    })
}

/// Returns what is known of the number of rows of a list, as by [`list`].
///
/// # Errors
/// When an option or the file cannot be used.
#[cfg(feature = "program")]
pub(crate) fn counts(
    path: &Path,
    given: &[(String, Option<OsString>)],
) -> Result<Vec<Count>, Problem> {
    Ok(inputs(path, given)?.counts())
}

fn inputs(path: &Path, given: &[(String, Option<OsString>)]) -> Result<Inputs, Problem> {
    let call = Call::read(given).map_err(in_keywords)?;
    if call::is_standard_input(path) {
        return Err(Problem::usage("a list is not read from standard input")
            .hint("give a file, or the URLs themselves"));
    }
    let mut inputs = Inputs::new();
    if let Err(mut problem) = settings::add_list(&mut inputs, path, &call.download) {
        if !path.exists() {
            problem.hint = Some("check the name of the list".to_owned());
        }
        return Err(in_keywords(problem));
    }
    if inputs.are_elsewhere() {
        return Err(Problem::usage("a list is read from a file, not from a URL")
            .hint("download the list first"));
    }
    Ok(inputs)
}

/// An option that may be given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionName {
    /// Its name on the command line, without dashes before it: `per-host`.
    pub name: String,
    /// Its name as an identifier: `per_host`.
    pub keyword: String,
    /// The values that it takes.
    pub takes: Takes,
    /// What its help calls a value, such as `TIME`; `None` if it takes none.
    pub value_name: Option<String>,
    /// The first line of its help.
    pub help: String,
}

/// Returns all options that [`options`] and [`list`] take.
#[must_use]
pub fn option_names() -> Vec<OptionName> {
    let names = call::all().into_iter().map(|option| OptionName {
        name: option.long,
        keyword: option.keyword,
        takes: option.takes,
        value_name: option.value_name,
        help: option.help,
    });
    names.collect()
}

/// Returns a message with the names of options as identifiers: `--per-host` and `-x` become
/// `per_host` and `proxy`, and `--dir` becomes `dest`. URLs, paths and what is in double quotes
/// stay as they are.
#[must_use]
pub fn with_keywords(message: &str) -> String {
    call::with_keywords(message)
}

/// Returns a problem with the names of options as identifiers.
fn in_keywords(problem: Problem) -> Problem {
    Problem {
        exit: problem.exit,
        message: call::with_keywords(&problem.message),
        hint: problem.hint.map(|hint| call::with_keywords(&hint)),
    }
}

fn keyword(name: &str) -> String {
    name.replace(['-', '.'], "_")
}

#[cfg(test)]
mod tests;
