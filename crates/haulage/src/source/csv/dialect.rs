//! The dialect of a CSV list: which byte stands between its cells.

/// What may stand between cells, the most common one first.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];
const QUOTE: u8 = b'"';

/// Returns the byte between the cells of a header: the one that makes `url` a cell, or else the
/// most frequent one; a comma if there is only one cell.
pub(super) fn delimiter_of(header: &[u8]) -> u8 {
    let has_url = |delimiter: &u8| cells(header, *delimiter).any(is_url);
    let count = |delimiter: &u8| cells(header, *delimiter).count();
    let found = DELIMITERS.into_iter().filter(|byte| count(byte) > 1);
    let with_url = found.clone().find(has_url);
    // Of equal ones, the last maximum is returned: the list is in reverse.
    let frequent = || found.rev().max_by_key(count);
    with_url.or_else(frequent).unwrap_or(DELIMITERS[0])
}

/// Returns the delimiter that a first line such as `sep=;` tells, as Excel writes and reads it.
pub(super) fn told_delimiter(line: &[u8]) -> Option<u8> {
    match line.trim_ascii_end() {
        [b's', b'e', b'p', b'=', delimiter] => Some(*delimiter),
        _ => None,
    }
}

/// Returns whether a line is the header of a table with a column for URLs.
pub(in crate::source) fn is_header(line: &str) -> bool {
    if told_delimiter(line.as_bytes()).is_some() {
        return true;
    }
    // A URL may have commas in it.
    let is_table = !line.contains("://");
    is_table
        && DELIMITERS
            .iter()
            .any(|delimiter| cells(line.as_bytes(), *delimiter).any(is_url))
}

fn is_url(cell: &[u8]) -> bool {
    let cell = cell.trim_ascii();
    let inner = cell
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    inner.unwrap_or(cell).eq_ignore_ascii_case(b"url")
}

/// Splits a line at each delimiter that is not in quotes.
fn cells(line: &[u8], delimiter: u8) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    line.split(move |byte| {
        is_quoted ^= *byte == QUOTE;
        *byte == delimiter && !is_quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_its_delimiter() {
        for (header, delimiter) in [
            ("url", b','),
            ("id,url", b','),
            ("id;url;\"a,b,c\"", b';'),
            ("a, b, c;url", b';'),
            ("href\ttitle", b'\t'),
            ("a|b|c,d", b'|'),
            ("a,b;c", b','),
        ] {
            assert_eq!(delimiter_of(header.as_bytes()), delimiter, "{header}");
        }
        assert_eq!(told_delimiter(b"sep=;\r"), Some(b';'));
        assert_eq!(told_delimiter(b"sep=;;"), None);
    }

    #[test]
    fn a_header_has_a_column_of_urls_and_no_url() {
        for line in ["url", "a,URL", " \"Url\" ;b", "sep=;", "x|url"] {
            assert!(is_header(line), "{line}");
        }
        for line in ["", "urls", "http://h/a,url", "curl", "a url b"] {
            assert!(!is_header(line), "{line}");
        }
    }
}
