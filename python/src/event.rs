//! Events as Python is given them: their messages, and the lines of a log.

use std::mem;

use haul_command::embedded::{Level, Log, with_keywords};
use haulage::{Event, Outcome, Status, Warning};

/// Returns an event whose messages name options as Python does. It is the only place where this is
/// done for what a run tells of itself.
pub(crate) fn reworded(event: Event) -> Event {
    match event {
        Event::Ended(mut outcome) => {
            reword(&mut outcome);
            Event::Ended(outcome)
        }
        Event::Retrying {
            transfer,
            attempts,
            error,
            wait,
        } => Event::Retrying {
            transfer,
            attempts,
            error: error.reworded(with_keywords),
            wait,
        },
        Event::InputFailed(error) => Event::InputFailed(error.reworded(with_keywords)),
        Event::Stopped(error) => Event::Stopped(error.reworded(with_keywords)),
        Event::Warned(Warning::ProxyFails(error)) => {
            Event::Warned(Warning::ProxyFails(with_keywords(&error)))
        }
        other => other,
    }
}

fn reword(outcome: &mut Outcome) {
    if let Status::Failed(_) = outcome.status
        && let Status::Failed(error) = mem::replace(&mut outcome.status, Status::Skipped)
    {
        outcome.status = Status::Failed(error.reworded(with_keywords));
    }
}

/// Returns the level of an event, as `logging` numbers it, and its lines; `None` for one that has
/// none.
pub(crate) fn lines(log: &mut Log, event: &Event) -> Option<(u8, String)> {
    let level = match Level::of(event) {
        Level::Detail => 10,
        Level::Warning => 30,
        Level::Error => 40,
    };
    let lines = log.lines(event);
    let lines = lines.trim_end();
    (!lines.is_empty()).then(|| (level, lines.to_owned()))
}
