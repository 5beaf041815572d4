//! The grammar of URL patterns and of the templates for their names.

use std::net::Ipv6Addr;

use super::{Piece, Set, Values, input};
use crate::error::Error;

/// Maximum bytes in the name of a set, as in curl.
const MAX_NAME: usize = 64;
/// Maximum digits in a number, leading zeros included.
const MAX_DIGITS: usize = 64;

/// Parses a pattern into its parts, and its sets from left to right. Fails if it breaks the
/// grammar.
pub(super) fn pattern(text: &str) -> Result<(Vec<Piece>, Vec<Set>), Error> {
    let mut parser = Parser {
        text,
        at: 0,
        url: Vec::new(),
        sets: Vec::new(),
    };
    parser.pattern()?;
    Ok((parser.url, parser.sets))
}

/// Parses a template into its parts. `#` stands for itself unless a digit or a `<name>` follows.
/// Fails if the template refers to a set that is not in `sets`.
pub(super) fn template(template: &str, sets: &[Set]) -> Result<Vec<Piece>, Error> {
    let mut pieces = Vec::new();
    let mut fixed = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('#') {
        fixed.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let index = if digits > 0 {
            let text = &rest[..digits];
            rest = &rest[digits..];
            // Sets are counted from 1, so 0 is invalid.
            let index = text
                .parse::<usize>()
                .ok()
                .and_then(|number| number.checked_sub(1));
            index.filter(|index| *index < sets.len()).ok_or_else(|| {
                input(format!(
                    "the pattern has no set {text}, which the name {template:?} asks for; it has {}",
                    sets.len()
                ))
            })?
        } else if let Some((name, after)) =
            rest.strip_prefix('<').and_then(|rest| rest.split_once('>'))
        {
            rest = after;
            position_of(name, sets).ok_or_else(|| {
                input(format!(
                    "the pattern has no set <{name}>, which the name {template:?} asks for; \
                     name it as in {{<{name}>a,b}}"
                ))
            })?
        } else {
            fixed.push('#');
            continue;
        };
        if !fixed.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut fixed)));
        }
        pieces.push(Piece::Set(index));
    }
    fixed.push_str(rest);
    if !fixed.is_empty() {
        pieces.push(Piece::Text(fixed));
    }
    Ok(pieces)
}

/// Reads a pattern from left to right. All special characters are ASCII, so it can look at single
/// bytes.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    url: Vec<Piece>,
    sets: Vec<Set>,
}

impl<'a> Parser<'a> {
    fn pattern(&mut self) -> Result<(), Error> {
        let mut fixed = String::new();
        while let Some(byte) = self.peek() {
            let start = self.at;
            match byte {
                b'{' | b'[' if self.plain_brackets().is_none() => {
                    if !fixed.is_empty() {
                        self.url.push(Piece::Text(std::mem::take(&mut fixed)));
                    }
                    self.at += 1;
                    self.set(byte, start)?;
                }
                b'[' => {
                    self.at += self.plain_brackets().unwrap_or(1);
                    fixed.push_str(&self.text[start..self.at]);
                }
                b'}' | b']' => {
                    let closing = char::from(byte);
                    return Err(self.error(start, &format!("`{closing}` closes nothing")));
                }
                _ => {
                    if byte == b'\\' && matches!(self.byte(1), Some(b'{' | b'}' | b'[' | b']')) {
                        self.at += 1;
                    }
                    fixed.push_str(self.take_character());
                }
            }
        }
        if !fixed.is_empty() {
            self.url.push(Piece::Text(fixed));
        }
        Ok(())
    }

    /// Parses a set, a range or a repeated set, whose opening byte, at `start`, has just been read.
    /// Fails if it breaks the grammar.
    fn set(&mut self, opening: u8, start: usize) -> Result<(), Error> {
        let name = self.name();
        let defined = name.and_then(|name| position_of(name, &self.sets));
        if let (b'{', Some(name), Some(b'}')) = (opening, name, self.peek()) {
            self.at += 1;
            let Some(index) = defined else {
                let why = format!("`{{<{name}>}}` repeats a set that does not stand before it");
                return Err(self.error(start, &why));
            };
            self.url.push(Piece::Set(index));
            return Ok(());
        }
        if let (Some(name), Some(_)) = (name, defined) {
            return Err(self.error(start, &format!("the name `{name}` is taken by another set")));
        }
        let values = match opening {
            b'{' => Values::List(self.list(start)?),
            _ => self.range(start)?,
        };
        self.url.push(Piece::Set(self.sets.len()));
        self.sets.push(Set {
            name: name.map(str::to_owned),
            values,
        });
        Ok(())
    }

