//! The options of haul itself, from clap's description of the command.

use clap::builder::PossibleValue;
use clap::{Arg, Command};

use super::similar::meant;
use super::table::Takes;

/// Options that make a download less safe. They are never suggested, and must be typed in full.
pub(crate) const UNSAFE: [&str; 2] = ["insecure", "allow-downgrade"];

/// The options of one command.
pub(super) struct Own<'a>(&'a Command);

impl<'a> Own<'a> {
    /// Creates them from a command that has been built.
    pub(super) fn of(command: &'a Command) -> Self {
        Self(command)
    }

    /// Returns whether the option of this name takes a value; `None` when there is no such option.
    pub(super) fn long(&self, name: &str) -> Option<Takes> {
        let is_named = |argument: &&Arg| {
            let aliases = argument.get_all_aliases().unwrap_or_default();
            argument.get_long() == Some(name) || aliases.contains(&name)
        };
        self.0.get_arguments().find(is_named).map(takes)
    }

    /// Returns whether the option of this letter takes a value; `None` when there is no such
    /// option.
    pub(super) fn short(&self, letter: char) -> Option<Takes> {
        let is_named = |argument: &&Arg| argument.get_short() == Some(letter);
        self.0.get_arguments().find(is_named).map(takes)
    }

    /// Returns the values of an option, `--name` or `-n`, if it takes some words only.
    pub(super) fn values(&self, option: &str) -> Option<String> {
        let letter = option.chars().nth(1);
        let is_named = |argument: &&Arg| match option.strip_prefix("--") {
            Some(name) => argument.get_long() == Some(name),
            None => letter.is_some() && argument.get_short() == letter,
        };
        let values = self.0.get_arguments().find(is_named)?.get_possible_values();
        let shown = values.iter().filter(|value| !value.is_hide_set());
        let names: Vec<_> = shown.map(PossibleValue::get_name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// Returns the option that was probably meant.
    pub(super) fn similar(&self, typed: &str) -> Option<String> {
        let is_shown = |argument: &&Arg| !argument.is_hide_set();
        let shown = self.0.get_arguments().filter(is_shown);
        let longs = shown.filter_map(Arg::get_long);
        let longs = longs.filter(|long| !UNSAFE.contains(long));
        let options: Vec<_> = longs.map(|long| format!("--{long}")).collect();
        meant(typed, options.iter().map(String::as_str)).map(str::to_owned)
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
