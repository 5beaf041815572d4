//! Recorded rows as a table for people. Its columns have fixed widths, so that it can be printed
//! row by row.

use std::fmt::Write as _;
use std::io;

use haulage::{ErrorKind, Outcome};
use jiff::Timestamp;

use crate::report::escape::printable;
use crate::report::format::{bytes, fit, fit_end, pad};

/// The width of the longest status.
const STATUS: usize = 9;
/// The width of `1023.9 KiB`.
const SIZE: usize = 10;
/// The width of `2026-11-29 22:13`.
const TIME: usize = 16;
/// A terminal that is narrower has no room for times.
const WIDE: usize = 100;
/// What is between two columns.
const GAP: &str = "  ";

/// Writes the rows of a table of this width, in columns of a terminal.
pub(super) struct Table {
    has_time: bool,
    /// The width of names and errors together.
    rest: usize,
}

impl Table {
    pub(super) fn new(width: usize) -> Self {
        let has_time = width >= WIDE;
        let time = if has_time { TIME + GAP.len() } else { 0 };
        let fixed = STATUS + GAP.len() + SIZE + GAP.len() + time;
        Self {
            has_time,
            rest: width.saturating_sub(fixed).max(20),
        }
    }

    /// Adds the names of the columns to `out`.
    pub(super) fn header(&self, out: &mut String) {
        self.line(["status", "size", "started (UTC)", "name", "error"], out);
    }

    /// Adds the line of a row to `out`.
    pub(super) fn row(&self, outcome: &Outcome, out: &mut String) {
        let error = outcome.error().map(|error| match outcome.http_status {
            // What is cut off first is the end of the message.
            Some(status) if error.kind() == ErrorKind::Http => format!("http {status}: {error}"),
            _ => format!("{}: {error}", error.kind()),
        });
        let size = match &error {
            Some(_) => String::new(),
            None => bytes(outcome.bytes),
        };
        let started = Timestamp::try_from(outcome.started).unwrap_or_default();
        let error = error.unwrap_or_default();
        let name = outcome.path.as_deref().unwrap_or(&outcome.url);
        let cells = [
            outcome.status.name(),
            &size,
            &started.strftime("%Y-%m-%d %H:%M").to_string(),
            &printable(name),
            &printable(&error),
        ];
        self.line(cells, out);
    }

    fn line(&self, [status, size, time, name, error]: [&str; 5], out: &mut String) {
        out.push_str(&pad(status, STATUS));
        out.push_str(GAP);
        // Writing to memory does not fail.
        let _ = write!(out, "{size:>SIZE$}");
        out.push_str(GAP);
        if self.has_time {
            out.push_str(&pad(time, TIME));
            out.push_str(GAP);
        }
        if error.is_empty() {
            out.push_str(&fit_end(name, self.rest));
        } else {
            let half = self.rest / 2 - 1;
            out.push_str(&pad(&fit_end(name, half), half));
            out.push_str(GAP);
            out.push_str(&fit(error, self.rest - half - GAP.len()));
        }
        out.push('\n');
    }
}

/// Returns the width of standard output; 80 if it is no terminal, or one that does not tell.
pub(crate) fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok();
    let columns = size.map(|size| usize::from(size.ws_col));
    columns.filter(|columns| *columns > 0).unwrap_or(80)
}