    /// Reads a set's name, `<name>`. Returns `None` if it is not closed, empty or too long: then it
    /// is text, as in curl.
    fn name(&mut self) -> Option<&'a str> {
        let (name, _) = self.text[self.at..].strip_prefix('<')?.split_once('>')?;
        if !(1..=MAX_NAME).contains(&name.len()) {
            return None;
        }
        self.at += name.len() + 2;
        Some(name)
    }

    fn list(&mut self, start: usize) -> Result<Vec<String>, Error> {
        let mut values = vec![];
        let mut value = String::new();
        while let Some(byte) = self.peek() {
            match byte {
                b'{' | b'[' => return Err(self.error(self.at, "sets cannot stand in a set")),
                b']' => return Err(self.error(self.at, "`]` closes nothing")),
                b'}' if values.is_empty() && value.is_empty() => {
                    return Err(self.error(start, "the set is empty"));
                }
                b'}' | b',' => {
                    self.at += 1;
                    values.push(std::mem::take(&mut value));
                    if byte == b'}' {
                        return Ok(values);
                    }
                }
                _ => {
                    if byte == b'\\' && self.byte(1).is_some() {
                        self.at += 1;
                    }
                    value.push_str(self.take_character());
                }
            }
        }
        Err(self.error(start, "the set is not closed with `}`"))
    }

    fn range(&mut self, start: usize) -> Result<Values, Error> {
        let Some((inside, _)) = self.text[self.at..].split_once(']') else {
            return Err(self.error(start, "the range is not closed with `]`"));
        };
        let range = range_of(inside).map_err(|why| self.error(start, why))?;
        self.at += inside.len() + 1;
        Ok(range)
    }

    /// Returns the length in bytes of brackets that are not a range: `[]`, or an IPv6 address,
    /// perhaps with a zone (RFC 3986 §3.2.2, RFC 6874 §2). Returns `None` if they are something
    /// else.
    fn plain_brackets(&self) -> Option<usize> {
        let (inside, _) = self.text[self.at..].strip_prefix('[')?.split_once(']')?;
        let address = inside
            .split_once('%')
            .map_or(inside, |(address, _zone)| address);
        (inside.is_empty() || address.parse::<Ipv6Addr>().is_ok()).then_some(inside.len() + 2)
    }

    fn peek(&self) -> Option<u8> {
        self.byte(0)
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn take_character(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest.chars().next().map_or(0, char::len_utf8);
        self.at += length;
        &rest[..length]
    }

    fn error(&self, at: usize, why: &str) -> Error {
        let column = self.text[..at].chars().count() + 1;
        input(format!(
            "column {column} of the URL pattern: {why}; correct it, or use --globoff to take {{}} and [] as they are"
        ))
    }
}

/// Parses a range, `1-20`, `001-100:2` or `a-z`. Fails with the reason.
fn range_of(inside: &str) -> Result<Values, &'static str> {
    let no_range = "this is no range such as [1-20], [001-100:2] or [a-z]";
    let (bounds, step) = match inside.split_once(':') {
        Some((bounds, step)) => (bounds, number(step).ok_or(no_range)?),
        None => (inside, 1),
    };
    let (first, last) = bounds.split_once('-').ok_or(no_range)?;
    let letter = |text: &str| match text.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => Some(*letter),
        _ => None,
    };
    if let (Some(first), Some(last)) = (letter(first), letter(last)) {
        if first.is_ascii_lowercase() != last.is_ascii_lowercase() {
            return Err("a range of letters is either in upper or in lower case");
        }
        let count = count(first.into(), last.into(), step)?;
        return Ok(Values::Letters { first, step, count });
    }
    let width = if first.starts_with('0') {
        first.len()
    } else {
        0
    };
    let (Some(first), Some(last)) = (number(first), number(last)) else {
        return Err(no_range);
    };
    let count = count(first, last, step)?;
    Ok(Values::Numbers {
        first,
        step,
        count,
        width,
    })
}

/// Returns how many values a range has. Fails with the reason if it counts down, or if its step is
/// wrong.
fn count(first: u64, last: u64, step: u64) -> Result<u64, &'static str> {
    let distance = last
        .checked_sub(first)
        .ok_or("the range counts down; write the smaller end first")?;
    if step == 0 || step > distance.max(1) {
        return Err("the range's step is 0 or longer than the range");
    }
    (distance / step)
        .checked_add(1)
        .ok_or("the range is too long")
}

/// Reads a decimal number without a sign; `None` if it is not one, or does not fit into 64 bits.
fn number(text: &str) -> Option<u64> {
    let is_number = text.len() <= MAX_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// Returns the index of the set with this name; `None` if there is none.
fn position_of(name: &str, sets: &[Set]) -> Option<usize> {
    sets.iter()
        .position(|set| set.name.as_deref() == Some(name))
}
