//! Lists of aria2c: each URL with its options on the indented lines below it.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::iter::FusedIterator;
use std::sync::Arc;

use http::header::{HeaderName, HeaderValue, REFERER, USER_AGENT};

use super::base::{Base, request_for};
use super::lines::{Line, Lines};
use super::options::{ListOptions, input};
use super::prefix::UrlParser;
use crate::checksum::{Algorithm, Checksum};
use crate::credentials::Credentials;
use crate::error::Error;
use crate::http_url::split_scheme;
use crate::options::Layout;
use crate::plan::accepted::Accepted;
use crate::plan::layout;
use crate::redact::redacted;
use crate::request::{BadRow, Request, Row};
use crate::row_location::RowLocation;

/// A list as `aria2c -i` reads it and `--save-session` writes it, read on demand.
///
/// Each line has the URLs of one file, separated by TABs. Indented lines below it have options for
/// the file, each as `name=value`. Used are `out`, `dir` if it is relative, `checksum`, `header`,
/// `referer`, `user-agent`, `http-user` and `http-passwd`. [`take_notes`](Self::take_notes) tells
/// which others there are.
///
/// ```
/// use haulage::source::{Aria2, ListOptions};
///
/// let list = "http://host.example/a\thttp://mirror.example/a\n  out=b\n  dir=c\n";
/// let rows = Aria2::new(list.as_bytes(), "-", &ListOptions::default())?;
/// let rows: Result<Vec<_>, _> = rows.collect();
/// assert_eq!(rows.unwrap()[0].url(), "http://host.example/a");
/// # Ok::<(), haulage::Error>(())
/// ```
#[derive(Debug)]
pub struct Aria2<R> {
    lines: Lines<R>,
    base: Option<Base>,
    urls: UrlParser,
    /// Names of options that are not used, of which a note has been made.
    noted: BTreeSet<String>,
    notes: Vec<String>,
}

/// The lines that belong to one file.
struct Entry {
    urls: Result<String, Error>,
    options: Vec<Result<String, Error>>,
}

impl<R: Read> Aria2<R> {
    /// Creates a list from a reader. `input` is its name in the places of its rows.
    ///
    /// # Errors
    /// Of kind `input`, if the base URL is not an absolute `http` or `https` URL.
    pub fn new(
        reader: R,
        input: impl Into<Arc<str>>,
        options: &ListOptions,
    ) -> Result<Self, Error> {
        Ok(Self::of(Lines::new(reader, input.into()), options.base()?))
    }

    /// Creates a list from the lines that are left.
    pub(super) fn of(lines: Lines<R>, base: Option<Base>) -> Self {
        Self {
            lines,
            base,
            urls: UrlParser::default(),
            noted: BTreeSet::new(),
            notes: Vec::new(),
        }
    }

