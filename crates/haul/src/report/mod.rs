//! What people and programs get to see of a run. Reporters listen to events; nothing here changes
//! what happens.

mod attempt;
mod bar;
mod colour;
pub(crate) mod escape;
mod expected;
mod failure_groups;
pub(crate) mod format;
mod frame;
mod json;
pub(crate) mod lines;
mod log;
mod open_file;
mod plain;
pub(crate) mod plan;
mod progress;
mod results;
pub(crate) mod row;
mod saved;
mod screen;
mod several;
mod summary;
mod taskbar;
mod throughput;
mod total;
pub(crate) mod whole_file;

use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use haulage::Event;

use self::bar::Bar;
use self::lines::Lines;
use self::plain::Plain;
use self::progress::Progress;
use crate::exit::Problem;

pub(crate) use self::log::Log;
pub(crate) use self::open_file::{open_file, open_to_append};
#[cfg(feature = "parquet")]
pub(crate) use self::results::columns::{ColumnFormat, Encoder, Shape};
pub(crate) use self::results::{Csv, Form, Lost, Results, ResultsPlan, Sources};
pub(crate) use self::several::Several;
pub(crate) use self::summary::Summary;
pub(crate) use self::total::Total;

/// Shows a run to somebody.
pub(crate) trait Reporter {
    /// Takes note of an event.
    fn event(&mut self, event: &Event);

    /// Says what the command itself has to say.
    fn notice(&mut self, notice: &Notice<'_>);

    /// Writes what has gathered: called after each batch of events.
    fn flush(&mut self) {}

    /// Returns how often [`tick`](Self::tick) is to be called; `None` for never.
    fn period(&self) -> Option<Duration> {
        None
    }

    /// Shows how far the run is at this instant.
    fn tick(&mut self, _at: Instant) {}

    /// Returns whether it draws something that has to be removed before the process stops.
    fn is_drawn(&self) -> bool {
        false
    }

    /// Removes what it has drawn from the terminal.
    fn leave(&mut self) {}

    /// Returns what it could not write, once, in words for people; `None` if there is nothing to
    /// tell.
    fn take_trouble(&mut self) -> Option<String> {
        None
    }

    /// Closes the report.
    fn finish(&mut self, summary: &Summary);
}

/// What the command itself has to say in the course of a run.
#[derive(Debug)]
pub(crate) enum Notice<'a> {
    /// The first signal has arrived.
    Stopping,
    /// Something that may surprise, and changes nothing.
    Note(&'a str),
    /// A promise that cannot be kept: it is told even with --quiet.
    Warning(&'a str),
    /// The run begins when this other one has ended.
    Waiting(&'a str),
    /// The run goes on worse than before, or not at all.
    Problem(&'a Problem),
}

/// What is shown while a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Display {
    /// A bar, and lines above it.
    Bar(Detail),
    /// Lines alone.
    Lines(Detail),
    /// Lines, and from time to time one that says how far the run is.
    Status(Detail),
    /// A line of JSON for every event; only for what went wrong when quiet.
    Json(Volume),
}

/// Which lines there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Detail {
    pub(crate) items: Items,
    pub(crate) volume: Volume,
}

/// Which items get lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Items {
    /// Those that fail.
    Failures,
    /// Each as it ends.
    Ended,
    /// Each, as it starts and as it ends; at most `at_once` of them are between the two.
    All { at_once: usize },
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Volume {
    /// Only errors.
    Quiet,
    /// Those, and a closing line.
    Normal,
    /// And every attempt, every redirect, every cause.
    Verbose,
}

impl Display {
    /// Returns the reporter of this kind, for a run of `total` items into a folder.
    pub(crate) fn reporter(self, total: &Total, folder: &Path) -> Box<dyn Reporter> {
        let lines = |detail| Lines::new(detail, total.is_one_url()).into_folder(folder);
        let progress = || Progress::new(total.clone());
        match self {
            Self::Bar(detail) => Box::new(Bar::on_stderr(lines(detail), progress())),
            Self::Lines(detail) => Box::new(Plain::new(lines(detail))),
            Self::Status(detail) => Box::new(Plain::with_status(lines(detail), progress())),
            Self::Json(volume) => Box::new(json::Json::new(volume)),
        }
    }
}

/// Returns the line of JSON for an event; `None` for one that has none.
pub(crate) fn json_line(event: &Event) -> Option<String> {
    json::line(event)
}

/// Says why the command cannot do what it was asked for.
pub(crate) fn show(problem: &Problem) {
    say_lines(&lines::problem(problem));
}

/// Tells something of more than one line.
pub(crate) fn tell(text: &str) {
    for line in text.lines() {
        say(&format!("{}\n", escape::printable(line)));
    }
}

/// Writes finished lines for people to standard error, with colours where these are wanted.
fn say_lines(text: &str) {
    if colour::is_wanted() {
        say(&colour::lines(text));
    } else {
        say(text);
    }
}

/// Writes finished lines to standard error. Where that leads nowhere, there is nobody to tell.
fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Returns a duration in whole milliseconds, rounded down.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
