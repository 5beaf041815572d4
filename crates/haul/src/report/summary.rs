//! The summary of a whole run.

use std::fmt;
use std::time::Duration;

use haulage::{ErrorKind, Event, Status};
use serde::Serialize;

use crate::exit::Exit;
use crate::report::failure_groups::FailureGroups;
use crate::report::format;

/// Counts of items by outcome, and of bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) done: u64,
    pub(crate) skipped: u64,
    /// Items whose files existed already and have not changed, as their servers say.
    pub(crate) unchanged: u64,
    /// Items that would be downloaded, in a run that only plans.
    pub(crate) planned: u64,
    /// Items that failed; those that were only stopped do not count.
    pub(crate) failed: u64,
    /// Items that failed, by reason and host.
    pub(crate) failures: FailureGroups,
    /// Items that are done, although their commands have failed.
    pub(crate) noted: u64,
    /// Items that had started when the run was stopped.
    pub(crate) cancelled: u64,
    /// Cancelled items of which bytes are kept for the next run.
    pub(crate) partial: u64,
    /// Bytes received from the network.
    pub(crate) bytes: u64,
    /// Bytes of done items that earlier runs had received.
    pub(crate) resumed: u64,
    pub(crate) elapsed: Duration,
    /// Whether the run was stopped before its end.
    pub(crate) interrupted: bool,
    /// Number of items in all; `None` where it is not known.
    pub(crate) total: Option<u64>,
    /// Whether a list could not be read to its end.
    pub(crate) broken: bool,
}

impl Summary {
    /// Returns the summary of a run that was stopped before it started, with this many items where
    /// that is known.
    pub(crate) fn unstarted(total: Option<u64>) -> Self {
        Self {
            interrupted: true,
            total,
            ..Self::default()
        }
    }

    /// Takes note of an event.
    pub(crate) fn count(&mut self, event: &Event) {
        let outcome = match event {
            Event::Ended(outcome) => outcome,
            Event::Stopped(_) | Event::TooManyErrors(_) => {
                self.interrupted = true;
                return;
            }
            Event::InputFailed(_) => {
                self.broken = true;
                return;
            }
            _ => return,
        };
        self.bytes += outcome.fetched;
        self.noted += u64::from(outcome.note.is_some());
        match &outcome.status {
            Status::Done => {
                self.done += 1;
                self.resumed += outcome.from_earlier_runs;
            }
            Status::Skipped => self.skipped += 1,
            Status::Unchanged => self.unchanged += 1,
            Status::Planned => self.planned += 1,
            Status::Failed(error) if error.kind() == ErrorKind::Cancelled => {
                self.cancelled += 1;
                self.partial += u64::from(outcome.kept > 0);
            }
            Status::Failed(error) => {
                self.failed += 1;
                self.failures.add(outcome, error);
            }
            _ => {}
        }
    }

    /// Returns what the items alone make of the exit status.
    pub(crate) fn exit(&self) -> Exit {
        if self.failed + self.cancelled == 0 {
            Exit::Success
        } else {
            Exit::SomeFailed
        }
    }

    /// Returns how many items are there: fetched now, or before.
    fn there(&self) -> u64 {
        self.done + self.skipped + self.unchanged
    }

    /// Returns how many items have nothing to show for: they had not started, or nothing of them is
    /// kept. `None` when it is not known how many there are.
    fn not_started(&self) -> Option<u64> {
        let known = self.there() + self.failed + self.partial;
        self.total.map(|total| total.saturating_sub(known))
    }

    /// Returns whether the run was stopped with something left to do.
    fn is_unfinished(&self) -> bool {
        self.interrupted && (self.partial > 0 || self.not_started() != Some(0))
    }

    /// Returns whether the input had no items at all.
    pub(crate) fn is_empty(&self) -> bool {
        let ended = self.there() + self.planned + self.failed + self.cancelled;
        ended == 0 && !self.interrupted && !self.broken
    }

    /// Returns the same as numbers.
    pub(crate) fn figures(&self) -> Figures {
        let interrupted = self.is_unfinished();
        Figures {
            done: self.done,
            skipped: self.skipped,
            unchanged: self.unchanged,
            failed: self.failed,
            interrupted,
            partial: self.partial,
            not_started: if interrupted {
                self.not_started()
            } else {
                Some(0)
            },
            bytes: self.bytes,
            resumed: self.resumed,
            commands_failed: self.noted,
            elapsed_ms: super::millis(self.elapsed),
        }
    }
}

/// The summary, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    done: u64,
    skipped: u64,
    unchanged: u64,
    failed: u64,
    interrupted: bool,
    partial: u64,
    /// Null if the number of rows is not known.
    not_started: Option<u64>,
    bytes: u64,
    resumed: u64,
    /// Items that are done although their commands have failed.
    commands_failed: u64,
    elapsed_ms: u64,
}

