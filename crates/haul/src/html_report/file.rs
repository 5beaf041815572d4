//! The page about a run, written when it is over (`--report`).

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use haulage::{Event, Run};

use super::aggregate::Aggregate;
use super::page::{About, Ending, Page, render};
use crate::exit::Problem;
use crate::report::{format, open_file, whole_file};

/// Where a page is written, and which command line it shows.
#[derive(Debug, Clone)]
pub(crate) struct PagePlan {
    pub(crate) path: PathBuf,
    /// Without what is secret.
    pub(crate) command: String,
}

/// The page about a run that goes on: its items are summed up as they end.
pub(crate) struct PageFile {
    path: PathBuf,
    target: Target,
    items: Aggregate,
    about: About,
}

impl PageFile {
    /// Opens the file of a page about the download of a list (empty for URLs) to a folder. What a
    /// former run left there stays until the page is [written](Self::write).
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn open(plan: &PagePlan, title: &str, folder: &str) -> Result<Self, Problem> {
        Ok(Self {
            path: plan.path.clone(),
            target: Target::open(&plan.path)?,
            items: Aggregate::default(),
            about: About {
                title: title.to_owned(),
                command: plan.command.clone(),
                destination: folder.to_owned(),
                started: Some(SystemTime::now()),
                ended: None,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                ending: Ending::Open,
            },
        })
    }

    /// Takes note of an event.
    pub(crate) fn event(&mut self, event: &Event) {
        if let Event::Ended(outcome) = event {
            self.items.add(outcome);
        }
    }

    /// Writes the page, since the run is over. `is_complete`: it was not stopped.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(mut self, run: &Run, is_complete: bool) -> Result<(), Problem> {
        self.about.ended = Some(SystemTime::now());
        self.about.ending = if is_complete {
            Ending::Complete
        } else {
            Ending::Stopped
        };
        let page = render(Page {
            about: self.about,
            items: &self.items,
            samples: run.samples(),
            latencies: run.latencies(),
            runs: &[],
        });
        let written = self.target.write(&page);
        written.map_err(|cause| Problem::destination(cannot_write(&self.path, &cause)))
    }
}

/// Where a page goes.
pub(super) enum Target {
    /// To a file that is replaced when the page is there, so that it is never half a page.
    File(PathBuf),
    /// To what is no file, such as a pipe, or to a file in a folder that takes no other one.
    Stream(File),
}

impl Target {
    /// Checks that a page can be written there. What is there stays.
    ///
    /// # Errors
    /// When it cannot.
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        // A link stays: what it leads to is replaced.
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let replaced = match fs::metadata(&real) {
            Ok(found) if !found.is_file() => None,
            Ok(_) => whole_file::check(&real).ok(),
            Err(_) => {
                let checked = whole_file::check(&real);
                Some(checked.map_err(|cause| Problem::usage(cannot_write(path, &cause)))?)
            }
        };
        if replaced.is_some() {
            return Ok(Self::File(real));
        }
        let file = open_file(path);
        file.map(Self::Stream)
            .map_err(|cause| Problem::usage(cannot_write(path, &cause)))
    }

    /// Writes a page.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(self, page: &str) -> io::Result<()> {
        match self {
            Self::File(path) => whole_file::replace(&path, page),
            Self::Stream(mut file) => {
                // A pipe or a device has no old content to remove.
                if file.metadata()?.is_file() {
                    file.set_len(0)?;
                }
                file.write_all(page.as_bytes())?;
                file.flush()
            }
        }
    }
}

/// Returns the message for a report that cannot be written.
pub(super) fn cannot_write(path: &Path, cause: &io::Error) -> String {
    let path = path.display();
    format!("cannot write the report to {path}: {}", format::io(cause))
}
