//! Sitemaps (sitemaps.org): the URLs of a site, in XML, and indexes of sitemaps.

mod document;

use std::fmt;
use std::io::{self, Cursor, Read};
use std::iter::FusedIterator;
use std::sync::Arc;

use bytes::Bytes;

use self::document::{Document, Entry, Kind};
use super::base::{Base, request_for};
use super::cells::json_text;
use super::decompressed::Decompressed;
use super::ending::Ending;
use super::lines::{Lines, Rest};
use super::options::{ListOptions, input};
use super::prefix::UrlParser;
use crate::error::Error;
use crate::redact::redacted;
use crate::request::{BadRow, Request, Row};
use crate::row_location::RowLocation;

/// Maximum bytes of a sitemap that an index names, decompressed: four times what sitemaps.org
/// allows.
const MAX_SITEMAP: u64 = 4 * 50 * 1024 * 1024;
/// How deep indexes may name each other; sitemaps.org allows none in an index.
const MAX_NESTED: usize = 2;

/// Fetches a further part of a list, and returns its bytes.
pub struct Fetch(Box<dyn FnMut(Request) -> Result<Bytes, Error> + Send>);

impl Fetch {
    /// Creates it from a function, which is called on the thread that reads the list, and may
    /// block it.
    pub fn new(fetch: impl FnMut(Request) -> Result<Bytes, Error> + Send + 'static) -> Self {
        Self(Box::new(fetch))
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fetch")
    }
}

/// A sitemap (sitemaps.org), read on demand.
///
/// Each `loc` of a `url` is a row. If columns are carried ([`ListOptions::carries`]), its
/// `lastmod`, `changefreq` and `priority` are. Images, videos and other elements of extensions are
/// skipped. The sitemaps that an index names are fetched and read in turn, if they are at the
/// origin of [`ListOptions::base_url`], or without it at that of the first one. One that cannot be
/// fetched or read fails alone.
///
/// ```
/// use haulage::source::{ListOptions, Sitemap};
///
/// let list = r#"<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
///     <url><loc>http://host.example/?a=1&amp;b=2</loc></url>
/// </urlset>"#;
/// let rows = Sitemap::new(list.as_bytes(), "sitemap.xml", &ListOptions::default())?;
/// let rows: Result<Vec<_>, _> = rows.collect();
/// assert_eq!(rows.unwrap()[0].url(), "http://host.example/?a=1&b=2");
/// # Ok::<(), haulage::Error>(())
/// ```
pub struct Sitemap<R> {
    document: Document<Rest<R>>,
    /// The sitemaps that are being read, each named by the one before.
    nested: Vec<Nested>,
    input: Arc<str>,
    base: Option<Base>,
    urls: UrlParser,
    carries: bool,
    /// Where the sitemaps of an index must be; `None` before the first one is known.
    origin: Option<String>,
    fetch: Option<Fetch>,
    ending: Ending,
}

/// A sitemap that an index names.
struct Nested {
    document: Document<Limited<Decompressed<Cursor<Bytes>>>>,
    url: Arc<str>,
    /// Where its index names it.
    named_at: RowLocation,
}

impl<R: Read> Sitemap<R> {
    /// Creates a list from a reader. `input` is its name in the places of its rows. An index needs
    /// [`fetch_with`](Self::fetch_with) too.
    ///
    /// # Errors
    /// Of kind `input`, if the base URL is not an absolute `http` or `https` URL.
    pub fn new(
        reader: R,
        input: impl Into<Arc<str>>,
        options: &ListOptions,
    ) -> Result<Self, Error> {
        let lines = Lines::new(reader, input.into());
        Ok(Self::of(lines, options.base()?, options, None))
    }

    /// Creates a list from the lines that are left.
    pub(super) fn of(
        lines: Lines<R>,
        base: Option<Base>,
        options: &ListOptions,
        fetch: Option<Fetch>,
    ) -> Self {
        let (input, line) = (lines.input().into(), lines.next_number());
        Self {
            document: Document::new(lines.into_rest(), line),
            nested: Vec::new(),
            input,
            origin: base.as_ref().map(|base| base.origin().to_owned()),
            base,
            urls: UrlParser::default(),
            carries: options.carries,
            fetch,
            ending: Ending::default(),
        }
    }

    /// Fetches the sitemaps of an index with this function. Without one, they fail.
    pub fn fetch_with(&mut self, fetch: Fetch) {
        self.fetch = Some(fetch);
    }

    /// Reads the root element, if it has not been read.
    ///
    /// # Errors
    /// If reading fails; of kind `input`, if the root is not that of a sitemap.
    pub(super) fn prepare(&mut self) -> io::Result<()> {
        self.document.kind()?.map(|_| ()).map_err(io::Error::other)
    }

