//! Events as lines for people. Everything that a server or a list had a say in is made harmless on the way.

use std::collections::{HashSet, VecDeque};
use std::error::Error as StdError;
use std::fmt::Write as _;
use std::sync::Arc;

use haulage::{Error, ErrorKind, Event, LimitChange, Outcome, Place, Status, Transfer};

use crate::exit::Problem;
use crate::report::escape::printable;
use crate::report::{Detail, Items, Notice, Summary, Volume, format};

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
}

/// Labels wider than this do not make the others' lines longer.
const WIDEST: usize = 40;

impl Lines {
    pub(crate) fn new(detail: Detail) -> Self {
        Self {
            detail,
            widest: 0,
            shown: HashSet::new(),
            held: VecDeque::new(),
        }
    }

    /// The lines of an event, added to `out`.
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
            Event::LimitChanged { host, limit, why } if verbose => {
                let why = match why {
                    LimitChange::Grows => "to see whether more bring more",
                    LimitChange::NoGain => "more brought no more",
                    LimitChange::Slower => "with more it took longer to answer",
                    LimitChange::NoDescriptors => "there are no file descriptors for more",
                    _ => "it refused some",
                };
                let host = host.as_deref().unwrap_or("all hosts");
                line(out, &format!("limit  {host}: {limit} at once; {why}"));
            }
            Event::HostWaits { host, wait } if verbose => {
                let wait = format::duration(*wait);
                line(out, &format!("waits  {host}: nothing is sent for {wait}"));
            }
            Event::Ended(outcome) => {
                self.make_place(outcome.row, out);
                self.ended(outcome, out);
                self.show_next(out);
            }
            Event::InputFailed(error) => {
                line(out, &format!("error: {error}; what was read of it is done"));
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
            Event::Stopped(error) => {
                line(out, &format!("error: {error}"));
                line(
                    out,
                    "stopped: running the same command again goes on from here",
                );
            }
            _ => {}
        }
    }

    /// The lines of what the command itself has to say, added to `out`.
    pub(crate) fn notice(&self, notice: &Notice<'_>, out: &mut String) {
        match notice {
            Notice::Stopping if self.detail.volume == Volume::Quiet => {}
            Notice::Stopping => line(out, "stopping; press Ctrl-C again to stop at once"),
            Notice::Waiting(run) => line(out, &format!("waiting for {run}")),
            Notice::Problem(problem) => out.push_str(&self::problem(problem)),
        }
    }

    /// The closing line, added to `out`.
    pub(crate) fn finish(&self, summary: &Summary, out: &mut String) {
        if self.detail.volume != Volume::Quiet {
            line(out, &summary.to_string());
        }
    }

    /// An item has started. The next request goes out while the last file is still being given its name; so that nobody
    /// who counts lines finds more under way than were asked for, its line waits until that one's has come.
    fn started(&mut self, transfer: &Arc<Transfer>, out: &mut String) {
        if self.lists_all() {
            self.held.push_back(Arc::clone(transfer));
            self.show_next(out);
        }
    }

    /// Shows what has started, as far as there is place.
    fn show_next(&mut self, out: &mut String) {
        while self.has_place()
            && let Some(transfer) = self.held.pop_front()
        {
            self.shown.insert(transfer.row);
            self.show_start(&transfer.label, out);
        }
    }

    /// A row has ended, whether or not it was shown.
    fn make_place(&mut self, row: u64, out: &mut String) {
        self.shown.remove(&row);
        if let Some(at) = self.held.iter().position(|transfer| transfer.row == row)
            && let Some(transfer) = self.held.remove(at)
        {
            self.show_start(&transfer.label, out);
        }
    }

    fn show_start(&mut self, label: &str, out: &mut String) {
        let width = format::width(&printable(label)).min(WIDEST);
        self.widest = self.widest.max(width);
        line(out, &format!("start  {label}"));
    }

    fn ended(&self, outcome: &Outcome, out: &mut String) {
        match &outcome.status {
            Status::Failed(error) => {
                // Of a run that was stopped, the closing line tells how many there are.
                if error.kind() != ErrorKind::Cancelled || self.detail.volume == Volume::Verbose {
                    let place = outcome.place.as_ref();
                    let message = error.to_string();
                    line(out, &failed(&outcome.label, &outcome.url, place, &message));
                }
                if self.detail.volume == Volume::Verbose {
                    causes(error, out);
                }
            }
            Status::Done if self.lists_all() => {
                let label = format::pad(&printable(&outcome.label), self.widest);
                let size = format::bytes(outcome.bytes);
                let time = format::duration(outcome.duration);
                line(out, &format!("done   {label}  {size:>10}  {time:>8}"));
            }
            Status::Unchanged if self.lists_all() => {
                line(out, &format!("unchanged {}", outcome.label));
            }
            Status::Skipped if self.lists_all() => {
                line(out, &format!("skipped {} (already there)", outcome.label));
            }
            _ => {}
        }
    }

    fn lists_all(&self) -> bool {
        matches!(self.detail.items, Items::All { .. }) && self.detail.volume != Volume::Quiet
    }

    /// Whether one more may be shown as under way.
    fn has_place(&self) -> bool {
        matches!(self.detail.items, Items::All { at_once } if self.shown.len() < at_once)
    }
}

/// The lines of a problem, and what to do about it.
pub(crate) fn problem(problem: &Problem) -> String {
    let mut out = String::new();
    line(&mut out, &format!("error: {problem}"));
    if let Some(hint) = &problem.hint {
        line(&mut out, &format!("hint: {hint}"));
    }
    out
}

/// `failed: LABEL: MESSAGE (URL, LIST:LINE)`, in which nothing is said twice.
fn failed(label: &str, url: &str, place: Option<&Place>, message: &str) -> String {
    let mut text = String::from("failed: ");
    // A bad row has no other label than what stands there.
    if label != url || !message.contains(label) {
        let _ = write!(text, "{label}: ");
    }
    text.push_str(message);
    let url = Some(url.to_owned()).filter(|url| !text.contains(url));
    let place = place.map(|place| format!("{}:{}", place.input, place.line));
    let known: Vec<String> = url.into_iter().chain(place).collect();
    if !known.is_empty() {
        let _ = write!(text, " ({})", known.join(", "));
    }
    text
}

/// What led to an error, each cause on a line of its own.
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
        Lines::new(Detail { items, volume }).event(event, &mut out);
        out
    }

    #[test]
    fn a_failure_says_each_thing_once() {
        let place = Place {
            input: "list.txt".into(),
            line: 7,
        };
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
                Some(&place),
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
                Some(&place),
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
            assert_eq!(failed(label, url, place, message), text);
        }
    }

    #[test]
    fn whatever_a_server_says_is_harmless() {
        let event = Event::Stopped(Error::new(ErrorKind::Disk, "a\u{1b}[2J\nfailed: b\u{202e}"));
        let text = lines(Volume::Quiet, &event);
        assert!(
            text.starts_with("error: a\\u{1b}[2J\\u{a}failed: b\\u{202e}\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 2);
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