    /// Takes what is to be known about the rows so far: which options are not used, each once.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Takes the error that ended the list early; `None` if there was none.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.lines.take_error()
    }

    /// Returns the next file with its options, which end at the next line that is not indented.
    fn next_entry(&mut self) -> Option<(Entry, String, RowLocation)> {
        let line = self.lines.next()?;
        let (shown, location) = (shown(&line), line.location());
        let mut entry = Entry {
            urls: line.text().map(str::to_owned),
            options: Vec::new(),
        };
        while let Some(line) = self.lines.next() {
            if !is_indented(line.bytes) {
                self.lines.put_back();
                break;
            }
            entry.options.push(line.text().map(str::to_owned));
        }
        Some((entry, shown, location))
    }

    fn request_of(&mut self, entry: Entry) -> Result<Request, Error> {
        let urls = entry.urls?;
        if is_indented(urls.as_bytes()) {
            return Err(input(
                "an option stands before the first URL; it belongs below the URL that it is for",
            ));
        }
        let mut request = self.request_for_urls(&urls)?;
        let (mut out, mut folder) = (None, None);
        let (mut user, mut password) = (None, None);
        let options: Vec<_> = entry.options.into_iter().collect::<Result<_, _>>()?;
        for option in options.iter().map(|option| option.trim()) {
            let Some((name, value)) = option.split_once('=') else {
                return Err(input(format!(
                    "the indented line {:?} is not name=value",
                    redacted(option)
                )));
            };
            let (name, value) = (name.trim(), value.trim());
            match name {
                "out" => out = Some(value),
                "dir" if value.starts_with('/') => self.note(
                    name,
                    "an absolute dir is not used: -d says where all files of a list go",
                ),
                "dir" => folder = Some(value.trim_start_matches("./").trim_end_matches('/')),
                "checksum" => request = request.checksum(checksum(value)?)?,
                "header" => {
                    let (name, value) = header(value)?;
                    request = request.header(name, value)?;
                }
                "referer" => request = request.header(REFERER, header_value(value)?)?,
                "user-agent" => request = request.header(USER_AGENT, header_value(value)?)?,
                "http-user" => user = Some(value),
                "http-passwd" => password = Some(value),
                // What they say is so in any case, or is of no interest here.
                "gid" | "continue" | "always-resume" | "remote-time" | "file-allocation"
                | "follow-metalink" | "follow-torrent" => {}
                _ => self.note(name, "the option is not used for single files"),
            }
        }
        if let Some(user) = user {
            request.credentials = Some(Credentials::new(user, password.unwrap_or_default()));
        }
        let folder = folder.filter(|folder| !folder.is_empty() && *folder != ".");
        match (folder, out) {
            (None, None) => Ok(request),
            (None, Some(out)) => request.named(out),
            (Some(folder), Some(out)) => request.named(&format!("{folder}/{out}")),
            (Some(folder), None) => {
                let (url, given) = (&request.url, &request.given);
                let name = layout::name(Layout::Flat, url, given, 0, &|| Accepted::EVERYTHING);
                request.named(&format!("{folder}/{}", name.as_str()))
            }
        }
    }

    /// Returns the request for the URLs of a line. Those that are not HTTP are left out if there
    /// are others.
    fn request_for_urls(&mut self, urls: &str) -> Result<Request, Error> {
        let urls: Vec<_> = urls.split('\t').map(str::trim).collect();
        let given = urls.iter().filter(|url| !url.is_empty());
        let mut usable = given.clone().filter(|url| !has_other_scheme(url));
        let first = usable.next().or(given.clone().next());
        let first = first.ok_or_else(|| input("the line has no URL"))?;
        let request = request_for(first, self.base.as_ref(), &mut self.urls)?;
        usable.try_fold(request, |request, url| request.mirror(url))
    }

    fn note(&mut self, name: &str, what: &str) {
        if self.noted.insert(name.to_owned()) {
            let name = redacted(name);
            let list = self.lines.input();
            self.notes.push(format!("{list}: {name}: {what}"));
        }
    }
}

fn is_indented(line: &[u8]) -> bool {
    line.first()
        .is_some_and(|byte| matches!(byte, b' ' | b'\t'))
}

/// Returns whether a text is a URL of another scheme than HTTP, such as a magnet link.
fn has_other_scheme(url: &str) -> bool {
    split_scheme(url).is_some_and(|(scheme, _)| {
        !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https")
    })
}

/// Returns what is shown of a line that cannot be used: its first URL.
fn shown(line: &Line<'_>) -> String {
    let first = line.bytes.split(|byte| *byte == b'\t').next();
    redacted(String::from_utf8_lossy(first.unwrap_or_default()).trim())
}

/// Parses a checksum as aria2 has it: `sha-256=HEX`.
fn checksum(text: &str) -> Result<Checksum, Error> {
    let (name, hex) = text
        .split_once('=')
        .ok_or_else(|| input("a checksum is TYPE=HEX, such as sha-256=…"))?;
    let name = name.to_ascii_lowercase().replacen("sha-", "sha", 1);
    let algorithm: Algorithm = name.parse()?;
    Checksum::from_hex(algorithm, hex)
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let unusable = || {
        input(format!(
            "the header {:?} is not Name: value",
            redacted(text)
        ))
    };
    let (name, value) = text.split_once(':').ok_or_else(unusable)?;
    let name = name.trim().parse().map_err(|_| unusable())?;
    Ok((name, header_value(value.trim())?))
}

fn header_value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text)
        .map_err(|_| input("the value of a header has a character that cannot be sent"))
}

impl<R: Read> Iterator for Aria2<R> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let (entry, text, location) = self.next_entry()?;
        Some(match self.request_of(entry) {
            Ok(request) => Ok(request.read_at(location)),
            Err(error) => Err(BadRow {
                text,
                location: Some(location),
                error,
            }),
        })
    }
}

impl<R: Read> FusedIterator for Aria2<R> {}

/// Returns whether a block of text begins with a URL and an option below it.
pub(super) fn is_aria2(block: &str) -> bool {
    let mut lines = block
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let is_url = |line: &str| !is_indented(line.as_bytes()) && line.contains("://");
    let is_option = |line: &str| {
        let name = line
            .trim_start()
            .split_once('=')
            .map(|(name, _)| name.trim_end());
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        is_indented(line.as_bytes()) && name.is_some_and(is_name)
    };
    lines.next().is_some_and(is_url) && lines.find(|line| !is_url(line)).is_some_and(is_option)
}

