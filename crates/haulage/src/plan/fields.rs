//! The fields of a response's head, as they stood in it: a list with few entries, of which a few are looked up by name.
//!
//! A map of headers would be made and taken down again for each small file, with a checked copy of each name. This has one copy of the head's
//! text, and where in it things stand.

use std::borrow::Borrow;
use std::ops::Range;

use http::header::{HeaderMap, HeaderName};

/// All fields of a head, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    text: Vec<u8>,
    places: Vec<Field>,
    /// The lengths of the names, a bit for each (modulo 64): most that is looked up is not there, and is known not to be by this.
    lengths: u64,
}

#[derive(Debug, Clone)]
struct Field {
    name: Range<u32>,
    value: Range<u32>,
}

/// The value of a field, without the blanks around it. It may have bytes beyond ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value<'a>(pub(crate) &'a [u8]);

impl Fields {
    /// Room for so many fields, in so many bytes.
    pub(crate) fn with_capacity(fields: usize, bytes: usize) -> Self {
        Self {
            text: Vec::with_capacity(bytes),
            places: Vec::with_capacity(fields),
            lengths: 0,
        }
    }

    /// Adds a field at the end.
    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) {
        self.lengths |= length_bit(name);
        let name = self.add(name);
        let value = self.add(value);
        self.places.push(Field { name, value });
    }

    #[cfg(test)]
    pub(crate) fn insert(&mut self, name: &HeaderName, value: &str) {
        self.push(name.as_str().as_bytes(), value.as_bytes());
    }

    fn add(&mut self, bytes: &[u8]) -> Range<u32> {
        let start = self.end();
        self.text.extend_from_slice(bytes);
        start..self.end()
    }

    fn end(&self) -> u32 {
        // A head is bounded far below that.
        u32::try_from(self.text.len()).unwrap_or(u32::MAX)
    }

    fn at(&self, range: &Range<u32>) -> &[u8] {
        &self.text[range.start as usize..range.end as usize]
    }

    /// The names, as they were sent.
    pub(crate) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.places.iter().map(|field| self.at(&field.name))
    }

    /// The values of all fields of a name (RFC 9110 §5.1: in whatever case).
    pub(crate) fn get_all(
        &self,
        name: impl Borrow<HeaderName>,
    ) -> impl DoubleEndedIterator<Item = Value<'_>> {
        let may_be_there = self.lengths & length_bit(name.borrow().as_str().as_bytes()) != 0;
        let fields = if may_be_there { &self.places[..] } else { &[] };
        fields.iter().filter_map(move |field| {
            let wanted = name.borrow().as_str().as_bytes();
            let is_it = self.at(&field.name).eq_ignore_ascii_case(wanted);
            is_it.then(|| Value(self.at(&field.value)))
        })
    }

    /// The value of the first field of a name.
    pub(crate) fn get(&self, name: impl Borrow<HeaderName>) -> Option<Value<'_>> {
        self.get_all(name).next()
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

fn length_bit(name: &[u8]) -> u64 {
    1 << (name.len() % 64)
}

impl<'a> Value<'a> {
    pub(crate) fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// As text, where it is nothing but visible ASCII, blanks and tabs.
    pub(crate) fn to_str(self) -> Option<&'a str> {
        // Without a way out in the middle it is done for many bytes at once.
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
        let mut fields = Fields::default();
        for (name, value) in [
            ("Via", "a"),
            ("ETag", "\"b\""),
            ("VIA", "c"),
            ("viaduct", "d"),
        ] {
            fields.push(name.as_bytes(), value.as_bytes());
        }
        let values: Vec<_> = fields.get_all(VIA).map(Value::as_bytes).collect();
        assert_eq!(values, [b"a", b"c"]);
        assert_eq!(fields.get_all(&VIA).next_back(), Some(Value(b"c")));
        assert_eq!(fields.get(ETAG).and_then(Value::to_str), Some("\"b\""));
        assert!(!fields.contains_key(http::header::AGE));
        assert_eq!(fields.names().count(), 4);
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
