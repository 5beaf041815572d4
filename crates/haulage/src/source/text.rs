//! Text lists: one URL per line, with fields separated by TABs.

use std::fs::File;
use std::io::{self, Read};
use std::iter::FusedIterator;
use std::path::Path;
use std::sync::Arc;

use memchr::{memchr, memmem};

use super::base::{Base, request_for};
use super::decompressed::Decompressed;
use super::hints;
use super::lines::{BUFFER, BYTE_ORDER_MARK, Lines};
use crate::checksum::{Algorithm, Checksum};
use crate::error::{Error, ErrorKind};
use crate::redact::redacted;
use crate::request::{Request, Row};
use crate::source::prefix::UrlParser;

/// A text list, read on demand.
///
/// Each line has one URL, and after it, separated by TABs, `out=NAME`, `label=TEXT`, checksums as
/// `ALGO=HEX`, and URLs of mirrors. Blank lines and lines that start with `#` are skipped. Any
/// other line is one row, good or bad. A row is returned as soon as its line is complete.
///
/// ```
/// use haulage::source::Text;
///
/// let list = "# two files\nhttp://host.example/a\nhttp://host.example/b\tout=c/d\n";
/// let rows: Result<Vec<_>, _> = Text::new(list.as_bytes(), "-").collect();
/// assert_eq!(rows.unwrap()[1].url(), "http://host.example/b");
/// ```
#[derive(Debug)]
pub struct Text<R> {
    lines: Lines<R>,
    urls: UrlParser,
    base: Option<Base>,
}

impl Text<Decompressed<File>> {
    /// Opens a list, which may be compressed. Fails if the file cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let reader = Decompressed::new(File::open(path)?);
        Ok(Self::new(reader, path.to_string_lossy()))
    }
}

impl<R: Read> Text<R> {
    /// Creates a list from a reader. `input` is its name in the places of its rows.
    pub fn new(reader: R, input: impl Into<Arc<str>>) -> Self {
        Self::of(Lines::new(reader, input.into()), None)
    }

    /// Creates a list from the lines that are left.
    pub(super) fn of(lines: Lines<R>, base: Option<Base>) -> Self {
        Self {
            lines,
            urls: UrlParser::default(),
            base,
        }
    }

    /// Sets the URL to which the list's relative URLs are relative (RFC 3986 §5). Without it, they
    /// are bad rows.
    ///
    /// # Errors
    /// Of kind `input`, if the text is not an absolute `http` or `https` URL.
    pub fn relative_to(mut self, base: &str) -> Result<Self, Error> {
        self.base = Some(Base::parse(base)?);
        Ok(self)
    }

    /// Takes the error that ended the list early; `None` if there was none. A line that it cut off
    /// is not a row.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.lines.take_error()
    }
}

impl<R: Read> Iterator for Text<R> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let line = self.lines.next()?;
        let request = line
            .text()
            .and_then(|text| request_of(text, self.base.as_ref(), &mut self.urls));
        Some(match request {
            Ok(request) => Ok(request.read_at(line.location())),
            Err(error) => Err(line.refused(url_in(line.bytes), error)),
        })
    }
}

impl<R: Read> FusedIterator for Text<R> {}

/// Returns how many rows a list has, without parsing them. Fails if reading fails.
pub(super) fn count(mut reader: impl Read) -> io::Result<u64> {
    let mut counter = RowCounter {
        rows: 0,
        at: Within::Start,
    };
    let mut buffer = vec![0; BUFFER];
    let (mut filled, mut read) = (0, usize::MAX);
    // The first read may bring only a part of the byte-order mark.
    while read > 0 && filled < BYTE_ORDER_MARK.len() {
        read = reader.read(&mut buffer[filled..])?;
        filled += read;
    }
    let first = &buffer[..filled];
    counter.take(first.strip_prefix(BYTE_ORDER_MARK).unwrap_or(first));
    while read > 0 {
        read = reader.read(&mut buffer)?;
        counter.take(&buffer[..read]);
    }
    Ok(counter.rows)
}

/// Counts rows in chunks that may end anywhere.
struct RowCounter {
    rows: u64,
    at: Within,
}

/// What is known about the current line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Nothing.
    Start,
    /// It begins with white space, and nothing else so far.
    Blank,
    /// Whether it is a row is known.
    Known,
}

