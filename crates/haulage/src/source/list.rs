//! A list in any supported format.

use std::fs::File;
use std::io::{self, Read};
use std::iter::FusedIterator;
use std::sync::Arc;

#[cfg(feature = "parquet")]
use arrow_schema::DataType;

use super::aria2::{self, Aria2};
#[cfg(feature = "parquet")]
use super::arrow::{self, Arrow};
use super::base::Base;
use super::checksums::{self, Checksums};
use super::csv::{self, Csv};
use super::decompressed::{Format, Input};
use super::detect::Detected;
use super::format::ListFormat;
use super::jsonl::Jsonl;
use super::lines::Lines;
use super::metalink::{self, Metalink};
use super::options::{ListOptions, input};
#[cfg(feature = "parquet")]
use super::parquet::Parquet;
use super::sitemap::{self, Fetch, Sitemap};
use super::text::{self, Text};
use crate::error::Error;
use crate::request::Row;

/// A list in a known format, or in the one that its first bytes show when the first row is read.
///
/// ```
/// use haulage::source::{List, ListOptions};
///
/// let list = "d41d8cd98f00b204e9800998ecf8427e  a.bin\n";
/// let options = ListOptions {
///     base_url: Some("http://host.example/".to_owned()),
///     ..ListOptions::default()
/// };
/// let list = List::new(list.as_bytes(), "-", &options)?;
/// let rows: Result<Vec<_>, _> = list.collect();
/// assert_eq!(rows.unwrap()[0].url(), "http://host.example/a.bin");
/// # Ok::<(), haulage::Error>(())
/// ```
#[derive(Debug)]
pub struct List<R: Read> {
    state: State<R>,
    options: ListOptions,
    /// Fetches further parts of the list, until its format is known.
    fetch: Option<Fetch>,
    /// The format, where only the first bytes told it.
    guessed: Option<ListFormat>,
}

#[derive(Debug)]
enum State<R: Read> {
    Unknown(Lines<R>, Option<Base>),
    Text(Text<R>),
    Checksums(Checksums<R>),
    Aria2(Box<Aria2<R>>),
    Csv(Box<Csv<R>>),
    Jsonl(Box<Jsonl<R>>),
    #[cfg(feature = "parquet")]
    Arrow(Box<Arrow<R>>),
    #[cfg(feature = "parquet")]
    Parquet(Box<Parquet>),
    Metalink(Box<Metalink<R>>),
    Sitemap(Box<Sitemap<R>>),
    /// It cannot be used, for this reason; `None` once that has been taken.
    Refused(Option<io::Error>),
}

impl<R: Read> List<R> {
    /// Creates a list from a reader. `input` is its name in the places of its rows. If no format is
    /// given, the list's name tells it, or else its first bytes.
    ///
    /// # Errors
    /// Of kind `input`, if the base URL is not an absolute `http` or `https` URL, or if there is
    /// none and the list is known to have checksums.
    pub fn new(
        reader: R,
        input: impl Into<Arc<str>>,
        options: &ListOptions,
    ) -> Result<Self, Error> {
        let input = input.into();
        let by_name = ListFormat::of_name(&input);
        let base = options.base()?;
        let lines = Lines::new(reader, input);
        let state = match options.format.or(by_name) {
            // Their first bytes may show that they are something else.
            None => State::Unknown(lines, base),
            Some(ListFormat::Csv | ListFormat::Jsonl) if options.format.is_none() => {
                State::Unknown(lines, base)
            }
            Some(format) => State::of(format, lines, base, options, None)?,
        };
        Ok(Self {
            state,
            options: options.clone(),
            fetch: None,
            guessed: None,
        })
    }

    /// Creates a list from a file that is not compressed, in a format whose end has to be read
    /// first: [`ListFormat::Parquet`].
    ///
    /// # Errors
    /// Of kind `input`, if the file is not in that format, or a column that is needed is not there.
    #[cfg(feature = "parquet")]
    pub fn of_parquet(
        file: File,
        input: impl Into<Arc<str>>,
        options: &ListOptions,
    ) -> Result<Self, Error> {
        let list = Parquet::new(file, input, options)?;
        Ok(Self {
            state: State::Parquet(Box::new(list)),
            options: options.clone(),
            fetch: None,
            guessed: None,
        })
    }

