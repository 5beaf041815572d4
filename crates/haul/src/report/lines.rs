//! Events as lines for people. Everything that a server or a list had a say in is made harmless on
//! the way.

use std::collections::{HashSet, VecDeque};
use std::error::Error as StdError;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use haulage::{Error, ErrorKind, Event, LimitChange, Outcome, Status, Transfer};

use crate::exit::Problem;
use crate::report::escape::printable;
use crate::report::progress::short;
use crate::report::saved::{self, unexpected};
use crate::report::{Detail, Items, Notice, Summary, Volume, attempt, format};

/// Turns events into lines, aligned as far as can be known in advance.
#[derive(Debug)]
pub(crate) struct Lines {
    detail: Detail,
    /// The columns of the widest label so far.
    widest: usize,
    /// Rows that are shown as under way.
    shown: HashSet<u64>,
    /// Items that have started, and will be shown as soon as another has ended.
    held: VecDeque<Arc<Transfer>>,
    /// There is a single URL, so it is told where its file is.
    is_one_url: bool,
    /// That, for the end.
    place: Option<String>,
    /// The folder of the run, which that begins with.
    folder: PathBuf,
    /// Files that have another name than expected.
    renamed: u64,
}

/// Most files with unexpected names that have a line each, where not all items have.
const MOST_RENAMED: u64 = 20;

/// Labels wider than this do not make the others' lines longer.
const WIDEST: usize = 40;

impl Lines {
    pub(crate) fn new(detail: Detail, is_one_url: bool) -> Self {
        Self {
            detail,
            widest: 0,
            shown: HashSet::new(),
            held: VecDeque::new(),
            is_one_url,
            place: None,
            folder: PathBuf::new(),
            renamed: 0,
        }
    }

    /// Sets the folder that the run downloads into.
    pub(crate) fn into_folder(mut self, folder: &Path) -> Self {
        folder.clone_into(&mut self.folder);
        self
    }

    /// Adds the lines of an event to `out`.
    pub(crate) fn event(&mut self, event: &Event, out: &mut String) {
        let verbose = self.detail.volume == Volume::Verbose;
        match event {
            Event::Started(transfer) => self.started(transfer, out),
            Event::Retrying { transfer, .. } if !verbose => {
                // It waits, and others have its place.
                self.shown.remove(&transfer.row);
            }
            Event::Redirected { transfer, to } if verbose => {
                line(out, &format!("moved  {} → {to}", transfer.label));
            }
            Event::Retrying {
                transfer,
                attempts,
                error,
                wait,
            } => {
                self.shown.remove(&transfer.row);
                let wait = format::duration(*wait);
                let next = attempts + 1;
                line(
                    out,
                    &format!(
                        "retry  {}: {error}; attempt {next} in {wait}",
                        transfer.label
                    ),
                );
                causes(error, out);
            }
            Event::Attempted(attempt) if verbose => {
                line(out, &format!("times  {}", attempt::line(attempt)));
            }
            Event::LimitChanged { host, limit, why } if verbose => {
                let why = match why {
                    LimitChange::Grows => "trying whether more are faster",
                    LimitChange::NoGain => "more were not faster",
                    LimitChange::Slower => "answers took longer with more",
                    LimitChange::NoDescriptors => "no file descriptors are left for more",
                    _ => "some were refused",
                };
                let host = host.as_deref().unwrap_or("all hosts");
                line(out, &format!("limit  {host}: {limit} at once; {why}"));
            }
            Event::HostWaits { host, wait, why } if verbose || self.lists_all() => {
                let (host, wait) = (short(host), format::duration(*wait));
                let why = why.map_or(String::new(), |why| format!(" ({why})"));
                line(out, &format!("waits  {host}: no requests for {wait}{why}"));
            }
            Event::ProxyWaits { proxy, wait, why } if verbose || self.lists_all() => {
                let wait = format::duration(*wait);
                line(
                    out,
                    &format!("waits  proxy {proxy}: no requests for {wait} ({why})"),
                );
            }
            Event::Ended(outcome) => {
                self.make_place(outcome.row, out);
                self.ended(outcome, out);
                self.show_next(out);
            }
            Event::InputFailed(error) => {
                line(out, &format!("error: {error}"));
            }
            Event::TooManyErrors(failed) => {
                let items = if *failed == 1 {
                    "an item has"
                } else {
                    "items have"
                };
                let count = if *failed == 1 {
                    String::new()
                } else {
                    format!("{failed} ")
                };
                line(out, &format!("stopping: {count}{items} failed"));
            }
            Event::Warned(warning) => line(out, &format!("note: {warning}")),
            Event::Stopped(error) => line(out, &format!("error: {error}")),
            _ => {}
        }
    }