/// Returns how many rows a list has, good and bad ones. Fails if reading fails.
pub(super) fn count(mut lines: Lines<impl Read>) -> io::Result<u64> {
    let mut rows = 0;
    while let Some(line) = lines.next() {
        // An option before the first URL is a row, which fails, with all those that follow it.
        rows += u64::from(rows == 0 || !is_indented(line.bytes));
    }
    lines.take_error().map_or(Ok(rows), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &str) -> (Vec<Row>, Vec<String>) {
        let mut rows = Aria2::new(list.as_bytes(), "list", &ListOptions::default()).unwrap();
        let read: Vec<_> = rows.by_ref().collect();
        assert_eq!(
            count(Lines::new(list.as_bytes(), "".into())).unwrap(),
            read.len() as u64
        );
        (read, rows.take_notes())
    }

    /// As `aria2c --save-session` writes it, with what people add by hand.
    const SESSION: &str = "# by hand\n\
        http://h/a.iso\tftp://m/a.iso\thttp://m/a.iso\t\n gid=2089b05ecca3d829\n dir=/srv/files\n out=a b.iso\n\
        \x20split=16\n max-connection-per-server=16\n min-split-size=1M\n continue=true\n\
        \x20checksum=sha-256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\
        \x20header=X-Token: t: u\n header=Accept-Language: de\n referer=http://h/\n user-agent=Agent/1\n\
        \x20http-user=me\n http-passwd=secret\n allow-overwrite=true\n auto-file-renaming=false\n max-tries=3\n\
        \x20retry-wait=5\n timeout=60\n connect-timeout=30\n lowest-speed-limit=1K\n all-proxy=http://p/\n\
        \x20load-cookies=c.txt\n check-certificate=false\n conditional-get=true\n remote-time=true\n pause=false\n\
        \x20max-download-limit=1M\n max-file-not-found=2\n piece-length=1M\n uri-selector=inorder\n\
        \x20use-head=false\n http-accept-gzip=true\n\n\
        http://h/sub/b.iso?x\n\tdir=./c/d/\nhttp://h/c\n  out=../c\nhttp://h/d\n  nonsense\nmagnet:?xt=urn:btih:x\n\
        http://h/e\n";

    #[test]
    fn a_session_of_aria2_with_thirty_kinds_of_options() {
        let (rows, notes) = read(SESSION);
        let first = rows[0].as_ref().unwrap();
        assert_eq!(first.url(), "http://h/a.iso");
        assert_eq!(first.mirrors.len(), 1);
        assert_eq!(first.name.as_ref().unwrap().as_str(), "a b.iso");
        assert!(first.checksums[0].to_string().starts_with("sha256=e3b0"));
        assert_eq!(first.credentials, Some(Credentials::new("me", "secret")));
        let headers = first.headers().unwrap();
        assert_eq!(headers["x-token"], "t: u");
        assert_eq!(headers["accept-language"], "de");
        assert_eq!(
            (&headers["referer"], &headers["user-agent"]),
            (
                &HeaderValue::from_static("http://h/"),
                &HeaderValue::from_static("Agent/1")
            )
        );
        let second = rows[1].as_ref().unwrap();
        assert_eq!(second.name.as_ref().unwrap().as_str(), "c/d/b.iso");
        let lines: Vec<_> = rows.iter().map(line).collect();
        assert_eq!(lines, [2, 37, 39, 41, 43, 44]);
        for (row, says) in rows[2..5].iter().zip(["..", "not name=value", "http"]) {
            let error = row.as_ref().unwrap_err().error.to_string();
            assert!(error.contains(says), "{error}");
        }
        assert!(rows[5].is_ok());
        assert!(
            notes
                .iter()
                .any(|note| note.contains("dir: an absolute dir"))
        );
        assert!(
            notes
                .iter()
                .any(|note| note.contains("split: the option is not used"))
        );
        assert_eq!(notes.len(), 22, "{notes:#?}");
    }

    fn line(row: &Row) -> u64 {
        let location = match row {
            Ok(request) => &request.location,
            Err(bad) => &bad.location,
        };
        location.as_ref().unwrap().line
    }

    #[test]
    fn an_option_without_a_url_fails_alone() {
        let (rows, _) = read("  out=a\n  dir=b\nhttp://h/a\n");
        assert_eq!(rows.len(), 2);
        assert!(
            rows[0]
                .as_ref()
                .unwrap_err()
                .error
                .to_string()
                .contains("before the first URL")
        );
        assert!(rows[1].is_ok());
    }

    #[test]
    fn it_is_recognised_by_an_option_below_a_url() {
        for list in [SESSION, "http://h/a\nhttp://h/b\n out=c\n"] {
            assert!(is_aria2(list), "{list}");
        }
        for list in [
            "",
            "http://h/a\n",
            "http://h/a\n  http://h/b?c=d\n",
            " out=a\n",
            "a\n b=c\n",
        ] {
            assert!(!is_aria2(list), "{list}");
        }
    }
}
