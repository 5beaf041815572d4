//! Recognises the format of a list by its first bytes.

use std::io::{self, Read};

use super::aria2;
use super::armour;
use super::binary::why_binary;
use super::checksums;
use super::csv::dialect;
use super::format::ListFormat;
use super::lines::{BYTE_ORDER_MARK, Lines};
use super::xml::root::{Beginning, IS_FEED};

/// What is known of a list before its rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detected {
    /// Its format.
    Format(ListFormat),
    /// It is not a list, for this reason.
    NoList(&'static str),
}

impl ListFormat {
    /// Returns the format of a list by its name, or else by its first bytes, of which the first row
    /// is a part; an empty name tells nothing. A table has no URL at its beginning: such a list is
    /// of text, even if it is called `urls.tsv`. So is a list without rows.
    ///
    /// # Errors
    /// If reading fails before that is known.
    pub fn of(name: &str, reader: impl Read) -> io::Result<Detected> {
        let mut lines = begun(reader);
        let detected = Self::of_named(Self::of_name(name), &mut lines);
        lines.take_error().map_or(Ok(detected), Err)
    }

    /// Returns the format of a list whose name tells a format, or none.
    pub(super) fn of_named(by_name: Option<Self>, lines: &mut Lines<impl Read>) -> Detected {
        let block = lines.first_block();
        match by_name {
            Some(Self::Csv | Self::Jsonl) if begins_with_url(block) => Self::of_lines(lines),
            Some(format @ (Self::Parquet | Self::Arrow)) => Detected::Format(format),
            Some(format) => why_binary(block).map_or(Detected::Format(format), Detected::NoList),
            None => Self::of_lines(lines),
        }
    }

    /// Returns the format by the first block, and by the line of the first row, which is put back.
    pub(super) fn of_lines(lines: &mut Lines<impl Read>) -> Detected {
        let block = lines.first_block();
        if let Some(format) = of_magic(block) {
            return Detected::Format(format);
        }
        if let Some(why) = why_binary(block) {
            return Detected::NoList(why);
        }
        if let Some(detected) = of_block(block) {
            return detected;
        }
        if matches!(Beginning::of(block), Beginning::Unfinished) {
            lines.block_until(|block| Beginning::of(block) != Beginning::Unfinished);
        }
        if let Some(detected) = of_xml(lines.first_block()) {
            return detected;
        }
        let Some(line) = lines.next() else {
            return Detected::Format(Self::Text);
        };
        let format = Self::of_line(line.bytes);
        lines.put_back();
        Detected::Format(format)
    }

    fn of_line(line: &[u8]) -> Self {
        let text = String::from_utf8_lossy(line);
        if line.trim_ascii_end() == armour::BEGIN || checksums::is_entry(&text) {
            Self::Checksums
        } else if dialect::is_header(&text) {
            Self::Csv
        } else {
            Self::Text
        }
    }
}

/// Returns the lines of a reader of which enough has been read to tell what it is.
fn begun<R: Read>(reader: R) -> Lines<R> {
    const ENOUGH: usize = 2048;
    let mut lines = Lines::first_of(reader);
    lines.block_until(|block| block.len() >= ENOUGH && block.contains(&b'\n'));
    lines
}