    /// Adds the lines of a notice, a message of the command itself, to `out`.
    pub(crate) fn notice(&self, notice: &Notice<'_>, out: &mut String) {
        match notice {
            Notice::Stopping | Notice::Note(_) if self.detail.volume == Volume::Quiet => {}
            Notice::Stopping => line(out, "stopping; press Ctrl-C again to stop at once"),
            Notice::Note(note) => line(out, note),
            Notice::Warning(warning) => line(out, &format!("note: {warning}")),
            Notice::Waiting(run) => line(out, &format!("waiting for {run}")),
            Notice::Problem(problem) => out.push_str(&self::problem(problem)),
        }
    }

    /// Adds the closing lines, with the summary last, to `out`; none if the display is quiet.
    pub(crate) fn finish(&self, summary: &Summary, out: &mut String) {
        if self.detail.volume == Volume::Quiet {
            return;
        }
        if let Some(place) = &self.place {
            line(out, place);
        }
        if let Some(more) = self
            .renamed
            .checked_sub(MOST_RENAMED)
            .filter(|more| *more > 0)
        {
            let text = format!(
                "{more} more files have other names than their URLs; --results FILE lists them"
            );
            line(out, &text);
        }
        for text in summary.failures.lines() {
            line(out, &text);
        }
        if summary.is_empty() {
            line(out, "the list has no URLs");
        } else {
            line(out, &summary.to_string());
        }
    }

    /// Adds a line of the display's own to `out`, unless only errors are told.
    pub(crate) fn line(&self, text: &str, out: &mut String) {
        if self.detail.volume != Volume::Quiet {
            line(out, text);
        }
    }

    /// Notes that an item has started, and adds its line to `out` if there is room. The next
    /// request is sent while the last file is still being given its name. So that the lines never
    /// show more items under way than `at_once`, the new item's line waits until an earlier item
    /// has ended.
    fn started(&mut self, transfer: &Arc<Transfer>, out: &mut String) {
        if self.lists_all() {
            self.held.push_back(Arc::clone(transfer));
            self.show_next(out);
        }
    }

    /// Shows items that have started, as long as there is room for them.
    fn show_next(&mut self, out: &mut String) {
        while self.has_place()
            && let Some(transfer) = self.held.pop_front()
        {
            self.shown.insert(transfer.row);
            self.show_start(&transfer.label, out);
        }
    }

    /// Makes room for another item, since this row has ended. If its start was not shown yet, shows
    /// it now.
    fn make_place(&mut self, row: u64, out: &mut String) {
        self.shown.remove(&row);
        if let Some(at) = self.held.iter().position(|transfer| transfer.row == row)
            && let Some(transfer) = self.held.remove(at)
        {
            self.show_start(&transfer.label, out);
        }
    }

    /// Makes room for a label of this width in the lines to come.
    fn widen(&mut self, label: &str) {
        let width = format::width(&printable(label)).min(WIDEST);
        self.widest = self.widest.max(width);
    }

    fn show_start(&mut self, label: &str, out: &mut String) {
        self.widen(label);
        line(out, &format!("start  {label}"));
    }

    fn ended(&mut self, outcome: &Outcome, out: &mut String) {
        match &outcome.status {
            // The closing line tells how many there are.
            Status::Failed(error) if error.kind() == ErrorKind::Cancelled => {}
            Status::Failed(error) => {
                line(out, &failed(outcome, &error.to_string()));
                if self.detail.volume == Volume::Verbose {
                    causes(error, out);
                }
            }
            Status::Done if self.tells_all() => {
                self.widen(&outcome.label);
                let label = format::pad(&printable(&outcome.label), self.widest);
                let size = format::bytes(outcome.bytes);
                let time = format::duration(outcome.duration);
                let name = outcome
                    .path
                    .as_deref()
                    .filter(|_| unexpected(outcome).is_some());
                let name = name.map_or(String::new(), |name| format!("  as {name}"));
                line(out, &format!("done   {label}  {size:>10}  {time:>8}{name}"));
            }
            Status::Unchanged if self.tells_all() => {
                line(out, &format!("unchanged {}", outcome.label));
            }
            Status::Skipped if self.tells_all() => {
                line(out, &format!("skipped {} (already there)", outcome.label));
            }
            _ => {}
        }
        if let Some(note) = &outcome.note {
            line(out, &format!("note   {}: {note}", outcome.label));
        }
        self.tell_place(outcome, out);
    }

    /// Says where a file is whose name is not the expected one. For a single URL, the closing lines
    /// say it.
    fn tell_place(&mut self, outcome: &Outcome, out: &mut String) {
        if self.detail.volume == Volume::Quiet {
            return;
        }
        if self.is_one_url {
            self.place = saved::line(outcome, &self.folder);
            return;
        }
        let is_new = matches!(outcome.status, Status::Done);
        if self.tells_all() || !is_new || unexpected(outcome).is_none() {
            return;
        }
        self.renamed += 1;
        if self.renamed <= MOST_RENAMED
            && let Some(text) = saved::line(outcome, Path::new(""))
        {
            line(out, &text);
        }
    }

