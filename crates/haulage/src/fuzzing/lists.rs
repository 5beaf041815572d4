//! Targets for lists of URLs and of checksums, and for patterns.

use std::io::{self, Read};

use bytes::Bytes;

use super::{cuts, first_line};
use crate::error::Error;
use crate::request::{Request, Row};
use crate::source::{Detected, Fetch, List, ListFormat, ListOptions, Pattern, Text, count_rows};

/// A reader that returns two pieces, one after the other.
struct Halves<'a>([&'a [u8]; 2]);

impl Read for Halves<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let [first, second] = &mut self.0;
        if first.is_empty() {
            std::mem::swap(first, second);
        }
        first.read(into)
    }
}

fn list_of<'a>(
    pieces: [&'a [u8]; 2],
    name: &str,
    format: Option<ListFormat>,
    base: Option<&str>,
) -> Result<List<Halves<'a>>, Error> {
    let options = ListOptions {
        format,
        base_url: base.map(str::to_owned),
        ..ListOptions::default()
    };
    List::new(Halves(pieces), name, &options)
}

/// The properties of a row that are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    line: u64,
    /// All fields of a request, or the text and error of a bad row.
    row: Result<String, String>,
}

fn seen(row: &Row) -> Seen {
    let (place, row) = match row {
        Ok(request) => (request.location.clone(), Ok(format!("{request:?}"))),
        Err(bad) => {
            assert!(bad.text.chars().count() <= 200);
            let message = bad.error.to_string();
            assert!(!message.contains(['\n', '\r']), "{message:?}");
            (bad.location.clone(), Err(format!("{} {message}", bad.text)))
        }
    };
    Seen {
        line: place.map_or(0, |place| place.line),
        row,
    }
}

/// Checks that rows are the same however a list is cut, that they are in order, and that as many
/// are counted as there are.
fn checked_rows<'a, I>(
    data: &'a [u8],
    format: ListFormat,
    list: impl Fn([&'a [u8]; 2]) -> I,
) -> Vec<Row>
where
    I: IntoIterator<Item = Row>,
{
    let rows: Vec<_> = list([data, b""]).into_iter().collect();
    let all: Vec<_> = rows.iter().map(seen).collect();
    for cut in cuts(data.len(), 6) {
        let (first, second) = data.split_at(cut);
        let rows = list([first, second]).into_iter();
        assert!(
            rows.map(|row| seen(&row)).eq(all.iter().cloned()),
            "cut at {cut}"
        );
    }
    let may_share_lines = matches!(format, ListFormat::Metalink | ListFormat::Sitemap);
    assert!(all.is_sorted_by(|one, next| {
        one.line < next.line || may_share_lines && one.line == next.line
    }));
    if let Ok(Some(counted)) = count_rows(data, format) {
        assert_eq!(counted, rows.len() as u64);
    }
    rows
}

/// Returns the numbers, from 1, of the lines that are neither blank nor comments.
fn lines_that_count(data: &[u8]) -> Vec<u64> {
    let data = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data);
    let lines = data.split(|byte| *byte == b'\n').zip(1..);
    lines
        .filter(|(line, _)| !line.trim_ascii().is_empty() && !line.starts_with(b"#"))
        .map(|(_, number)| number)
        .collect()
}

/// Reads a list of text, with and without something that its URLs are relative to; and writes each
/// row that can be used, and reads it again.
pub fn text_list(data: &[u8]) {
    for base in [None, Some("http://u:p@base.example/d/")] {
        let list = |pieces| {
            let list = list_of(pieces, "list", Some(ListFormat::Text), base);
            list.into_iter().flatten()
        };
        let rows = checked_rows(data, ListFormat::Text, list);
        let lines = rows.iter().map(|row| seen(row).line);
        assert!(lines.eq(lines_that_count(data)));
        // A row whose URL was completed, or had a password, is not read back the same.
        let as_written = |row: &&Request| base.is_none() && row.credentials.is_none();
        let rows = rows.iter().flatten().filter(as_written);
        rows.for_each(check_request);
    }
    let of_any_kind = list_of([data, b""], "list", None, Some("http://h/"));
    let rows = of_any_kind.into_iter().flatten().count();
    let is_list = matches!(ListFormat::of("", data), Ok(Detected::Format(_)));
    assert!(is_list || rows == 0);
}

