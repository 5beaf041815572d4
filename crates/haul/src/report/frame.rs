//! The text of the bar at one instant. Pure, so that it can be tested without a terminal.

use std::fmt::{self, Write as _};
use std::time::Duration;

use haulage::Transfer;

use crate::report::escape::printable;
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
    /// Bytes received from the network, including those of unfinished items.
    pub(crate) bytes: u64,
    /// Bytes that earlier runs had received, and that are not requested again.
    pub(crate) resumed: u64,
    /// Number of items that have started and not ended.
    pub(crate) under_way: u64,
    /// The items that are being downloaded, not waiting.
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
    pub(crate) length: Option<u64>,
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
    let figures = figures(now).join(" · ");
    let bar = columns
        .checked_sub(format::width(&figures) + 2)
        .filter(|room| room >= BAR.start())
        .and_then(|room| Some(bar(now.fraction()?, room.min(*BAR.end()))));
    let first = match bar {
        Some(bar) => format!("{bar}  {figures}"),
        None => figures,
    };
    [format::fit(&first, columns), activity(now, columns)]
}

/// Returns a status line for a log: `116/200 · 5 failed · 374.2 MiB · 19.3 MiB/s`, followed by the
/// hosts that wait.
pub(crate) fn status(now: &Snapshot<'_>) -> String {
    let mut parts = counts(now);
    parts.extend(now.waits.iter().take(MOST_WAITS).map(Wait::to_string));
    if now.waits.len() > MOST_WAITS {
        parts.push(format!("{} more wait", now.waits.len() - MOST_WAITS));
    }
    parts.join(" · ")
}

impl Snapshot<'_> {
    /// Returns the share of all items that is done, from 0 to 1, or `None` if their number is
    /// unknown or zero. An item under way counts by the share of its bytes that has arrived.
    fn fraction(&self) -> Option<f64> {
        let total = self.total.filter(|&total| total > 0)?;
        let parts: f64 = self.flights.iter().filter_map(Flight::fraction).sum();
        Some(((self.ended as f64 + parts) / total as f64).clamp(0.0, 1.0))
    }

    /// Returns the time left at the current throughput, or `None` if it cannot be estimated: the
    /// rate has not settled, the number of items is unknown, or the result would be 100 hours or
    /// more.
    fn time_left(&self) -> Option<Duration> {
        if self.throughput.span() < SETTLED {
            return None;
        }
        let files = self.total?.checked_sub(self.ended)?;
        // The sum saturates, since a server may claim any length.
        let lengths = self.flights.iter().try_fold(0_u64, |sum, flight| {
            Some(sum.saturating_add(flight.missing()?))
        });
        let seconds = match lengths {
            // All remaining items are in progress, and their lengths are known.
            Some(bytes) if files == self.flights.len() as u64 && files == self.under_way => {
                bytes as f64 / self.throughput.bytes_per_second()
            }
            _ => files as f64 / self.throughput.files_per_second(),
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
            length: transfer.length(),
        }
    }

    fn fraction(&self) -> Option<f64> {
        let length = self.length.filter(|&length| length > 0)?;
        Some((self.received as f64 / length as f64).min(1.0))
    }

    fn missing(&self) -> Option<u64> {
        Some(self.length?.saturating_sub(self.received))
    }
}

/// Returns the counts of items, failures and bytes, and the rate, each as a text.
fn counts(now: &Snapshot<'_>) -> Vec<String> {
    let mut parts = vec![match now.total {
        Some(total) => format!("{}/{total}", now.ended),
        None => format!("{} done", now.ended),
    }];
    if now.failed > 0 {
        parts.push(format!("{} failed", now.failed));
    }
    parts.push(if now.resumed > 0 {
        let (bytes, resumed) = (format::bytes(now.bytes), format::bytes(now.resumed));
        format!("{bytes} ({resumed} resumed)")
    } else {
        format::bytes(now.bytes)
    });
    parts.push(format!(
        "{}/s",
        format::bytes(whole(now.throughput.bytes_per_second()))
    ));
    parts
}

