//! The fields of a response's head, as they were sent: a list with few entries, of which a few are
//! looked up by name.
//!
//! A `HeaderMap` would be built and freed for each small file, with a checked copy of each name.
//! This list has one copy of the head's text, and the positions of names and values in it.

use std::borrow::Borrow;
use std::ops::Range;

use http::header::{HeaderMap, HeaderName};

/// All fields of a head, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    /// Names in lower case, and values as they were sent.
    text: Vec<u8>,
    places: Vec<Field>,
    /// The lengths of the names, a bit for each (modulo 64). Most fields that are looked up are
    /// missing, and this shows it quickly.
    lengths: u64,
}

#[derive(Debug, Clone)]
struct Field {
    name: Range<u32>,
    value: Range<u32>,
}

/// The value of a field, without spaces and tabs around it. It may have bytes beyond ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value<'a>(pub(crate) &'a [u8]);

impl Fields {
    /// Creates the fields that httparse found in a head. Their values must be slices of `head`.
    pub(crate) fn of_head(head: &[u8], found: &[httparse::Header<'_>]) -> Self {
        let names: usize = found.iter().map(|field| field.name.len()).sum();
        let mut fields = Self {
            text: Vec::with_capacity(names + head.len()),
            places: Vec::with_capacity(found.len()),
            lengths: 0,
        };
        // An empty value may point anywhere.
        let within = |value: &[u8]| match value {
            [] => 0,
            _ => value.as_ptr().addr() - head.as_ptr().addr(),
        };
        for field in found {
            let name = fields.add(field.name.as_bytes());
            fields.lengths |= length_bit(name.end - name.start);
            let start = index(names + within(field.value));
            let value = start..start + index(field.value.len());
            fields.places.push(Field { name, value });
        }
        // Converts all names at once, many bytes at a time.
        fields.text.make_ascii_lowercase();
        fields.text.extend_from_slice(head);
        fields
    }

    /// Adds a field at the end. The name must be in lower case.
    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) {
        let name = self.add(name);
        self.lengths |= length_bit(name.end - name.start);
        let value = self.add(value);
        self.places.push(Field { name, value });
    }

    #[cfg(test)]
    pub(crate) fn insert(&mut self, name: &HeaderName, value: &str) {
        self.push(name.as_str().as_bytes(), value.as_bytes());
    }

    fn add(&mut self, bytes: &[u8]) -> Range<u32> {
        let start = index(self.text.len());
        self.text.extend_from_slice(bytes);
        start..index(self.text.len())
    }

    fn at(&self, range: &Range<u32>) -> &[u8] {
        &self.text[range.start as usize..range.end as usize]
    }

    /// Returns the values of all fields of a name, whose case does not matter (RFC 9110 §5.1).
    pub(crate) fn get_all(
        &self,
        name: impl Borrow<HeaderName>,
    ) -> impl DoubleEndedIterator<Item = Value<'_>> {
        let length = index(name.borrow().as_str().len());
        let may_be_there = self.lengths & length_bit(length) != 0;
        let fields = if may_be_there { &self.places[..] } else { &[] };
        fields.iter().filter_map(move |field| {
            // Both names are in lower case. Most names differ in length.
            let is_it = field.name.end - field.name.start == length
                && self.at(&field.name) == name.borrow().as_str().as_bytes();
            is_it.then(|| Value(self.at(&field.value)))
        })
    }

    /// Returns the value of the first field of a name; `None` if there is no such field.
    pub(crate) fn get(&self, name: impl Borrow<HeaderName>) -> Option<Value<'_>> {
        self.get_all(name).next()
    }

    /// Returns the members of a field that is a list (RFC 9110 §5.6.1), from all its lines, without
    /// the blanks around them. Empty members are left out.
    pub(crate) fn list(&self, name: impl Borrow<HeaderName>) -> impl Iterator<Item = &[u8]> {
        self.get_all(name)
            .flat_map(|value| value.0.split(|byte| *byte == b','))
            .map(without_blanks)
            .filter(|member| !member.is_empty())
    }

    /// Returns the names, in lower case, and the values of all fields, in order.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let fields = self.places.iter();
        fields.map(|field| (self.at(&field.name), self.at(&field.value)))
    }

    pub(crate) fn contains_key(&self, name: impl Borrow<HeaderName>) -> bool {
        self.get(name).is_some()
    }
}