    /// Returns the same list, whose further parts are fetched with this function: the sitemaps of
    /// an index. Without one, they fail.
    #[must_use]
    pub fn fetching_with(mut self, fetch: Fetch) -> Self {
        match &mut self.state {
            State::Sitemap(list) => list.fetch_with(fetch),
            _ => self.fetch = Some(fetch),
        }
        self
    }

    /// Reads as much as is needed to know whether the list can be used: of a table its header. What
    /// is found out ends the list: [`take_error`](Self::take_error) returns it.
    pub fn prepare(&mut self) {
        if matches!(self.state, State::Unknown(..))
            && let State::Unknown(mut lines, base) =
                std::mem::replace(&mut self.state, State::Refused(None))
        {
            let by_name = ListFormat::of_name(lines.input());
            self.state = match ListFormat::of_named(by_name, &mut lines) {
                Detected::NoList(why) => State::refused(input(why)),
                Detected::Format(format) => {
                    self.guessed = Some(format).filter(|_| by_name != Some(format));
                    State::of(format, lines, base, &self.options, self.fetch.take())
                        .unwrap_or_else(State::refused)
                }
            };
        }
        let prepared = match &mut self.state {
            State::Csv(list) => list.prepare(),
            State::Jsonl(list) => list.prepare().map_err(io::Error::other),
            #[cfg(feature = "parquet")]
            State::Arrow(list) => list.prepare().map_err(io::Error::other),
            #[cfg(feature = "parquet")]
            State::Parquet(_) => Ok(()),
            State::Metalink(list) => list.prepare(),
            State::Sitemap(list) => list.prepare(),
            State::Unknown(..)
            | State::Text(_)
            | State::Checksums(_)
            | State::Aria2(_)
            | State::Refused(_) => Ok(()),
        };
        if let Err(error) = prepared {
            self.state = State::Refused(Some(error));
        }
    }

    /// Returns the format, if neither the options nor the list's name told it; `None` also before
    /// its first bytes have been read.
    pub fn guessed(&self) -> Option<ListFormat> {
        self.guessed
    }

    /// Returns the names and types of the columns that are carried to the outcomes, where the list
    /// tells them (Parquet, Arrow); none before its first rows have been read.
    #[cfg(feature = "parquet")]
    #[must_use]
    pub fn carried_types(&self) -> &[(String, DataType)] {
        match &self.state {
            State::Arrow(list) => list.carried(),
            State::Parquet(list) => list.carried(),
            _ => &[],
        }
    }

    /// Takes what is to be known about the rows so far, each a sentence: which fields are not used.
    pub fn take_notes(&mut self) -> Vec<String> {
        match &mut self.state {
            State::Aria2(list) => list.take_notes(),
            _ => Vec::new(),
        }
    }

    /// Takes the error that ended the list early; `None` if there was none. It ends early if
    /// reading fails, if its first bytes show that it is not a list, if a column is missing, or if
    /// it has checksums and there is no base for their names.
    pub fn take_error(&mut self) -> Option<io::Error> {
        match &mut self.state {
            State::Unknown(lines, _) => lines.take_error(),
            State::Text(list) => list.take_error(),
            State::Checksums(list) => list.take_error(),
            State::Aria2(list) => list.take_error(),
            State::Csv(list) => list.take_error(),
            State::Jsonl(list) => list.take_error(),
            #[cfg(feature = "parquet")]
            State::Arrow(list) => list.take_error(),
            #[cfg(feature = "parquet")]
            State::Parquet(list) => list.take_error(),
            State::Metalink(list) => list.take_error(),
            State::Sitemap(list) => list.take_error(),
            State::Refused(error) => error.take(),
        }
    }
}

impl<R: Read> State<R> {
    fn refused(error: Error) -> Self {
        Self::Refused(Some(io::Error::other(error)))
    }

