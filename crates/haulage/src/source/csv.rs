//! CSV lists: a table of text, with the names of its columns in its first line.

pub(super) mod dialect;
mod records;

use std::io::{self, Read};
use std::iter::FusedIterator;
use std::sync::Arc;

use self::records::{Record, Records};
use super::base::Base;
use super::cells::{Cells, Role, Roles};
use super::ending::Ending;
use super::lines::{Lines, Rest};
use super::options::{ListOptions, input};
use super::prefix::UrlParser;
use crate::error::Error;
use crate::redact::redacted;
use crate::request::{BadRow, Row};
use crate::row_location::RowLocation;

/// A CSV list (RFC 4180), read on demand.
///
/// Its first line names the columns; [`Columns`](super::Columns) tells what they are for. Cells may
/// be in quotes, and have line breaks then. Comma, semicolon, TAB and `|` are recognised as what
/// stands between cells.
///
/// ```
/// use haulage::source::{Csv, ListOptions};
///
/// let list = "id;url\n1;http://host.example/a\n2;http://host.example/b\n";
/// let rows = Csv::new(list.as_bytes(), "-", &ListOptions::default())?;
/// let rows: Result<Vec<_>, _> = rows.collect();
/// assert_eq!(rows.unwrap()[1].url(), "http://host.example/b");
/// # Ok::<(), haulage::Error>(())
/// ```
pub struct Csv<R> {
    records: Records<Rest<R>>,
    input: Arc<str>,
    base: Option<Base>,
    urls: UrlParser,
    roles: Roles,
    /// What each column is for; `None` until the header has been read.
    header: Option<Vec<Role>>,
    delimiter: Option<u8>,
    ending: Ending,
}

impl<R: Read> Csv<R> {
    /// Creates a list from a reader. `input` is its name in the places of its rows.
    ///
    /// # Errors
    /// Of kind `input`, if the base URL is not an absolute `http` or `https` URL.
    pub fn new(
        reader: R,
        input: impl Into<Arc<str>>,
        options: &ListOptions,
    ) -> Result<Self, Error> {
        let lines = Lines::new(reader, input.into());
        Ok(Self::of(lines, options.base()?, options))
    }

    /// Creates a list from the lines that are left.
    pub(super) fn of(lines: Lines<R>, base: Option<Base>, options: &ListOptions) -> Self {
        let (input, line) = (lines.input().into(), lines.next_number());
        let of_name = super::list_name::extension(lines.input());
        let of_name = of_name
            .filter(|extension| extension == "tsv")
            .map(|_| b'\t');
        Self {
            records: Records::new(lines.into_rest(), line),
            input,
            base,
            urls: UrlParser::default(),
            roles: Roles::new(options),
            header: None,
            delimiter: options.delimiter.or(of_name),
            ending: Ending::default(),
        }
    }

    /// Reads the header, if it has not been read.
    ///
    /// # Errors
    /// If reading fails, or if a column that is needed is not there.
    pub(super) fn prepare(&mut self) -> io::Result<()> {
        if self.header.is_some() {
            return Ok(());
        }
        begin(&mut self.records, self.delimiter)?;
        if let Some(record) = self.records.next()? {
            let names: Vec<_> = record.cells().map(String::from_utf8_lossy).collect();
            let names: Vec<_> = names.iter().map(|name| name.trim()).collect();
            self.header = Some(self.roles.of(&names).map_err(io::Error::other)?);
        }
        Ok(())
    }

    /// Takes the error that ended the list early; `None` if there was none. What it cut off of a
    /// row is not a row.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.ending.take_error()
    }

    fn next_row(&mut self) -> io::Result<Option<Row>> {
        self.prepare()?;
        let Some(header) = &self.header else {
            return Ok(None);
        };
        let Some(record) = self.records.next()? else {
            return Ok(None);
        };
        if record.is_unclosed {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "a quote is not closed in the row that begins in line {}",
                    record.line
                ),
            ));
        }
        let location = RowLocation {
            input: Arc::clone(&self.input),
            line: record.line,
        };
        Ok(Some(match cells(&record, header) {
            Ok(cells) => cells.into_row(self.base.as_ref(), &mut self.urls, location),
            Err(error) => Err(BadRow {
                text: redacted(&first_cell(&record)),
                location: Some(location),
                error,
            }),
        }))
    }
}

/// Sets what stands between the cells: what a line such as `sep=;` tells, which is skipped, or the
/// given byte, or what the header shows.
fn begin(records: &mut Records<impl Read>, given: Option<u8>) -> io::Result<()> {
    let line = records.first_line()?;
    let (told, bytes) = (dialect::told_delimiter(line), line.len());
    let delimiter = given.or(told);
    let delimiter = delimiter.unwrap_or_else(|| dialect::delimiter_of(line));
    records.delimit(delimiter);
    if told.is_some() {
        records.skip(bytes);
    }
    Ok(())
}

fn first_cell(record: &Record<'_>) -> String {
    let first = record.cells().next().unwrap_or_default();
    String::from_utf8_lossy(first).into_owned()
}

fn cells(record: &Record<'_>, header: &[Role]) -> Result<Cells, Error> {
    if record.is_too_long {
        return Err(input(
            "the row is longer than 1 MiB, or has too many cells; a quote may not be closed",
        ));
    }
    if record
        .cells()
        .skip(header.len())
        .any(|cell| !cell.is_empty())
    {
        return Err(input(format!(
            "the row has {} cells, and the header has {}; put quotes around a cell that contains the delimiter",
            record.cells().count(),
            header.len()
        )));
    }
    let mut cells = Cells::default();
    for (role, cell) in header.iter().zip(record.cells()) {
        match role {
            Role::Unused => {}
            // Nothing depends on it.
            Role::Carried(_) => cells.add(role, &String::from_utf8_lossy(cell)),
            _ => cells.add(
                role,
                std::str::from_utf8(cell)
                    .map_err(|_| input("the row is not UTF-8; save the list as UTF-8"))?,
            ),
        }
    }
    Ok(cells)
}

impl<R: Read> Iterator for Csv<R> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.ending.has_ended() {
            return None;
        }
        let row = self.next_row();
        self.ending.pass(row)
    }
}

impl<R: Read> FusedIterator for Csv<R> {}

impl<R> std::fmt::Debug for Csv<R> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut list = formatter.debug_struct("Csv");
        list.field("input", &self.input).finish_non_exhaustive()
    }
}

/// Returns how many rows a list has, good and bad ones. Fails if reading fails.
pub(super) fn count(reader: impl Read) -> io::Result<u64> {
    let mut records = Records::new(reader, 1);
    begin(&mut records, None)?;
    let mut rows: u64 = 0;
    while records.next()?.is_some() {
        rows += 1;
    }
    Ok(rows.saturating_sub(1))
}

#[cfg(test)]
mod tests;
