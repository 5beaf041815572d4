//! `haul results`: prints the outcome of each item, from the records in its destination.

mod filter;
mod summary;
mod table;

use std::io::{self, BufWriter, IsTerminal as _, Write};

use haulage::{Algorithm, Checksum, Outcome};

use self::filter::Filter;
use self::summary::Totals;
pub(crate) use self::table::width;
use crate::args::{ResultsArgs, RowFormat};
use crate::exit::{Exit, Problem};
use crate::printed::unwritten;
use crate::report::escape::printable;
use crate::report::row::{CarriedNames, ResultRow, write_line};
#[cfg(feature = "parquet")]
use crate::report::{ColumnFormat, Encoder, Shape};
use crate::report::{Csv, Sources, plan};

/// Prints the recorded outcomes to standard output. If the reader leaves before the end, that is a
/// success: it has seen enough. Fails if the state cannot be read or the output not written.
pub(crate) fn print(arguments: &ResultsArgs) -> Result<Exit, Problem> {
    let is_terminal = io::stdout().is_terminal();
    let format = arguments.format.unwrap_or(if is_terminal {
        RowFormat::Table
    } else {
        RowFormat::Jsonl
    });
    let rows = Rows::new(arguments)?;
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout());
    let mut line = String::new();
    let mut names = CarriedNames::default();
    if arguments.summary {
        let totals = Totals::of(rows)?;
        match format {
            RowFormat::Jsonl => write_line(&totals.figures(), &mut line),
            RowFormat::Table | RowFormat::Text => totals.write(width(), &mut line),
            _ => {
                return Err(Problem::usage("a summary is a table or JSON")
                    .hint("--format table or --format jsonl"));
            }
        }
        return ended(out.write_all(line.as_bytes()).and_then(|()| out.flush()));
    }
    let written = match format {
        RowFormat::Csv => write_csv(arguments, rows, is_terminal, &mut out)?,
        #[cfg(feature = "parquet")]
        RowFormat::Parquet | RowFormat::Arrow if is_terminal => {
            return Err(Problem::usage("that is not for a terminal")
                .hint("haul results DIR --format parquet > results.parquet"));
        }
        #[cfg(feature = "parquet")]
        RowFormat::Parquet => write_columns(arguments, rows, ColumnFormat::Parquet)?,
        #[cfg(feature = "parquet")]
        RowFormat::Arrow => write_columns(arguments, rows, ColumnFormat::Arrow)?,
        RowFormat::Jsonl => each(rows, out, |outcome, line| {
            write_line(&ResultRow::new(outcome, &mut names), line);
        })?,
        RowFormat::Text => each(rows, out, plan::list_line)?,
        RowFormat::Table => {
            let table = table::Table::new(width());
            let mut is_first = true;
            each(rows, out, |outcome, line| {
                if std::mem::take(&mut is_first) {
                    table.header(line);
                }
                table.row(outcome, line);
            })?
        }
    };
    ended(written)
}

/// Returns how the command ends.
fn ended(written: io::Result<()>) -> Result<Exit, Problem> {
    match written {
        Ok(()) => Ok(Exit::Success),
        Err(cause) => unwritten(&cause),
    }
}

/// The recorded outcomes that are asked for.
struct Rows {
    outcomes: haulage::Results,
    filter: Filter,
}

impl Rows {
    fn new(arguments: &ResultsArgs) -> Result<Self, Problem> {
        Ok(Self {
            outcomes: haulage::results(&arguments.directory)?,
            filter: Filter::new(arguments),
        })
    }
}

impl Iterator for Rows {
    type Item = Result<Outcome, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        let filter = &self.filter;
        let is_wanted = |outcome: &Result<Outcome, _>| match outcome {
            Ok(outcome) => filter.accepts(outcome),
            Err(_) => true,
        };
        let next = self.outcomes.find(is_wanted)?;
        Some(next.map_err(Problem::from))
    }
}

/// Writes what `add` makes of each row. The inner error is that of the output.
fn each(
    rows: Rows,
    mut out: impl Write,
    mut add: impl FnMut(&Outcome, &mut String),
) -> Result<io::Result<()>, Problem> {
    let mut line = String::new();
    for outcome in rows {
        line.clear();
        add(&outcome?, &mut line);
        if let Err(cause) = out.write_all(line.as_bytes()) {
            return Ok(Err(cause));
        }
    }
    Ok(out.flush())
}

/// Returns the hashes that any of the rows has. They are read twice, since the columns come first.
fn hashes(arguments: &ResultsArgs) -> Result<Vec<Algorithm>, Problem> {
    let mut found = Vec::new();
    for outcome in Rows::new(arguments)? {
        for algorithm in outcome?.hashes.iter().map(Checksum::algorithm) {
            if !found.contains(&algorithm) {
                found.push(algorithm);
            }
        }
        if found.len() == Algorithm::ALL.len() {
            break;
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn write_csv(
    arguments: &ResultsArgs,
    rows: Rows,
    is_terminal: bool,
    mut out: impl Write,
) -> Result<io::Result<()>, Problem> {
    let mut csv = Csv::new(',', Sources::WithoutColumns, &hashes(arguments)?);
    let mut names = CarriedNames::default();
    let mut text = String::new();
    let mut pass_on = |text: &mut String| {
        let written = if is_terminal {
            let lines = text.split_terminator("\r\n");
            let mut lines = lines.map(|line| writeln!(out, "{}", printable(line)));
            lines.try_for_each(|written| written)
        } else {
            out.write_all(text.as_bytes())
        };
        text.clear();
        written
    };
    for outcome in rows {
        csv.row(&ResultRow::new(&outcome?, &mut names), &mut text);
        if let Err(cause) = pass_on(&mut text) {
            return Ok(Err(cause));
        }
    }
    csv.finish(&mut text);
    let written = pass_on(&mut text);
    Ok(written.and_then(|()| out.flush()))
}

#[cfg(feature = "parquet")]
fn write_columns(
    arguments: &ResultsArgs,
    rows: Rows,
    format: ColumnFormat,
) -> Result<io::Result<()>, Problem> {
    let out = BufWriter::with_capacity(64 << 10, io::stdout());
    let shape = Shape::with_hashes(hashes(arguments)?);
    let mut encoder = match Encoder::new(shape, format, out) {
        Ok(encoder) => encoder,
        Err(cause) => return Ok(Err(cause)),
    };
    let mut names = CarriedNames::default();
    let mut line = String::new();
    for outcome in rows {
        line.clear();
        write_line(&ResultRow::new(&outcome?, &mut names), &mut line);
        if let Err(cause) = encoder.line(line.as_bytes()) {
            return Ok(Err(cause));
        }
    }
    Ok(encoder.finish().and_then(|mut out| out.flush()))
}
