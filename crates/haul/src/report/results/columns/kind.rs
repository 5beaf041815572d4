//! What the values of a column have in common, so that it can have a type.

use arrow_schema::DataType;

/// The kind of all values of a column so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    /// There are none but `null`.
    #[default]
    Nothing,
    Bool,
    /// All of them are exact as floating-point numbers too.
    Integer,
    LongInteger,
    Float,
    Text,
    /// Anything else: its JSON.
    Json,
}

/// The largest integer up to which all are exact as floating-point numbers.
const MAX_EXACT: u64 = 1 << 53;

impl Kind {
    /// Adds a value, which should be JSON.
    pub(super) fn add(&mut self, value: &str) {
        if *self != Self::Json {
            *self = self.with(Self::of(value.trim_ascii()));
        }
    }

    /// Returns the type of the column.
    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Integer | Self::LongInteger => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Nothing | Self::Text | Self::Json => DataType::Utf8,
        }
    }

    /// Returns whether the column has JSON as its text.
    pub(super) fn is_json(self) -> bool {
        self == Self::Json
    }

    fn of(value: &str) -> Self {
        match value.as_bytes() {
            b"null" => Self::Nothing,
            b"true" | b"false" => Self::Bool,
            [b'"', ..] => Self::of_text(value),
            [b'-' | b'0'..=b'9', ..] => Self::of_number(value),
            [b'[' | b'{', ..] if is_json(value) => Self::Json,
            // No JSON, so it is written as a string.
            _ => Self::Text,
        }
    }

    fn of_text(value: &str) -> Self {
        // Half of a surrogate pair is valid JSON, but no text (RFC 8259 §8.2).
        let may_be_half = value.contains("\\u");
        if may_be_half && is_json(value) && serde_json::from_str::<String>(value).is_err() {
            Self::Json
        } else {
            Self::Text
        }
    }

    fn of_number(value: &str) -> Self {
        if !is_json(value) {
            return Self::Text;
        }
        if value.contains(['.', 'e', 'E']) {
            return match value.parse::<f64>() {
                Ok(number) if number.is_finite() => Self::Float,
                _ => Self::Json,
            };
        }
        match value.parse::<i64>() {
            Ok(number) if number.unsigned_abs() <= MAX_EXACT => Self::Integer,
            Ok(_) => Self::LongInteger,
            Err(_) => Self::Json,
        }
    }

    fn with(self, other: Self) -> Self {
        match (self, other) {
            (one, two) if one == two => one,
            (Self::Nothing, kind) | (kind, Self::Nothing) => kind,
            (Self::Integer, Self::LongInteger) | (Self::LongInteger, Self::Integer) => {
                Self::LongInteger
            }
            (Self::Integer, Self::Float) | (Self::Float, Self::Integer) => Self::Float,
            _ => Self::Json,
        }
    }
}

fn is_json(value: &str) -> bool {
    serde_json::from_str::<&serde_json::value::RawValue>(value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_kind_have_a_type_and_others_are_json() {
        for (values, kind) in [
            (&["null"][..], Kind::Nothing),
            (&["true", "null", "false"], Kind::Bool),
            (&["1", "-2"], Kind::Integer),
            (&["1", "9007199254740993"], Kind::LongInteger),
            (&["1", "2.5"], Kind::Float),
            (&["9007199254740993", "2.5"], Kind::Json),
            (&["18446744073709551615"], Kind::Json),
            (&["1e999"], Kind::Json),
            (&["\"a\"", "null"], Kind::Text),
            (&["no JSON", "-", "1 2", "[", "\"\\u00e9\""], Kind::Text),
            (&["\"\\ud800\""], Kind::Json),
            (&["\"1\"", "1"], Kind::Json),
            (&["true", "1"], Kind::Json),
            (&["[1]", "null"], Kind::Json),
        ] {
            let mut all = Kind::default();
            for value in values {
                all.add(value);
            }
            assert_eq!(all, kind, "{values:?}");
        }
    }
}
