//! Options in the environment: `HAUL_JOBS=8`, `HAUL_ROBOTS=yes`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use super::keys::{Found, Key, Keys, Takes};
use super::setting::{Setting, Source, Value};
use crate::exit::Problem;

const PREFIX: &[u8] = b"HAUL_";

/// Variables that say where the configuration is.
pub(super) const CONFIG: &str = "HAUL_CONFIG";
pub(super) const NO_CONFIG: &str = "HAUL_NO_CONFIG";

/// What such variables may hold that are not options: haul tells the commands that it runs about a
/// file in them, named after the fields of its results, and such a command may run haul; scripts
/// keep the version that they install.
const OTHERS: [&str; 26] = [
    "ATTEMPTS",
    "BLAKE3",
    "BYTES",
    "CONTENT_TYPE",
    "CRC32C",
    "DURATION_MS",
    "ERROR",
    "ETAG",
    "FINAL_URL",
    "HTTP_STATUS",
    "INPUT",
    "LABEL",
    "LAST_MODIFIED",
    "LINE",
    "MD5",
    "PATH",
    "RESUMED",
    "ROW",
    "SEGMENTS",
    "SHA1",
    "SHA256",
    "SHA512",
    "STARTED",
    "STATUS",
    "URL",
    "VERIFIED",
];

/// Returns whether a variable tells a command that haul runs about a file.
#[cfg(test)]
pub(crate) fn is_told_to_commands(name: &str) -> bool {
    let field = name.strip_prefix("HAUL_");
    field.is_some_and(|field| OTHERS.contains(&field))
}

/// The variables of a process.
pub(crate) struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    /// Reads those of this process.
    pub(crate) fn of_process() -> Self {
        Self(env::vars_os().collect())
    }

    #[cfg(test)]
    pub(super) fn of(variables: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| (name.into(), value.into());
        Self(variables.iter().map(owned).collect())
    }

    /// Returns a variable; `None` if it is not set, or empty.
    pub(super) fn get(&self, name: &str) -> Option<&OsStr> {
        let found = self.0.iter().find(|(known, _)| known == name)?;
        Some(&*found.1).filter(|value| !value.is_empty())
    }

    /// Returns whether a variable is set to something that means yes.
    ///
    /// # Errors
    /// If it is set to what means neither yes nor no.
    pub(super) fn is_on(&self, name: &str) -> Result<bool, Problem> {
        self.get(name)
            .map_or(Ok(false), |value| switch(name, value))
    }

    /// Returns whether there is a variable that may set an option.
    pub(super) fn has_options(&self) -> bool {
        self.0.iter().any(|(name, value)| may_set(name, value))
    }

    /// Returns the options that are set.
    ///
    /// # Errors
    /// One problem for each variable that is no option, or no switch that can be read.
    pub(super) fn settings(&self, keys: &Keys) -> Result<Vec<Setting>, Vec<Problem>> {
        let mut settings = Vec::new();
        let mut problems = Vec::new();
        for (name, value) in &self.0 {
            if !may_set(name, value) {
                continue;
            }
            match setting(&name.to_string_lossy(), value, keys) {
                Ok(setting) => settings.extend(setting),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(settings)
        } else {
            problems.sort_by(|a, b| a.message.cmp(&b.message));
            Err(problems)
        }
    }
}

/// Returns whether a variable may set an option, by its name.
fn may_set(name: &OsStr, value: &OsStr) -> bool {
    name.as_bytes().starts_with(PREFIX) && !value.is_empty()
}

