//! `haul report`: makes a page of what is recorded in a folder.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use haulage::{Error, RecordedRun, Results};

use super::aggregate::Aggregate;
use super::file::{Target, cannot_write};
use super::page::{About, Ending, Page, render};
use crate::args::ReportArgs;
use crate::config::without_login;
use crate::exit::{Exit, Problem};
use crate::printed;

/// Writes the page about the runs that are recorded in a folder.
///
/// # Errors
/// If nothing is recorded, or cannot be read, or the page not written.
pub(crate) fn print(arguments: &ReportArgs) -> Result<Exit, Problem> {
    let output = arguments.output.as_deref();
    let output = output.filter(|path| *path != Path::new("-"));
    if arguments.output.is_none() && io::stdout().is_terminal() {
        return Err(Problem::usage("a page is not for a terminal")
            .hint("haul report DIR -o report.html, and open that in a browser"));
    }
    let runs = haulage::recorded_runs(&arguments.directory)?;
    let outcomes = haulage::results(&arguments.directory)?;
    let page = page(&arguments.directory, &runs, outcomes, None)?;
    let Some(path) = output else {
        return printed::print(page.as_bytes());
    };
    let written = Target::open(path)?.write(&page);
    written.map_err(|cause| Problem::destination(cannot_write(path, &cause)))?;
    Ok(Exit::Success)
}

/// Returns the page about one list of a folder, whose runs have this title.
///
/// # Errors
/// If nothing is recorded, or cannot be read.
#[cfg(feature = "program")]
pub(crate) fn of_list(
    folder: &Path,
    input: &str,
    title: &str,
    name: &str,
) -> Result<String, Error> {
    let mut runs = haulage::recorded_runs(folder)?;
    runs.retain(|run| run.title == title);
    page(
        folder,
        &runs,
        haulage::results_of(folder, input)?,
        Some(name),
    )
}

/// Returns the page about the items and runs of a folder. `name` is what was downloaded; `None` if
/// the items tell.
fn page(
    folder: &Path,
    runs: &[RecordedRun],
    outcomes: Results,
    name: Option<&str>,
) -> Result<String, Error> {
    let mut items = Aggregate::default();
    let mut lists = Lists::default();
    for outcome in outcomes {
        let outcome = outcome?;
        let list = outcome.location.as_ref().map(|place| &*place.input);
        lists.add(list.unwrap_or_default());
        items.add(&outcome);
    }
    let title = name.map_or_else(|| lists.title(), str::to_owned);
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let folder = folder.display().to_string();
    let drawn = shown(runs);
    Ok(render(Page {
        about: about(runs, &items, title, folder),
        items: &items,
        samples: drawn.map(|run| run.samples.clone()).unwrap_or_default(),
        latencies: drawn.map(|run| run.latencies.clone()).unwrap_or_default(),
        runs,
    }))
}

/// The names of the lists that were downloaded.
#[derive(Debug, Default)]
struct Lists {
    names: Vec<String>,
    /// The one that came last, as it is recorded.
    last: String,
    /// There are more than are kept.
    are_more: bool,
}

/// The most names of lists that are kept.
const MAX_LISTS: usize = 5;

impl Lists {
    fn add(&mut self, name: &str) {
        // As a rule, it is that of the row before.
        if name.is_empty() || name == self.last {
            return;
        }
        name.clone_into(&mut self.last);
        let shown = without_login(name);
        if self.names.contains(&shown) {
            return;
        }
        if self.names.len() == MAX_LISTS {
            self.are_more = true;
        } else {
            self.names.push(shown);
        }
    }

    fn title(&self) -> String {
        let more = if self.are_more { ", …" } else { "" };
        self.names.join(", ") + more
    }
}

/// Returns what was requested: by the last run, if runs are recorded, and otherwise what the items
/// tell.
fn about(runs: &[RecordedRun], items: &Aggregate, title: String, folder: String) -> About {
    let Some(run) = shown(runs) else {
        let (started, ended) = items.period.unzip();
        return About {
            title,
            command: String::new(),
            destination: folder,
            started,
            ended,
            version: String::new(),
            ending: Ending::Unknown,
        };
    };
    let last = run.samples.last().map(|sample| run.started + sample.at);
    About {
        title,
        command: run.command.clone(),
        destination: folder,
        started: Some(run.started),
        // Of a run that was killed, the end is that of its last sample.
        ended: run.ended.or(last),
        version: run.version.clone(),
        ending: ending(runs),
    }
}

/// Returns how the last run ended.
fn ending(runs: &[RecordedRun]) -> Ending {
    match runs.last() {
        None => Ending::Unknown,
        Some(run) if run.ended.is_none() => Ending::Open,
        Some(run) if run.complete => Ending::Complete,
        Some(_) => Ending::Stopped,
    }
}

/// Returns the run that is drawn: the last one that received something, or else the last one.
fn shown(runs: &[RecordedRun]) -> Option<&RecordedRun> {
    let has_received = |run: &&RecordedRun| run.samples.iter().any(|sample| sample.bytes > 0);
    runs.iter().rev().find(has_received).or(runs.last())
}
