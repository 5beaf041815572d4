//! What a whole run came to.

use std::fmt;
use std::time::Duration;

use haulage::{ErrorKind, Event, Status};
use serde::Serialize;

use crate::exit::Exit;
use crate::report::format;

/// Counts of items by how they ended, and what the finished files weigh.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) done: u64,
    pub(crate) skipped: u64,
    /// Those of which their servers say that they are there already.
    pub(crate) unchanged: u64,
    /// Those that would be fetched, in a run that only plans.
    pub(crate) planned: u64,
    pub(crate) failed: u64,
    /// Those of the failed that were under way when the run was stopped.
    pub(crate) cancelled: u64,
    /// Bytes of the items done.
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
}

impl Summary {
    /// Takes note of an event.
    pub(crate) fn count(&mut self, event: &Event) {
        let Event::Ended(outcome) = event else { return };
        match &outcome.status {
            Status::Done => {
                self.done += 1;
                self.bytes += outcome.bytes;
            }
            Status::Skipped => self.skipped += 1,
            Status::Unchanged => self.unchanged += 1,
            Status::Planned => self.planned += 1,
            Status::Failed(error) => {
                self.failed += 1;
                self.cancelled += u64::from(error.kind() == ErrorKind::Cancelled);
            }
            _ => {}
        }
    }

    /// What the items alone make of the exit status.
    pub(crate) fn exit(&self) -> Exit {
        if self.failed == 0 {
            Exit::Success
        } else {
            Exit::SomeFailed
        }
    }

    /// The same as numbers.
    pub(crate) fn figures(&self) -> Figures {
        Figures {
            done: self.done,
            skipped: self.skipped,
            unchanged: self.unchanged,
            failed: self.failed,
            bytes: self.bytes,
            elapsed_ms: super::millis(self.elapsed),
        }
    }
}

/// A summary for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    done: u64,
    skipped: u64,
    unchanged: u64,
    failed: u64,
    bytes: u64,
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
        write!(formatter, "{} done, ", self.done)?;
        if self.unchanged > 0 {
            write!(formatter, "{} unchanged, ", self.unchanged)?;
        }
        write!(
            formatter,
            "{} skipped, {} failed",
            self.skipped, self.failed
        )?;
        if self.cancelled > 0 {
            write!(formatter, " ({} of them stopped half-way)", self.cancelled)?;
        }
        write!(
            formatter,
            " · {} in {} · {}",
            format::bytes(self.bytes),
            format::duration(self.elapsed),
            format::rate(self.bytes, self.elapsed)
        )
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
            cancelled: 2,
            ..Summary::default()
        };
        assert!(
            summary
                .to_string()
                .starts_with("0 done, 0 skipped, 3 failed (2 of them stopped half-way) · ")
        );
        assert_eq!(summary.exit(), Exit::SomeFailed);
    }
}