/// Returns the option that a variable sets; `None` if it is none.
fn setting(name: &str, value: &OsStr, keys: &Keys) -> Result<Option<Setting>, Problem> {
    let key = match keys.find_variable(name) {
        Found::Key(key) => key,
        _ if [CONFIG, NO_CONFIG, "HAUL_VERSION"].contains(&name) => return Ok(None),
        _ if OTHERS.contains(&&name[PREFIX.len()..]) => return Ok(None),
        Found::OfOneRun => {
            let what = format!("{name}: this option is for one command line; give it there");
            return Err(Problem::usage(what));
        }
        Found::Nothing(meant) => {
            let problem = Problem::usage(format!("{name} is set, but there is no such option"));
            return Err(match meant {
                Some(key) => problem.hint(format!("did you mean {}?", key.variable())),
                None => problem.hint("haul --help lists the options; unset it if it is not haul's"),
            });
        }
    };
    Ok(Some(Setting {
        key: key.clone(),
        value: value_of(key, name, value)?,
        source: Source::Variable(name.to_owned()),
    }))
}

fn value_of(key: &Key, name: &str, value: &OsStr) -> Result<Value, Problem> {
    Ok(match key.takes {
        Takes::Nothing => Value::Switch(switch(name, value)?),
        Takes::One => Value::Texts(vec![value.to_owned()]),
        // One a line: no value contains a line break.
        Takes::Several => {
            let lines = value.as_bytes().split(|byte| *byte == b'\n');
            let lines = lines.filter(|line| !line.trim_ascii().is_empty());
            Value::Texts(
                lines
                    .map(|line| OsString::from_vec(line.to_vec()))
                    .collect(),
            )
        }
    })
}

fn switch(name: &str, value: &OsStr) -> Result<bool, Problem> {
    match value.to_string_lossy().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        other => {
            let what = format!("{name}: '{other}' is neither yes nor no");
            Err(Problem::usage(what)
                .hint("write 1, true or yes to turn it on; 0, false or no to turn it off"))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Arguments;

    fn settings(variables: &[(&str, &str)]) -> Result<Vec<(String, Value)>, Vec<Problem>> {
        let mut command = Arguments::command();
        command.build();
        let settings = Environment::of(variables).settings(&Keys::of(&command))?;
        let plain = settings.into_iter();
        Ok(plain
            .map(|setting| (setting.key.long, setting.value))
            .collect())
    }

    fn texts(texts: &[&str]) -> Value {
        Value::Texts(texts.iter().map(OsString::from).collect())
    }

    #[test]
    fn variables_set_options() {
        for (name, value, long, expected) in [
            ("HAUL_JOBS", "8", "jobs", texts(&["8"])),
            ("HAUL_ROBOTS", "1", "robots", Value::Switch(true)),
            ("HAUL_ROBOTS", "Yes", "robots", Value::Switch(true)),
            ("HAUL_ROBOTS", "false", "robots", Value::Switch(false)),
            ("HAUL_ROBOTS", "off", "robots", Value::Switch(false)),
            (
                "HAUL_HEADER",
                "A: 1\nB: 2\n",
                "header",
                texts(&["A: 1", "B: 2"]),
            ),
        ] {
            let set = settings(&[(name, value)]).ok().unwrap();
            assert!(set == [(long.to_owned(), expected)], "{name}={value}");
        }
    }

    #[test]
    fn other_variables_set_nothing() {
        let variables = [
            ("JOBS", "8"),
            ("HAUL_JOBS", ""),
            ("HAUL_URL", "http://a/"),
            ("HAUL_SHA256", "12"),
            ("HAUL_CONFIG", "x"),
            ("HAUL", "x"),
        ];
        assert!(settings(&variables).ok().unwrap().is_empty());
    }

    #[test]
    fn variable_that_is_no_option_is_refused() {
        for (name, value, says) in [
            ("HAUL_JOB", "8", "did you mean HAUL_JOBS?"),
            ("HAUL_COLOUR", "8", "haul --help lists the options"),
            ("HAUL_OUTPUT", "x", "for one command line"),
            ("HAUL_ROBOTS", "maybe", "neither yes nor no"),
        ] {
            let problems = settings(&[(name, value)]).err().unwrap();
            let problem = &problems[0];
            let hint = problem.hint.as_deref().unwrap_or_default();
            let shown = format!("{problem}; {hint}");
            assert!(shown.starts_with(name) && shown.contains(says), "{shown}");
        }
    }
}
