//! The log of a run: a line of JSON for each request, each item, and what else happens.
//!
//! Lines are added at the end of the file, whole lines in each write, so that several runs may
//! write to one file.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use haulage::{ErrorKind, Event, Outcome, Status};
use serde::Serialize;

use crate::exit::Problem;
use crate::report::json::Line;
use crate::report::row::{Carried, CarriedNames, time, write_line};
use crate::report::summary::Figures;
use crate::report::{Notice, Reporter, Summary, attempt, format, open_to_append};

/// Bytes that are gathered at most before they are written.
const MOST_GATHERED: usize = 256 << 10;

/// Writes the log of a run.
pub(crate) struct Log {
    file: File,
    path: PathBuf,
    gathered: String,
    /// Why nothing is written any more; `None` if all was written.
    failed: Option<io::Error>,
    has_told: bool,
}

/// A line of the log.
#[derive(Serialize)]
struct Entry<'a, L> {
    time: String,
    level: Level,
    message: String,
    /// Tells runs apart that write to one file.
    pid: u32,
    #[serde(flatten)]
    line: &'a L,
}

/// What a line says that has no event of the engine. The field `event` names the variant.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Own {
    RunBegan { version: &'static str },
    RunEnded(Figures),
    Warning,
    Note,
    Waiting,
    Stopping,
    Problem { hint: Option<String> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Info,
    Warn,
    Error,
}

impl Log {
    /// Opens the file, which is made if it is missing.
    ///
    /// # Errors
    /// When that cannot be done.
    pub(crate) fn open(path: &Path) -> Result<Self, Problem> {
        let file = open_to_append(path).map_err(|cause| {
            let (path, cause) = (path.display(), format::io(&cause));
            let hint = "give a file in a folder that exists, and that you may write to";
            Problem::usage(format!("--log-file {path}: {cause}")).hint(hint)
        })?;
        Ok(Self {
            file,
            path: path.to_owned(),
            gathered: String::new(),
            failed: None,
            has_told: false,
        })
    }

    /// Adds the line for the beginning of a run.
    pub(crate) fn begin(mut self) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        self.add(Level::Info, "the run begins", &Own::RunBegan { version });
        self
    }

    fn add(&mut self, level: Level, message: impl Into<String>, line: &impl Serialize) {
        let entry = Entry {
            time: time(SystemTime::now()),
            level,
            message: message.into(),
            pid: std::process::id(),
            line,
        };
        write_line(&entry, &mut self.gathered);
        if self.gathered.len() >= MOST_GATHERED {
            self.write();
        }
    }

    fn write(&mut self) {
        if !self.gathered.is_empty() && self.failed.is_none() {
            self.failed = self.file.write_all(self.gathered.as_bytes()).err();
        }
        self.gathered.clear();
    }
}

impl Reporter for Log {
    fn event(&mut self, event: &Event) {
        let Some((level, message)) = described(event) else {
            return;
        };
        let mut names = CarriedNames::default();
        match Line::of(event, &mut names) {
            // They would have a second message.
            Some(Line::Warned { .. }) => self.add(level, message, &Own::Warning),
            Some(Line::Ended(mut row)) => {
                // A column of a list may have any name, such as `level`.
                row.carried = Carried::none();
                self.add(level, message, &Line::Ended(row));
            }
            Some(line) => self.add(level, message, &line),
            None => {}
        }
    }

    fn notice(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::Stopping => self.add(Level::Warn, "the run is stopped", &Own::Stopping),
            Notice::Note(message) => self.add(Level::Info, *message, &Own::Note),
            Notice::Warning(message) => self.add(Level::Warn, *message, &Own::Warning),
            Notice::Waiting(run) => {
                self.add(Level::Info, format!("waiting for {run}"), &Own::Waiting);
            }
            Notice::Problem(problem) => {
                let hint = problem.hint.clone();
                let message = problem.message.as_str();
                self.add(Level::Error, message, &Own::Problem { hint });
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        self.write();
    }

    fn take_trouble(&mut self) -> Option<String> {
        let cause = self.failed.as_ref()?;
        let is_first = !std::mem::replace(&mut self.has_told, true);
        is_first.then(|| {
            let (path, cause) = (self.path.display(), format::io(cause));
            format!("cannot write to {path}: {cause}; the log ends here")
        })
    }

    fn finish(&mut self, summary: &Summary) {
        let message = format!("the run ends: {summary}");
        self.add(Level::Info, message, &Own::RunEnded(summary.figures()));
        self.write();
    }
}

/// Returns how bad an event is, and what it says in a few words; `None` if the log leaves it out.
fn described(event: &Event) -> Option<(Level, String)> {
    Some(match event {
        Event::Attempted(attempt) => {
            let level = match attempt.error {
                Some(_) => Level::Warn,
                None => Level::Info,
            };
            (level, attempt::line(attempt))
        }
        Event::LimitChanged { host, limit, .. } => {
            let host = host.as_deref().unwrap_or("all hosts");
            (Level::Info, format!("{host}: {limit} requests at once"))
        }
        Event::HostWaits { host, wait, why } => {
            let why = why.map_or(String::new(), |why| format!(" ({why})"));
            let wait = format::duration(*wait);
            (Level::Warn, format!("{host}: no requests for {wait}{why}"))
        }
        Event::ProxyWaits { proxy, wait, why } => {
            let wait = format::duration(*wait);
            let message = format!("proxy {proxy}: no requests for {wait} ({why})");
            (Level::Warn, message)
        }
        Event::Ended(outcome) => ended(outcome),
        Event::InputFailed(error) | Event::Stopped(error) => (Level::Error, error.to_string()),
        Event::TooManyErrors(failed) => (
            Level::Error,
            format!("stopping: {failed} items have failed"),
        ),
        Event::Warned(warning) => (Level::Warn, warning.to_string()),
        _ => return None,
    })
}

fn ended(outcome: &Outcome) -> (Level, String) {
    match &outcome.status {
        Status::Failed(error) if error.kind() == ErrorKind::Cancelled => {
            (Level::Warn, format!("{}: {error}", outcome.label))
        }
        Status::Failed(error) => (Level::Error, format!("{}: {error}", outcome.label)),
        status => (Level::Info, format!("{}: {}", outcome.label, status.name())),
    }
}
