//! XML (1.0), read piece by piece and in bounded memory: what the list formats need of it.
//!
//! Elements of another namespace than the root's are left out, with all that is in them. Entities
//! that a document declares are not known, so none is expanded (RFC 5854 §7).

mod counted;
pub(super) mod root;

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use quick_xml::escape::{EscapeError, resolve_predefined_entity};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::{NsReader, XmlVersion};

use self::counted::Counted;
use crate::error::Error;
use crate::redact::redacted;
use crate::source::options::input;

/// Maximum bytes in a tag, a comment, or a text without tags.
const MAX_PIECE: usize = 1024 * 1024;
/// How large the buffer stays between pieces, in bytes.
const BUFFER_KEPT: usize = 64 * 1024;
/// How deep elements may be nested.
const MAX_DEPTH: usize = 64;
/// Maximum attributes of an element; further ones are left out.
const MAX_ATTRIBUTES: usize = 64;
/// Maximum namespaces that are declared at a place.
const MAX_NAMESPACES: usize = 32;

/// A document, read on demand.
pub(super) struct Xml<R> {
    reader: NsReader<Counted<R>>,
    buffer: Vec<u8>,
    depth: usize,
    /// The namespace of the root; `None` before it has been read.
    namespace: Option<Namespace>,
    /// At which depth the element was opened that is being left out.
    leaves_out: Option<usize>,
    has_ended: bool,
    /// The line in which the last piece begins.
    line: u64,
}

/// A namespace; `None` if an element is in none.
type Namespace = Option<Box<str>>;

/// A piece of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// An element begins.
    Start(Element),
    /// Text. A text may come in several pieces.
    Text(String),
    /// A reference to an entity that is not known, without `&` and `;`.
    UnknownEntity(String),
    /// The element ends that began last of those that have not ended.
    End,
}

/// The tag with which an element begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// Without its prefix.
    pub(super) name: String,
    /// Names with their prefixes, and values; or the entity in a value that is not known.
    attributes: Vec<(String, Result<String, String>)>,
}

impl Element {
    /// Returns the value of an attribute without a prefix; `None` if it is not there.
    ///
    /// # Errors
    /// Of kind `input`, if there is an entity in it that is not known.
    pub(super) fn attribute(&self, name: &str) -> Result<Option<&str>, Error> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        match found.map(|(_, value)| value) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(entity)) => Err(unknown_entity(entity)),
        }
    }
}

/// Returns the error for a reference to an entity that is not known.
pub(super) fn unknown_entity(name: &str) -> Error {
    input(format!(
        "{:?} is an entity of its own, or none; only &amp;, &lt;, &gt;, &quot;, &apos; and numbers are read",
        redacted(&format!("&{name};"))
    ))
}

/// Returns the error for a document with another root element than is expected.
pub(super) fn wrong_root(expected: &str, root: &Element) -> Error {
    let name = redacted(&root.name).replace(char::is_control, " ");
    input(format!("it is not {expected}: its root is <{name}>"))
}

impl<R: Read> Xml<R> {
    /// Creates a document from a reader, whose first line has this number.
    pub(super) fn new(reader: R, line: u64) -> Self {
        let mut reader = NsReader::from_reader(Counted::new(reader, line));
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        // Many a sitemap has `&` where `&amp;` is due.
        config.allow_dangling_amp = true;
        reader
            .resolver_mut()
            .set_max_namespace_bindings(MAX_NAMESPACES);
        Self {
            reader,
            buffer: Vec::new(),
            depth: 0,
            namespace: None,
            leaves_out: None,
            has_ended: false,
            line,
        }
    }

    /// Returns the line in which the last piece begins, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// Returns the next piece; `None` once the root has ended.
    ///
    /// # Errors
    /// If reading fails, or the document is broken. Nothing comes after that.
    pub(super) fn next(&mut self) -> io::Result<Option<Piece>> {
        let next = self.next_piece();
        self.has_ended |= !matches!(next, Ok(Some(_)));
        next
    }

