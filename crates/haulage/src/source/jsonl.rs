//! Lists of JSON objects, one per line.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};
use std::iter::FusedIterator;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::base::Base;
use super::cells::{Cells, Role, Roles};
use super::lines::Lines;
use super::options::{ListOptions, input};
use super::prefix::UrlParser;
use crate::error::Error;
use crate::redact::redacted;
use crate::request::{BadRow, Row};

/// A list of JSON objects (RFC 8259), one per line, read on demand.
///
/// [`Columns`](super::Columns) tells which members are used. A line may also be a string, a URL.
///
/// ```
/// use haulage::source::{Jsonl, ListOptions};
///
/// let list = r#"{"id": 1, "url": "http://host.example/a", "name": "b"}"#;
/// let rows = Jsonl::new(list.as_bytes(), "-", &ListOptions::default())?;
/// let rows: Result<Vec<_>, _> = rows.collect();
/// assert_eq!(rows.unwrap()[0].url(), "http://host.example/a");
/// # Ok::<(), haulage::Error>(())
/// ```
#[derive(Debug)]
pub struct Jsonl<R> {
    lines: Lines<R>,
    base: Option<Base>,
    urls: UrlParser,
    roles: Roles,
    /// The members of the last object, and what they are for. Those of the next are the same, as a
    /// rule.
    known: (Vec<String>, Vec<Role>),
    has_begun: bool,
    error: Option<io::Error>,
}

impl<R: Read> Jsonl<R> {
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
        Self {
            lines: lines.long(),
            base,
            urls: UrlParser::default(),
            roles: Roles::new(options),
            known: (Vec::new(), Vec::new()),
            has_begun: false,
            error: None,
        }
    }

    /// Looks at the first row, which is still returned. In a list whose first object lacks a
    /// member that is needed, all of them do, as a rule.
    ///
    /// # Errors
    /// Of kind `input`, if the first object lacks such a member.
    pub(super) fn prepare(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        let Some(line) = self.lines.next() else {
            return Ok(());
        };
        let checked = match line.text().ok().map(serde_json::from_str) {
            Some(Ok(Object(members))) => {
                let names: Vec<_> = members.iter().map(|(name, _)| &**name).collect();
                self.roles.of(&names).map(|_| ())
            }
            // A line that cannot be read fails alone.
            Some(Err(_)) | None => Ok(()),
        };
        self.lines.put_back();
        checked
    }

    /// Takes the error that ended the list early; `None` if there was none.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take().or_else(|| self.lines.take_error())
    }
}

impl<R: Read> Iterator for Jsonl<R> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if let Err(error) = self.prepare() {
            self.error = Some(io::Error::other(error));
            return None;
        }
        if self.error.is_some() {
            return None;
        }
        let line = self.lines.next()?;
        let cells = line
            .text()
            .and_then(|text| cells(text, &self.roles, &mut self.known));
        Some(match cells {
            Ok(cells) => cells.into_row(self.base.as_ref(), &mut self.urls, line.location()),
            Err(error) => Err(BadRow {
                // Not the whole object: a password in it would not be found.
                text: redacted(&url_in(line.bytes)),
                location: Some(line.location()),
                error,
            }),
        })
    }
}

impl<R: Read> FusedIterator for Jsonl<R> {}

/// Returns the URL of a line that cannot be read, as far as one is found.
fn url_in(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let Some(scheme) = text.find("\"http") else {
        return text.chars().take(20).collect();
    };
    let rest = &text[scheme + 1..];
    rest[..rest.find('"').unwrap_or(rest.len())].to_owned()
}

fn cells(
    text: &str,
    roles: &Roles,
    (names, known): &mut (Vec<String>, Vec<Role>),
) -> Result<Cells, Error> {
    let mut cells = Cells::default();
    if text.trim_start().starts_with('"') {
        let url: Cow<'_, str> = serde_json::from_str(text).map_err(|cause| not_json(&cause))?;
        cells.add(&Role::Url, &url);
        return Ok(cells);
    }
    let Object(members) = serde_json::from_str(text).map_err(|cause| not_json(&cause))?;
    let is_known = members.len() == names.len()
        && members
            .iter()
            .zip(&*names)
            .all(|((name, _), known)| name == known);
    if !is_known {
        let found: Vec<_> = members.iter().map(|(name, _)| &**name).collect();
        *known = roles.of(&found)?;
        *names = found.into_iter().map(str::to_owned).collect();
    }
    for (role, (name, value)) in known.iter().zip(&members) {
        match role {
            Role::Unused => {}
            Role::Carried(name) => cells.carry(name, value.get()),
            _ => cells.add(role, &text_of(name, value)?),
        }
    }
    Ok(cells)
}

