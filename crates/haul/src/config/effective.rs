//! Which of several values of an option counts: that of the command line, else that of the
//! environment, else that of the file.
//!
//! A value that cannot be used together with one that counts more is left out: `-6` on a command
//! line is no error where the file says `ipv4 = true`.

use std::ffi::OsString;

use clap::Command;
use clap::error::ErrorKind;

use super::keys::Key;
use super::setting::{Setting, Source};
use super::{Configured, Typed, problem, show};
use crate::exit::Problem;

/// The values of one origin, each of which can be used, and all of them together.
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
                // It may come from another level, or from the command line.
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

/// Adds the values of levels to a command line, those that count more first.
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
    let mut words = typed.words.clone();
    for setting in levels.into_iter().flat_map(|level| level.0) {
        if typed.has(&setting.key) || settings.iter().any(|known| known.key == setting.key) {
            continue;
        }
        let added = setting.words();
        let with = [&words[..at], &added[..], &words[at..]].concat();
        match command.try_get_matches_from_mut(&with) {
            Ok(matches) => typed.matches = matches,
            // What it cannot be used with counts more, and what it needs is not there.
            Err(error) if is_left_out(&error) => continue,
            Err(error) => return Err(problem(&error)),
        }
        words = with;
        settings.push(setting);
    }
    typed.words = words;
    let configured = Configured {
        settings,
        ..Configured::default()
    };
    Ok((typed, configured))
}

fn is_left_out(error: &clap::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ArgumentConflict | ErrorKind::MissingRequiredArgument
    )
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
            .any(|setting| matches!(setting.source, Source::File(..)) && show::has_secret(setting))
    }
}