    /// Leaves out the rest of the element that began last, its end included.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub(super) fn leave_out(&mut self) -> io::Result<()> {
        let around = self.depth.saturating_sub(1);
        while self.depth > around && self.next()?.is_some() {}
        Ok(())
    }

    fn next_piece(&mut self) -> io::Result<Option<Piece>> {
        while !self.has_ended {
            if let Some(piece) = self.read_event()? {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    /// Reads an event; returns `None` for one that is no piece.
    fn read_event(&mut self) -> io::Result<Option<Piece>> {
        let source = self.reader.get_mut();
        source.allow(MAX_PIECE);
        self.line = source.line();
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT);
        let event = self.reader.read_resolved_event_into(&mut self.buffer);
        let (resolved, event) = event.map_err(|error| broken(error, self.line))?;
        let is_left_out = self.leaves_out.is_some();
        Ok(match event {
            Event::Start(tag) => {
                if self.depth >= MAX_DEPTH {
                    return Err(invalid(
                        self.line,
                        &format!("elements are nested more than {MAX_DEPTH} deep"),
                    ));
                }
                self.depth += 1;
                let is_of_root = match &self.namespace {
                    None => {
                        self.namespace = Some(namespace_of(&resolved).map(Into::into));
                        true
                    }
                    Some(root) => is_known(&resolved) && namespace_of(&resolved) == root.as_deref(),
                };
                if !is_left_out && !is_of_root {
                    self.leaves_out = Some(self.depth);
                }
                if is_left_out || !is_of_root {
                    None
                } else {
                    let element = Element::of(&tag).map_err(|error| broken(error, self.line))?;
                    Some(Piece::Start(element))
                }
            }
            Event::End(_) => {
                let is_end_of_left_out = self.leaves_out == Some(self.depth);
                self.depth = self.depth.saturating_sub(1);
                self.has_ended |= self.depth == 0;
                if is_end_of_left_out {
                    self.leaves_out = None;
                }
                (!is_left_out).then_some(Piece::End)
            }
            Event::Text(text) => {
                (!is_left_out).then(|| Piece::Text(text.xml10_content().into_owned()))
            }
            Event::CData(text) => {
                (!is_left_out).then(|| Piece::Text(text.xml10_content().into_owned()))
            }
            Event::GeneralRef(reference) => {
                (!is_left_out).then(|| match resolved_reference(&reference) {
                    Some(text) => Piece::Text(text),
                    None => Piece::UnknownEntity(reference.to_string()),
                })
            }
            Event::Eof if self.depth == 0 => {
                self.has_ended = true;
                None
            }
            Event::Eof => return Err(invalid(self.line, "it ends too early")),
            // Empty elements are expanded.
            Event::Empty(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => None,
        })
    }
}

impl<R> fmt::Debug for Xml<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut xml = formatter.debug_struct("Xml");
        xml.field("line", &self.line).finish_non_exhaustive()
    }
}

impl Element {
    fn of(tag: &BytesStart<'_>) -> Result<Self, quick_xml::Error> {
        let mut attributes = Vec::new();
        // To look for an attribute that is there twice takes quadratic time.
        for attribute in tag.attributes().with_checks(false).take(MAX_ATTRIBUTES) {
            let attribute = attribute?;
            let value = match attribute.normalized_value(XmlVersion::Implicit1_0) {
                Ok(value) => Ok(value.into_owned()),
                Err(quick_xml::Error::Escape(EscapeError::UnrecognizedEntity(_, name))) => {
                    Err(name)
                }
                Err(_) => Err(String::new()),
            };
            attributes.push((attribute.key.as_ref().to_owned(), value));
        }
        Ok(Self {
            name: tag.local_name().as_ref().to_owned(),
            attributes,
        })
    }
}

/// Returns whether the prefix of a name was declared.
const fn is_known(resolved: &ResolveResult<'_>) -> bool {
    !matches!(resolved, ResolveResult::Unknown(_))
}

fn namespace_of<'a>(resolved: &ResolveResult<'a>) -> Option<&'a str> {
    match resolved {
        ResolveResult::Bound(namespace) => Some(namespace.0),
        ResolveResult::Unbound | ResolveResult::Unknown(_) => None,
    }
}

/// Returns the text that a reference stands for; `None` if it is not known.
fn resolved_reference(reference: &BytesRef<'_>) -> Option<String> {
    if reference.is_char_ref() {
        return reference.resolve_char_ref().ok().flatten().map(Into::into);
    }
    resolve_predefined_entity(reference).map(Into::into)
}

/// Returns the error of a document that cannot be read on.
fn broken(error: quick_xml::Error, line: u64) -> io::Error {
    match error {
        quick_xml::Error::Io(cause) => match Arc::try_unwrap(cause) {
            Ok(cause) if cause.kind() == counted::TOO_LONG => {
                invalid(line, "a tag or a text is longer than 1 MiB")
            }
            Ok(cause) => cause,
            Err(cause) => io::Error::new(cause.kind(), cause.to_string()),
        },
        quick_xml::Error::Syntax(cause) => invalid(line, &cause.to_string()),
        quick_xml::Error::IllFormed(cause) => invalid(line, &cause.to_string()),
        quick_xml::Error::InvalidAttr(cause) => invalid(line, &cause.to_string()),
        quick_xml::Error::Encoding(_) => invalid(line, "it is not UTF-8"),
        other => invalid(line, &other.to_string()),
    }
}

fn invalid(line: u64, what: &str) -> io::Error {
    let what = redacted(what).replace(char::is_control, " ");
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("its XML is broken in line {line}: {what}"),
    )
}

#[cfg(test)]
mod tests;