#[cfg(test)]
impl FromIterator<(HeaderName, http::HeaderValue)> for Fields {
    fn from_iter<I: IntoIterator<Item = (HeaderName, http::HeaderValue)>>(all: I) -> Self {
        Self::from(&all.into_iter().collect::<HeaderMap>())
    }
}

impl From<&HeaderMap> for Fields {
    fn from(headers: &HeaderMap) -> Self {
        let mut fields = Self::default();
        for (name, value) in headers {
            fields.push(name.as_str().as_bytes(), value.as_bytes());
        }
        fields
    }
}

/// Converts an offset in a head's text. It always fits: heads are limited to far fewer bytes.
fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Removes the spaces and tabs around a value (RFC 9110 §5.6.3). Other white space stays, such as a
/// form feed: in HTTP it does not count as white space.
pub(crate) fn without_blanks(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

fn length_bit(length: u32) -> u64 {
    1 << (length % 64)
}

impl<'a> Value<'a> {
    pub(crate) fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Returns the value as text; `None` if it contains anything but visible ASCII, spaces and
    /// tabs.
    pub(crate) fn to_str(self) -> Option<&'a str> {
        // Without an early exit, the loop handles many bytes at once.
        let is_text = self.0.iter().fold(true, |is_text, byte| {
            is_text & matches!(byte, b' '..=b'~' | b'\t')
        });
        std::str::from_utf8(self.0).ok().filter(|_| is_text)
    }
}

#[cfg(test)]
mod tests {
    use http::header::{ETAG, HeaderValue, VIA};

    use super::*;

    #[test]
    fn fields_are_found_in_order_whatever_their_case() {
        let head =
            b"HTTP/1.1 200 OK\r\nVia: a\r\nETag:  \"B\" \r\nVIA: c\r\nviaduct: d\r\nEmpty:\r\n\r\n";
        let mut room = [httparse::EMPTY_HEADER; 8];
        let mut response = httparse::Response::new(&mut room);
        assert!(response.parse(head).unwrap().is_complete());
        let fields = Fields::of_head(head, response.headers);
        let values: Vec<_> = fields.get_all(VIA).map(Value::as_bytes).collect();
        assert_eq!(values, [b"a", b"c"]);
        assert_eq!(fields.get_all(&VIA).next_back(), Some(Value(b"c")));
        assert_eq!(fields.get(ETAG).and_then(Value::to_str), Some("\"B\""));
        assert!(!fields.contains_key(http::header::AGE));
        let empty = HeaderName::from_static("empty");
        assert_eq!(fields.get(empty), Some(Value(b"")));
    }

    #[test]
    fn list_of_several_lines_has_the_members_of_all() {
        let mut fields = Fields::default();
        for value in ["a,, b\t;c=d ,", "", " , e", "\x0cf"] {
            fields.insert(&VIA, value);
        }
        let members: Vec<_> = fields.list(VIA).collect();
        assert_eq!(members, [&b"a"[..], b"b\t;c=d", b"e", b"\x0cf"]);
    }

    #[test]
    fn what_is_no_text_is_none() {
        for (value, is_text) in [
            (&b"a b\t~"[..], true),
            (b"", true),
            (b"a\x7f", false),
            (b"\xe9", false),
            ("é".as_bytes(), false),
        ] {
            assert_eq!(Value(value).to_str().is_some(), is_text, "{value:?}");
        }
    }

    #[test]
    fn those_of_http2_are_the_same() {
        let mut headers = HeaderMap::new();
        headers.append(VIA, HeaderValue::from_static("a"));
        headers.append(VIA, HeaderValue::from_static("b"));
        let fields = Fields::from(&headers);
        let values: Vec<_> = fields.get_all(VIA).filter_map(Value::to_str).collect();
        assert_eq!(values, ["a", "b"]);
    }
}
