//! What the daemon takes from the command around it: what its options mean, how lists are read, and
//! what is made of recorded outcomes.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::Receiver;

pub use tracing::Level as LogLevel;

use haulage::{Engine, Error, ErrorKind, Event, Row, RunOptions};

/// What the daemon does not do itself. All functions but [`count_event`](Self::count_event) may
/// block.
pub trait Tools: fmt::Debug + Send + Sync {
    /// Opens a list, whose rows are read later, and decides what its options mean.
    ///
    /// # Errors
    /// When the list is none, or an option cannot be used, or is none that a client may give.
    fn open(&self, list: &ListFile<'_>) -> Result<OpenList, Refused>;

    /// Counts the rows of a list; `None` if that cannot be done quickly.
    fn count(&self, list: &ListFile<'_>) -> Option<u64>;

    /// Writes the recorded outcomes of a list.
    ///
    /// # Errors
    /// When they cannot be read or written.
    fn write_results(
        &self,
        of: &RecordedList<'_>,
        format: ResultsFormat,
        out: &mut dyn Write,
    ) -> Result<(), Error>;

    /// Returns the page about a list, as HTML.
    ///
    /// # Errors
    /// When what was recorded cannot be read.
    fn report(&self, of: &RecordedList<'_>) -> Result<String, Error>;

    /// Returns what a kind of error means, in one sentence.
    fn explain(&self, kind: ErrorKind) -> &'static str;

    /// Counts what has happened in a run, for metrics.
    fn count_event(&self, event: &Event);

    /// Writes what `tracing` tells to the end of this file from now on, up to this level; `None`
    /// ends it.
    fn write_log(&self, log: Option<(File, LogLevel)>);

    /// Returns the metrics of the process, in the format that a client accepts.
    fn metrics(&self, engine: &Engine, accept: &str) -> MetricsText;
}

/// A list in a file of the daemon's.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ListFile<'a> {
    /// The file.
    pub path: &'a Path,
    /// Options of `haul`: their names on the command line, and their values; `None` for a switch.
    pub options: &'a [(String, Option<String>)],
    /// Where its files go.
    pub folder: &'a Path,
}

impl<'a> ListFile<'a> {
    /// Returns the list in a file, with these options.
    #[must_use]
    pub fn new(path: &'a Path, options: &'a [(String, Option<String>)], folder: &'a Path) -> Self {
        Self {
            path,
            options,
            folder,
        }
    }
}

/// A list that has been opened. It is read as its rows are taken.
pub struct OpenList {
    /// What holds for its run.
    pub options: RunOptions,
    /// Its rows, in order.
    pub rows: Box<dyn Iterator<Item = Row> + Send>,
    /// Receives an error if the list breaks off.
    pub broken: Receiver<Error>,
}

impl fmt::Debug for OpenList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OpenList").finish_non_exhaustive()
    }
}

/// Why a list or its options are not taken: one line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

/// A list whose outcomes are recorded.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RecordedList<'a> {
    /// Where its files went.
    pub folder: &'a Path,
    /// The list, as it is recorded.
    pub input: &'a str,
    /// What people call it.
    pub name: &'a str,
    /// The title of its runs.
    pub title: &'a str,
}

impl<'a> RecordedList<'a> {
    pub(crate) fn new(folder: &'a Path, input: &'a str, name: &'a str, title: &'a str) -> Self {
        Self {
            folder,
            input,
            name,
            title,
        }
    }
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultsFormat {
    /// A JSON object a line.
    Jsonl,
    /// A table of text (RFC 4180).
    Csv,
}

/// Metrics as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsText {
    /// The type of the text.
    pub content_type: &'static str,
    /// All metrics.
    pub text: String,
}
