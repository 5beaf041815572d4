//! Metalinks: files with their mirrors and checksums, in XML.

mod draft;

use std::io::{self, Read};
use std::iter::FusedIterator;
use std::sync::{Arc, Weak};

use self::draft::{Draft, Open};
use super::base::Base;
use super::ending::Ending;
use super::lines::{Lines, Rest};
use super::options::{ListOptions, input};
use super::prefix::UrlParser;
use super::xml::{Element, Piece, Xml, unknown_entity, wrong_root};
use crate::error::Error;
use crate::redact::redacted;
use crate::request::{BadRow, Request, Row};
use crate::row_location::RowLocation;

/// Maximum bytes of piece hashes of rows that exist at the same time. Rows beyond that have none.
const MAX_DIGESTS: usize = 32 * 1024 * 1024;

/// A Metalink, version 4 (RFC 5854) or 3, read on demand.
///
/// Each `file` is a row: its best `http` or `https` URL, the others as mirrors, its name, `size`,
/// checksums and piece hashes. Of mirrors those at
/// [`ListOptions::location`] come first, then those with the best `priority` (4) or `preference`
/// (3). Other elements are skipped.
///
/// ```
/// use haulage::source::{ListOptions, Metalink};
///
/// let list = r#"<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="a/b.iso">
///     <url priority="2">http://far.example/b.iso</url>
///     <url priority="1">http://near.example/b.iso</url>
/// </file></metalink>"#;
/// let rows = Metalink::new(list.as_bytes(), "b.meta4", &ListOptions::default())?;
/// let rows: Result<Vec<_>, _> = rows.collect();
/// assert_eq!(rows.unwrap()[0].url(), "http://near.example/b.iso");
/// # Ok::<(), haulage::Error>(())
/// ```
#[derive(Debug)]
pub struct Metalink<R> {
    xml: Xml<Rest<R>>,
    input: Arc<str>,
    base: Option<Base>,
    urls: UrlParser,
    /// Country codes, in small letters.
    locations: Vec<String>,
    /// The piece hashes of rows that may still exist.
    digests: Vec<Weak<[u8]>>,
    max_digests: usize,
    has_begun: bool,
    ending: Ending,
}

impl<R: Read> Metalink<R> {
    /// Creates a list from a reader. `input` is its name in the places of its rows.
    ///
    /// # Errors
    /// Of kind `input`, if the base URL is not an absolute `http` or `https` URL.
    pub fn new(
        reader: R,
        input: impl Into<Arc<str>>,
        options: &ListOptions,
    ) -> Result<Self, Error> {
        let lines = Lines::new(reader, input.into());
        Ok(Self::of(lines, options.base()?, options))
    }

    /// Creates a list from the lines that are left.
    pub(super) fn of(lines: Lines<R>, base: Option<Base>, options: &ListOptions) -> Self {
        let (input, line) = (lines.input().into(), lines.next_number());
        let locations = options.location.as_deref().unwrap_or_default().split(',');
        let locations = locations.map(|code| code.trim().to_ascii_lowercase());
        Self {
            xml: Xml::new(lines.into_rest(), line),
            input,
            base,
            urls: UrlParser::default(),
            locations: locations.filter(|code| !code.is_empty()).collect(),
            digests: Vec::new(),
            max_digests: MAX_DIGESTS,
            has_begun: false,
            ending: Ending::default(),
        }
    }

    /// Reads the root element, if it has not been read.
    ///
    /// # Errors
    /// If reading fails; of kind `input`, if the root is not that of a Metalink.
    pub(super) fn prepare(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        read_root(&mut self.xml)?.map_err(io::Error::other)
    }

