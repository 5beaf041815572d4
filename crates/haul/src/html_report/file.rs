//! The page about a run, written when it is over (`--report`).

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use haulage::{Event, Run};

use super::aggregate::Aggregate;
use super::page::{About, Ending, Page, render};
use crate::exit::Problem;
use crate::report::{format, open_file};

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
    file: File,
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
            file: open(&plan.path)?,
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
        let written = replace(&mut self.file, &page);
        written.map_err(|cause| Problem::destination(cannot_write(&self.path, &cause)))
    }
}

/// Opens the file of a page, and creates it if it is not there. What is in it stays.
///
/// # Errors
/// When that is not possible.
pub(super) fn open(path: &Path) -> Result<File, Problem> {
    open_file(path).map_err(|cause| Problem::usage(cannot_write(path, &cause)))
}

/// Replaces what is in a file.
pub(super) fn replace(file: &mut File, page: &str) -> io::Result<()> {
    // A pipe or a device has no old content to remove.
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    file.write_all(page.as_bytes())?;
    file.flush()
}

/// Returns the message for a report that cannot be written.
pub(super) fn cannot_write(path: &Path, cause: &io::Error) -> String {
    let path = path.display();
    format!("cannot write the report to {path}: {}", format::io(cause))
}
