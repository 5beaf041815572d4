//! The text of the bar at one instant. Pure, so that it can be tested without a terminal.

use std::fmt::{self, Write as _};
use std::time::Duration;

use haulage::Transfer;

use crate::report::escape::printable;
use crate::report::expected::Expected;
use crate::report::format;
use crate::report::throughput::Throughput;

/// The state of a run at one instant.
#[derive(Debug)]
pub(crate) struct Snapshot<'a> {
    /// Number of items that have ended, with any outcome.
    pub(crate) ended: u64,
    /// Number of items that failed.
    pub(crate) failed: u64,
    /// Number of items in all; `None` where it is not known.
    pub(crate) total: Option<u64>,
    /// There is a single URL, so what counts are its bytes.
    pub(crate) is_one_url: bool,
    /// Bytes received from the network, including those of unfinished items.
    pub(crate) bytes: u64,
    /// Bytes that earlier runs had received, and that are not requested again.
    pub(crate) resumed: u64,
    /// How many bytes will have been received from the network at the end; `None` while that cannot
    /// be estimated.
    pub(crate) expected: Option<Expected>,
    /// The time since the start.
    pub(crate) elapsed: Duration,
    /// The items that have started and not ended.
    pub(crate) flights: &'a [Flight<'a>],
    /// The hosts and items that wait.
    pub(crate) waits: &'a [Wait],
    pub(crate) throughput: &'a Throughput,
}

/// A host to which nothing is sent for a while, or an item that waits for its next attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) name: String,
    pub(crate) left: Duration,
    /// The cause, in a few words.
    pub(crate) why: Option<String>,
}

/// An item in progress.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flight<'a> {
    pub(crate) label: &'a str,
    pub(crate) received: u64,
    /// Bytes of these that an earlier run had left.
    pub(crate) resumed: u64,
    pub(crate) length: Option<u64>,
    /// It waits for its next attempt, or for its turn.
    pub(crate) is_waiting: bool,
}

/// The width of the bar itself, in columns. If there is less room, it is not shown.
const BAR: std::ops::RangeInclusive<usize> = 8..=30;

/// A rate over less time is too inaccurate to estimate the time left.
const SETTLED: Duration = Duration::from_secs(3);

/// Maximum number of hosts that a status line names.
const MOST_WAITS: usize = 3;

/// Returns the two lines of the bar, each of at most this many columns: how far the run is, and
/// which items are under way.
pub(crate) fn frame(now: &Snapshot<'_>, columns: usize) -> [String; 2] {
    let fraction = now.fraction();
    let least = fraction.map_or(0, |_| BAR.start() + GAP.len());
    let figures = figures(now, columns.saturating_sub(least));
    let bar = columns
        .checked_sub(format::width(&figures) + GAP.len())
        .filter(|room| room >= BAR.start())
        .and_then(|room| Some(bar(fraction?, room.min(*BAR.end()))));
    let first = match bar {
        Some(bar) => format!("{bar}{GAP}{figures}"),
        None => figures,
    };
    [format::fit(&first, columns), activity(now, columns)]
}

/// Between the bar and the figures.
const GAP: &str = "  ";

/// Returns a status line for a log: `116/200 · 5 failed · 374.2 MiB of ~640.0 MiB · 19.3 MiB/s ·
/// 0:19 elapsed · 0:14 left`, followed by the hosts that wait.
pub(crate) fn status(now: &Snapshot<'_>) -> String {
    let mut parts = vec![figures(now, usize::MAX)];
    parts.extend(now.waits.iter().take(MOST_WAITS).map(Wait::to_string));
    if now.waits.len() > MOST_WAITS {
        parts.push(format!("{} more wait", now.waits.len() - MOST_WAITS));
    }
    parts.join(BETWEEN)
}

