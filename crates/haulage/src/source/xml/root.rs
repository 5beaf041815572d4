//! The name of the root element, by the first bytes of a document.

use memchr::memmem;

use crate::source::lines::BYTE_ORDER_MARK;

/// Why a feed is not read.
pub(in crate::source) const IS_FEED: &str =
    "it is a feed (RSS or Atom), not a sitemap; give a list of the URLs in it";

/// What the first bytes of a text are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Beginning<'a> {
    /// Those of a document whose root element has this name, without its prefix.
    Root(&'a [u8]),
    /// Perhaps those of a document: more bytes are needed.
    Unfinished,
    /// Those of something else.
    NoXml,
}

impl<'a> Beginning<'a> {
    /// Returns what a text is that begins with this block.
    pub(in crate::source) fn of(block: &'a [u8]) -> Self {
        let mut rest = block.strip_prefix(BYTE_ORDER_MARK).unwrap_or(block);
        loop {
            rest = rest.trim_ascii_start();
            let after = match rest {
                [] | [b'<'] | [b'<', b'!'] | [b'<', b'!', b'-'] => return Self::Unfinished,
                [b'<', b'?', ..] => after(rest, b"?>"),
                [b'<', b'!', b'-', b'-', ..] => after(&rest[4..], b"-->"),
                [b'<', b'!', ..] => after_doctype(rest),
                [b'<', tag @ ..] => return Self::of_tag(tag),
                _ => return Self::NoXml,
            };
            let Some(after) = after else {
                return Self::Unfinished;
            };
            rest = after;
        }
    }

    fn of_tag(tag: &'a [u8]) -> Self {
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || b"/>".contains(byte);
        let Some(end) = tag.iter().position(is_end) else {
            return Self::Unfinished;
        };
        let name = &tag[..end];
        let local = name.rsplit(|byte| *byte == b':').next().unwrap_or(name);
        Self::Root(local)
    }
}

fn after<'a>(text: &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
    memmem::find(text, end).map(|at| &text[at + end.len()..])
}

/// Returns what follows `<!DOCTYPE …>`, which may have declarations in brackets.
fn after_doctype(text: &[u8]) -> Option<&[u8]> {
    let (mut quote, mut is_in_brackets) = (None, false);
    for (at, byte) in text.iter().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == *byte => quote = None,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (None, b'[') => is_in_brackets = true,
            (None, b']') => is_in_brackets = false,
            (None, b'>') if !is_in_brackets => return Some(&text[at + 1..]),
            (Some(_) | None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_follows_all_that_may_stand_before_it() {
        for (text, root) in [
            ("<metalink xmlns='x'>", "metalink"),
            ("<m:metalink>", "metalink"),
            ("\u{feff}<?xml version=\"1.0\"?>\r\n<urlset>", "urlset"),
            ("\n<!-- <a> -- > --><urlset/>", "urlset"),
            (
                "<!DOCTYPE r [<!ENTITY e \"]>\"> <!ELEMENT a ANY>] ><r\n",
                "r",
            ),
        ] {
            let text = text.as_bytes();
            assert_eq!(Beginning::of(text), Beginning::Root(root.as_bytes()));
            // Whatever is cut off.
            for cut in 0..text.len() {
                let found = Beginning::of(&text[..cut]);
                let is_right = match found {
                    Beginning::Root(name) => name == root.as_bytes(),
                    Beginning::Unfinished => true,
                    Beginning::NoXml => text.starts_with(BYTE_ORDER_MARK) && cut < 3,
                };
                assert!(is_right, "{found:?} at {cut}");
            }
        }
        for text in ["http://h/", "{}", "a<b>"] {
            assert_eq!(Beginning::of(text.as_bytes()), Beginning::NoXml);
        }
    }
}
