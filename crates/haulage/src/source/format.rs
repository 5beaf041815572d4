//! The formats of lists: recognised by the name of a list, or by its first bytes.

use std::io::{self, Read};

use super::aria2;
use super::armour;
use super::binary::why_binary;
use super::checksums;
use super::csv::dialect;
use super::lines::{BYTE_ORDER_MARK, Lines};
use super::list_name;
use super::xml::root::{Beginning, IS_FEED};

/// What a list is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListFormat {
    /// URLs, as [`TextList`](super::TextList) reads them.
    Text,
    /// Checksums and names, as [`ChecksumList`](super::ChecksumList) reads them.
    Checksums,
    /// URLs with options below them, as [`Aria2List`](super::Aria2List) reads them.
    Aria2,
    /// A table of text with a header (RFC 4180), as [`CsvList`](super::CsvList) reads it.
    Csv,
    /// A JSON object per line, as [`JsonLines`](super::JsonLines) reads them.
    Jsonl,
    /// A table in a Parquet file. It can be read with the feature `parquet`.
    Parquet,
    /// Record batches in Arrow's IPC format, a stream or a file. They can be read with the feature
    /// `parquet`.
    Arrow,
    /// A Metalink, as [`Metalink`](super::Metalink) reads it.
    Metalink,
    /// A sitemap, as [`Sitemap`](super::Sitemap) reads it.
    Sitemap,
}

/// What is known of a list before its rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detected {
    /// Its format.
    Format(ListFormat),
    /// It is not a list, for this reason.
    NoList(&'static str),
}

impl ListFormat {
    /// Returns the format of a list with this name, such as `SHA256SUMS` or `urls.csv.gz`; `None`
    /// if the name does not tell.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        if list_name::is_of_checksums(name) {
            return Some(Self::Checksums);
        }
        let extension = list_name::extension(name)?;
        match &*extension {
            "csv" | "tsv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "parquet" => Some(Self::Parquet),
            "arrow" | "arrows" | "feather" | "ipc" => Some(Self::Arrow),
            "meta4" | "metalink" => Some(Self::Metalink),
            "xml" if list_name::is_of_sitemap(name) => Some(Self::Sitemap),
            _ => None,
        }
    }

    /// Returns the name of the format, as `--input-format` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Checksums => "checksums",
            Self::Aria2 => "aria2",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Metalink => "metalink",
            Self::Sitemap => "sitemap",
        }
    }

    /// Returns the format of a list by its first bytes, of which the first row is a part. A list
    /// without rows is text. Stops reading when the line of the first row is complete.
    ///
    /// # Errors
    /// If reading fails before that line is complete.
    pub fn of_content(reader: impl Read) -> io::Result<Detected> {
        let mut lines = Lines::first_of(reader);
        let detected = Self::of_lines(&mut lines);
        lines.take_error().map_or(Ok(detected), Err)
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
        [b'[', ..] => Some(Detected::NoList(
            "it is a JSON array; write an object per line, for example with jq -c '.[]'",
        )),
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
        ListFormat::of_content(content).unwrap()
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
        assert!(ListFormat::of_content(Broken).is_err());
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

    #[test]
    fn names_tell_formats() {
        for (name, format) in [
            ("SHA256SUMS", Some(ListFormat::Checksums)),
            ("a/b.csv", Some(ListFormat::Csv)),
            ("B.TSV.gz", Some(ListFormat::Csv)),
            ("x.ndjson.zst", Some(ListFormat::Jsonl)),
            ("x.jsonl.bz2", Some(ListFormat::Jsonl)),
            ("x.parquet", Some(ListFormat::Parquet)),
            ("x.feather", Some(ListFormat::Arrow)),
            ("d/ubuntu.iso.meta4", Some(ListFormat::Metalink)),
            ("f.metalink.gz", Some(ListFormat::Metalink)),
            ("sitemap.xml", Some(ListFormat::Sitemap)),
            ("a/Sitemap_index-2.xml.gz", Some(ListFormat::Sitemap)),
            ("post-sitemap.xml", None),
            ("urls.xml", None),
            ("urls.txt", None),
            ("csv", None),
            ("-", None),
        ] {
            assert_eq!(ListFormat::of_name(name), format, "{name}");
        }
    }
}