impl Snapshot<'_> {
    /// Returns the share of all items that is done, from 0 to 1, or `None` if their number is
    /// unknown or zero. An item under way counts by the share of its bytes that has arrived.
    pub(crate) fn fraction(&self) -> Option<f64> {
        let total = self.total.filter(|&total| total > 0)?;
        Some(((self.ended as f64 + self.under_way()) / total as f64).clamp(0.0, 1.0))
    }

    /// Returns how much of the items under way has arrived, in items.
    fn under_way(&self) -> f64 {
        self.flights.iter().filter_map(Flight::fraction).sum()
    }

    /// Returns the items that are being downloaded, not waiting.
    fn moving(&self) -> impl Iterator<Item = &Flight<'_>> {
        self.flights.iter().filter(|flight| !flight.is_waiting)
    }

    /// Returns whether nothing is downloaded now, since all that is left waits.
    pub(crate) fn only_waits(&self) -> bool {
        !self.waits.is_empty() && self.moving().next().is_none()
    }

    /// Returns [`fraction`](Self::fraction) in whole percent, rounded down.
    pub(crate) fn percent(&self) -> Option<u8> {
        u8::try_from(whole(self.fraction()? * 100.0)).ok()
    }

    /// Returns the time left at the current throughput, or `None` if it cannot be estimated: the
    /// rate has not settled, nothing is left, the number of items is unknown, or the result would
    /// be 100 hours or more.
    fn time_left(&self) -> Option<Duration> {
        if self.throughput.span() < SETTLED {
            return None;
        }
        let files = self.total?.checked_sub(self.ended).filter(|&it| it > 0)?;
        // The sum saturates, since a server may claim any length.
        let lengths = self.flights.iter().try_fold(0_u64, |sum, flight| {
            Some(sum.saturating_add(flight.missing()?))
        });
        let seconds = match lengths {
            // All remaining items are in progress, and their lengths are known.
            Some(bytes) if files == self.flights.len() as u64 => {
                bytes as f64 / self.throughput.bytes_per_second()
            }
            _ => (files as f64 - self.under_way()) / self.throughput.files_per_second(),
        };
        Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|left| left.as_secs() < 100 * 3600)
    }
}

impl<'a> Flight<'a> {
    /// Returns the current state of a transfer's item.
    pub(crate) fn of(transfer: &'a Transfer) -> Self {
        Self {
            label: &transfer.label,
            received: transfer.received(),
            resumed: transfer.resumed(),
            length: transfer.length(),
            is_waiting: transfer.is_waiting(),
        }
    }

    /// Returns the share of the file that this run has received; `None` if its length is unknown.
    pub(crate) fn share_of_this_run(&self) -> Option<f64> {
        let length = self.length.filter(|&length| length > 0)?;
        let received = self.received.saturating_sub(self.resumed);
        Some((received as f64 / length as f64).min(1.0))
    }

    fn fraction(&self) -> Option<f64> {
        let length = self.length.filter(|&length| length > 0)?;
        Some((self.received as f64 / length as f64).min(1.0))
    }

    fn missing(&self) -> Option<u64> {
        Some(self.length?.saturating_sub(self.received))
    }
}

/// Returns the figures, in this many columns if they can be said in so few: first the time since
/// the start is left out, then how many bytes are expected.
fn figures(now: &Snapshot<'_>, columns: usize) -> String {
    let rate = whole(now.throughput.bytes_per_second());
    let rate = format!("{}/s", format::bytes(rate));
    let elapsed = Some(format::clock(now.elapsed)).filter(|_| now.elapsed.as_secs() > 0);
    let elapsed = elapsed.map(|time| format!("{time} elapsed"));
    let left = now.time_left();
    let left = left.map(|left| format!("{} left", format::time_left(left)));
    let joined = |expected: Option<Expected>, elapsed: Option<&String>| {
        let mut parts = counts(now);
        parts.push(volume(now, expected));
        parts.push(rate.clone());
        parts.extend(elapsed.into_iter().chain(&left).cloned());
        parts.join(BETWEEN)
    };
    let whole = joined(now.expected, elapsed.as_ref());
    [whole, joined(now.expected, None)]
        .into_iter()
        .find(|figures| format::width(figures) <= columns)
        .unwrap_or_else(|| joined(None, None))
}

/// Returns how many items have ended and failed, or what share of a single URL's file has arrived.
fn counts(now: &Snapshot<'_>) -> Vec<String> {
    let mut parts = Vec::new();
    if now.is_one_url {
        let share = now.flights.first().and_then(Flight::fraction);
        parts.extend(share.map(|share| format!("{}%", whole(share * 100.0))));
    } else {
        parts.push(match now.total {
            Some(total) => format!("{}/{total}", now.ended),
            None => format!("{} done", now.ended),
        });
    }
    if now.failed > 0 {
        parts.push(format!("{} failed", now.failed));
    }
    parts
}