impl RowCounter {
    fn take(&mut self, mut chunk: &[u8]) {
        while let [first, rest @ ..] = chunk {
            (self.at, chunk) = match (self.at, first) {
                (Within::Known, _) => match memchr(b'\n', chunk) {
                    Some(end) => (Within::Start, &chunk[end + 1..]),
                    None => return,
                },
                (_, b'\n') => (Within::Start, rest),
                (Within::Start, b'#') => (Within::Known, rest),
                (_, byte) if byte.is_ascii_whitespace() => (Within::Blank, rest),
                _ => {
                    self.rows += 1;
                    (Within::Known, rest)
                }
            };
        }
    }
}

/// Returns what may be shown of a bad line: its URL. Leaves out what follows if there are several
/// URLs, or if the URL is not at the beginning, because a password there would not be found.
fn url_in(line: &[u8]) -> &[u8] {
    let field = line.split(|byte| *byte == b'\t').next().unwrap_or_default();
    let url = field.trim_ascii();
    let mut authorities = memmem::find_iter(url, "://").map(|at| at + 3);
    match (authorities.next(), authorities.next()) {
        (Some(first), _) if !starts_as_url(url) => &url[..first],
        (Some(_), Some(_)) => url.split(|byte| *byte == b' ').next().unwrap_or(url),
        _ => field,
    }
}

/// Returns the request for the URL of a line. The error says what to write instead, if that is
/// known.
fn url_request(
    line: &str,
    url: &str,
    base: Option<&Base>,
    urls: &mut UrlParser,
) -> Result<Request, Error> {
    let url = url.trim_matches(' ');
    if memchr(b' ', url.as_bytes()).is_some()
        && let Some(hint) = hints::after_space(url)
    {
        return Err(input(hint));
    }
    if base.is_some() && hints::is_aria2(line) {
        return Err(input(hints::no_url(line).unwrap_or_default()));
    }
    request_for(url, base, urls).map_err(|error| match hints::no_url(line) {
        Some(hint) if !starts_as_url(url.as_bytes()) => input(hint),
        _ => error,
    })
}

/// Returns whether a text begins with a scheme and `://`. For such a text, the error of the URL
/// parser says best what is wrong.
fn starts_as_url(text: &[u8]) -> bool {
    let scheme = memmem::find(text, b"://").map(|end| &text[..end]);
    scheme.is_some_and(|scheme| !scheme.is_empty() && scheme.iter().all(u8::is_ascii_alphanumeric))
}

/// Returns the request for a line. Fails if its URL or one of its fields is invalid.
fn request_of(line: &str, base: Option<&Base>, urls: &mut UrlParser) -> Result<Request, Error> {
    let Some(tab) = memchr(b'\t', line.as_bytes()) else {
        return url_request(line, line, base, urls);
    };
    let mut request = url_request(line, &line[..tab], base, urls)?;
    // An empty field has no meaning: a TAB at the end of a line is no error.
    let fields = line[tab + 1..].split('\t');
    for field in fields.filter(|field| !field.is_empty()) {
        if field.contains('\r') {
            // As in a URL: in another list, it would end the line.
            return Err(input(format!(
                "the field {:?} has a carriage return in it; end lines with LF or CRLF",
                redacted(field)
            )));
        }
        request = match field.split_once('=') {
            Some(("out", _)) if request.name.is_some() => {
                return Err(input("the row has two names; leave one `out=`"));
            }
            Some(("out", name)) => request.named(name)?,
            Some(("label", label)) => request.labelled(label),
            Some((key, hex)) if let Some(algorithm) = Algorithm::named(key) => {
                request.checksum(Checksum::from_hex(algorithm, hex)?)?
            }
            _ if field.contains("://") => request.mirror(field)?,
            _ => {
                return Err(input(format!(
                    "the field {:?} is unknown; after the URL may come out=NAME, label=TEXT and ALGO=HEX (a checksum), each after a TAB",
                    redacted(field)
                )));
            }
        };
    }
    Ok(request)
}

