//! A list in any supported format.

use std::io::{self, Read};
use std::iter::FusedIterator;
use std::sync::Arc;

use super::armour;
use super::base::Base;
use super::binary::why_binary;
use super::checksums::{self, ChecksumList};
use super::decompressed::{Format, Input};
use super::lines::Lines;
use super::list_name;
use super::text::{self, TextList};
use crate::error::{Error, ErrorKind};
use crate::request::Row;

/// What the lines of a list contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListFormat {
    /// URLs, as [`TextList`] reads them.
    Text,
    /// Checksums and names, as [`ChecksumList`] reads them.
    Checksums,
}

impl ListFormat {
    /// Returns the format of a list with this name, such as `SHA256SUMS`; `None` if the name does
    /// not tell.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        list_name::is_of_checksums(name).then_some(Self::Checksums)
    }

    /// Returns the format of a list, by its first line that is neither blank nor a comment. Stops
    /// reading when that line is complete.
    ///
    /// # Errors
    /// If reading fails before that line is complete.
    pub fn of_content(reader: impl Read) -> io::Result<Self> {
        let mut lines = Lines::first_of(reader);
        let format = Self::of_next(&mut lines);
        lines.take_error().map_or(Ok(format), Err)
    }

    /// Returns the format by the next row's line, and puts that line back. A list without rows is
    /// text.
    fn of_next(lines: &mut Lines<impl Read>) -> Self {
        let Some(line) = lines.next() else {
            return Self::Text;
        };
        let format = Self::of_line(line.bytes);
        lines.put_back();
        format
    }

    fn of_line(line: &[u8]) -> Self {
        let is_of_checksums = line.trim_ascii_end() == armour::BEGIN
            || checksums::is_entry(&String::from_utf8_lossy(line));
        if is_of_checksums {
            Self::Checksums
        } else {
            Self::Text
        }
    }
}

/// A list in a known format, or in the one that its first line shows when the first row is read.
///
/// ```
/// use haulage::source::List;
///
/// let list = "d41d8cd98f00b204e9800998ecf8427e  a.bin\n";
/// let list = List::new(list.as_bytes(), "-", None, Some("http://host.example/"))?;
/// let rows: Result<Vec<_>, _> = list.collect();
/// assert_eq!(rows.unwrap()[0].url(), "http://host.example/a.bin");
/// # Ok::<(), haulage::Error>(())
/// ```
#[derive(Debug)]
pub struct List<R>(State<R>);

#[derive(Debug)]
enum State<R> {
    Unknown(Lines<R>, Option<Base>),
    Text(TextList<R>),
    Checksums(ChecksumList<R>),
    /// It cannot be used, for this reason; `None` once that has been taken.
    Refused(Option<Error>),
}

impl<R: Read> List<R> {
    /// Creates a list from a reader. `input` is its name in the places of its rows, and its
    /// relative URLs and names are relative to `base` (RFC 3986 §5). If `format` is `None`, the
    /// list's name tells it, or else its first line.
    ///
    /// # Errors
    /// Of kind `input`, if `base` is not an absolute `http` or `https` URL, or if there is none and
    /// the list is known to have checksums.
    pub fn new(
        reader: R,
        input: impl Into<Arc<str>>,
        format: Option<ListFormat>,
        base: Option<&str>,
    ) -> Result<Self, Error> {
        let input = input.into();
        let format = format.or_else(|| ListFormat::of_name(&input));
        let base = base.map(Base::parse).transpose()?;
        let lines = Lines::new(reader, input);
        match format {
            None => Ok(Self(State::Unknown(lines, base))),
            Some(format) => State::of(format, lines, base).map(Self),
        }
    }

    /// Takes the error that ended the list early; `None` if there was none. It ends early if
    /// reading fails, if its first bytes show that it is not a list, or if its first line shows
    /// that it has checksums and there is no base for their names.
    pub fn take_error(&mut self) -> Option<io::Error> {
        match &mut self.0 {
            State::Unknown(lines, _) => lines.take_error(),
            State::Text(list) => list.take_error(),
            State::Checksums(list) => list.take_error(),
            State::Refused(error) => error.take().map(io::Error::other),
        }
    }
}