/// Returns how many bytes have come from the network, of how many that are expected, and how many
/// are of earlier runs: `12.0 MiB of ~64.0 MiB (8.0 MiB resumed)`.
fn volume(now: &Snapshot<'_>, expected: Option<Expected>) -> String {
    let mut text = format::bytes(now.bytes);
    if let Some(expected) = expected {
        let mark = if expected.is_exact { "" } else { "~" };
        // Writing to memory does not fail.
        let _ = write!(text, " of {mark}{}", format::bytes(expected.bytes));
    }
    if now.resumed > 0 {
        let _ = write!(text, " ({} resumed)", format::bytes(now.resumed));
    }
    text
}

fn bar(fraction: f64, columns: usize) -> String {
    let full = usize::try_from(whole(fraction * columns as f64))
        .unwrap_or(columns)
        .min(columns);
    format!("{}{}", "█".repeat(full), "░".repeat(columns - full))
}

/// Returns the second line: the items in flight, then what waits:
/// `cn 34% · in 1.2 MiB · us · +11 · 10.0.0.1:80 waits 0:12 (503)`. What waits gets up to half of
/// the columns, or all of them if nothing is in flight.
fn activity(now: &Snapshot<'_>, columns: usize) -> String {
    let moving: Vec<String> = if now.is_one_url {
        // The figures say how far it is.
        now.moving().map(|it| printable(it.label).into()).collect()
    } else {
        // Each takes a column at least.
        now.moving().take(columns).map(Flight::to_string).collect()
    };
    let count = now.moving().count();
    let most = if count == 0 { columns } else { columns / 2 };
    let waits = format::fit(&joined(now.waits, columns), most);
    if waits.is_empty() {
        return in_flight(&moving, count, columns);
    }
    let room = columns.saturating_sub(format::width(&waits) + format::width(BETWEEN));
    let moving = in_flight(&moving, count, room);
    if moving.is_empty() {
        waits
    } else {
        format!("{moving}{BETWEEN}{waits}")
    }
}

/// Returns the first of these texts that fit into the columns, and how many of the `count` items in
/// flight are not among them: `cn 34% · in 1.2 MiB · +14`.
fn in_flight(texts: &[String], count: usize, columns: usize) -> String {
    let more = |shown: usize| match count - shown {
        0 => String::new(),
        more => format!("{BETWEEN}+{more}"),
    };
    let mut widths = texts.iter().scan(0, |sum, text| {
        *sum += format::width(text) + format::width(BETWEEN);
        Some(*sum - format::width(BETWEEN))
    });
    let fits = |(shown, width): &(usize, usize)| width + format::width(&more(*shown)) <= columns;
    let widths = (1..).zip(widths.by_ref().take_while(|width| *width <= columns));
    if let Some((shown, _)) = widths.filter(fits).last() {
        return format!("{}{}", texts[..shown].join(BETWEEN), more(shown));
    }
    let Some(first) = texts.first() else {
        return String::new();
    };
    let more = more(1);
    match columns.checked_sub(format::width(&more)) {
        Some(room) if room >= LEAST_NAME => format!("{}{more}", format::fit(first, room)),
        _ => format::fit(first, columns),
    }
}

/// In fewer columns the start of a name says nothing.
const LEAST_NAME: usize = 4;

const BETWEEN: &str = " · ";

/// Joins these with dots between them, and stops once they are wider than the columns.
fn joined<T: fmt::Display>(all: &[T], columns: usize) -> String {
    let mut text = String::new();
    for one in all {
        if !text.is_empty() {
            text.push_str(BETWEEN);
        }
        // Writing to memory does not fail.
        let _ = write!(text, "{one}");
        if format::width(&text) > columns {
            break;
        }
    }
    text
}

impl fmt::Display for Flight<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&printable(self.label))?;
        match self.fraction() {
            Some(fraction) => write!(formatter, " {}%", whole(fraction * 100.0)),
            None if self.received > 0 => write!(formatter, " {}", format::bytes(self.received)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, left) = (printable(&self.name), format::clock(self.left));
        write!(formatter, "{name} waits {left}")?;
        match &self.why {
            Some(why) => write!(formatter, " ({why})"),
            None => Ok(()),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast from a float saturates, and none here is negative"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests;
