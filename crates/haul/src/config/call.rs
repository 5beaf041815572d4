//! Options that a program gives which embeds the command: by name, as `per-host` or `per_host`.
//! They are those of the command line, except what makes sense only there, and are checked as if
//! they were typed. Nothing else counts: no environment, no file.

mod wording;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _, Id};

pub(crate) use self::wording::with_keywords;
use super::effective::Level;
use super::keys::{Found, Key, Keys, Takes, keyword};
use super::problem;
use super::setting::{Setting, Source, Value};
use crate::args::{Arguments, Download};
use crate::exit::Problem;
use crate::password::Prompt;

/// Options that make sense on a command line only.
const OF_A_COMMAND_LINE: [&str; 22] = [
    "config",
    "dir",
    "globoff",
    "head",
    "help",
    "input",
    "log-file",
    "metrics",
    "metrics-file",
    "no-config",
    "on-complete",
    "on-complete-fails",
    "on-complete-jobs",
    "output",
    "progress",
    "quiet",
    "report",
    "results",
    "sample",
    "shard",
    "verbose",
    "version",
];

/// What to do instead of giving some of them.
const INSTEAD: [(&str, &str); 6] = [
    ("dir", "the destination is an argument of its own"),
    (
        "globoff",
        "whether a URL is a pattern is decided where it is given",
    ),
    ("input", "the list is an argument of its own"),
    ("on-complete", "the outcomes tell which files are complete"),
    ("output", "a name for the file belongs to its request"),
    ("results", "the outcomes have what it would write"),
];

/// Options about lists, which on a command line are errors without a list.
const OF_LISTS: [&str; 8] = [
    "input_format",
    "base_url",
    "url_column",
    "name_column",
    "checksum_column",
    "size_column",
    "header_columns",
    "delimiter",
];

/// Paths by which standard input would be read.
const STANDARD_INPUT: [&str; 4] = ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];

/// Options that a program has given.
pub(crate) struct Call {
    pub(crate) download: Download,
    /// The names of the options that were given and are not off, as on the command line.
    pub(crate) given: Vec<String>,
}

impl Call {
    /// Reads options: the name of each, and its value. A switch is on without a value, and may have
    /// the value `true` or `false`; the last value of an option counts, unless it may be repeated.
    ///
    /// # Errors
    /// When there is no such option, or its value cannot be used.
    pub(crate) fn read(given: &[(String, Option<OsString>)]) -> Result<Self, Problem> {
        let mut command = command();
        let keys = Keys::without(&command, &OF_A_COMMAND_LINE);
        let mut settings: Vec<Setting> = Vec::new();
        for (name, value) in given {
            let setting = setting(&keys, name, value.as_deref())?;
            if setting.key.takes != Takes::Several {
                settings.retain(|earlier| earlier.key != setting.key);
            }
            settings.push(setting);
        }
        settings.retain(|setting| setting.value != Value::Switch(false));
        let settings = Level::check(&mut command, settings)
            .map_err(first)?
            .into_settings();
        let words = settings.iter().flat_map(Setting::words);
        let words = std::iter::once("haul".into()).chain(words);
        let matches = command.try_get_matches_from_mut(words);
        let arguments = matches.and_then(|matches| Arguments::from_arg_matches(&matches));
        let mut download = arguments.map_err(|error| missing(&error))?.into_download();
        download.prompt = Prompt::Never;
        let given = settings.into_iter().map(|setting| setting.key.long);
        Ok(Self {
            download,
            given: given.collect(),
        })
    }
}

/// An option that a program may give.
pub(crate) struct CallOption {
    /// As on the command line, without its dashes.
    pub(crate) long: String,
    pub(crate) keyword: String,
    pub(crate) takes: Takes,
    pub(crate) value_name: Option<String>,
    /// The first line of its help.
    pub(crate) help: String,
}

/// Returns the options that a program may give.
pub(crate) fn all() -> Vec<CallOption> {
    let command = command();
    let keys = Keys::without(&command, &OF_A_COMMAND_LINE);
    let argument = |key: &Key| {
        command
            .get_arguments()
            .find(|each| each.get_id() == &*key.id)
    };
    let option = |key: &Key| {
        let argument = argument(key);
        let names = argument
            .filter(|_| key.takes != Takes::Nothing)
            .and_then(Arg::get_value_names);
        let help = argument.and_then(Arg::get_help).map(ToString::to_string);
        CallOption {
            long: key.long.clone(),
            keyword: key.keyword(),
            takes: key.takes,
            value_name: names.and_then(|names| Some(names.first()?.to_string())),
            help: help
                // It is refused here.
                .map(|text| text.replace("; - is standard input", ""))
                .map(|text| with_keywords(&text))
                .unwrap_or_default(),
        }
    };
    keys.iter().map(option).collect()
}

/// Returns whether standard input would be read by this path.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    STANDARD_INPUT.iter().any(|name| path == Path::new(name))
}

/// Returns the command, built, with no option that needs a list.
fn command() -> Command {
    let mut command = Arguments::command();
    for id in OF_LISTS {
        command = command.mut_arg(id, |argument| argument.requires(Resettable::<Id>::Reset));
    }
    // As in `command_line`: `build` would build the subcommands too.
    command.render_usage();
    command
}

fn setting(keys: &Keys, name: &str, value: Option<&OsStr>) -> Result<Setting, Problem> {
    let key = match keys.find_keyword(name) {
        Found::Key(key) => key,
        Found::OfOneRun => {
            let problem = Problem::usage(format!("{name} is for the command line only"));
            let instead = INSTEAD
                .iter()
                .find(|(long, _)| keyword(long) == keyword(name));
            return Err(match instead {
                Some((_, hint)) => problem.hint(*hint),
                None => problem,
            });
        }
        Found::Nothing(meant) => {
            let problem = Problem::usage(format!("there is no option {name}"));
            return Err(match meant {
                Some(key) => problem.hint(format!("did you mean {}?", key.keyword())),
                None => problem.hint("haul --help lists the options; write _ for each -"),
            });
        }
    };
    let name = key.keyword();
    let value = match (key.takes, value) {
        (Takes::Nothing, None) => Value::Switch(true),
        (Takes::Nothing, Some(value)) => match value.to_str() {
            Some("true") => Value::Switch(true),
            Some("false") => Value::Switch(false),
            _ => {
                let what = format!("{name}: {} is neither true nor false", value.display());
                return Err(Problem::usage(what));
            }
        },
        (_, None) => return Err(Problem::usage(format!("{name} needs a value"))),
        (_, Some(path)) if key.is_path && is_standard_input(Path::new(path)) => {
            let what = format!("{name}: standard input is not read");
            return Err(Problem::usage(what).hint("name a file"));
        }
        (_, Some(value)) => Value::Texts(vec![value.to_owned()]),
    };
    Ok(Setting {
        key: key.clone(),
        value,
        source: Source::Caller,
    })
}

/// Returns the first of some problems.
fn first(problems: Vec<Problem>) -> Problem {
    let mut problems = problems.into_iter();
    problems
        .next()
        .unwrap_or_else(|| Problem::usage("the options cannot be used"))
}

/// Says which option is missing that another one needs.
fn missing(error: &clap::Error) -> Problem {
    if error.kind() == ErrorKind::MissingRequiredArgument
        && let Some(ContextValue::Strings(names)) = error.get(ContextKind::InvalidArg)
    {
        let what = format!("an option that was given needs {}", names.join(", "));
        return Problem::usage(what).hint("give both, or none of them");
    }
    first(problem(error))
}
