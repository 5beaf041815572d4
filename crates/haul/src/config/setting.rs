//! The value of an option from the environment or a file, and where it is from.

use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::keys::{Key, keyword};
use super::secrets::is_secret;
use crate::exit::Problem;

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The environment variable of this name.
    Variable(String),
    /// This line, counted from 1, of this file.
    File(Arc<Path>, usize),
    /// The program that embeds the command.
    Caller,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => formatter.write_str(name),
            Self::File(path, line) => write!(formatter, "{}:{line}", path.display()),
            Self::Caller => formatter.write_str("the caller"),
        }
    }
}

/// The value of an option.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// On or off.
    Switch(bool),
    /// One value, or any number for an option that takes several.
    Texts(Vec<OsString>),
}

/// The value of an option, and where it is from.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) key: Key,
    pub(super) value: Value,
    pub(super) source: Source,
}

impl Setting {
    /// Returns it as it would be typed.
    pub(super) fn words(&self) -> Vec<OsString> {
        let name = format!("--{}", self.key.long);
        match &self.value {
            Value::Switch(true) => vec![name.into()],
            Value::Switch(false) => Vec::new(),
            Value::Texts(texts) => texts.iter().map(|text| word(&name, text)).collect(),
        }
    }

    /// Returns whether it must not be shown.
    pub(super) fn has_secret(&self) -> bool {
        match &self.value {
            Value::Switch(_) => false,
            Value::Texts(texts) => texts
                .iter()
                .any(|text| is_secret(&self.key, &text.to_string_lossy())),
        }
    }

    /// Says why it cannot be used, in the words of clap's error.
    pub(super) fn problem(&self, error: &clap::Error) -> Problem {
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => text.clone(),
            Some(ContextValue::Strings(texts)) => texts.join(", "),
            _ => String::new(),
        };
        let long = match self.source {
            Source::Caller => self.key.keyword(),
            _ => self.key.long.clone(),
        };
        let place = match &self.source {
            Source::Caller => String::new(),
            source => format!("{source}: "),
        };
        let what = match text(ContextKind::InvalidValue) {
            value if is_secret(&self.key, &value) => format!("invalid value for {long}"),
            value => format!("invalid value '{value}' for {long}"),
        };
        let why = match error.kind() {
            ErrorKind::InvalidValue => {
                let values = text(ContextKind::ValidValue);
                let problem = Problem::usage(format!("{place}{what}: it is one of {values}"));
                return match text(ContextKind::SuggestedValue) {
                    meant if meant.is_empty() => problem,
                    meant => problem.hint(format!("did you mean {meant}?")),
                };
            }
            ErrorKind::ValueValidation => error.source().map(ToString::to_string),
            ErrorKind::ArgumentConflict => {
                // clap's order of the two names depends on the options.
                let names = [ContextKind::InvalidArg, ContextKind::PriorArg].map(text);
                let mut names = names.iter().filter_map(|name| {
                    let name = name.split(' ').next()?.trim_start_matches('-');
                    let name = match self.source {
                        Source::Caller => keyword(name),
                        _ => name.to_owned(),
                    };
                    Some(name).filter(|name| *name != long)
                });
                let other = names.next();
                let other = other.as_deref().unwrap_or("another option");
                let what = format!("{place}{long} cannot be used with {other}");
                return Problem::usage(what).hint("remove one of the two");
            }
            _ => None,
        };
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        Problem::usage(format!("{place}{what}{why}"))
    }
}

fn word(name: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(format!("{name}="));
    word.push(value);
    word
}