/// Returns the text of a value that is used; of `null` there is none.
fn text_of<'a>(name: &str, value: &'a RawValue) -> Result<Cow<'a, str>, Error> {
    let json = value.get();
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Text<'_>>(json)
            .map(|text| text.0)
            .map_err(|cause| not_json(&cause)),
        Some(b'n') => Ok(Cow::Borrowed("")),
        Some(b'{' | b'[') => Err(input(format!("{name:?} is neither a string nor a number"))),
        _ => Ok(Cow::Borrowed(json)),
    }
}

fn not_json(cause: &serde_json::Error) -> Error {
    let message = cause.to_string();
    // Each is a line of its own.
    let message = message.replace("line 1 column", "column");
    input(format!("the line is not a JSON object: {message}"))
}

/// A string, borrowed if it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// The members of an object, in order.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(Text(name)) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Columns;

    fn read(list: &str, options: &ListOptions) -> (Vec<String>, Option<String>) {
        let mut rows = Jsonl::new(list.as_bytes(), "list", options).unwrap();
        let read = rows.by_ref().map(|row| match row {
            Ok(request) => {
                let carried = request.carried().into_iter();
                let carried = carried.map(|(name, value)| format!(" {name}={value}"));
                format!("{}{}", request.url(), carried.collect::<String>())
            }
            Err(bad) => format!("{}: {}", bad.text, bad.error),
        });
        let read = read.collect();
        (read, rows.take_error().map(|error| error.to_string()))
    }

    #[test]
    fn objects_are_rows_and_other_members_are_carried_as_they_are() {
        let list = "{\"url\": \"http://h/a\", \"n\": 1.50, \"t\": [1, {\"x\": null}], \"s\": \"\\u00e9\\n\"}\r\n\n\
                    {\"n\": true, \"url\":\"http:\\/\\/h\\/b\"}\n\"http://h/c\"\n";
        let options = ListOptions {
            carries: true,
            ..ListOptions::default()
        };
        let (rows, error) = read(list, &options);
        assert_eq!(error, None);
        assert_eq!(
            rows,
            [
                r#"http://h/a n=1.50 t=[1, {"x": null}] s="\u00e9\n""#,
                "http://h/b n=true",
                "http://h/c"
            ]
        );
    }

    #[test]
    fn a_line_that_cannot_be_read_fails_alone() {
        let list = format!(
            "{{\"url\": \"http://h/a\"}}\n{{\"url\": \"http://u:secret@h/b\"\nnonsense\n{{\"url\": null}}\n\
             {{\"url\": [\"http://h/c\"]}}\n{{\"uri\": \"http://h/d\"}}\n{{\"url\": \"http://h/e\", \"size\": \"XL\"}}\n\
             {{\"url\": \"{}\"}}\n{{\"url\": \"http://h/{}\"}}\n",
            "x".repeat(2 << 20),
            "y".repeat(100_000)
        );
        let (rows, error) = read(&list, &ListOptions::default());
        assert_eq!(error, None);
        for (row, says) in rows.iter().zip([
            "http://h/a",
            "not a JSON object: EOF while parsing an object at column",
            "not a JSON object",
            "has no URL",
            "neither a string nor a number",
            "its columns are: uri",
            "number of bytes",
            "longer than 1024 KiB",
            "http://h/yyy",
        ]) {
            assert!(row.contains(says), "{says}: {row:.300}");
            assert!(!row.contains("secret"), "{row}");
        }
        assert_eq!(rows.len(), 9);
    }

    #[test]
    fn a_first_row_without_the_column_ends_the_list() {
        let columns = Columns {
            url: Some("link".into()),
            ..Columns::default()
        };
        let options = ListOptions {
            columns,
            ..ListOptions::default()
        };
        let (rows, error) = read("{\"url\": \"http://h/a\", \"b\": 1}\n", &options);
        assert!(rows.is_empty());
        let error = error.unwrap();
        assert!(
            error.contains("\"link\"") && error.contains("url, b"),
            "{error}"
        );
    }
}