/// Returns whether a list begins with a URL, perhaps after comments.
fn begins_with_url(block: &[u8]) -> bool {
    let text = block.strip_prefix(BYTE_ORDER_MARK).unwrap_or(block);
    let mut lines = text.split(|byte| *byte == b'\n');
    let first = lines.find(|line| !line.starts_with(b"#") && !line.trim_ascii().is_empty());
    let first = first.unwrap_or_default().trim_ascii_start();
    [&b"http://"[..], b"https://"].iter().any(|scheme| {
        let start = first.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

/// Returns the format of binary data that is a list.
fn of_magic(block: &[u8]) -> Option<ListFormat> {
    match block {
        [b'P', b'A', b'R', b'1', ..] => Some(ListFormat::Parquet),
        // A file, or a stream: a message begins with -1 and the length of its metadata.
        [b'A', b'R', b'R', b'O', b'W', b'1', 0, 0, ..]
        | [0xff, 0xff, 0xff, 0xff, _, _, _, 0, ..] => Some(ListFormat::Arrow),
        _ => None,
    }
}

/// Returns what the first bytes of a text tell; `None` if it is up to its first line.
fn of_block(block: &[u8]) -> Option<Detected> {
    let text = block.strip_prefix(BYTE_ORDER_MARK).unwrap_or(block);
    match text.trim_ascii_start() {
        [b'{', ..] => Some(Detected::Format(ListFormat::Jsonl)),
        [b'[', rest @ ..] if matches!(rest.trim_ascii_start(), [b'{' | b'[' | b'"', ..]) => {
            Some(Detected::NoList(
                "it is a JSON array; write an object per line, for example with jq -c '.[]'",
            ))
        }
        // The block may end in the middle of a character.
        text if aria2::is_aria2(&String::from_utf8_lossy(text)) => {
            Some(Detected::Format(ListFormat::Aria2))
        }
        _ => None,
    }
}

/// Returns what the root element tells, if a text is XML or a web page.
fn of_xml(block: &[u8]) -> Option<Detected> {
    let text = block.strip_prefix(BYTE_ORDER_MARK).unwrap_or(block);
    let root = match Beginning::of(text) {
        Beginning::Root(name) => name,
        Beginning::Unfinished | Beginning::NoXml => return None,
    };
    match root {
        b"metalink" => Some(Detected::Format(ListFormat::Metalink)),
        b"urlset" | b"sitemapindex" => Some(Detected::Format(ListFormat::Sitemap)),
        b"rss" | b"feed" | b"RDF" => Some(Detected::NoList(IS_FEED)),
        _ if root.eq_ignore_ascii_case(b"html") => Some(Detected::NoList(
            "it is a web page, not a list; give a list of the URLs in it",
        )),
        _ if text.trim_ascii_start().starts_with(b"<?xml") => Some(Detected::NoList(
            "it is XML, but neither a Metalink nor a sitemap",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

    /// A reader that always fails.
    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("no more"))
        }
    }

    fn of_content(content: &[u8]) -> Detected {
        ListFormat::of("", content).unwrap()
    }

    #[test]
    fn the_first_line_that_says_something_tells_the_format() {
        for (list, format) in [
            (
                format!("\u{feff}\r\n# sums\n\n{MD5}  a"),
                ListFormat::Checksums,
            ),
            (format!("\\{MD5}  a\\nb"), ListFormat::Checksums),
            (
                format!("{}{MD5}  a", "# sums\n".repeat(10_000)),
                ListFormat::Checksums,
            ),
            (
                format!("#{}\n{MD5}  a", "x".repeat(10_000)),
                ListFormat::Checksums,
            ),
            (format!("SHA384 (a) = {MD5}"), ListFormat::Checksums),
            (
                "-----BEGIN PGP SIGNED MESSAGE-----\r\n".to_owned(),
                ListFormat::Checksums,
            ),
            (String::new(), ListFormat::Text),
            ("# nothing\n".to_owned(), ListFormat::Text),
            (format!("http://h/a\n{MD5}  a"), ListFormat::Text),
            (MD5.to_owned(), ListFormat::Text),
            (format!("http://h/(a)\tmd5={MD5}"), ListFormat::Text),
            (format!("a(b).gif\tmd5={MD5}"), ListFormat::Text),
            (
                format!("{}\n{MD5}  a", "x".repeat(100_000)),
                ListFormat::Text,
            ),
            ("http://h/a\n  out=b\n".to_owned(), ListFormat::Aria2),
            ("id,url\n1,http://h/a".to_owned(), ListFormat::Csv),
            ("\u{feff}\"URL\";\"Name\"\r\n".to_owned(), ListFormat::Csv),
            ("url\nhttp://h/a\n".to_owned(), ListFormat::Csv),
            ("http://h/a?b,url\n".to_owned(), ListFormat::Text),
            (
                format!(
                    "<?xml version='1.0'?>\n<!--{}-->\n<metalink>",
                    "\n".repeat(9_000)
                ),
                ListFormat::Metalink,
            ),
            ("\u{feff}<s:urlset>".to_owned(), ListFormat::Sitemap),
            ("<sitemapindex/>".to_owned(), ListFormat::Sitemap),
            ("<http://h/a>\n".to_owned(), ListFormat::Text),
            (
                " \n{\"url\": \"http://h/a\"}\n".to_owned(),
                ListFormat::Jsonl,
            ),
        ] {
            let expected = Detected::Format(format);
            assert_eq!(of_content(list.as_bytes()), expected, "{list:.50}");
        }
        let latin = [MD5.as_bytes(), b"  \xe9\n"].concat();
        let expected = Detected::Format(ListFormat::Checksums);
        assert_eq!(of_content(&latin), expected);
        assert!(ListFormat::of("", Broken).is_err());
    }

    #[test]
    fn a_table_does_not_begin_with_a_url() {
        let of = |name, list: &str| match ListFormat::of(name, list.as_bytes()).unwrap() {
            Detected::Format(format) => format,
            Detected::NoList(why) => panic!("{why}"),
        };
        let fields = "# list\n\nhttp://h/a\tout=b\n";
        assert_eq!(of("urls.tsv", fields), ListFormat::Text);
        assert_eq!(of("urls.jsonl", fields), ListFormat::Text);
        assert_eq!(of("urls.csv", "HTTPS://h/a\n  out=b\n"), ListFormat::Aria2);
        assert_eq!(of("urls.csv", "href,title\n"), ListFormat::Csv);
        assert_eq!(of("SHA256SUMS", fields), ListFormat::Checksums);
        assert_eq!(of("urls", "url\nhttp://h/a"), ListFormat::Csv);
    }

    #[test]
    fn what_is_no_list_is_told_from_lists() {
        for content in [
            &b"\x7fELF\x02\x01\x01\0\0"[..],
            b"[\n{\"url\": \"http://h/a\"}]",
            b"<?xml version='1.0'?>\n<rss><channel>",
            b"<feed xmlns='http://www.w3.org/2005/Atom'>",
            b"<!DOCTYPE html>\n<html lang='en'>",
            b"<?xml version='1.0'?><project>",
        ] {
            assert!(
                matches!(of_content(content), Detected::NoList(_)),
                "{content:?}"
            );
        }
    }
}