impl<R: Read> State<R> {
    fn of(format: ListFormat, lines: Lines<R>, base: Option<Base>) -> Result<Self, Error> {
        match (format, base) {
            (ListFormat::Text, base) => Ok(Self::Text(TextList::of(lines, base))),
            (ListFormat::Checksums, Some(base)) => {
                Ok(Self::Checksums(ChecksumList::of(lines, base)))
            }
            (ListFormat::Checksums, None) => Err(Error::new(
                ErrorKind::Input,
                "it has checksums and names, no URLs; say with --base-url what the names are relative to",
            )),
        }
    }
}

impl<R: Read> Iterator for List<R> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if matches!(self.0, State::Unknown(..))
            && let State::Unknown(mut lines, base) =
                std::mem::replace(&mut self.0, State::Refused(None))
        {
            self.0 = if let Some(why) = why_binary(lines.first_block()) {
                State::Refused(Some(Error::new(ErrorKind::Input, why)))
            } else {
                let format = ListFormat::of_next(&mut lines);
                State::of(format, lines, base).unwrap_or_else(|error| State::Refused(Some(error)))
            };
        }
        match &mut self.0 {
            State::Text(list) => list.next(),
            State::Checksums(list) => list.next(),
            State::Unknown(..) | State::Refused(_) => None,
        }
    }
}

impl<R: Read> FusedIterator for List<R> {}

/// Returns how many rows a list of this format has, good and bad ones, without parsing them.
/// Returns `None` if the list is compressed: to decompress it twice costs more than the number is
/// worth.
///
/// # Errors
/// If reading fails.
pub fn count_rows(reader: impl Read, format: ListFormat) -> io::Result<Option<u64>> {
    let mut reader = Input::new(reader);
    if reader.format()? != Format::Plain {
        return Ok(None);
    }
    match format {
        ListFormat::Text => text::count(reader),
        ListFormat::Checksums => checksums::count(Lines::new(reader, "".into())),
    }
    .map(Some)
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
        ] {
            assert_eq!(
                ListFormat::of_content(list.as_bytes()).unwrap(),
                format,
                "{list:.50}"
            );
        }
        let latin = [MD5.as_bytes(), b"  \xe9\n"].concat();
        assert_eq!(
            ListFormat::of_content(&latin[..]).unwrap(),
            ListFormat::Checksums
        );
        assert!(ListFormat::of_content(Broken).is_err());
    }

    #[test]
    fn a_list_whose_format_its_first_line_tells_loses_no_row_and_reads_no_further() {
        let sums = format!("# sums\n{MD5}  a\n{MD5}  b\n");
        let base = Some("http://h/d/");
        for (text, urls) in [
            (&*sums, ["http://h/d/a", "http://h/d/b"]),
            ("x\nhttp://h/y\n", ["http://h/d/x", "http://h/y"]),
        ] {
            let mut list = List::new(text.as_bytes().chain(Broken), "-", None, base).unwrap();
            for url in urls {
                assert_eq!(list.next().unwrap().unwrap().url(), url);
            }
            assert!(list.next().is_none());
            assert_eq!(list.take_error().unwrap().to_string(), "no more");
        }
    }

    #[test]
    fn checksums_need_a_base_as_soon_as_they_are_known_to_be_some() {
        let sums = format!("{MD5}  a\n");
        let list = |name: &str, format| List::new(sums.as_bytes(), name, format, None);
        for (name, format) in [("MD5SUMS", None), ("-", Some(ListFormat::Checksums))] {
            let error = list(name, format).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input);
            assert!(error.to_string().contains("--base-url"), "{error}");
        }
        let mut found_out = list("-", None).unwrap();
        assert!(found_out.next().is_none() && found_out.next().is_none());
        let error = found_out.take_error().unwrap().to_string();
        assert!(error.contains("--base-url"), "{error}");
        // If the caller says that it is text, it has rows, though bad ones.
        let text = list("MD5SUMS", Some(ListFormat::Text)).unwrap();
        assert_eq!(text.filter(Result::is_err).count(), 1);
    }

    #[test]
    fn the_rows_of_either_format_are_counted_unless_they_are_compressed() {
        let signed = format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA1\n\n# x\n{MD5}  a\n");
        let count = |format| count_rows(signed.as_bytes(), format).unwrap();
        assert_eq!(count(ListFormat::Checksums), Some(1));
        assert_eq!(count(ListFormat::Text), Some(3));
        let zstd = zstd::encode_all(signed.as_bytes(), 1).unwrap();
        assert_eq!(count_rows(&zstd[..], ListFormat::Checksums).unwrap(), None);
    }
}
