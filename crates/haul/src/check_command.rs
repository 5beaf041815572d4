//! `haul check`: reads the files of a list, and compares them with what is known of them.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use haulage::source::ListOptions;
use haulage::{
    Checksum, EngineOptions, ErrorKind, Existing, Expected, Finding, Outcome, Purpose, Row,
    RunOptions, Status,
};
use tokio::runtime;

use crate::args::CheckArgs;
use crate::exit::{Exit, Problem};
use crate::input::Inputs;
use crate::printed::unwritten;
use crate::report::escape::printable;
use crate::report::{format, plan, tell};
use crate::settings;

/// Files that wait to be read.
const WAITING: usize = 1024;

/// A file that should be there.
struct Checked {
    url: String,
    /// Relative to the folder.
    path: String,
    expected: Expected,
}

/// A row of what was recorded, or of a list.
enum Task {
    /// Its file is to be compared.
    File(Checked),
    /// It has no file, since it failed.
    Failed(Box<Outcome>),
}

/// What was found of a row.
enum Found {
    File(Checked, Finding),
    Failed(Box<Outcome>),
}

/// How many files are how.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    right: u64,
    bytes: u64,
    /// Of those that are right: how many have the right checksum.
    hashed: u64,
    wrong: u64,
    missing: u64,
    unreadable: u64,
    /// Rows that were recorded as failed.
    failed: u64,
    /// Rows that have no file, or cannot be read.
    without: u64,
}

/// Compares files with what is known of them, and prints a list of those that are not as they
/// should be. If the reader leaves before the end, that is a success: it has seen enough.
///
/// # Errors
/// If the state or the list cannot be read, or the output not written.
pub(crate) fn run(arguments: &CheckArgs) -> Result<Exit, Problem> {
    let given = &arguments.path;
    let is_recorded = given.is_dir() && arguments.directory.is_none();
    let folder = if is_recorded {
        given.clone()
    } else {
        arguments
            .directory
            .clone()
            .unwrap_or_else(|| PathBuf::from("."))
    };
    let (files, counts, written) = thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        let source = scope.spawn(move || {
            if is_recorded {
                recorded(given, &sender)
            } else {
                listed(arguments, &sender)
            }
        });
        let (counts, written) = compare(&folder, receiver);
        let files = source.join().unwrap_or_else(|panic| resume_unwind(panic));
        (files, counts, written)
    });
    if let Err(cause) = written {
        return unwritten(&cause);
    }
    let counts = Counts {
        without: files?,
        ..counts
    };
    tell(&summary(&counts));
    // A recorded row may have no file to keep; one of a list that cannot be used is wrong.
    let unusable = if is_recorded { 0 } else { counts.without };
    Ok(
        if counts.wrong + counts.missing + counts.unreadable + counts.failed + unusable > 0 {
            Exit::SomeFailed
        } else {
            Exit::Success
        },
    )
}

/// Sends the files that are recorded as complete in a folder, and the rows that failed; returns how
/// many others have no file. Ends when nobody receives any more.
fn recorded(folder: &Path, tasks: &SyncSender<Task>) -> Result<u64, Problem> {
    let mut without = 0;
    // Of their URLs, which may be many.
    let mut failed: HashSet<u64> = HashSet::new();
    let hasher = RandomState::new();
    for outcome in haulage::results(folder)? {
        let outcome = outcome?;
        if has_no_file(&outcome) {
            failed.insert(hasher.hash_one(&outcome.url));
            continue;
        }
        let Some(path) = &outcome.path else {
            without += 1;
            continue;
        };
        let fields = outcome.fields().unwrap_or_default().split('\t');
        let given = fields.filter_map(|field| field.parse::<Checksum>().ok());
        let checked = Checked {
            url: outcome.url.to_string(),
            path: path.to_string(),
            expected: Expected {
                length: Some(outcome.bytes),
                checksums: given.chain(outcome.hashes.iter().cloned()).collect(),
                pieces: None,
            },
        };
        if tasks.send(Task::File(checked)).is_err() {
            return Ok(without);
        }
    }
    if failed.is_empty() {
        return Ok(without);
    }
    // What failed may have come with another list.
    for outcome in haulage::results(folder)? {
        let outcome = outcome?;
        if !has_no_file(&outcome) {
            failed.remove(&hasher.hash_one(&outcome.url));
        }
    }
    for outcome in haulage::results(folder)? {
        let outcome = outcome?;
        let is_failed = has_no_file(&outcome) && failed.contains(&hasher.hash_one(&outcome.url));
        if is_failed && tasks.send(Task::Failed(Box::new(outcome))).is_err() {
            break;
        }
    }
    Ok(without)
}