/// Writes a row anew and reads it again.
fn check_request(request: &Request) {
    let mut fields = vec![request.url().to_owned()];
    if let Some(name) = &request.name {
        fields.push(format!("out={}", name.as_str()));
    }
    if let Some(label) = &request.label {
        fields.push(format!("label={label}"));
    }
    for checksum in &request.checksums {
        fields.push(checksum.to_string());
        assert_eq!(checksum.to_string().parse().ok().as_ref(), Some(checksum));
    }
    let mirrors = request.mirrors.iter();
    fields.extend(mirrors.map(|(url, _)| url.to_string()));
    let line = fields.join("\t");
    let mut again = Text::new(line.as_bytes(), "again");
    let Some(Ok(read)) = again.next() else {
        panic!("{line:?} is no row");
    };
    assert_eq!(read.url, request.url);
    assert_eq!(read.url(), request.url());
    assert_eq!(read.name, request.name);
    assert_eq!(read.label, request.label);
    assert_eq!(read.checksums, request.checksums);
    let urls = |request: &Request| {
        request
            .mirrors
            .iter()
            .map(|(url, _)| url.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(urls(&read), urls(request));
    assert!(again.next().is_none());
}

/// Reads a list of checksums.
pub fn checksum_list(data: &[u8]) {
    let format = ListFormat::Checksums;
    let base = "http://base.example/d/SUMS?a#b";
    let list = |pieces| {
        let list = list_of(pieces, "SUMS", Some(format), Some(base));
        list.into_iter().flatten()
    };
    let lines = lines_that_count(data);
    for row in checked_rows(data, format, list) {
        let line = seen(&row).line;
        // Lines that PGP escapes may look like a comment, or be one.
        assert!(lines.contains(&line) || data.contains(&b'-'));
        if let Ok(request) = row {
            assert!(request.url().starts_with("http://base.example/d/"));
            assert!(request.name.is_some());
            assert_eq!(request.checksums.len(), 1);
        }
    }
    let is_list = ListFormat::of("", data).is_ok_and(|of| of == Detected::Format(format));
    let list = list_of([data, b""], "list", None, None);
    assert!(!is_list || list.into_iter().flatten().next().is_none());
}

/// Reads a CSV list.
pub fn csv_list(data: &[u8]) {
    table(data, ListFormat::Csv);
}

/// Reads a list of JSON objects.
pub fn json_lines(data: &[u8]) {
    table(data, ListFormat::Jsonl);
}

/// Reads a list of aria2.
pub fn aria2_list(data: &[u8]) {
    table(data, ListFormat::Aria2);
}

/// Checks the messages of an Arrow stream, if the feature `parquet` is on. What passes is decoded
/// by other crates, which may panic where a message contradicts itself.
pub fn arrow_list(data: &[u8]) {
    #[cfg(feature = "parquet")]
    {
        let checked = |pieces| {
            let mut passed = Vec::new();
            let read = crate::source::arrow_messages(Halves(pieces)).read_to_end(&mut passed);
            (passed, read.err().map(|error| error.to_string()))
        };
        let whole = checked([data, b""]);
        assert!(data.starts_with(&whole.0));
        for cut in cuts(data.len(), 6) {
            let (first, second) = data.split_at(cut);
            assert!(checked([first, second]) == whole, "cut at {cut}");
        }
    }
    let _ = data;
}

/// Reads a Parquet file, if the feature `parquet` is on. It is decoded by another crate, which may
/// panic where a file contradicts itself: then the list ends with an error.
pub fn parquet_list(data: &[u8]) {
    #[cfg(feature = "parquet")]
    {
        let options = ListOptions {
            carries: true,
            ..ListOptions::default()
        };
        let bytes = Bytes::copy_from_slice(data);
        let Ok(mut list) = crate::source::Parquet::of_bytes(bytes, "list", &options) else {
            return;
        };
        let rows: Vec<_> = list.by_ref().take(10_000).map(|row| seen(&row)).collect();
        assert!(rows.is_sorted_by(|one, next| one.line < next.line));
    }
    let _ = data;
}

/// Checks that rows, and the error that ends them, are the same however a list is cut; that they
/// are in order; and that as many are counted as there are.
fn table(data: &[u8], format: ListFormat) {
    let read = |pieces| {
        let options = ListOptions {
            format: Some(format),
            carries: true,
            ..ListOptions::default()
        };
        let list = List::new(Halves(pieces), "list", &options);
        let Ok(mut list) = list else {
            return (Vec::new(), None);
        };
        let rows: Vec<_> = list.by_ref().map(|row| seen(&row)).collect();
        (rows, list.take_error().map(|error| error.to_string()))
    };
    let (rows, error) = read([data, b""]);
    for cut in cuts(data.len(), 6) {
        let (first, second) = data.split_at(cut);
        assert!(
            read([first, second]) == (rows.clone(), error.clone()),
            "cut at {cut}"
        );
    }
    // A carriage return alone ends a row of CSV, but no line.
    let is_csv = format == ListFormat::Csv;
    assert!(
        rows.is_sorted_by(|one, next| { one.line < next.line || is_csv && one.line == next.line })
    );
    if error.is_none()
        && let Ok(Some(counted)) = count_rows(data, format)
    {
        assert_eq!(
            counted,
            rows.len() as u64,
            "{rows:?} of {:?}",
            String::from_utf8_lossy(data)
        );
    }
}

/// Reads a Metalink, with and without a country that is preferred.
pub fn metalink(data: &[u8]) {
    let format = ListFormat::Metalink;
    for location in [None, Some("de".to_owned())] {
        let options = ListOptions {
            format: Some(format),
            base_url: Some("http://base.example/d/".to_owned()),
            location,
            ..ListOptions::default()
        };
        let list = |pieces| {
            let list = List::new(Halves(pieces), "list", &options);
            list.into_iter().flatten()
        };
        for request in checked_rows(data, format, list).iter().flatten() {
            assert!(request.name.is_some());
            assert!(request.mirrors.len() < 500);
            if let Some((pieces, size)) = request.usable_pieces() {
                assert_eq!(size.div_ceil(pieces.length()), pieces.count());
            }
        }
    }
}

/// Reads a sitemap, whose own sitemaps, if it is an index, are the same.
pub fn sitemap(data: &[u8]) {
    let format = ListFormat::Sitemap;
    let options = ListOptions {
        format: Some(format),
        base_url: Some("http://base.example/d/".to_owned()),
        carries: true,
        ..ListOptions::default()
    };
    let whole = Bytes::copy_from_slice(data);
    let list = |pieces| {
        let whole = whole.clone();
        let list = List::new(Halves(pieces), "list", &options);
        let list = list.map(|list| list.fetching_with(Fetch::new(move |_| Ok(whole.clone()))));
        list.into_iter().flatten()
    };
    let is_index = data.windows(12).any(|part| part == b"sitemapindex");
    if is_index {
        let rows = list([data, b""]).map(|row| seen(&row));
        assert!(list([b"", data]).map(|row| seen(&row)).eq(rows));
    } else {
        checked_rows(data, format, list);
    }
}

/// Expands a pattern, which is the first line, with names by the template in the second line.
pub fn pattern(data: &[u8]) {
    const MOST: usize = 1000;
    let text = String::from_utf8_lossy(data);
    let (text, template) = first_line(&text);
    let literal = Pattern::literal(text).into_iter();
    assert_eq!(literal.count(), 1);
    let Ok(pattern) = Pattern::parse(text) else {
        return;
    };
    let mut patterns = vec![pattern.clone()];
    patterns.extend(pattern.output(template).ok());
    for pattern in patterns {
        let length = pattern.len();
        assert_ne!(length, Some(0));
        let mut expansion = pattern.into_iter();
        let expected = length.and_then(|length| usize::try_from(length).ok());
        assert_eq!(expansion.size_hint().1, expected);
        let rows = expansion.by_ref().take(MOST).map(|row| seen(&row));
        let rows = rows.count();
        assert_eq!(rows, expected.unwrap_or(MOST).min(MOST));
        let left = expected.map(|length| length - rows);
        assert_eq!(expansion.size_hint().1, left);
        assert_eq!(expansion.next().is_none(), left == Some(0));
    }
}
