//! Results as CSV (RFC 4180) and TSV. The header is known when the first rows are written.

use std::fmt::Write as _;
use std::sync::Arc;

use haulage::{Algorithm, Checksum};

use super::{MAX_CARRIED, Sources};
use crate::report::row::{FIELDS, ResultRow, json_text, text_of};

/// Rows whose header is not known are kept up to this many bytes.
const MAX_KEPT: usize = 256 << 10;
/// What ends a row (RFC 4180 §2).
const END: &str = "\r\n";

/// Writes rows. Columns that only later rows have are members of a JSON object in the last column.
pub(crate) struct Csv {
    delimiter: char,
    sources: Sources,
    hashes: Vec<Algorithm>,
    header: Option<Header>,
    kept: Vec<Kept>,
    /// The length of their texts, in bytes.
    kept_bytes: usize,
}

/// The columns after those of all results.
struct Header {
    hashes: Vec<Algorithm>,
    carried: Vec<Arc<str>>,
    /// Whether there is a last column, for all others.
    has_more: bool,
}

/// A row whose header is not known yet.
struct Kept {
    fields: String,
    hashes: Vec<Checksum>,
    carried: Vec<(Arc<str>, Arc<str>)>,
    /// It could not be read, so it does not tell the columns of others.
    is_bad: bool,
}

impl Csv {
    /// Creates a table with columns for these hashes, whatever the first rows have.
    pub(crate) fn new(delimiter: char, sources: Sources, hashes: &[Algorithm]) -> Self {
        Self {
            delimiter,
            sources,
            hashes: hashes.to_vec(),
            header: None,
            kept: Vec::new(),
            kept_bytes: 0,
        }
    }

    /// Adds a row to `out`, or keeps it while there is no header.
    pub(crate) fn row(&mut self, row: &ResultRow<'_>, out: &mut String) {
        let carried = row.carried.iter();
        if let Some(header) = &self.header {
            fields(self.delimiter, row, out);
            let carried = carried.map(|(name, value)| (&**name, &**value));
            header.rest(self.delimiter, row.hashes.0, carried, out);
            return;
        }
        let mut text = String::new();
        fields(self.delimiter, row, &mut text);
        let carried = carried.map(|(name, value)| (Arc::clone(name), Arc::clone(value)));
        let carried: Vec<_> = carried.collect();
        let values = carried.iter().map(|(_, value)| value.len());
        self.kept_bytes += text.len() + values.sum::<usize>();
        self.kept.push(Kept {
            fields: text,
            hashes: row.hashes.0.to_vec(),
            is_bad: carried.is_empty()
                && row.attempts == 0
                && row
                    .error
                    .as_ref()
                    .is_some_and(|error| error.kind == "input"),
            carried,
        });
        if self.kept_bytes > MAX_KEPT {
            self.finish(out);
        }
    }

    /// Adds rows that were kept to `out`, after a header for them. Rows that could not be read are
    /// still kept if another one may tell the columns.
    pub(crate) fn flush(&mut self, out: &mut String) {
        let may_wait = self.sources != Sources::WithoutColumns;
        if !self.kept.iter().all(|row| row.is_bad && may_wait) {
            self.finish(out);
        }
    }

    /// Adds the header to `out`, if it is not there, and rows that were kept.
    pub(crate) fn finish(&mut self, out: &mut String) {
        if self.header.is_some() {
            return;
        }
        let kept = std::mem::take(&mut self.kept);
        let header = self.header_for(&kept);
        header.line(self.delimiter, out);
        for row in kept {
            out.push_str(&row.fields);
            let carried = row.carried.iter();
            let carried = carried.map(|(name, value)| (&**name, &**value));
            header.rest(self.delimiter, &row.hashes, carried, out);
        }
        self.header = Some(header);
    }

    fn header_for(&self, rows: &[Kept]) -> Header {
        let mut hashes = self.hashes.clone();
        let mut carried: Vec<Arc<str>> = Vec::new();
        for row in rows {
            for hash in &row.hashes {
                if !hashes.contains(&hash.algorithm()) {
                    hashes.push(hash.algorithm());
                }
            }
            let names = row.carried.iter().map(|(name, _)| name);
            // As a rule, all rows have the same.
            if names.clone().eq(&carried) {
                continue;
            }
            for name in names {
                if carried.len() < MAX_CARRIED && !carried.contains(name) {
                    carried.push(Arc::clone(name));
                }
            }
        }
        Header {
            hashes,
            has_more: match self.sources {
                Sources::WithoutColumns => false,
                // The first rows may be ones that could not be read.
                Sources::OneTable => carried.is_empty(),
                Sources::Any => true,
            },
            carried,
        }
    }
}

impl Header {
    fn line(&self, delimiter: char, out: &mut String) {
        let hashes = self.hashes.iter().map(|algorithm| algorithm.name());
        let carried = self.carried.iter().map(|name| &**name);
        let more = self.has_more.then_some("carried");
        let names = FIELDS.into_iter().chain(hashes).chain(carried).chain(more);
        for (at, name) in names.enumerate() {
            if at > 0 {
                out.push(delimiter);
            }
            cell(delimiter, name, out);
        }
        out.push_str(END);
    }