/// Returns whether a recorded row has failed without a file. One whose command failed has its file.
fn has_no_file(outcome: &Outcome) -> bool {
    let of_command = |error: &haulage::Error| error.kind() == ErrorKind::Command;
    match outcome.error() {
        Some(error) if matches!(outcome.status, Status::Failed(_)) => {
            outcome.path.is_none() || !of_command(error)
        }
        _ => false,
    }
}

/// Sends the files that a list would give; returns how many rows cannot be used. Ends when nobody
/// receives any more.
fn listed(arguments: &CheckArgs, tasks: &SyncSender<Task>) -> Result<u64, Problem> {
    let mut inputs = Inputs::new();
    let list = ListOptions {
        format: settings::list_format(arguments.input_format),
        base_url: arguments.base_url.clone(),
        ..ListOptions::default()
    };
    inputs.add_list(&arguments.path, &list)?;
    let folder = arguments.directory.clone();
    let mut options = RunOptions::new(folder.unwrap_or_else(|| PathBuf::from(".")));
    // A plan names the files, and touches nothing.
    options.purpose = Purpose::Plan;
    options.existing = Existing::Overwrite;
    options.layout = settings::layout(arguments.layout);
    inputs
        .fetcher
        .set_options(&EngineOptions::default(), &options);
    inputs.fetch_lists(&list)?;
    for note in &inputs.notes {
        tell(note);
    }
    let (rows, told) = inputs.into_parts();
    let rows: Vec<_> = rows.collect();
    let known = Known::default();
    let rows = known.clone().watch(rows.into_iter().flatten());
    let mut outcomes = haulage::download(rows, options)?;
    let runtime = runtime::Builder::new_current_thread()
        .build()
        .map_err(|cause| Problem::destination(format!("cannot start: {}", format::io(&cause))))?;
    let mut without = 0;
    while let Some(outcome) = runtime.block_on(outcomes.next()) {
        let expected = known.take(outcome.row);
        if let Some(error) = outcome.error() {
            let url = printable(&outcome.url);
            tell(&format!("cannot check {url}: {error}"));
            without += 1;
        } else if let Some(checked) = planned(&outcome, expected)
            && tasks.send(Task::File(checked)).is_err()
        {
            break;
        }
    }
    match told.broken.try_recv() {
        Ok(error) => Err(Problem::usage(error.to_string())),
        Err(_) => Ok(without),
    }
}

/// What is known of the files of rows that have no outcome yet, by the numbers of the rows.
#[derive(Clone, Default)]
struct Known(Arc<Mutex<HashMap<u64, Expected>>>);

impl Known {
    /// Notes what is known of each row that is read.
    fn watch(self, rows: impl Iterator<Item = Row>) -> impl Iterator<Item = Row> {
        (0..).zip(rows).map(move |(number, row)| {
            if let Ok(request) = &row {
                self.lock().insert(number, request.expected());
            }
            row
        })
    }

