//! What the bar shows at one instant, as text: pure, so that it can be tested without a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use crate::report::escape::printable;
use crate::report::format;
use crate::report::pace::Pace;

/// The state of a run at one instant.
#[derive(Debug)]
pub(crate) struct Snapshot<'a> {
    /// Items that have ended, well or not.
    pub(crate) ended: u64,
    /// Those of them that failed.
    pub(crate) failed: u64,
    /// How many there are, where that is known.
    pub(crate) total: Option<u64>,
    /// Bytes received, those of unfinished items included.
    pub(crate) bytes: u64,
    /// Items under way.
    pub(crate) flights: &'a [Flight<'a>],
    /// Hosts to which nothing is sent, and for how long.
    pub(crate) waiting: &'a [(&'a str, Duration)],
    pub(crate) pace: &'a Pace,
}

/// An item under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flight<'a> {
    pub(crate) label: &'a str,
    pub(crate) received: u64,
    pub(crate) length: Option<u64>,
}

/// The widest that the bar itself becomes, and the narrowest that is worth its place.
const BAR: std::ops::RangeInclusive<usize> = 8..=30;

/// A host that waits for less does not seem to.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// Two lines of at most this many columns: how far it is, and what is under way.
pub(crate) fn frame(now: &Snapshot<'_>, columns: usize) -> String {
    let figures = figures(now);
    let bar = columns
        .checked_sub(format::width(&figures) + 2)
        .filter(|room| room >= BAR.start())
        .and_then(|room| Some(bar(now.fraction()?, room.min(*BAR.end()))));
    let first = match bar {
        Some(bar) => format!("{bar}  {figures}"),
        None => figures,
    };
    format!(
        "{}\n{}",
        format::fit(&first, columns),
        format::fit(&flights(now, columns), columns)
    )
}

impl Snapshot<'_> {
    /// How much of it all is done, from 0 to 1; items under way count for what is there of them.
    fn fraction(&self) -> Option<f64> {
        let total = self.total.filter(|&total| total > 0)?;
        let parts: f64 = self.flights.iter().filter_map(Flight::fraction).sum();
        Some(((self.ended as f64 + parts) / total as f64).clamp(0.0, 1.0))
    }

    /// How long it will take if it goes on like this.
    fn time_left(&self) -> Option<Duration> {
        let files = self.total?.checked_sub(self.ended)?;
        // A server may claim any length.
        let lengths = self.flights.iter().try_fold(0_u64, |sum, flight| {
            Some(sum.saturating_add(flight.missing()?))
        });
        let seconds = match lengths {
            // All that is left is under way and says how long it is.
            Some(bytes) if files == self.flights.len() as u64 => {
                bytes as f64 / self.pace.bytes_per_second()
            }
            _ => files as f64 / self.pace.files_per_second(),
        };
        Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|left| left.as_secs() < 100 * 3600)
    }
}

impl Flight<'_> {
    fn fraction(&self) -> Option<f64> {
        let length = self.length.filter(|&length| length > 0)?;
        Some((self.received as f64 / length as f64).min(1.0))
    }

    fn missing(&self) -> Option<u64> {
        Some(self.length?.saturating_sub(self.received))
    }
}

fn figures(now: &Snapshot<'_>) -> String {
    let mut parts = vec![match now.total {
        Some(total) => format!("{}/{total}", now.ended),
        None => format!("{} done", now.ended),
    }];
    if now.failed > 0 {
        parts.push(format!("{} failed", now.failed));
    }
    parts.push(format::bytes(now.bytes));
    parts.push(format!(
        "{}/s",
        format::bytes(whole(now.pace.bytes_per_second()))
    ));
    if let Some(left) = now.time_left() {
        parts.push(format!("{} left", format::clock(left)));
    }
    parts.join(" · ")
}

fn bar(fraction: f64, columns: usize) -> String {
    let full = usize::try_from(whole(fraction * columns as f64))
        .unwrap_or(columns)
        .min(columns);
    format!("{}{}", "█".repeat(full), "░".repeat(columns - full))
}

/// `http://h waits 0:12 · cn 34% · in 1.2 MiB · us`, as far as there is room for.
fn flights(now: &Snapshot<'_>, columns: usize) -> String {
    let mut text = String::new();
    for (host, left) in now
        .waiting
        .iter()
        .filter(|(_, left)| *left >= WORTH_TELLING)
    {
        if !text.is_empty() {
            text.push_str(" · ");
        }
        let _ = write!(text, "{} waits {}", printable(host), format::clock(*left));
    }
    for flight in now.flights {
        if !text.is_empty() {
            text.push_str(" · ");
        }
        text.push_str(&printable(flight.label));
        if let Some(fraction) = flight.fraction() {
            // Writing to memory does not fail.
            let _ = write!(text, " {}%", whole(fraction * 100.0));
        } else if flight.received > 0 {
            text.push(' ');
            text.push_str(&format::bytes(flight.received));
        }
        if format::width(&text) > columns {
            break;
        }
    }
    text
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

    fn pace(bytes_per_second: u64, files_per_second: u64) -> Pace {
        let start = Instant::now();
        let mut pace = Pace::default();
        pace.note(start, 0, 0);
        pace.note(
            start + Duration::from_secs(1),
            bytes_per_second,
            files_per_second,
        );
        pace
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
            flights: &FLIGHTS,
            waiting: &[],
            pace: &pace(2048, 2),
        };
        assert_eq!(
            frame(&now, 80),
            "█████████████░░░░░░░░░░░░░░  10/20 · 1 failed · 14.2 KiB · 2.0 KiB/s · 0:05 left
\
             cn 34% · 旗\\u{202e} 2.0 KiB · us"
        );
        assert_eq!(
            frame(&now, 20),
            "10/20 · 1 failed · …\ncn 34% · 旗\\u{202e}…"
        );
    }

    #[test]
    fn hosts_that_wait_come_first() {
        let seconds = Duration::from_secs;
        let waiting = [
            ("http://a", seconds(75)),
            ("http://b", Duration::from_millis(900)),
        ];
        let now = Snapshot {
            ended: 0,
            failed: 0,
            total: None,
            bytes: 0,
            flights: &FLIGHTS[..1],
            waiting: &waiting,
            pace: &Pace::default(),
        };
        let frame = frame(&now, 80);
        assert_eq!(frame.lines().nth(1), Some("http://a waits 1:15 · cn 34%"));
    }

    #[test]
    fn a_run_of_unknown_length() {
        let now = Snapshot {
            ended: 7,
            failed: 0,
            total: None,
            bytes: 0,
            flights: &[],
            waiting: &[],
            pace: &Pace::default(),
        };
        assert_eq!(frame(&now, 80), "7 done · 0 B · 0 B/s\n");
    }

    #[test]
    fn one_large_file_moves_the_bar_and_tells_the_time_left() {
        let now = Snapshot {
            ended: 0,
            failed: 0,
            total: Some(1),
            bytes: 500,
            flights: &[Flight {
                label: "large",
                received: 500,
                length: Some(1000),
            }],
            waiting: &[],
            pace: &pace(100, 0),
        };
        let text = frame(&now, 80);
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
            let flights: Vec<_> = labels.iter().map(|label| Flight { label, received, length }).collect();
            let now = Snapshot { ended, failed: 1, total, bytes: received, flights: &flights, waiting: &[], pace: &pace(received, 1) };
            let text = frame(&now, columns);
            prop_assert_eq!(text.matches('\n').count(), 1);
            for line in text.lines() {
                prop_assert!(format::width(line) <= columns, "{:?}", line);
            }
        }
    }
}