    fn of(
        format: ListFormat,
        lines: Lines<R>,
        base: Option<Base>,
        options: &ListOptions,
        fetch: Option<Fetch>,
    ) -> Result<Self, Error> {
        Ok(match (format, base) {
            (ListFormat::Text, base) => Self::Text(Text::of(lines, base)),
            (ListFormat::Checksums, Some(base)) => Self::Checksums(Checksums::of(lines, base)),
            (ListFormat::Checksums, None) => {
                return Err(input(
                    "it has checksums and names, no URLs; say with --base-url what the names are relative to",
                ));
            }
            (ListFormat::Aria2, base) => Self::Aria2(Box::new(Aria2::of(lines, base))),
            (ListFormat::Csv, base) => Self::Csv(Box::new(Csv::of(lines, base, options))),
            (ListFormat::Jsonl, base) => Self::Jsonl(Box::new(Jsonl::of(lines, base, options))),
            #[cfg(feature = "parquet")]
            (ListFormat::Arrow, base) => Self::Arrow(Box::new(Arrow::of(lines, base, options))),
            #[cfg(not(feature = "parquet"))]
            (ListFormat::Arrow, _) => {
                return Err(input("this program was built without Arrow and Parquet"));
            }
            (ListFormat::Parquet, _) => {
                return Err(input(
                    "it is Parquet, whose end has to be read first: read it from a file that is not compressed",
                ));
            }
            (ListFormat::Metalink, base) => {
                Self::Metalink(Box::new(Metalink::of(lines, base, options)))
            }
            (ListFormat::Sitemap, base) => {
                Self::Sitemap(Box::new(Sitemap::of(lines, base, options, fetch)))
            }
        })
    }
}

impl<R: Read> Iterator for List<R> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if matches!(self.state, State::Unknown(..)) {
            self.prepare();
        }
        match &mut self.state {
            State::Text(list) => list.next(),
            State::Checksums(list) => list.next(),
            State::Aria2(list) => list.next(),
            State::Csv(list) => list.next(),
            State::Jsonl(list) => list.next(),
            #[cfg(feature = "parquet")]
            State::Arrow(list) => list.next(),
            #[cfg(feature = "parquet")]
            State::Parquet(list) => list.next(),
            State::Metalink(list) => list.next(),
            State::Sitemap(list) => list.next(),
            State::Unknown(..) | State::Refused(_) => None,
        }
    }
}

impl<R: Read> FusedIterator for List<R> {}

/// Returns how many rows a file with a list of this format has, good and bad ones, without parsing
/// them. Returns `None` if the list is compressed: to decompress it twice costs more than the
/// number is worth.
///
/// # Errors
/// If reading fails.
pub fn count_rows_of_file(file: File, input: &str, format: ListFormat) -> io::Result<Option<u64>> {
    let _ = input;
    match format {
        #[cfg(feature = "parquet")]
        ListFormat::Parquet => super::parquet::count(file, input).map(Some),
        _ => count_rows(file, format),
    }
}

/// Returns how many rows a list has, as [`count_rows_of_file`] does. Those of
/// [`ListFormat::Parquet`] can be counted in files only: of them it returns `None`.
///
/// # Errors
/// If reading fails.
pub fn count_rows(reader: impl Read, format: ListFormat) -> io::Result<Option<u64>> {
    let mut reader = Input::new(reader);
    if reader.format()? != Format::Plain {
        return Ok(None);
    }
    match format {
        ListFormat::Text | ListFormat::Jsonl => text::count(reader),
        ListFormat::Checksums => checksums::count(Lines::new(reader, "".into())),
        ListFormat::Aria2 => aria2::count(Lines::new(reader, "".into())),
        ListFormat::Csv => csv::count(reader),
        #[cfg(feature = "parquet")]
        ListFormat::Arrow => arrow::count(reader),
        #[cfg(not(feature = "parquet"))]
        ListFormat::Arrow => return Ok(None),
        ListFormat::Parquet => return Ok(None),
        ListFormat::Metalink => metalink::count(reader),
        ListFormat::Sitemap => return sitemap::count(reader),
    }
    .map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

    fn list_of<R: Read>(
        reader: R,
        name: &str,
        format: Option<ListFormat>,
        base: Option<&str>,
    ) -> Result<List<R>, Error> {
        let options = ListOptions {
            format,
            base_url: base.map(str::to_owned),
            ..ListOptions::default()
        };
        List::new(reader, name, &options)
    }

    /// A reader that always fails.
    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("no more"))
        }
    }

    #[test]
    fn a_list_whose_format_its_first_line_tells_loses_no_row_and_reads_no_further() {
        let sums = format!("# sums\n{MD5}  a\n{MD5}  b\n");
        let base = Some("http://h/d/");
        for (text, urls) in [
            (&*sums, ["http://h/d/a", "http://h/d/b"]),
            ("x\nhttp://h/y\n", ["http://h/d/x", "http://h/y"]),
        ] {
            let mut list = list_of(text.as_bytes().chain(Broken), "-", None, base).unwrap();
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
        let list = |name: &str, format| list_of(sums.as_bytes(), name, format, None);
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
