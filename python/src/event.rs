//! The lines of a log, as `haul --verbose` shows them.

use haul_command::embedded::{Level, Log};
use haulage::Event;

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