/// Returns the texts of [`counts`], and the time left if it can be estimated.
fn figures(now: &Snapshot<'_>) -> Vec<String> {
    let mut parts = counts(now);
    if let Some(left) = now.time_left() {
        parts.push(format!("{} left", format::time_left(left)));
    }
    parts
}

fn bar(fraction: f64, columns: usize) -> String {
    let full = usize::try_from(whole(fraction * columns as f64))
        .unwrap_or(columns)
        .min(columns);
    format!("{}{}", "█".repeat(full), "░".repeat(columns - full))
}

/// Returns the second line: the items in flight, then what waits:
/// `cn 34% · in 1.2 MiB · us · 10.0.0.1:80 waits 0:12 (503)`. What waits gets up to half of the
/// columns, or all of them if nothing is in flight.
fn activity(now: &Snapshot<'_>, columns: usize) -> String {
    let most = if now.flights.is_empty() {
        columns
    } else {
        columns / 2
    };
    let waits = format::fit(&joined(now.waits, columns), most);
    if waits.is_empty() {
        return format::fit(&joined(now.flights, columns), columns);
    }
    let room = columns.saturating_sub(format::width(&waits) + format::width(BETWEEN));
    let moving = format::fit(&joined(now.flights, room), room);
    if moving.is_empty() {
        waits
    } else {
        format!("{moving}{BETWEEN}{waits}")
    }
}

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
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    fn throughput(bytes_per_second: u64, files_per_second: u64) -> Throughput {
        let start = Instant::now();
        let mut throughput = Throughput::default();
        throughput.note(start, 0, 0);
        throughput.note(
            start + Duration::from_secs(4),
            bytes_per_second.saturating_mul(4),
            files_per_second * 4,
        );
        throughput
    }

    const FLIGHTS: [Flight<'static>; 3] = [
        Flight {
            label: "cn",
            received: 34,
            length: Some(100),
        },
        Flight {
            label: "旗\u{202e}",
            received: 2048,
            length: None,
        },
        Flight {
            label: "us",
            received: 0,
            length: None,
        },
    ];

    #[test]
    fn a_run_of_known_length() {
        let now = Snapshot {
            ended: 10,
            failed: 1,
            total: Some(20),
            bytes: 14_541,
            resumed: 0,
            under_way: 3,
            flights: &FLIGHTS,
            waits: &[],
            throughput: &throughput(2048, 2),
        };
        assert_eq!(
            frame(&now, 80).join("\n"),
            "█████████████░░░░░░░░░░░░░░  10/20 · 1 failed · 14.2 KiB · 2.0 KiB/s · 0:05 left
\
             cn 34% · 旗\\u{202e} 2.0 KiB · us"
        );
        assert_eq!(
            frame(&now, 20).join("\n"),
            "10/20 · 1 failed · …\ncn 34% · 旗\\u{202e}…"
        );
    }

    fn wait(name: &str, seconds: u64, why: Option<&str>) -> Wait {
        Wait {
            name: name.into(),
            left: Duration::from_secs(seconds),
            why: why.map(Into::into),
        }
    }

    #[test]
    fn what_waits_is_listed_after_what_moves() {
        let waits = [
            wait("127.0.0.1:8080", 75, Some("503, Retry-After")),
            wait("b", 3, None),
        ];
        let mut now = Snapshot {
            ended: 0,
            failed: 0,
            total: None,
            bytes: 0,
            resumed: 0,
            under_way: 3,
            flights: &FLIGHTS[..1],
            waits: &waits,
            throughput: &Throughput::default(),
        };
        assert_eq!(
            frame(&now, 160)[1],
            "cn 34% · 127.0.0.1:8080 waits 1:15 (503, Retry-After) · b waits 0:03"
        );
        // However many items are in progress, there is room for why something waits.
        let many = FLIGHTS.repeat(10);
        now.flights = &many;
        let line = &frame(&now, 100)[1];
        assert!(
            line.contains("… · 127.0.0.1:8080 waits 1:15 (503, Retry-After)"),
            "{line}"
        );
        assert!(line.starts_with("cn 34% · "), "{line}");
    }

    #[test]
    fn a_status_line_names_some_hosts_that_wait() {
        let waits = ["a", "b", "c", "d", "e"].map(|name| wait(name, 19, Some("refused")));
        let now = Snapshot {
            ended: 116,
            failed: 5,
            total: Some(200),
            bytes: 374 << 20,
            resumed: 0,
            under_way: 3,
            flights: &FLIGHTS,
            waits: &waits,
            throughput: &throughput(19 << 20, 2),
        };
        assert_eq!(
            status(&now),
            "116/200 · 5 failed · 374.0 MiB · 19.0 MiB/s · a waits 0:19 (refused) · \
             b waits 0:19 (refused) · c waits 0:19 (refused) · 2 more wait"
        );
    }

    #[test]
    fn resumed_bytes_are_told_apart() {
        let now = Snapshot {
            ended: 1,
            failed: 0,
            total: Some(2),
            bytes: 1 << 20,
            resumed: 2 << 20,
            under_way: 0,
            flights: &[],
            waits: &[],
            throughput: &Throughput::default(),
        };
        assert_eq!(status(&now), "1/2 · 1.0 MiB (2.0 MiB resumed) · 0 B/s");
    }

    #[test]
    fn no_time_left_is_told_before_the_rate_has_settled() {
        let start = Instant::now();
        let mut throughput = Throughput::default();
        throughput.note(start, 0, 0);
        throughput.note(start + Duration::from_secs(2), 10, 10);
        let mut now = Snapshot {
            ended: 10,
            failed: 0,
            total: Some(20),
            bytes: 10,
            resumed: 0,
            under_way: 0,
            flights: &[],
            waits: &[],
            throughput: &throughput,
        };
        assert!(!frame(&now, 80)[0].contains("left"));
        let mut later = Throughput::default();
        later.note(start, 0, 0);
        later.note(start + Duration::from_secs(3), 10, 100);
        now.throughput = &later;
        assert!(frame(&now, 80)[0].ends_with(" · <1 s left"));
    }

    #[test]
    fn a_run_of_unknown_length() {
        let now = Snapshot {
            ended: 7,
            failed: 0,
            total: None,
            bytes: 0,
            resumed: 0,
            under_way: 3,
            flights: &[],
            waits: &[],
            throughput: &Throughput::default(),
        };
        assert_eq!(
            frame(&now, 80),
            ["7 done · 0 B · 0 B/s".to_owned(), String::new()]
        );
    }

    #[test]
    fn one_large_file_moves_the_bar_and_tells_the_time_left() {
        let now = Snapshot {
            ended: 0,
            failed: 0,
            total: Some(1),
            bytes: 500,
            resumed: 0,
            under_way: 1,
            flights: &[Flight {
                label: "large",
                received: 500,
                length: Some(1000),
            }],
            waits: &[],
            throughput: &throughput(100, 0),
        };
        let text = frame(&now, 80).join("\n");
        assert!(
            text.starts_with(&format!("{}{}  0/1", "█".repeat(15), "░".repeat(15))),
            "{text}"
        );
        assert!(text.contains("0:05 left\nlarge 50%"), "{text}");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(
            labels in prop::collection::vec(any::<String>(), 0..6),
            columns in 1_usize..120,
            ended in any::<u64>(),
            total in any::<Option<u64>>(),
            length in any::<Option<u64>>(),
            received in any::<u64>(),
        ) {
            let waits: Vec<_> = labels.iter().map(|label| wait(label, 9, Some("503"))).collect();
            let flights: Vec<_> = labels.iter().map(|label| Flight { label, received, length }).collect();
            let now = Snapshot { ended, failed: 1, total, bytes: received, resumed: received, under_way: 0, flights: &flights, waits: &waits, throughput: &throughput(received, 1) };
            for line in frame(&now, columns) {
                prop_assert!(format::width(&line) <= columns && !line.contains('\n'), "{:?}", line);
            }
        }
    }
}
