//! Which options can be configured, and how their values are written. It is derived from the
//! command, so that a new option is a key without further code.

use clap::{Arg, ArgAction, Command, ValueHint};

use crate::foreign_flags::{self, UNSAFE};

/// Options that belong to one command line: as defaults they make no sense.
const OF_ONE_RUN: [&str; 19] = [
    "base-url",
    "checksum",
    "checksum-column",
    "config",
    "delimiter",
    "dry-run",
    "head",
    "header-column",
    "help",
    "input",
    "input-format",
    "name-column",
    "no-config",
    "output",
    "sample",
    "shard",
    "size-column",
    "url-column",
    "version",
];

/// The values that an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// No value: the option is on or off.
    Nothing,
    /// One value.
    One,
    /// A value each time that the option is given.
    Several,
}

/// An option that can be configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// Its name in clap.
    pub(super) id: String,
    /// Its name on the command line, without dashes, and in the file.
    pub(super) long: String,
    pub(super) takes: Takes,
    /// Whether its value is the name of a file or a folder.
    pub(super) is_path: bool,
}

impl Key {
    fn of(argument: &Arg) -> Option<Self> {
        let long = argument.get_long()?;
        let takes = match argument.get_action() {
            ArgAction::SetTrue => Takes::Nothing,
            ArgAction::Set => Takes::One,
            ArgAction::Append => Takes::Several,
            _ => return None,
        };
        let hint = argument.get_value_hint();
        Some(Self {
            id: argument.get_id().to_string(),
            long: long.to_owned(),
            takes,
            is_path: matches!(hint, ValueHint::FilePath | ValueHint::DirPath),
        })
    }

    /// Returns its name in the environment: `HAUL_PER_HOST`.
    pub(super) fn variable(&self) -> String {
        variable(&self.long)
    }

    /// Returns its name as an identifier: `per_host`.
    pub(super) fn keyword(&self) -> String {
        keyword(&self.long)
    }
}

fn variable(long: &str) -> String {
    format!("HAUL_{}", keyword(long).to_ascii_uppercase())
}

/// Returns the name of an option as an identifier.
pub(super) fn keyword(long: &str) -> String {
    long.replace(['-', '.'], "_")
}

/// What a name in the file, or in the environment, refers to.
pub(super) enum Found<'a> {
    Key(&'a Key),
    /// An option that has no place there.
    OfOneRun,
    /// No option; the key that was probably meant, if there is one.
    Nothing(Option<&'a Key>),
}

/// The options that can be set in some place, in the order of the help.
pub(super) struct Keys {
    all: Vec<Key>,
    /// Those that cannot be set there.
    left_out: &'static [&'static str],
}

impl Keys {
    /// Reads those that can be configured from the command.
    pub(super) fn of(command: &Command) -> Self {
        Self::without(command, &OF_ONE_RUN)
    }