    /// Takes what is known of a row, which is nothing if it cannot be used.
    fn take(&self, row: u64) -> Expected {
        self.lock().remove(&row).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Expected>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the file of a planned row; `None` for a row that repeats another one.
fn planned(outcome: &Outcome, expected: Expected) -> Option<Checked> {
    let is_first = matches!(outcome.status, Status::Planned);
    let path = outcome.path.as_deref().filter(|_| is_first)?;
    Some(Checked {
        url: outcome.url.to_string(),
        path: path.to_owned(),
        expected,
    })
}

/// Compares files on several threads, and prints those that are not as they should be.
fn compare(folder: &Path, tasks: Receiver<Task>) -> (Counts, io::Result<()>) {
    let tasks = Mutex::new(tasks);
    let next = || {
        let tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.recv().ok()
    };
    let (sender, findings) = mpsc::sync_channel(WAITING);
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut counts = Counts::default();
    let mut written = Ok(());
    thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            scope.spawn(move || {
                while let Some(task) = next() {
                    let found = match task {
                        Task::File(file) => {
                            let path = folder.join(&file.path);
                            let finding = haulage::check_file(&path, &file.expected);
                            Found::File(file, finding)
                        }
                        Task::Failed(outcome) => Found::Failed(outcome),
                    };
                    if sender.send(found).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut out = io::stdout().lock();
        for found in findings {
            counts.count(&found);
            let Some(entry) = entry(&found) else {
                continue;
            };
            written = out.write_all(entry.as_bytes());
            if written.is_err() {
                // What waits is not read: the threads end, and with them who sends to them.
                break;
            }
        }
    });
    (counts, written)
}

impl Counts {
    fn count(&mut self, found: &Found) {
        let Found::File(file, finding) = found else {
            self.failed += 1;
            return;
        };
        match finding {
            Finding::Right(bytes) => {
                self.right += 1;
                self.bytes += bytes;
                let Expected {
                    checksums, pieces, ..
                } = &file.expected;
                let is_read = !checksums.is_empty() || pieces.is_some();
                self.hashed += u64::from(is_read);
            }
            Finding::Missing => self.missing += 1,
            Finding::Unreadable(_) => self.unreadable += 1,
            _ => self.wrong += 1,
        }
    }
}

/// Returns what is wrong with a file; `None` if nothing is.
fn reason(file: &Checked, finding: &Finding) -> Option<String> {
    match finding {
        Finding::Right(_) => None,
        Finding::Missing => Some("is missing".to_owned()),
        Finding::NoFile => Some("is there, but is no file; move it away".to_owned()),
        Finding::WrongLength(found) => {
            let expected = file.expected.length.unwrap_or_default();
            Some(format!("has {found} bytes instead of {expected}"))
        }
        Finding::WrongChecksum(found) => Some(format!(
            "has the wrong {}: {}",
            found.algorithm(),
            found.hex()
        )),
        Finding::WrongPieces(ranges) => Some(damage(ranges)),
        Finding::Unreadable(cause) => Some(format!("cannot be read: {}", format::io(cause))),
        _ => Some("is not as it should be".to_owned()),
    }
}

/// Returns which bytes are wrong, in words that fit after the name of a file: the first ranges, if
/// there are many.
fn damage(ranges: &[Range<u64>]) -> String {
    const SHOWN: usize = 5;
    let bytes = ranges.iter().map(|range| range.end - range.start).sum();
    let shown = ranges.iter().take(SHOWN);
    let shown: Vec<_> = shown
        .map(|range| format!("{}-{}", range.start, range.end - 1))
        .collect();
    let more = if ranges.len() > SHOWN { ", …" } else { "" };
    format!(
        "has {} in damaged pieces: bytes {}{more}",
        format::bytes(bytes),
        shown.join(", ")
    )
}

/// Returns the lines of a list that download a file again, with a comment that says why; `None` if
/// nothing is wrong.
fn entry(found: &Found) -> Option<String> {
    match found {
        Found::File(file, finding) => Some(entry_of_file(file, &reason(file, finding)?)),
        Found::Failed(outcome) => Some(entry_of_failed(outcome)),
    }
}

fn entry_of_failed(outcome: &Outcome) -> String {
    let why = outcome.error().map(ToString::to_string).unwrap_or_default();
    let (label, why) = (printable(&outcome.label), printable(&why));
    let mut lines = format!("# {label} failed: {why}\n");
    plan::list_line(outcome, &mut lines);
    lines
}

fn entry_of_file(file: &Checked, why: &str) -> String {
    let path = printable(&file.path);
    let mut line = format!("# {path} {why}\n");
    plan::url(&file.url, &mut line);
    let _ = write!(line, "\tout={path}");
    let mut seen = Vec::new();
    for sum in &file.expected.checksums {
        if !seen.contains(&sum.algorithm()) {
            seen.push(sum.algorithm());
            let _ = write!(line, "\t{sum}");
        }
    }
    line.push('\n');
    line
}

fn summary(counts: &Counts) -> String {
    let Counts {
        right,
        bytes,
        hashed,
        wrong,
        missing,
        unreadable,
        failed,
        without,
    } = *counts;
    let mut text = format!(
        "{right} right ({}; {hashed} by a checksum), {wrong} wrong, {missing} missing",
        format::bytes(bytes)
    );
    if unreadable > 0 {
        let _ = write!(text, ", {unreadable} unreadable");
    }
    if failed > 0 {
        let _ = write!(text, ", {failed} failed");
    }
    if without > 0 {
        let _ = write!(text, "; {without} without a file to check");
    }
    text
}