    /// Returns whether each item has a line when it ends.
    fn tells_all(&self) -> bool {
        self.detail.items != Items::Failures && self.detail.volume != Volume::Quiet
    }

    /// Returns whether each item has a line when it starts, too.
    fn lists_all(&self) -> bool {
        matches!(self.detail.items, Items::All { .. }) && self.detail.volume != Volume::Quiet
    }

    /// Returns whether one more item may be shown as under way.
    fn has_place(&self) -> bool {
        matches!(self.detail.items, Items::All { at_once } if self.shown.len() < at_once)
    }
}

/// Returns the lines of a problem, with its hint if it has one.
pub(crate) fn problem(problem: &Problem) -> String {
    let mut out = String::new();
    line(&mut out, &format!("error: {problem}"));
    if let Some(hint) = &problem.hint {
        line(&mut out, &format!("hint: {hint}"));
    }
    out
}

/// Returns `failed: LABEL: MESSAGE (after 6 attempts, URL, LIST:LINE)`, in which nothing is said
/// twice.
fn failed(outcome: &Outcome, message: &str) -> String {
    let (label, url) = (&*outcome.label, &*outcome.url);
    let attempts = Some(outcome.attempts).filter(|attempts| *attempts > 1);
    let attempts = attempts.map(|attempts| format!("after {attempts} attempts"));
    let place = outcome.location.as_ref();
    let place = place.map(|place| format!("{}:{}", place.input, place.line));
    failure(label, url, message, attempts, place)
}

fn failure(
    label: &str,
    url: &str,
    message: &str,
    attempts: Option<String>,
    place: Option<String>,
) -> String {
    let mut text = String::from("failed: ");
    // A bad row has no other label than what stands there.
    if label != url || !message.contains(label) {
        let _ = write!(text, "{label}: ");
    }
    text.push_str(message);
    let url = Some(url.to_owned()).filter(|url| !text.contains(url));
    let known: Vec<String> = attempts.into_iter().chain(url).chain(place).collect();
    if !known.is_empty() {
        let _ = write!(text, " ({})", known.join(", "));
    }
    text
}

/// Adds the causes of an error to `out`, each on a line of its own.
fn causes(error: &Error, out: &mut String) {
    let mut cause = error.source();
    while let Some(error) = cause {
        line(out, &format!("    caused by: {error}"));
        cause = error.source();
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(&printable(text));
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(volume: Volume, event: &Event) -> String {
        let mut out = String::new();
        let items = Items::Failures;
        Lines::new(Detail { items, volume }, false).event(event, &mut out);
        out
    }

    #[test]
    fn a_failure_says_each_thing_once() {
        let url = "http://a.example/b.gif";
        for (label, place, message, text) in [
            (
                "b.gif",
                None,
                "404 Not Found",
                "failed: b.gif: 404 Not Found (http://a.example/b.gif)",
            ),
            (
                url,
                None,
                "404 Not Found",
                "failed: http://a.example/b.gif: 404 Not Found",
            ),
            (
                url,
                Some("list.txt:7"),
                "404",
                "failed: http://a.example/b.gif: 404 (list.txt:7)",
            ),
            (
                "a",
                None,
                "a refusal",
                "failed: a: a refusal (http://a.example/b.gif)",
            ),
            (
                "b.gif",
                Some("list.txt:7"),
                "404",
                "failed: b.gif: 404 (http://a.example/b.gif, list.txt:7)",
            ),
            (
                url,
                None,
                "\"http://a.example/b.gif\" is not",
                "failed: \"http://a.example/b.gif\" is not",
            ),
        ] {
            let place = place.map(str::to_owned);
            assert_eq!(failure(label, url, message, None, place), text);
        }
        let attempts = Some("after 6 attempts".to_owned());
        assert_eq!(
            failure("b.gif", url, "503", attempts, None),
            "failed: b.gif: 503 (after 6 attempts, http://a.example/b.gif)"
        );
    }

    #[test]
    fn whatever_a_server_says_is_harmless() {
        let event = Event::Stopped(Error::new(ErrorKind::Disk, "a\u{1b}[2J\nfailed: b\u{202e}"));
        let text = lines(Volume::Quiet, &event);
        assert!(
            text.starts_with("error: a\\u{1b}[2J\\u{a}failed: b\\u{202e}\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn a_problem_comes_with_what_to_do() {
        let text = problem(&Problem::usage("no").hint("yes"));
        assert_eq!(text, "error: no\nhint: yes\n");
    }

    #[test]
    fn the_causes_stand_below_one_another() {
        let inner = Error::new(ErrorKind::Reset, "inner").caused_by("innermost");
        let error = Error::new(ErrorKind::Reset, "outer").caused_by(inner);
        let mut out = String::new();
        causes(&error, &mut out);
        assert_eq!(out, "    caused by: inner\n    caused by: innermost\n");
    }
}
