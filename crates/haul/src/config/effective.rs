//! Decides which of several values of an option counts: that of the command line, else that of the
//! environment, else that of the file.
//!
//! A value that conflicts with one of higher precedence is left out: `-6` on a command line is no
//! error where the file says `ipv4 = true`.

use std::ffi::OsString;

use clap::Command;
use clap::error::ErrorKind;

use super::keys::Key;
use super::setting::{Setting, Source};
use super::{Configured, Typed, problem};
use crate::exit::Problem;

/// The values from one source, such as a file. Each is valid, and they can be used together.
pub(super) struct Level(Vec<Setting>);

impl Level {
    /// Checks values as if they were typed.
    ///
    /// # Errors
    /// One problem for each value that cannot be used.
    pub(super) fn check(
        command: &mut Command,
        settings: Vec<Setting>,
    ) -> Result<Self, Vec<Problem>> {
        let mut words = vec![OsString::from("haul")];
        let mut problems = Vec::new();
        for setting in &settings {
            let length = words.len();
            words.extend(setting.words());
            match command.try_get_matches_from_mut(&words) {
                Ok(_) => continue,
                // The required option may come from another level, or from the command line.
                Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => {}
                Err(error) => problems.push(setting.problem(&error)),
            }
            words.truncate(length);
        }
        if problems.is_empty() {
            Ok(Self(settings))
        } else {
            Err(problems)
        }
    }

    pub(super) fn into_settings(self) -> Vec<Setting> {
        self.0
    }
}

/// Adds the values of levels to a command line, those that count more first. A value that needs an
/// option which is not there is left out.
///
/// # Errors
/// If they cannot be used.
pub(super) fn merge(
    command: &mut Command,
    mut typed: Typed,
    levels: Vec<Level>,
) -> Result<(Typed, Configured), Vec<Problem>> {
    let mut settings: Vec<Setting> = Vec::new();
    let at = typed.start();
    let mut waiting: Vec<_> = levels.into_iter().flat_map(|level| level.0).collect();
    loop {
        let known = settings.len();
        // Values that need another option, which a later value may set.
        let mut again: Vec<Setting> = Vec::new();
        for setting in waiting {
            let is_same = |other: &Setting| other.key == setting.key;
            if typed.has(&setting.key) || settings.iter().any(is_same) {
                continue;
            }
            if again.iter().any(is_same) {
                again.push(setting);
                continue;
            }
            let (before, after) = typed.words.split_at(at);
            let words = [before, &setting.words(), after].concat();
            match command.try_get_matches_from_mut(&words) {
                Ok(matches) => {
                    (typed.matches, typed.words) = (matches, words);
                    settings.push(setting);
                }
                Err(error) => match error.kind() {
                    // It conflicts with an option of higher precedence.
                    ErrorKind::ArgumentConflict => {}
                    ErrorKind::MissingRequiredArgument => again.push(setting),
                    _ => return Err(problem(&error)),
                },
            }
        }
        if again.is_empty() || settings.len() == known {
            break;
        }
        waiting = again;
    }
    let configured = Configured {
        settings,
        ..Configured::default()
    };
    Ok((typed, configured))
}

impl Configured {
    /// Returns where the value of an option is from; `None` if it was not configured, or another
    /// one counts more.
    pub(super) fn source(&self, key: &Key) -> Option<&Source> {
        let setting = self.settings.iter().find(|setting| setting.key == *key)?;
        Some(&setting.source)
    }

    /// Returns whether the file has something in it that others must not read.
    pub(super) fn has_secrets(&self) -> bool {
        let in_sections = self.hosts.iter().flat_map(|section| &section.settings);
        self.settings
            .iter()
            .chain(in_sections)
            .any(|setting| matches!(setting.source, Source::File(..)) && setting.has_secret())
    }
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction};

    use super::*;
    use crate::config::environment::Environment;
    use crate::config::keys::Keys;

    /// Options of which one needs another.
    fn command() -> Command {
        let mut command = Command::new("haul")
            .arg(Arg::new("via").long("via"))
            .arg(Arg::new("via-user").long("via-user").requires("via"))
            .arg(
                Arg::new("direct")
                    .long("direct")
                    .action(ArgAction::SetTrue)
                    .conflicts_with("via"),
            );
        command.build();
        command
    }

    fn merged(line: &[&str], levels: &[&[(&str, &str)]]) -> Vec<String> {
        let mut command = command();
        let keys = Keys::of(&command);
        let levels = levels.iter().map(|variables| {
            let settings = Environment::of(variables).settings(&keys).unwrap();
            Level::check(&mut command, settings).ok().unwrap()
        });
        let levels = levels.collect();
        let words: Vec<OsString> = ["haul"].iter().chain(line).map(OsString::from).collect();
        let typed = Typed {
            matches: command.try_get_matches_from_mut(&words).unwrap(),
            words,
            off: Vec::new(),
        };
        let (typed, _) = merge(&mut command, typed, levels).ok().unwrap();
        let words = typed.words.into_iter().skip(1);
        let mut words: Vec<_> = words.map(|word| word.into_string().unwrap()).collect();
        words.sort();
        words
    }

    #[test]
    fn value_that_needs_another_option_waits_for_it() {
        let user = ("HAUL_VIA_USER", "a");
        let both = [user, ("HAUL_VIA", "x")];
        assert_eq!(merged(&[], &[&both]), ["--via-user=a", "--via=x"]);
        assert_eq!(merged(&[], &[&[user]]), [""; 0]);
        let via = [("HAUL_VIA", "x")];
        assert_eq!(merged(&["--direct"], &[&via]), ["--direct"]);
        assert_eq!(merged(&["--via=y"], &[&both]), ["--via-user=a", "--via=y"]);
        // While a value waits, none of lower precedence takes its place.
        let weaker = [("HAUL_VIA", "x"), ("HAUL_VIA_USER", "b")];
        assert_eq!(
            merged(&[], &[&[user], &weaker]),
            ["--via-user=a", "--via=x"]
        );
    }
}