    /// Reads all but some from the command.
    pub(super) fn without(command: &Command, left_out: &'static [&'static str]) -> Self {
        let mut all: Vec<_> = command.get_arguments().filter_map(Key::of).collect();
        all.retain(|key| !left_out.contains(&&*key.long));
        Self { all, left_out }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.all.iter()
    }

    /// Finds an option by its name in the file.
    pub(super) fn find(&self, name: &str) -> Found<'_> {
        if let Some(key) = self.all.iter().find(|key| key.long == name) {
            return Found::Key(key);
        }
        if self.left_out.contains(&name) {
            return Found::OfOneRun;
        }
        Found::Nothing(self.similar(&name.trim_start_matches('-').replace('_', "-")))
    }

    /// Finds an option by its name in the environment.
    pub(super) fn find_variable(&self, name: &str) -> Found<'_> {
        if let Some(key) = self.all.iter().find(|key| key.variable() == name) {
            return Found::Key(key);
        }
        if self.left_out.iter().any(|long| variable(long) == name) {
            return Found::OfOneRun;
        }
        let name = name.strip_prefix("HAUL_").unwrap_or(name);
        Found::Nothing(self.similar(&name.replace('_', "-").to_ascii_lowercase()))
    }

    /// Finds an option by its name as an identifier, or as in the file.
    pub(super) fn find_keyword(&self, name: &str) -> Found<'_> {
        let name = keyword(name);
        if let Some(key) = self.all.iter().find(|key| key.keyword() == name) {
            return Found::Key(key);
        }
        if self.left_out.iter().any(|long| keyword(long) == name) {
            return Found::OfOneRun;
        }
        Found::Nothing(self.similar(&name.trim_start_matches('_').replace('_', "-")))
    }

    /// Returns the option that was probably meant, never one that makes a download less safe.
    fn similar(&self, name: &str) -> Option<&Key> {
        let is_suggested = |key: &&Key| !UNSAFE.contains(&&*key.long);
        if let Some(same) = self.all.iter().find(|key| key.long == name) {
            return Some(same).filter(is_suggested);
        }
        let options: Vec<_> = self
            .all
            .iter()
            .filter(is_suggested)
            .map(|key| format!("--{}", key.long))
            .collect();
        let options = options.iter().map(String::as_str);
        let meant = foreign_flags::meant(&format!("--{name}"), options)?;
        self.all.iter().find(|key| key.long == meant[2..])
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Arguments;

    fn keys() -> Keys {
        let mut command = Arguments::command();
        command.build();
        Keys::of(&command)
    }

    #[test]
    fn options_are_keys_unless_they_are_of_one_run() {
        let keys = keys();
        let takes = |name: &str| match keys.find(name) {
            Found::Key(key) => Some((key.takes, key.is_path)),
            _ => None,
        };
        assert_eq!(takes("per-host"), Some((Takes::One, false)));
        assert_eq!(takes("robots"), Some((Takes::Nothing, false)));
        assert_eq!(takes("header"), Some((Takes::Several, false)));
        assert_eq!(takes("cacert"), Some((Takes::One, true)));
        assert_eq!(takes("dir"), Some((Takes::One, true)));
        for name in OF_ONE_RUN {
            assert!(matches!(keys.find(name), Found::OfOneRun), "{name}");
        }
    }

    #[test]
    fn typing_error_finds_the_key_that_was_meant() {
        let keys = keys();
        let meant = |name: &str| match keys.find(name) {
            Found::Nothing(meant) => meant.map(|key| key.long.clone()),
            _ => panic!("{name} is known"),
        };
        for (name, long) in [
            ("per_host", "per-host"),
            ("per-hosts", "per-host"),
            ("--jobs", "jobs"),
            ("max_tiem", "max-time"),
        ] {
            assert_eq!(meant(name).as_deref(), Some(long), "{name}");
        }
        for name in ["proxies", "allow_downgrade", "insecur", "x"] {
            assert_eq!(meant(name), None, "{name}");
        }
    }

    #[test]
    fn variables_are_named_after_options() {
        let keys = keys();
        for (name, long) in [
            ("HAUL_PER_HOST", "per-host"),
            ("HAUL_HTTP1_1", "http1.1"),
            ("HAUL_NO_WAIT", "no-wait"),
        ] {
            let Found::Key(key) = keys.find_variable(name) else {
                panic!("{name} is unknown");
            };
            assert_eq!(key.long, long);
        }
        let Found::Nothing(Some(key)) = keys.find_variable("HAUL_PERHOST") else {
            panic!("nothing is like it");
        };
        assert_eq!(key.variable(), "HAUL_PER_HOST");
        assert!(matches!(keys.find_variable("HAUL_OUTPUT"), Found::OfOneRun));
    }

    #[test]
    fn no_two_options_have_one_variable() {
        let keys = keys();
        let mut names: Vec<_> = keys.iter().map(Key::variable).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
