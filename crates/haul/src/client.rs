//! `haul add`, `status`, `pause`, `resume` and `remove`: they talk to a daemon.

mod connection;
mod table;
mod tls;

use std::io;
use std::path::Path;

use haulage::Request;
use haulage::source::Pattern;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use self::connection::{Answer, Body, Daemon};
use crate::args::{AddArgs, RunsArgs, StatusArgs};
use crate::exit::{Exit, Problem};
use crate::report::escape;
use crate::results_command::width;
use crate::{option_file, printed};

/// The most bytes of a list that the daemon takes.
const MAX_LIST: u64 = 64 << 20;
/// The most URLs that patterns may stand for.
const MAX_URLS: usize = 100_000;
/// How many runs are asked for at once.
const PAGE: usize = 1000;

/// Adds URLs or a list as one run, and prints its ID.
pub(crate) fn add(arguments: &AddArgs) -> Result<Exit, Problem> {
    let folder = arguments.directory.as_deref().map(absolute).transpose()?;
    let daemon = Daemon::find(&arguments.daemon)?;
    let (target, body) = match &arguments.input {
        None => {
            let mut run = json!({"urls": urls(&arguments.urls)?, "paused": arguments.paused});
            run["name"] = arguments.name.clone().into();
            run["dir"] = folder.into();
            ("runs".to_owned(), Body::Json(run))
        }
        Some(path) => {
            let list = if path.as_os_str() == "-" {
                let list = option_file::read_up_to(io::stdin().lock(), MAX_LIST);
                list.map_err(|cause| Problem::usage(format!("cannot read the list: {cause}")))?
            } else {
                option_file::read("--input", path, MAX_LIST)?
            };
            let own_name = || {
                path.file_name()
                    .map(|name| name.to_string_lossy().into_owned())
            };
            let own_name = own_name().filter(|name| name != "-");
            let name = arguments.name.clone().or_else(|| own_name.clone());
            let mut parameters = vec![("paused", arguments.paused.to_string())];
            parameters.extend(name.map(|name| ("name", name)));
            parameters.extend(folder.map(|folder| ("dir", folder)));
            // The name of the file tells the format, whatever the run is called.
            let format = own_name
                .as_deref()
                .and_then(haulage::source::ListFormat::of_name);
            parameters.extend(format.map(|format| ("format", format.name().to_owned())));
            (format!("runs?{}", query(&parameters)), Body::List(list))
        }
    };
    let run = daemon.request("POST", &target, body)?.value()?;
    let id = run["id"].as_str().unwrap_or_default();
    printed::print(format!("{}\n", escape::printable(id)).as_bytes())
}

/// Prints the runs, or one of them.
pub(crate) fn status(arguments: &StatusArgs) -> Result<Exit, Problem> {
    let daemon = Daemon::find(&arguments.daemon)?;
    let text = match &arguments.id {
        None => {
            let runs = all(&daemon, "")?;
            if arguments.json {
                let status = daemon.request("GET", "status", Body::Nothing)?.value()?;
                json_line(&json!({"status": status, "runs": runs}))
            } else {
                table::of_runs(&runs, width())
            }
        }
        Some(id) => {
            let run = daemon
                .request("GET", &path(id, ""), Body::Nothing)?
                .value()?;
            if arguments.json {
                json_line(&run)
            } else {
                let target = path(id, "/items?status=failed&limit=20");
                let failed = daemon.request("GET", &target, Body::Nothing)?.value()?;
                table::of_run(&run, &failed, width())
            }
        }
    };
    printed::print(text.as_bytes())
}

/// Pauses runs.
pub(crate) fn pause(arguments: &RunsArgs) -> Result<Exit, Problem> {
    each(arguments, "active,waiting", |daemon, id| {
        daemon.request("POST", &path(id, "/pause"), Body::Nothing)
    })
}

/// Lets paused runs go on.
pub(crate) fn resume(arguments: &RunsArgs) -> Result<Exit, Problem> {
    each(arguments, "paused", |daemon, id| {
        daemon.request("POST", &path(id, "/resume"), Body::Nothing)
    })
}

/// Removes runs; those that are over are forgotten.
pub(crate) fn remove(arguments: &RunsArgs) -> Result<Exit, Problem> {
    // From the end, so that none of those that wait begins meanwhile.
    each(arguments, "active,waiting,paused", |daemon, id| {
        daemon.request("DELETE", &path(id, "?purge=true"), Body::Nothing)
    })
}

/// Does something to each of the runs, or to all in these states, the last one first.
fn each(
    arguments: &RunsArgs,
    states: &str,
    act: impl Fn(&Daemon, &str) -> Result<Answer, Problem>,
) -> Result<Exit, Problem> {
    let daemon = Daemon::find(&arguments.daemon)?;
    let ids = if arguments.all {
        let runs = all(&daemon, states)?;
        let ids = runs.iter().rev().filter_map(|run| run["id"].as_str());
        ids.map(str::to_owned).collect()
    } else {
        arguments.ids.clone()
    };
    let mut exit = Exit::Success;
    for id in ids {
        let answer = act(&daemon, &id)?;
        // A run may have ended meanwhile.
        if arguments.all && answer.is_conflict() {
            continue;
        }
        if let Err(problem) = answer.done() {
            exit = exit.or_worse(problem.exit);
            crate::report::show(&problem);
        }
    }
    Ok(exit)
}

/// Returns all runs in these states; all there are for an empty text.
fn all(daemon: &Daemon, states: &str) -> Result<Vec<Value>, Problem> {
    let mut runs = Vec::new();
    loop {
        let offset = runs.len();
        let target = format!("runs?state={states}&offset={offset}&limit={PAGE}");
        let mut page = daemon.request("GET", &target, Body::Nothing)?.value()?;
        let Value::Array(found) = page["runs"].take() else {
            return Ok(runs);
        };
        let is_last = found.len() < PAGE;
        runs.extend(found);
        if is_last {
            return Ok(runs);
        }
    }
}

/// Returns the URLs that arguments stand for.
fn urls(arguments: &[String]) -> Result<Vec<String>, Problem> {
    let mut urls = Vec::new();
    for argument in arguments {
        let pattern = Pattern::parse(argument).map_err(Problem::from)?;
        for url in pattern.into_texts() {
            Request::new(&url)?;
            urls.push(url);
            if urls.len() > MAX_URLS {
                let what = format!("these are more than {MAX_URLS} URLs");
                return Err(Problem::usage(what).hint("give them as a list with -i"));
            }
        }
    }
    Ok(urls)
}

/// Returns a folder as the daemon must be told it.
fn absolute(folder: &Path) -> Result<String, Problem> {
    let found = folder
        .canonicalize()
        .or_else(|_| std::path::absolute(folder));
    let found = found.map_err(|cause| {
        Problem::usage(format!(
            "cannot use the folder {}: {cause}",
            folder.display()
        ))
    })?;
    found.to_str().map(str::to_owned).ok_or_else(|| {
        let what = format!(
            "the folder {} has a name that is no UTF-8",
            folder.display()
        );
        Problem::usage(what)
    })
}

fn path(id: &str, rest: &str) -> String {
    format!("runs/{}{rest}", encoded(id))
}

fn query(parameters: &[(&str, String)]) -> String {
    let pairs = parameters.iter();
    let pairs = pairs.map(|(name, value)| format!("{name}={}", encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn json_line(value: &Value) -> String {
    format!("{}\n", escape::json(&value.to_string()))
}
