//! What an explanation is wanted of.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};
use haulage::ErrorKind;

use crate::values::error_kinds;

/// A kind of error, or an HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Kind(ErrorKind),
    Status(u16),
}

/// Reads a topic from the command line.
#[derive(Debug, Clone)]
pub(crate) struct TopicParser;

impl TypedValueParser for TopicParser {
    type Value = Topic;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Topic, Error> {
        let status = value.to_str().and_then(|text| text.parse().ok());
        if let Some(status @ 100..=599) = status {
            return Ok(Topic::Status(status));
        }
        let kind = error_kinds().parse_ref(command, argument, value)?;
        Ok(Topic::Kind(kind))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values: Vec<_> = error_kinds().possible_values()?.collect();
        Some(Box::new(values.into_iter()))
    }
}