/// The closing line: `20 done, 0 skipped, 0 failed · 14.2 KiB in 0.74 s · 19.2 KiB/s`.
impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.planned > 0 {
            return write!(
                formatter,
                "{} to fetch, {} skipped, {} failed",
                self.planned, self.skipped, self.failed
            );
        }
        if self.is_unfinished() {
            return self.unfinished(formatter);
        }
        write!(formatter, "{} done, ", self.done)?;
        if self.unchanged > 0 {
            write!(formatter, "{} unchanged, ", self.unchanged)?;
        }
        write!(
            formatter,
            "{} skipped, {} failed · {} in {} · {}",
            self.skipped,
            self.failed,
            format::bytes(self.bytes),
            format::duration(self.elapsed),
            format::rate(self.bytes, self.elapsed)
        )?;
        if self.resumed > 0 {
            let resumed = format::bytes(self.resumed);
            write!(formatter, " ({resumed} resumed from before)")?;
        }
        if self.noted > 0 {
            let commands = if self.noted == 1 {
                "command"
            } else {
                "commands"
            };
            write!(formatter, "; {} {commands} failed", self.noted)?;
        }
        Ok(())
    }
}

impl Summary {
    /// Writes the closing line of a run that was stopped.
    fn unfinished(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "interrupted: {}", self.there())?;
        if let Some(total) = self.total {
            write!(formatter, " of {total}")?;
        }
        formatter.write_str(" done, ")?;
        if self.failed > 0 {
            write!(formatter, "{} failed, ", self.failed)?;
        }
        write!(formatter, "{} partial, ", self.partial)?;
        match self.not_started() {
            Some(rows) => write!(formatter, "{rows} not started")?,
            None => formatter.write_str("the rest not started")?,
        }
        formatter.write_str("; run the same command again to resume")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_has_it_all() {
        let summary = Summary {
            done: 20,
            bytes: 14_541,
            elapsed: Duration::from_millis(740),
            ..Summary::default()
        };
        assert_eq!(
            summary.to_string(),
            "20 done, 0 skipped, 0 failed · 14.2 KiB in 0.74 s · 19.2 KiB/s"
        );
        assert_eq!(summary.exit(), Exit::Success);
    }

    #[test]
    fn what_has_not_changed_is_told_where_there_is_any() {
        let summary = Summary {
            done: 1,
            unchanged: 2,
            ..Summary::default()
        };
        assert!(
            summary
                .to_string()
                .starts_with("1 done, 2 unchanged, 0 skipped, 0 failed · ")
        );
        assert_eq!(summary.exit(), Exit::Success);
    }

    #[test]
    fn one_failure_is_enough() {
        let summary = Summary {
            failed: 3,
            ..Summary::default()
        };
        let text = summary.to_string();
        assert!(text.starts_with("0 done, 0 skipped, 3 failed · "), "{text}");
        assert_eq!(summary.exit(), Exit::SomeFailed);
    }

    #[test]
    fn resumed_bytes_are_told_apart() {
        let summary = Summary {
            done: 16,
            skipped: 4,
            bytes: 38 << 20,
            resumed: (184 << 20) / 10,
            elapsed: Duration::from_millis(3830),
            ..Summary::default()
        };
        assert_eq!(
            summary.to_string(),
            "16 done, 4 skipped, 0 failed · 38.0 MiB in 3.83 s · 9.9 MiB/s (18.4 MiB resumed from before)"
        );
    }

    fn interrupted() -> Summary {
        Summary {
            done: 10,
            skipped: 2,
            cancelled: 6,
            partial: 4,
            interrupted: true,
            total: Some(40),
            ..Summary::default()
        }
    }

    #[test]
    fn an_interrupted_run_says_what_is_left() {
        assert_eq!(
            interrupted().to_string(),
            "interrupted: 12 of 40 done, 4 partial, 24 not started; run the same command again to resume"
        );
        let failed = Summary {
            failed: 3,
            ..interrupted()
        };
        assert_eq!(
            failed.to_string(),
            "interrupted: 12 of 40 done, 3 failed, 4 partial, 21 not started; run the same command again to resume"
        );
        let unread = Summary {
            total: None,
            ..interrupted()
        };
        assert_eq!(
            unread.to_string(),
            "interrupted: 12 done, 4 partial, the rest not started; run the same command again to resume"
        );
    }

    #[test]
    fn a_run_stopped_after_its_last_item_is_complete() {
        let summary = Summary {
            done: 38,
            cancelled: 0,
            partial: 0,
            ..interrupted()
        };
        assert!(
            summary
                .to_string()
                .starts_with("38 done, 2 skipped, 0 failed · ")
        );
    }
}
