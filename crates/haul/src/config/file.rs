//! The configuration file: where it is, and what is in it.

mod content;
mod lines;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) use self::content::{Content, Section};
use super::environment::{self, Environment};
use super::keys::Keys;
use crate::exit::Problem;
use crate::option_file::{self, MAX_SMALL};
use crate::report::format;

/// A file that has been read.
pub(super) struct File {
    path: Arc<Path>,
    text: String,
    /// Its permissions; `None` if it is no regular file.
    mode: Option<u32>,
    /// What `~` stands for.
    home: Option<PathBuf>,
}

impl File {
    /// Reads the file that was chosen with `--config` or `HAUL_CONFIG`, or the user's own if there
    /// is one. `None` if there is none, or none is to be read.
    ///
    /// # Errors
    /// If it cannot be read; the user's own may be missing.
    pub(super) fn find(
        given: Option<&Path>,
        no_config: bool,
        environment: &Environment,
    ) -> Result<Option<Self>, Vec<Problem>> {
        if no_config {
            return Ok(None);
        }
        let home = environment.get("HOME").map(PathBuf::from);
        let in_environment = || environment.get(environment::CONFIG).map(Path::new);
        if let Some(path) = given {
            return Self::read(path, home).map(Some).map_err(one);
        }
        if environment.is_on(environment::NO_CONFIG).map_err(one)? {
            return Ok(None);
        }
        if let Some(path) = in_environment() {
            return Self::read(path, home).map(Some).map_err(one);
        }
        let Some(path) = users_own(environment, home.as_deref()) else {
            return Ok(None);
        };
        match fs::symlink_metadata(&path) {
            Ok(_) => Self::read(&path, home).map(Some).map_err(one),
            // No folder, no file, or a folder of somebody else: there is no configuration.
            Err(_) => Ok(None),
        }
    }

    fn read(path: &Path, home: Option<PathBuf>) -> Result<Self, Problem> {
        let shown = path.display();
        let refuse = |why: &str| Problem::usage(format!("cannot read {shown}: {why}"));
        let unreadable = |cause: io::Error| {
            refuse(&format::io(&cause)).hint("check the file, or use --no-config")
        };
        let file = fs::File::open(path).map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        let bytes = option_file::read_up_to(file, MAX_SMALL).map_err(unreadable)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| refuse("it is not UTF-8; save it in this encoding"))?;
        Ok(Self {
            path: path.into(),
            text,
            mode: about.is_file().then(|| about.mode()),
            home,
        })
    }

    /// Returns what is in it.
    ///
    /// # Errors
    /// One problem for each line that cannot be used.
    pub(super) fn content(&self, keys: &Keys) -> Result<Content, Vec<Problem>> {
        Content::parse(&self.path, &self.text, keys, self.home.as_deref())
    }

    /// Returns what is wrong with its permissions, each a line.
    pub(super) fn warnings(&self, has_secrets: bool) -> Vec<String> {
        let (path, mode) = (self.path.display(), self.mode.unwrap_or_default());
        let mut warnings = Vec::new();
        if mode & 0o002 != 0 {
            warnings.push(format!(
                "any user can change {path}; chmod o-w prevents that"
            ));
        }
        if mode & 0o004 != 0 && has_secrets {
            warnings.push(format!(
                "{path} has passwords or headers in it that any user can read; chmod 600 prevents that"
            ));
        }
        warnings
    }
}

/// Returns where the user's own file would be (XDG Base Directory Specification).
fn users_own(environment: &Environment, home: Option<&Path>) -> Option<PathBuf> {
    let folder = environment.get("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = folder
        // "If an implementation encounters a relative path it should ignore it."
        .filter(|folder| folder.is_absolute())
        .or_else(|| Some(home?.join(".config")))?;
    Some(folder.join("haul").join("config.toml"))
}

fn one(problem: Problem) -> Vec<Problem> {
    vec![problem]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_own_file_is_where_xdg_says() {
        let path = |variables: &[(&str, &str)]| {
            let environment = Environment::of(variables);
            let home = environment.get("HOME").map(Path::new);
            users_own(&environment, home)
        };
        let home = ("HOME", "/home/me");
        let default = Some("/home/me/.config/haul/config.toml".into());
        assert_eq!(path(&[home]), default);
        assert_eq!(path(&[home, ("XDG_CONFIG_HOME", "")]), default);
        assert_eq!(path(&[home, ("XDG_CONFIG_HOME", "etc")]), default);
        let elsewhere = path(&[home, ("XDG_CONFIG_HOME", "/etc/me")]);
        assert_eq!(elsewhere, Some("/etc/me/haul/config.toml".into()));
        assert_eq!(path(&[]), None);
    }

    #[test]
    fn file_that_others_can_change_is_told() {
        let file = |mode| File {
            path: Path::new("config.toml").into(),
            text: String::new(),
            mode,
            home: None,
        };
        let count = |mode, has_secrets| file(mode).warnings(has_secrets).len();
        assert_eq!(count(Some(0o100_644), false), 0);
        assert_eq!(count(Some(0o100_644), true), 1);
        assert_eq!(count(Some(0o100_600), true), 0);
        assert_eq!(count(Some(0o100_666), true), 2);
        assert_eq!(count(None, true), 0);
    }
}
