//! The columns of a list that are carried to its results: their names there, and their values.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use haulage::Algorithm;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::FIELDS;

/// A name or a value, and the other.
type Pair = (Arc<str>, Arc<str>);

/// The carried columns of a row.
#[derive(Debug)]
pub(crate) struct Carried<'a> {
    /// The names in the results.
    names: &'a [Arc<str>],
    pairs: &'a [Pair],
}

impl<'a> Carried<'a> {
    /// Returns what a row carries that carries nothing.
    pub(crate) const fn none() -> Self {
        Self {
            names: &[],
            pairs: &[],
        }
    }

    /// Returns the names in the results, each with its value.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&'a Arc<str>, &'a Arc<str>)> {
        let values = self.pairs.iter().map(|(_, value)| value);
        self.names.iter().zip(values)
    }
}

impl Serialize for Carried<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(name, value)| (&**name, Json(value))))
    }
}

/// The names of the carried columns of a row, as they were and as they are in the results. As a
/// rule, they are those of the row before.
#[derive(Debug, Default)]
pub(crate) struct CarriedNames {
    given: Vec<Arc<str>>,
    written: Vec<Arc<str>>,
}

impl CarriedNames {
    /// Returns what a row carries, under its names in the results.
    pub(crate) fn of<'a>(&'a mut self, pairs: &'a [Pair]) -> Carried<'a> {
        let is_same =
            |((name, _), given): (&Pair, &Arc<str>)| Arc::ptr_eq(name, given) || name == given;
        let are_known =
            pairs.len() == self.given.len() && pairs.iter().zip(&self.given).all(is_same);
        if !are_known {
            self.given = pairs.iter().map(|(name, _)| Arc::clone(name)).collect();
            self.written = distinct(&self.given);
        }
        Carried {
            names: &self.written,
            pairs,
        }
    }
}

/// Returns other names for those of fields, and for those that are there twice: `list_NAME`.
fn distinct(given: &[Arc<str>]) -> Vec<Arc<str>> {
    let mut taken: HashSet<Arc<str>> = given.iter().cloned().collect();
    let mut kept = HashSet::new();
    let names = given.iter().map(|name| {
        if !is_field(name) && kept.insert(name) {
            return Arc::clone(name);
        }
        let mut other = format!("list_{name}");
        while is_field(&other) || taken.contains(other.as_str()) {
            other.insert_str(0, "list_");
        }
        let other: Arc<str> = other.into();
        taken.insert(Arc::clone(&other));
        other
    });
    names.collect()
}

/// Returns whether a field of results may have this name, in one format or another. A column that
/// is called like an algorithm would be taken for the checksum of the file.
fn is_field(name: &str) -> bool {
    matches!(name, "error" | "carried")
        || FIELDS.contains(&name)
        || Algorithm::ALL
            .iter()
            .any(|algorithm| algorithm.name() == name)
}

/// A value that should be JSON.
struct Json<'a>(&'a str);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match json_in_one_line(self.0) {
            Some(Cow::Borrowed(json)) => json.serialize(serializer),
            Some(Cow::Owned(json)) => json.serialize(serializer),
            None => self.0.serialize(serializer),
        }
    }
}

/// Returns JSON without line breaks and TABs, which it may have between its values; `None` if it is
/// no JSON.
fn json_in_one_line(text: &str) -> Option<Cow<'_, RawValue>> {
    let is_break = |byte| matches!(byte, b'\t' | b'\n' | b'\r');
    if !text.bytes().any(is_break) {
        return serde_json::from_str(text).ok().map(Cow::Borrowed);
    }
    // Within a string it has none of them (RFC 8259 §7).
    let json: &RawValue = serde_json::from_str(text).ok()?;
    let json = json.get().replace(['\t', '\n', '\r'], " ");
    RawValue::from_string(json).ok().map(Cow::Owned)
}

/// Returns a value as JSON in one line: as it is, or as a string if it is no JSON.
pub(crate) fn json_text(value: &str) -> String {
    serde_json::to_string(&Json(value)).unwrap_or_default()
}

/// Returns a value as the text of a cell: a string without its quotes, nothing for `null`, and JSON
/// for anything else.
pub(crate) fn text_of(value: &str) -> Cow<'_, str> {
    match value.trim_start().as_bytes() {
        [b'"', ..] => match serde_json::from_str::<String>(value) {
            Ok(text) => Cow::Owned(text),
            Err(_) => Cow::Borrowed(value),
        },
        b"null" => Cow::Borrowed(""),
        _ => Cow::Borrowed(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(pairs: &[(&str, &str)]) -> String {
        let pairs: Vec<Pair> = pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        let mut names = CarriedNames::default();
        serde_json::to_string(&names.of(&pairs)).unwrap()
    }

    #[test]
    fn values_are_the_json_that_they_were() {
        assert_eq!(
            carried(&[
                ("a", " 1.50 "),
                ("b", "[1,\n\t{\"x\": null}]"),
                ("", "\"é\\n\"")
            ]),
            r#"{"a":1.50,"b":[1,  {"x": null}],"":"é\n"}"#
        );
    }

    #[test]
    fn a_value_that_is_no_json_becomes_a_string() {
        assert_eq!(
            carried(&[
                ("a", "two words"),
                ("b", "1,\"c\":2"),
                ("c", ""),
                ("d", "\"\n\"")
            ]),
            r#"{"a":"two words","b":"1,\"c\":2","c":"","d":"\"\n\""}"#
        );
    }

    #[test]
    fn a_name_of_a_field_becomes_another_one() {
        let pairs = [
            ("status", "1"),
            ("list_status", "2"),
            ("sha256", "3"),
            ("carried", "4"),
            ("a", "5"),
            ("a", "6"),
        ];
        assert_eq!(
            carried(&pairs),
            r#"{"list_list_status":1,"list_status":2,"list_sha256":3,"list_carried":4,"a":5,"list_a":6}"#
        );
    }

    #[test]
    fn names_of_the_row_before_are_not_those_of_any_other() {
        let mut names = CarriedNames::default();
        let row = |name: &str| vec![(Arc::from(name), Arc::from("1"))];
        for (name, written) in [("row", "list_row"), ("rows", "rows"), ("row", "list_row")] {
            let row = row(name);
            assert_eq!(&**names.of(&row).iter().next().unwrap().0, written);
        }
        assert_eq!(names.of(&[]).iter().len(), 0);
    }

    #[test]
    fn cells_have_texts_without_quotes() {
        for (value, text) in [
            ("\"a \\\"b\\\"\"", "a \"b\""),
            ("null", ""),
            ("1.50", "1.50"),
            ("[1, null]", "[1, null]"),
            ("\"\\ud800\"", "\"\\ud800\""),
        ] {
            assert_eq!(text_of(value), text);
        }
    }
}