    /// Takes the error that ended the list early; `None` if there was none. What it cut off of an
    /// entry is not a row.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.ending.take_error()
    }

    fn next_row(&mut self) -> io::Result<Option<Row>> {
        loop {
            if let Some(row) = self.next_of_nested() {
                return Ok(Some(row));
            }
            let kind = self.document.kind()?.map_err(io::Error::other)?;
            let Some(entry) = self.document.next()? else {
                return Ok(None);
            };
            let location = RowLocation {
                input: Arc::clone(&self.input),
                line: entry.line,
            };
            if let Some(row) = self.take(entry, kind, location) {
                return Ok(Some(row));
            }
        }
    }

    /// Returns the next row of the sitemaps that an index has named so far; `None` if they have no
    /// more.
    fn next_of_nested(&mut self) -> Option<Row> {
        loop {
            let nested = self.nested.last_mut()?;
            let (entry, kind) = match nested.next() {
                Ok(Some(next)) => next,
                Ok(None) => {
                    self.nested.pop();
                    continue;
                }
                Err(error) => {
                    let row = nested.refused(error);
                    self.nested.pop();
                    return Some(row);
                }
            };
            let location = RowLocation {
                input: Arc::clone(&nested.url),
                line: entry.line,
            };
            if let Some(row) = self.take(entry, kind, location) {
                return Some(row);
            }
        }
    }

    /// Returns the row of an entry; `None` if it names a sitemap, whose rows come next.
    fn take(&mut self, entry: Entry, kind: Kind, location: RowLocation) -> Option<Row> {
        let text = redacted(entry.loc.trim());
        let taken = match kind {
            Kind::Urls => self.request(entry).map(Some),
            Kind::Index => self.open(&entry, &location).map(|()| None),
        };
        match taken {
            Ok(request) => request.map(|request| Ok(request.read_at(location))),
            Err(error) => Some(Err(BadRow {
                text,
                location: Some(location),
                error,
            })),
        }
    }

    fn request(&mut self, entry: Entry) -> Result<Request, Error> {
        let url = entry.url()?;
        let mut request = request_for(url, self.base.as_ref(), &mut self.urls)?;
        if self.carries {
            for (name, text) in entry.others {
                request = request.carrying(name.into(), json_text(text.trim()).into());
            }
        }
        Ok(request)
    }

    /// Fetches a sitemap that an index names.
    fn open(&mut self, entry: &Entry, named_at: &RowLocation) -> Result<(), Error> {
        let request = request_for(entry.url()?, self.base.as_ref(), &mut self.urls)?;
        let origin = self.origin.get_or_insert_with(|| request.origin().into());
        if origin != request.origin() {
            return Err(input(format!(
                "this sitemap is not at {origin}, as its index is, so it is not fetched; if you trust it, give its URL \
                 with -i"
            )));
        }
        if self.nested.len() == MAX_NESTED {
            return Err(input(
                "the sitemap is in an index in an index in an index, so it is not fetched",
            ));
        }
        let Some(Fetch(fetch)) = &mut self.fetch else {
            return Err(input(
                "there is nothing to fetch the sitemaps of an index with",
            ));
        };
        let url = request.url().into();
        let content = fetch(request)?;
        let content = Limited::new(Decompressed::new(Cursor::new(content)));
        self.nested.push(Nested {
            document: Document::new(content, 1),
            url,
            named_at: named_at.clone(),
        });
        Ok(())
    }
}

impl<R: Read> Iterator for Sitemap<R> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.ending.has_ended() {
            return None;
        }
        let row = self.next_row();
        self.ending.pass(row)
    }
}

impl<R: Read> FusedIterator for Sitemap<R> {}

impl<R> fmt::Debug for Sitemap<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = formatter.debug_struct("Sitemap");
        list.field("input", &self.input).finish_non_exhaustive()
    }
}

impl Nested {
    fn next(&mut self) -> Result<Option<(Entry, Kind)>, Error> {
        let unreadable = |cause: io::Error| {
            input(format!("the sitemap cannot be read: {cause}")).caused_by(cause)
        };
        let kind = self.document.kind().map_err(unreadable)??;
        let entry = self.document.next().map_err(unreadable)?;
        Ok(entry.map(|entry| (entry, kind)))
    }

    /// Returns the row for a sitemap that cannot be read.
    fn refused(&self, error: Error) -> Row {
        Err(BadRow {
            text: redacted(&self.url),
            location: Some(self.named_at.clone()),
            error,
        })
    }
}

/// A reader that fails when it has read more than a sitemap may have.
struct Limited<R> {
    reader: R,
    left: u64,
}

impl<R> Limited<R> {
    fn new(reader: R) -> Self {
        Self {
            reader,
            left: MAX_SITEMAP,
        }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            let message = format!("it is larger than {} MiB", MAX_SITEMAP >> 20);
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?;
        Ok(read)
    }
}

/// Returns how many rows a list has, good and bad ones; `None` for an index.
///
/// # Errors
/// If reading fails, or the document is broken.
pub(super) fn count(reader: impl Read) -> io::Result<Option<u64>> {
    let mut document = Document::new(reader, 1);
    match document.kind()? {
        Ok(Kind::Urls) => {}
        Ok(Kind::Index) => return Ok(None),
        Err(error) => return Err(io::Error::other(error)),
    }
    let mut rows = 0;
    while document.next()?.is_some() {
        rows += 1;
    }
    Ok(Some(rows))
}

#[cfg(test)]
mod tests;
