//! The options of haul itself, from clap's description of the command.

use clap::{Arg, Command};

use super::similar::meant;
use super::table::Takes;

/// Options that make a download less safe. They are never suggested, and must be typed in full.
pub(crate) const UNSAFE: [&str; 2] = ["insecure", "allow-downgrade"];

/// The options of one command.
pub(super) struct Own {
    longs: Vec<(String, Takes)>,
    shorts: Vec<(char, Takes)>,
    suggested: Vec<String>,
}

impl Own {
    /// Reads them from a command that has been built.
    pub(super) fn of(command: &Command) -> Self {
        let mut own = Self {
            longs: Vec::new(),
            shorts: Vec::new(),
            suggested: Vec::new(),
        };
        for argument in command.get_arguments() {
            let takes = takes(argument);
            let aliases = argument.get_all_aliases().unwrap_or_default();
            let longs = argument.get_long().into_iter().chain(aliases);
            own.longs.extend(longs.map(|long| (long.to_owned(), takes)));
            if let Some(short) = argument.get_short() {
                own.shorts.push((short, takes));
            }
            if let Some(long) = argument.get_long()
                && !argument.is_hide_set()
                && !UNSAFE.contains(&long)
            {
                own.suggested.push(format!("--{long}"));
            }
        }
        own
    }

    /// Returns whether the option of this name takes a value; `None` when there is no such option.
    pub(super) fn long(&self, name: &str) -> Option<Takes> {
        let found = self.longs.iter().find(|(long, _)| long == name)?;
        Some(found.1)
    }

    /// Returns whether the option of this letter takes a value; `None` when there is no such
    /// option.
    pub(super) fn short(&self, letter: char) -> Option<Takes> {
        let found = self.shorts.iter().find(|(short, _)| *short == letter)?;
        Some(found.1)
    }

    /// Returns the option that was probably meant.
    pub(super) fn similar(&self, typed: &str) -> Option<&str> {
        meant(typed, self.suggested.iter().map(String::as_str))
    }
}

fn takes(argument: &Arg) -> Takes {
    let is_required = argument
        .get_num_args()
        .is_none_or(|range| range.min_values() > 0);
    if argument.get_action().takes_values() && is_required {
        Takes::Value
    } else {
        Takes::Nothing
    }
}
