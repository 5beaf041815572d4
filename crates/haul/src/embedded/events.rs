//! Events and outcomes as the command shows them: for programs, and for people.

use haulage::{Event, Outcome, Status};

use crate::report;
use crate::report::lines::Lines;
use crate::report::row::{CarriedNames, ResultRow, write_line};
use crate::report::{Detail, Items, Volume};

/// Returns an event as a JSON object, as `--progress json` shows it; `None` for one that it leaves
/// out.
#[must_use]
pub fn event_json(event: &Event) -> Option<String> {
    report::json_line(event)
}

/// Returns an outcome as a JSON object, as `--results` writes it.
#[must_use]
pub fn outcome_json(outcome: &Outcome) -> String {
    let mut text = String::new();
    let mut names = CarriedNames::default();
    write_line(&ResultRow::new(outcome, &mut names), &mut text);
    text
}

/// How much a line of a log means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What happens to an item, or how it ended.
    Detail,
    /// An item failed, or a run goes on worse than before.
    Warning,
    /// A run cannot go on.
    Error,
}

impl Level {
    /// Returns the level of an event's lines.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        match event {
            Event::Ended(outcome) if matches!(outcome.status, Status::Failed(_)) => Self::Warning,
            Event::Warned(_) | Event::TooManyErrors(_) => Self::Warning,
            Event::InputFailed(_) | Event::Stopped(_) => Self::Error,
            _ => Self::Detail,
        }
    }
}

/// Turns the events of a run into the lines that `--verbose` shows.
#[derive(Debug)]
pub struct Log(Lines);

impl Default for Log {
    fn default() -> Self {
        let all = Detail {
            items: Items::All {
                at_once: usize::MAX,
            },
            volume: Volume::Verbose,
        };
        Self(Lines::new(all, false))
    }
}

impl Log {
    /// Returns the lines of an event; empty for one that is not shown.
    pub fn lines(&mut self, event: &Event) -> String {
        let mut lines = String::new();
        self.0.event(event, &mut lines);
        lines
    }
}

#[cfg(test)]
mod tests {
    use haulage::{Error, ErrorKind};

    use super::*;

    #[test]
    fn event_has_a_level_lines_and_an_object() {
        let event = Event::Stopped(Error::new(ErrorKind::Disk, "full"));
        assert_eq!(Level::of(&event), Level::Error);
        assert_eq!(Log::default().lines(&event), "error: full\n");
        let json = event_json(&event).unwrap();
        assert!(json.starts_with("{\"event\":\"stopped\""), "{json}");
        assert_eq!(Level::of(&Event::TooManyErrors(1)), Level::Warning);
    }
}