    /// Adds the cells after those of all results, and ends the row.
    fn rest<'a>(
        &self,
        delimiter: char,
        hashes: &[Checksum],
        carried: impl Iterator<Item = (&'a str, &'a str)>,
        out: &mut String,
    ) {
        for algorithm in &self.hashes {
            out.push(delimiter);
            let hash = hashes.iter().find(|hash| hash.algorithm() == *algorithm);
            out.push_str(&hash.map(Checksum::hex).unwrap_or_default());
        }
        let mut values = vec![None; self.carried.len()];
        let mut more = String::new();
        for (at, (name, value)) in carried.enumerate() {
            let is_it = |own: &Arc<str>| **own == *name;
            let at = match self.carried.get(at) {
                Some(own) if is_it(own) => Some(at),
                _ => self.carried.iter().position(is_it),
            };
            match at {
                Some(at) => values[at] = Some(value),
                None => member(name, value, &mut more),
            }
        }
        for value in values {
            out.push(delimiter);
            cell(delimiter, &text_of(value.unwrap_or_default()), out);
        }
        if self.has_more {
            if !more.is_empty() {
                more.push('}');
            }
            out.push(delimiter);
            cell(delimiter, &more, out);
        }
        out.push_str(END);
    }
}

/// Adds a member to a JSON object, without its end.
fn member(name: &str, value: &str, object: &mut String) {
    object.push(if object.is_empty() { '{' } else { ',' });
    object.push_str(&serde_json::Value::from(name).to_string());
    object.push(':');
    object.push_str(&json_text(value));
}

/// Adds the cells of [`FIELDS`].
fn fields(delimiter: char, row: &ResultRow<'_>, out: &mut String) {
    let mut cells = Cells {
        delimiter,
        is_first: true,
        out,
    };
    let error = row.error.as_ref();
    cells.number(Some(row.row));
    cells.text(row.input);
    cells.number(row.line);
    cells.text(Some(row.url));
    cells.text(row.name);
    cells.text(row.checksum.as_deref());
    cells.text(row.final_url);
    cells.text(Some(row.status));
    cells.text(row.path);
    cells.text(row.renamed);
    cells.number(Some(row.bytes));
    cells.number(row.http_status);
    cells.text(error.map(|error| error.kind));
    cells.text(error.map(|error| &*error.message));
    cells.number(Some(row.attempts));
    cells.number(row.segments);
    cells.number(row.resumed);
    cells.text(row.restarted);
    cells.text(Some(&row.started));
    cells.number(Some(row.duration_ms));
    cells.text(row.etag);
    cells.text(row.last_modified);
    cells.text(row.content_type);
    cells.text(Some(row.verified));
}

struct Cells<'a> {
    delimiter: char,
    is_first: bool,
    out: &'a mut String,
}

impl Cells<'_> {
    fn text(&mut self, text: Option<&str>) {
        self.next();
        cell(self.delimiter, text.unwrap_or_default(), self.out);
    }

    fn number(&mut self, number: Option<impl Into<u64>>) {
        self.next();
        if let Some(number) = number {
            // Writing to memory does not fail.
            let _ = write!(self.out, "{}", number.into());
        }
    }

    fn next(&mut self) {
        if !std::mem::replace(&mut self.is_first, false) {
            self.out.push(self.delimiter);
        }
    }
}

/// Adds a cell, in quotes if it needs them (RFC 4180 §2).
fn cell(delimiter: char, text: &str, out: &mut String) {
    if text.contains([delimiter, '"', '\n', '\r']) {
        out.push('"');
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::results::tests::outcome;
    use crate::report::row::CarriedNames;

    /// Writes rows that carry this; after each group they are flushed.
    fn written(sources: Sources, groups: &[&[&[(&str, &str)]]]) -> Vec<String> {
        let outcome = outcome();
        let mut csv = Csv::new(',', sources, &[]);
        let mut names = CarriedNames::default();
        let mut out = String::new();
        for group in groups {
            for row in *group {
                let pairs = row.iter();
                let pairs: Vec<_> = pairs
                    .map(|(name, value)| (Arc::from(*name), Arc::from(*value)))
                    .collect();
                let mut row = ResultRow::new(&outcome, &mut names);
                let mut names = CarriedNames::default();
                row.carried = names.of(&pairs);
                csv.row(&row, &mut out);
            }
            csv.flush(&mut out);
        }
        csv.finish(&mut out);
        let rows = out.split(END).filter(|row| !row.is_empty());
        let rest = |row: &str| {
            row.split(',')
                .skip(FIELDS.len())
                .collect::<Vec<_>>()
                .join(",")
        };
        rows.map(rest).collect()
    }

    #[test]
    fn the_first_rows_tell_the_columns_and_later_ones_have_more() {
        let rows = written(
            Sources::Any,
            &[
                &[
                    &[("a", "1"), ("b", "\"x,y\"")],
                    &[("c", "null"), ("a", "2")],
                ],
                &[&[("d", "[1]"), ("b", "3")], &[]],
            ],
        );
        assert_eq!(
            rows,
            [
                "a,b,c,carried",
                "1,\"x,y\",,",
                "2,,,",
                ",3,,\"{\"\"d\"\":[1]}\"",
                ",,,"
            ]
        );
    }

    #[test]
    fn a_list_with_a_header_needs_no_further_column() {
        let rows = written(
            Sources::OneTable,
            &[&[&[], &[("a", "-1")]], &[&[("a", "\"=x\"")]]],
        );
        assert_eq!(rows, ["a", "", "-1", "=x"]);
        let bad_first = written(Sources::OneTable, &[&[&[]], &[&[("a", "1")]]]);
        assert_eq!(bad_first, ["a", "", "1"]);
        let only_bad = written(Sources::OneTable, &[&[&[]]]);
        assert_eq!(only_bad, ["carried", ""]);
        assert_eq!(written(Sources::WithoutColumns, &[]), [""]);
    }

    #[test]
    fn cells_have_quotes_where_they_need_them() {
        for (text, expected) in [
            ("a b", "a b"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "=1+1"),
            (" é;\t", " é;\t"),
        ] {
            let mut out = String::new();
            cell(',', text, &mut out);
            assert_eq!(out, expected);
        }
        let mut out = String::new();
        cell('\t', "a\tb", &mut out);
        assert_eq!(out, "\"a\tb\"");
    }
}