fn input(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Input, message)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::super::lines::MAX_LINE;
    use super::*;
    use crate::row_location::RowLocation;
    use crate::source::ListFormat;

    /// Returns these chunks, one for each read, and then fails.
    struct Chunks(VecDeque<Vec<u8>>);

    impl Chunks {
        fn new<const N: usize>(chunks: [&[u8]; N]) -> Self {
            Self(chunks.map(<[u8]>::to_vec).into())
        }
    }

    impl Read for Chunks {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let mut chunk = self
                .0
                .pop_front()
                .ok_or_else(|| io::Error::other("no more"))?;
            if chunk == b"signal" {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let taken = chunk.len().min(into.len());
            into[..taken].copy_from_slice(&chunk[..taken]);
            chunk.drain(..taken);
            if !chunk.is_empty() {
                self.0.push_front(chunk);
            }
            Ok(taken)
        }
    }

    fn count_rows(reader: impl Read) -> io::Result<Option<u64>> {
        crate::source::count_rows(reader, ListFormat::Text)
    }

    /// Returns for each row its line, and its URL or error.
    fn rows(reader: impl Read) -> Vec<(u64, String)> {
        Text::new(reader, "list").map(|row| summary(&row)).collect()
    }

    fn summary(row: &Row) -> (u64, String) {
        match row {
            Ok(request) => (
                request.location.as_ref().unwrap().line,
                request.url().to_owned(),
            ),
            Err(bad) => {
                assert!(bad.text.chars().count() <= 200);
                let message = bad.error.to_string();
                assert!(!message.contains('\n'));
                (
                    bad.location.as_ref().unwrap().line,
                    format!("{}: {message}", bad.text),
                )
            }
        }
    }

    fn only(line: &str) -> Row {
        let mut list = Text::new(line.as_bytes(), "list");
        let row = list.next().unwrap();
        assert!(list.next().is_none());
        row
    }

    #[test]
    fn marks_line_ends_blanks_and_comments_are_read_as_people_write_them() {
        let text = "\u{feff}# a list\r\nhttp://h/1\r\n\r\n \t \n#http://h/x\n  http://h/2 \nhttp://h/3\t\nhttp://h/4";
        let found = rows(text.as_bytes());
        let expected = [
            (2, "http://h/1"),
            (6, "http://h/2"),
            (7, "http://h/3"),
            (8, "http://h/4"),
        ];
        assert_eq!(found, expected.map(|(line, url)| (line, url.to_owned())));
        assert_eq!(count_rows(text.as_bytes()).unwrap(), Some(4));
        assert_eq!(
            rows("\u{feff}http://h/1\r".as_bytes()),
            [(1, "http://h/1".to_owned())]
        );
        let fielded = only("http://h/1\tlabel=two words\r\n").unwrap();
        assert_eq!(fielded.label.as_deref(), Some("two words"));
        assert!(rows(&b""[..]).is_empty() && rows(&b"\xEF\xBB\xBF"[..]).is_empty());
    }

    #[test]
    fn fields_name_and_label_the_file() {
        let request = only("http://h/1\tlabel=a = b\tout=d/e f.gif").unwrap();
        assert_eq!(request.label.as_deref(), Some("a = b"));
        assert_eq!(
            request.name,
            Request::new("http://h/1")
                .unwrap()
                .named("d/e f.gif")
                .unwrap()
                .name
        );
        assert_eq!(
            request.location,
            Some(RowLocation {
                input: "list".into(),
                line: 1
            })
        );
    }

    #[test]
    fn a_url_may_have_spaces_in_it() {
        for line in ["http://h/a b.gif", "http://h/My Photos/1 2.gif\tout=x"] {
            assert!(only(line).is_ok(), "{line}");
        }
        let base = "http://h/";
        let relative = |list: &'static str| {
            Text::new(list.as_bytes(), "list")
                .relative_to(base)
                .unwrap()
                .next()
                .unwrap()
        };
        assert!(relative("a b.gif").is_ok());
        assert!(relative("  out=a").is_err());
    }

    #[test]
    fn relative_urls_need_something_to_be_relative_to() {
        let text = "a.gif\tout=b.gif\nhttp://h/c\n//[\n";
        let list = |text| Text::new(text, "list");
        let rows: Vec<_> = list(text.as_bytes())
            .relative_to("http://base.example/d/")
            .unwrap()
            .collect();
        let first = rows[0].as_ref().unwrap();
        assert_eq!(first.url(), "http://base.example/d/a.gif");
        assert!(first.name.is_some());
        assert_eq!(rows[1].as_ref().unwrap().url(), "http://h/c");
        assert_eq!(rows[2].as_ref().unwrap_err().text, "//[");
        let bad = list(text.as_bytes()).next().unwrap().unwrap_err();
        assert!(
            bad.error.to_string().contains("--base-url"),
            "{}",
            bad.error
        );
        assert!(list(&b""[..]).relative_to("d/").is_err());
    }

    #[test]
    fn further_urls_are_mirrors() {
        let request = only("http://h/1\thttp://u:p@m/1\tout=x\thttps://n/1").unwrap();
        let mirrors: Vec<_> = request
            .mirrors
            .iter()
            .map(|(url, credentials)| (url.as_str(), credentials.is_some()))
            .collect();
        assert_eq!(mirrors, [("http://m/1", true), ("https://n/1", false)]);
    }

    #[test]
    fn a_row_may_have_checksums_of_several_algorithms() {
        let row =
            "http://h/1\tmd5=d41d8cd98f00b204e9800998ecf8427e\tCRC32C=0000000A\tcrc32c=0000000a";
        let request = only(row).unwrap();
        let shown: Vec<_> = request.checksums.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["md5=d41d8cd98f00b204e9800998ecf8427e", "crc32c=0000000a"]
        );
    }

    #[test]
    fn a_row_that_cannot_be_used_fails_alone_and_says_why() {
        for (line, kind, says) in [
            (
                "http://h/1\tftp://u:secret@mirror/1",
                ErrorKind::Input,
                "only http and https",
            ),
            (
                "http://u:secret@h/1\tSHA256=00",
                ErrorKind::Input,
                "\"00\" is no sha256: that is 64 hex digits",
            ),
            (
                "http://h/1\tmd5=http://u:secret@x",
                ErrorKind::Input,
                "is no md5",
            ),
            (
                "http://h/1\tcrc32c=00000000\tCRC32C=00000001",
                ErrorKind::Input,
                "two different checksums crc32c",
            ),
            (
                "http://h/1\tdir=x",
                ErrorKind::Input,
                "\"dir=x\" is unknown",
            ),
            ("http://h/1\tx", ErrorKind::Input, "\"x\" is unknown"),
            ("http://h/1\tout=a\tout=b", ErrorKind::Input, "two names"),
            ("http://h/1\tout=a\r\r", ErrorKind::Input, "carriage return"),
            (
                "http://h/1\tlabel=a\rb",
                ErrorKind::Input,
                "carriage return",
            ),
            ("http://h/1\tout=", ErrorKind::Name, "names no file"),
            ("http://h/1\tout=/etc/passwd", ErrorKind::Name, "absolute"),
            ("http://h/1\tout=a/../b", ErrorKind::Name, "without `..`"),
            ("\tout=a", ErrorKind::Input, "list of aria2c"),
            ("\tlabel=a", ErrorKind::Input, "no scheme"),
            ("  out=a", ErrorKind::Input, "list of aria2c"),
            (
                "http://h/1 http://u:secret@h/2",
                ErrorKind::Input,
                "two URLs",
            ),
            ("http://u:secret@h/1 # one", ErrorKind::Input, "a comment"),
            ("http://h/1 out=a", ErrorKind::Input, "a TAB between"),
            ("http://h/1.gif a.gif", ErrorKind::Input, "out= before it"),
            (
                "{\"url\":\"http://u:secret@h/1\"}",
                ErrorKind::Input,
                "JSON",
            ),
            ("<a href='http://h/1'>", ErrorKind::Input, "HTML"),
            ("1,http://u:secret@h/1", ErrorKind::Input, "CSV"),
            (
                "ftp://u:secret@h/1",
                ErrorKind::Input,
                "only http and https",
            ),
            ("http://[:::]/", ErrorKind::Input, "is not a URL"),
        ] {
            let bad = only(line).unwrap_err();
            assert_eq!(bad.error.kind(), kind, "{line}");
            let message = format!("{} {}", bad.text, bad.error);
            assert!(message.contains(says), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn lines_that_cannot_be_read_stop_no_other() {
        let mut text = b"http://h/1\nhttp://u:secret@h/\xFF\xFE\n".to_vec();
        text.extend(format!("http://u:secret@h/{}\r\n", "x".repeat(1 << 20)).bytes());
        text.extend(b"#".repeat(300_000));
        text.extend(b"\nhttp://h/5\n");
        let found = rows(&text[..]);
        let lines: Vec<_> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 3, 5]);
        assert!(
            found[1]
                .1
                .starts_with("http://h/\u{fffd}\u{fffd}: the line is not UTF-8"),
            "{}",
            found[1].1
        );
        assert!(found[2].1.contains("longer than 64 KiB"), "{}", found[2].1);
        assert!(found.iter().all(|(_, text)| !text.contains("secret")));
        assert_eq!(count_rows(&text[..]).unwrap(), Some(4));
        assert_eq!(Text::new(&text[..], "list").map(drop).count(), 4);
    }

    #[test]
    fn a_line_may_have_64_kib_and_no_more() {
        let fits = format!("http://h/{}", "x".repeat(MAX_LINE - 9));
        for end in ["", "\n", "\r\n"] {
            let found = rows(format!("{fits}{end}").as_bytes());
            assert_eq!(found, [(1, fits.clone())]);
            let found = rows(format!("{fits}x{end}http://h/2").as_bytes());
            assert!(found[0].1.contains("longer than 64 KiB"));
        }
    }

    #[test]
    fn a_long_line_is_shown_alike_wherever_a_read_ends() {
        for mark in ["", "\u{feff}"] {
            let text = format!("{mark}http://h/1 {}://\r\nhttp://h/2", "y".repeat(70_000));
            let whole = rows(text.as_bytes());
            assert!(whole[0].1.contains("longer than 64 KiB"), "{}", whole[0].1);
            for cut in (MAX_LINE - 2..MAX_LINE + 8).chain([70_000, 70_015]) {
                let (first, rest) = text.as_bytes().split_at(cut);
                assert_eq!(rows(Chunks::new([first, rest, b""])), whole, "{cut}");
            }
        }
    }

    #[test]
    fn a_line_may_have_a_mark_before_its_64_kib() {
        let fits = format!("http://h/{}", "x".repeat(MAX_LINE - 9));
        let text = format!("\u{feff}{fits}\r\nhttp://h/2");
        for cut in MAX_LINE - 2..MAX_LINE + 6 {
            let (first, rest) = text.as_bytes().split_at(cut);
            let found = rows(Chunks::new([first, rest, b""]));
            assert_eq!(found[0], (1, fits.clone()), "{cut}");
            assert_eq!(found.len(), 2);
        }
    }

    #[test]
    fn a_row_is_there_with_its_line_and_a_read_error_ends_the_list() {
        let mut list = Text::new(
            Chunks::new([
                b"http://h/1\nhttp://h/2\nhttp",
                b"signal",
                b"://h/3\nhttp://h/cut",
            ]),
            "-",
        );
        assert_eq!(list.next().unwrap().unwrap().url(), "http://h/1");
        assert_eq!(list.next().unwrap().unwrap().url(), "http://h/2");
        assert_eq!(list.lines.reader().0.len(), 2, "nothing was read ahead");
        assert_eq!(list.next().unwrap().unwrap().url(), "http://h/3");
        assert!(list.next().is_none());
        assert_eq!(list.take_error().unwrap().to_string(), "no more");
        assert!(list.next().is_none() && list.take_error().is_none());
    }

    #[test]
    fn a_list_of_many_buffers_loses_nothing() {
        let lines: Vec<_> = (0..50_000).map(|row| format!("http://h/{row}\n")).collect();
        let text = lines.concat();
        let found = rows(text.as_bytes());
        assert_eq!(found.len(), 50_000);
        assert!(found.iter().enumerate().all(|(row, (line, url))| {
            *line == row as u64 + 1 && *url == format!("http://h/{row}")
        }));
    }

    proptest! {
        #[test]
        fn where_a_read_ends_does_not_matter(
            pieces in proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(vec![
                        &b"\xEF\xBB\xBF"[..], b"\n", b"\r\n", b"\r", b"#", b" ", b"\t", b"http://h/1", b"out=a", b"\xFF", b"x",
                    ]).prop_map(<[u8]>::to_vec),
                    (1..150_000usize).prop_map(|length| vec![b'y'; length]),
                ],
                0..20,
            ),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..10),
        ) {
            let text = pieces.concat();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut chunks: VecDeque<Vec<u8>> =
                cuts.windows(2).map(|cut| text[cut[0]..cut[1]].to_vec()).filter(|chunk| !chunk.is_empty()).collect();
            chunks.push_back(Vec::new());
            let whole = rows(&text[..]);
            let counted = count_rows(Chunks(chunks.clone())).unwrap();
            prop_assert_eq!(counted, Some(whole.len() as u64));
            let chunked = rows(Chunks(chunks));
            prop_assert_eq!(chunked, whole);
        }
    }
}
