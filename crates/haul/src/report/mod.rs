//! What people and programs get to see of a run. Reporters listen to events; nothing here changes what happens.

mod bar;
pub(crate) mod escape;
pub(crate) mod format;
mod frame;
mod json;
mod lines;
mod pace;
mod plain;
pub(crate) mod plan;
mod results;
pub(crate) mod row;
mod summary;
mod total;

use std::io::{self, Write as _};
use std::time::Duration;

use haulage::Event;

use crate::exit::Problem;
use crate::input::Count;

pub(crate) use self::results::{Form, Lost, Opened, Results};
pub(crate) use self::summary::Summary;

/// Shows a run to somebody.
pub(crate) trait Reporter {
    /// Takes note of an event.
    fn event(&mut self, event: &Event);

    /// Says what the command itself has to say.
    fn notice(&mut self, notice: &Notice<'_>);

    /// Writes what has gathered: called after each batch of events.
    fn flush(&mut self) {}

    /// How often it wants to be drawn anew, if at all.
    fn redraws(&self) -> Option<Duration> {
        None
    }

    /// Draws anew.
    fn tick(&mut self) {}

    /// Leaves the terminal as it was found.
    fn leave(&mut self) {}

    /// Closes the report.
    fn finish(&mut self, summary: &Summary);
}

/// What the command itself has to say in the course of a run.
#[derive(Debug)]
pub(crate) enum Notice<'a> {
    /// The first signal has arrived.
    Stopping,
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
    /// Each, as it starts and as it ends, no more than so many of them between the two.
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
    /// The reporter of this kind, for a run of so many items.
    pub(crate) fn reporter(self, counts: Vec<Count>) -> Box<dyn Reporter> {
        match self {
            Self::Bar(detail) => Box::new(bar::Bar::on_stderr(detail, total::Total::of(counts))),
            Self::Lines(detail) => Box::new(plain::Plain::new(detail)),
            Self::Json(volume) => Box::new(json::Json::new(volume)),
        }
    }
}

/// Says why the command cannot do what it was asked for.
pub(crate) fn show(problem: &Problem) {
    say(&lines::problem(problem));
}

/// Tells something of more than one line.
pub(crate) fn tell(text: &str) {
    for line in text.lines() {
        say(&format!("{}\n", escape::printable(line)));
    }
}

/// Writes finished lines to standard error. Where that leads nowhere, there is nobody to tell.
fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// A time in whole milliseconds.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