    /// Takes the error that ended the list early; `None` if there was none. What it cut off of a
    /// file is not a row.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.ending.take_error()
    }

    fn next_row(&mut self) -> io::Result<Option<Row>> {
        self.prepare()?;
        match next_file(&mut self.xml)? {
            Some(file) => self.row(&file).map(Some),
            None => Ok(None),
        }
    }

    /// Reads the rest of a file's element.
    fn row(&mut self, file: &Element) -> io::Result<Row> {
        let location = RowLocation {
            input: Arc::clone(&self.input),
            line: self.xml.line(),
        };
        let mut draft = Draft::new(file);
        // The elements that are open, but for the file's own.
        let mut open: Vec<Open> = Vec::new();
        loop {
            match self.xml.next()? {
                Some(Piece::Start(element)) => match draft.opened(open.last(), &element) {
                    Some(element) => open.push(element),
                    None => self.xml.leave_out()?,
                },
                Some(Piece::Text(text)) => {
                    if let Some(element) = open.last_mut() {
                        draft.add_text(element, &text);
                    }
                }
                Some(Piece::UnknownEntity(name)) => {
                    if open.last().is_some_and(Open::has_text) {
                        draft.fail(unknown_entity(&name));
                    }
                }
                Some(Piece::End) => match open.pop() {
                    Some(element) => draft.closed(element),
                    None => break,
                },
                None => break,
            }
        }
        let text = redacted(draft.name());
        match draft.into_request(self.base.as_ref(), &mut self.urls, &self.locations) {
            Ok(request) => Ok(Ok(self.within_memory(request).read_at(location))),
            Err(error) => Ok(Err(BadRow {
                text,
                location: Some(location),
                error,
            })),
        }
    }

    /// Returns a request without its piece hashes, if those of other rows take much memory.
    fn within_memory(&mut self, request: Request) -> Request {
        let Some(pieces) = request.piece_hashes() else {
            return request;
        };
        self.digests.retain(|digests| digests.strong_count() > 0);
        let taken = self.digests.iter().filter_map(Weak::upgrade);
        let taken: usize = taken.map(|digests| digests.len()).sum();
        if taken + pieces.digests().len() > self.max_digests {
            return request.without_pieces();
        }
        self.digests.push(Arc::downgrade(pieces.digests()));
        request
    }
}

impl<R: Read> Iterator for Metalink<R> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.ending.has_ended() {
            return None;
        }
        let row = self.next_row();
        self.ending.pass(row)
    }
}

impl<R: Read> FusedIterator for Metalink<R> {}

/// Reads the root element.
///
/// # Errors
/// If reading fails; of kind `input`, if the root is not that of a Metalink.
fn read_root<R: Read>(xml: &mut Xml<R>) -> io::Result<Result<(), Error>> {
    loop {
        match xml.next()? {
            Some(Piece::Start(root)) if root.name == "metalink" => return Ok(Ok(())),
            Some(Piece::Start(root)) => return Ok(Err(wrong_root("a Metalink", &root))),
            Some(_) => {}
            None => return Ok(Err(input("it is not a Metalink: it has no element"))),
        }
    }
}

/// Reads on to the next file; `None` if there is none. Version 3 has them in an element `files`.
fn next_file<R: Read>(xml: &mut Xml<R>) -> io::Result<Option<Element>> {
    while let Some(piece) = xml.next()? {
        match piece {
            Piece::Start(element) if element.name == "file" => return Ok(Some(element)),
            Piece::Start(element) if element.name == "files" => {}
            Piece::Start(_) => xml.leave_out()?,
            Piece::Text(_) | Piece::UnknownEntity(_) | Piece::End => {}
        }
    }
    Ok(None)
}

/// Returns how many rows a list has, good and bad ones.
///
/// # Errors
/// If reading fails, or the document is broken.
pub(super) fn count(reader: impl Read) -> io::Result<u64> {
    let mut xml = Xml::new(reader, 1);
    read_root(&mut xml)?.map_err(io::Error::other)?;
    let mut rows = 0;
    while next_file(&mut xml)?.is_some() {
        xml.leave_out()?;
        rows += 1;
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
