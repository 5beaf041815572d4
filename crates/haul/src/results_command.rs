//! `haul results`: prints the outcome of each item, from the records in its destination.

use std::io::{self, BufWriter, Write as _};

use haulage::{Outcome, Status};

use crate::args::{Ended, ResultsArgs, RowFormat};
use crate::exit::{Exit, Problem};
use crate::printed::unwritten;
use crate::report::escape::printable;
use crate::report::{plan, row};

/// Prints the recorded outcomes to standard output. If the reader leaves before the end, that is a
/// success: it has seen enough. Fails if the state cannot be read or the output not written.
pub(crate) fn print(arguments: &ResultsArgs) -> Result<Exit, Problem> {
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let mut line = String::new();
    for outcome in haulage::results(&arguments.directory)? {
        let outcome = outcome?;
        if !is_asked_for(&outcome, &arguments.statuses) {
            continue;
        }
        line.clear();
        match arguments.format {
            RowFormat::Jsonl => row::write_line(&row::ResultRow::from(&outcome), &mut line),
            RowFormat::Text => list_line(&outcome, &mut line),
        }
        if let Err(cause) = out.write_all(line.as_bytes()) {
            return unwritten(&cause);
        }
    }
    match out.flush() {
        Ok(()) => Ok(Exit::Success),
        Err(cause) => unwritten(&cause),
    }
}

fn is_asked_for(outcome: &Outcome, statuses: &[Ended]) -> bool {
    let ended = match outcome.status {
        Status::Failed(_) => Ended::Failed,
        Status::Done => Ended::Done,
        Status::Unchanged => Ended::Unchanged,
        _ => Ended::Skipped,
    };
    statuses.is_empty() || statuses.contains(&ended)
}

/// Adds the line that a list has for the item to `out`: its URL and its fields, separated by tabs.
fn list_line(outcome: &Outcome, out: &mut String) {
    plan::url(&outcome.url, out);
    for field in outcome
        .fields()
        .into_iter()
        .flat_map(|fields| fields.split('\t'))
    {
        out.push('\t');
        out.push_str(&printable(field));
    }
    out.push('\n');
}
