//! The positional parameters of a call.

use serde_json::{Map, Value};

use super::RpcError;

/// The parameters of a call, without its token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Params<'a>(pub(super) &'a [Value]);

impl<'a> Params<'a> {
    /// Returns the text at a place.
    pub(super) fn text(self, at: usize) -> Result<&'a str, RpcError> {
        self.required(at)?.as_str().ok_or_else(|| wrong_type(at))
    }

    /// Returns the list at a place.
    pub(super) fn list(self, at: usize) -> Result<&'a [Value], RpcError> {
        let list = self.required(at)?.as_array();
        list.map(Vec::as_slice).ok_or_else(|| wrong_type(at))
    }

    /// Returns the list at a place; an empty one if there is nothing.
    pub(super) fn optional_list(self, at: usize) -> Result<&'a [Value], RpcError> {
        if at < self.0.len() {
            self.list(at)
        } else {
            Ok(&[])
        }
    }

    /// Returns the struct at a place.
    pub(super) fn object(self, at: usize) -> Result<&'a Map<String, Value>, RpcError> {
        self.required(at)?.as_object().ok_or_else(|| wrong_type(at))
    }

    /// Returns the struct at a place; `None` if there is nothing.
    pub(super) fn optional_object(
        self,
        at: usize,
    ) -> Result<Option<&'a Map<String, Value>>, RpcError> {
        (at < self.0.len()).then(|| self.object(at)).transpose()
    }

    /// Returns the integer at a place.
    pub(super) fn integer(self, at: usize) -> Result<i64, RpcError> {
        self.required(at)?.as_i64().ok_or_else(|| wrong_type(at))
    }

    /// Returns the integer at a place, which must be `least` or more.
    pub(super) fn integer_from(self, at: usize, least: i64) -> Result<usize, RpcError> {
        let integer = self.integer(at)?;
        if integer < least {
            return Err(RpcError::new(format!(
                "The integer parameter at {at} has invalid value: the value must be greater than or equal to {least}."
            )));
        }
        Ok(usize::try_from(integer).unwrap_or(usize::MAX))
    }

    /// Returns the integer at a place, which must be 0 or more; `None` if there is nothing.
    pub(super) fn optional_position(self, at: usize) -> Result<Option<usize>, RpcError> {
        let is_there = at < self.0.len();
        is_there.then(|| self.integer_from(at, 0)).transpose()
    }

    fn required(self, at: usize) -> Result<&'a Value, RpcError> {
        self.0
            .get(at)
            .ok_or_else(|| RpcError::new(format!("The parameter at {at} is required but missing.")))
    }
}

fn wrong_type(at: usize) -> RpcError {
    RpcError::new(format!("The parameter at {at} has wrong type."))
}

/// Returns the texts among some values.
pub(super) fn texts(values: &[Value]) -> impl Iterator<Item = &str> {
    values.iter().filter_map(Value::as_str)
}

/// Returns options as names and values. A list is for options that may be given several times;
/// values of other types do not count.
pub(super) fn pairs(options: &Map<String, Value>) -> impl Iterator<Item = (String, String)> {
    options.iter().filter_map(|(name, value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Array(several) => texts(several).collect::<Vec<_>>().join("\n"),
            _ => return None,
        };
        Some((name.clone(), value))
    })
}
