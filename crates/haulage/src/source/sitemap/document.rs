//! One document: a sitemap or an index, entry by entry.

use std::io::{self, Read};

use crate::error::Error;
use crate::source::options::input;
use crate::source::xml::root::IS_FEED;
use crate::source::xml::{Element, Piece, Xml, unknown_entity, wrong_root};

/// Maximum bytes of text of an entry.
const MAX_TEXT: usize = 1024 * 1024;

/// What a document has entries of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// URLs.
    Urls,
    /// Sitemaps.
    Index,
}

/// An entry: a URL, and what is said of it.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// The line in which it begins.
    pub(super) line: u64,
    /// The URL, with white space around it.
    pub(super) loc: String,
    /// `lastmod` and its like, with their texts.
    pub(super) others: Vec<(&'static str, String)>,
    bytes: usize,
    /// Why it cannot be used.
    error: Option<Error>,
}

pub(super) struct Document<R> {
    xml: Xml<R>,
    kind: Option<Kind>,
}

impl<R: Read> Document<R> {
    pub(super) fn new(reader: R, line: u64) -> Self {
        Self {
            xml: Xml::new(reader, line),
            kind: None,
        }
    }

    /// Returns the kind of the document, by its root element.
    ///
    /// # Errors
    /// If reading fails; of kind `input`, if the root is not that of a sitemap.
    pub(super) fn kind(&mut self) -> io::Result<Result<Kind, Error>> {
        while self.kind.is_none() {
            let kind = match self.xml.next()? {
                Some(Piece::Start(root)) => match &*root.name {
                    "urlset" => Kind::Urls,
                    "sitemapindex" => Kind::Index,
                    "rss" | "feed" | "RDF" => return Ok(Err(input(IS_FEED))),
                    _ => return Ok(Err(wrong_root("a sitemap", &root))),
                },
                Some(_) => continue,
                None => return Ok(Err(input("it is not a sitemap: it has no element"))),
            };
            self.kind = Some(kind);
        }
        Ok(Ok(self.kind.unwrap_or(Kind::Urls)))
    }

    /// Returns the next entry, once the kind is known; `None` if there is none.
    ///
    /// # Errors
    /// If reading fails, or the document is broken.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        let entry = match self.kind {
            Some(Kind::Index) => "sitemap",
            Some(Kind::Urls) | None => "url",
        };
        while let Some(piece) = self.xml.next()? {
            match piece {
                Piece::Start(element) if element.name == entry => return self.entry().map(Some),
                Piece::Start(_) => self.xml.leave_out()?,
                Piece::Text(_) | Piece::UnknownEntity(_) | Piece::End => {}
            }
        }
        Ok(None)
    }

    /// Reads the rest of an entry.
    fn entry(&mut self) -> io::Result<Entry> {
        let mut entry = Entry {
            line: self.xml.line(),
            ..Entry::default()
        };
        // Which element is open.
        let mut open = None;
        loop {
            match self.xml.next()? {
                Some(Piece::Start(element)) => match field(&element) {
                    Some(name) if open.is_none() => open = Some(entry.opened(name)),
                    Some(_) | None => self.xml.leave_out()?,
                },
                Some(Piece::Text(text)) => {
                    if let Some(name) = open {
                        entry.add(name, &text);
                    }
                }
                Some(Piece::UnknownEntity(name)) => {
                    if open == Some(LOC) {
                        entry.error.get_or_insert(unknown_entity(&name));
                    }
                }
                Some(Piece::End) if open.is_some() => open = None,
                Some(Piece::End) | None => return Ok(entry),
            }
        }
    }
}

const LOC: &str = "loc";

/// Returns the name of an element of an entry; `None` if it is not used.
fn field(element: &Element) -> Option<&'static str> {
    let known = [LOC, "lastmod", "changefreq", "priority"];
    known.into_iter().find(|name| *name == element.name)
}

impl Entry {
    /// Returns the URL, without white space around it.
    ///
    /// # Errors
    /// Of kind `input`, if it has none, or cannot be used.
    pub(super) fn url(&self) -> Result<&str, Error> {
        if let Some(error) = &self.error {
            return Err(input(error.to_string()));
        }
        match self.loc.trim() {
            "" => Err(input("the entry has no URL: <loc> is missing or empty")),
            url => Ok(url),
        }
    }

    /// Begins an element. If it is there twice, the last one counts.
    fn opened(&mut self, name: &'static str) -> &'static str {
        if name == LOC {
            self.loc.clear();
        } else {
            self.others.retain(|(known, _)| *known != name);
            self.others.push((name, String::new()));
        }
        name
    }

    fn add(&mut self, name: &'static str, text: &str) {
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > MAX_TEXT {
            let error = input("the entry has more than 1 MiB of text");
            self.error.get_or_insert(error);
        } else if name == LOC {
            self.loc.push_str(text);
        } else if let Some((_, known)) = self.others.last_mut() {
            known.push_str(text);
        }
    }
}
