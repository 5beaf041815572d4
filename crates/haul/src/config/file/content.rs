//! What is in a configuration file: options, and sections with options for some hosts.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::lines::Lines;
use crate::config::keys::{Found, Key, Keys, Takes};
use crate::config::setting::{Setting, Source, Value};
use crate::exit::Problem;

/// The table whose tables are sections: `[host."data.example.org"]`.
const HOST: &str = "host";

/// What a file sets.
pub(in crate::config) struct Content {
    pub(in crate::config) settings: Vec<Setting>,
    pub(in crate::config) sections: Vec<Section>,
}

/// What a file sets for some hosts.
pub(in crate::config) struct Section {
    /// Which hosts, as it was written.
    pub(in crate::config) hosts: String,
    pub(in crate::config) source: Source,
    pub(in crate::config) settings: Vec<Setting>,
}

impl Content {
    /// Reads a text in TOML. `home` is what `~` stands for in the name of a file.
    ///
    /// # Errors
    /// If it is no TOML: one problem. Otherwise one for each line that cannot be used.
    pub(super) fn parse(
        path: &Arc<Path>,
        text: &str,
        keys: &Keys,
        home: Option<&Path>,
    ) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader {
            path,
            lines: Lines::of(text),
            keys,
            home,
            problems: Vec::new(),
        };
        let table = DeTable::parse(text).map_err(|error| vec![reader.no_toml(&error)])?;
        let mut content = Self {
            settings: Vec::new(),
            sections: Vec::new(),
        };
        for (name, value) in table.get_ref() {
            let at = name.span().start;
            match value.get_ref() {
                DeValue::Table(hosts) if name.get_ref() == HOST => {
                    content.sections.extend(reader.sections(hosts));
                }
                value => content
                    .settings
                    .extend(reader.value(name.get_ref(), at, value)),
            }
        }
        if reader.problems.is_empty() {
            content.settings.sort_by_key(line_of);
            content
                .sections
                .sort_by_key(|section| line(&section.source));
            return Ok(content);
        }
        reader.problems.sort_by_key(|(line, _)| *line);
        let problems = reader.problems.into_iter();
        Err(problems.map(|(_, problem)| problem).collect())
    }
}

fn line_of(setting: &Setting) -> usize {
    line(&setting.source)
}

fn line(source: &Source) -> usize {
    match source {
        Source::File(_, line) => *line,
        Source::Variable(_) | Source::Caller => 0,
    }
}

struct Reader<'a> {
    path: &'a Arc<Path>,
    lines: Lines<'a>,
    keys: &'a Keys,
    home: Option<&'a Path>,
    /// With the lines that they are about.
    problems: Vec<(usize, Problem)>,
}

impl Reader<'_> {
    fn source(&self, at: usize) -> Source {
        Source::File(Arc::clone(self.path), self.lines.position(at).0)
    }

    /// Returns the problem of a file that is not valid TOML. It does not quote the text at that
    /// position, which may contain a password.
    fn no_toml(&self, error: &toml::de::Error) -> Problem {
        let at = error.span().map_or(0, |span| span.start);
        let (line, before) = self.lines.position(at);
        let column = 1 + before.chars().count();
        let path = self.path.display();
        Problem::usage(format!("{path}:{line}:{column}: {}", error.message()))
            .hint("the file is TOML: option = \"text\", option = 8, option = true")
    }

    fn refuse(&mut self, at: usize, what: &str, hint: impl Into<Option<String>>) {
        let line = self.lines.position(at).0;
        let problem = Problem::usage(format!("{}:{line}: {what}", self.path.display()));
        let problem = match hint.into() {
            Some(hint) => problem.hint(hint),
            None => problem,
        };
        self.problems.push((line, problem));
    }

    fn sections(&mut self, hosts: &DeTable<'_>) -> Vec<Section> {
        let mut sections = Vec::new();
        for (name, value) in hosts {
            let at = name.span().start;
            let DeValue::Table(table) = value.get_ref() else {
                let hint = "a section begins with its name: [host.\"data.example.org\"]".to_owned();
                self.refuse(
                    at,
                    &format!("\"{HOST}.{}\" is no section", name.get_ref()),
                    hint,
                );
                continue;
            };
            let mut settings = Vec::new();
            for (name, value) in table {
                let at = name.span().start;
                settings.extend(self.value(name.get_ref(), at, value.get_ref()));
            }
            settings.sort_by_key(line_of);
            sections.push(Section {
                hosts: name.get_ref().clone().into_owned(),
                source: self.source(at),
                settings,
            });
        }
        sections
    }

    /// Returns the options that an entry sets: more than one only if it is a table, whose name is
    /// the first part of theirs. Without quotes `http1.1 = true` is one.
    fn value(&mut self, name: &str, at: usize, value: &DeValue<'_>) -> Vec<Setting> {
        if let DeValue::Table(table) = value
            && !matches!(self.keys.find(name), Found::Key(_))
        {
            let parts = table.iter().map(|(part, value)| {
                let whole = format!("{name}.{}", part.get_ref());
                (whole, part.span().start, value.get_ref())
            });
            let is_option = |name: &str| matches!(self.keys.find(name), Found::Key(_));
            let parts: Vec<_> = parts.collect();
            if !parts.iter().all(|(whole, ..)| is_option(whole)) || parts.is_empty() {
                let hint = "options are not in sections, but for those of some hosts: \
                            [host.\"data.example.org\"]";
                self.refuse(
                    at,
                    &format!("there is no section \"{name}\""),
                    hint.to_owned(),
                );
                return Vec::new();
            }
            let settings = parts.into_iter();
            return settings
                .flat_map(|(whole, at, value)| self.value(&whole, at, value))
                .collect();
        }
        let key = match self.keys.find(name) {
            Found::Key(key) => key.clone(),
            Found::OfOneRun => {
                let what = format!("\"{name}\" is for one command line; give it there: --{name}");
                self.refuse(at, &what, None);
                return Vec::new();
            }
            Found::Nothing(meant) => {
                let hint = match meant {
                    Some(key) => format!("did you mean \"{}\"?", key.long),
                    None => "haul config --no-config lists the options".to_owned(),
                };
                self.refuse(at, &format!("there is no option \"{name}\""), hint);
                return Vec::new();
            }
        };
        match self.typed(&key, value) {
            Ok(value) => {
                let source = self.source(at);
                vec![Setting { key, value, source }]
            }
            Err(why) => {
                self.refuse(at, &format!("\"{name}\" takes {why}"), None);
                Vec::new()
            }
        }
    }

    /// Reads a value; otherwise says what the option takes.
    fn typed(&self, key: &Key, value: &DeValue<'_>) -> Result<Value, &'static str> {
        match (key.takes, value) {
            (Takes::Nothing, DeValue::Boolean(on)) => Ok(Value::Switch(*on)),
            (Takes::Nothing, _) => Err("true or false"),
            (Takes::Several, DeValue::Array(values)) => {
                let texts = values.iter().map(|value| self.text(key, value.get_ref()));
                let texts: Option<Vec<_>> = texts.collect();
                texts.map(Value::Texts).ok_or("an array of texts")
            }
            (Takes::Several, value) => self
                .text(key, value)
                .map(|text| Value::Texts(vec![text]))
                .ok_or("a text, or an array of them"),
            (Takes::One, value) => self
                .text(key, value)
                .map(|text| Value::Texts(vec![text]))
                .ok_or("a text or a number"),
        }
    }

    /// Returns a value as it would be typed.
    fn text(&self, key: &Key, value: &DeValue<'_>) -> Option<OsString> {
        Some(match value {
            DeValue::String(text) if key.is_path => self.at_home(text),
            DeValue::String(text) => (&**text).into(),
            DeValue::Integer(number) => {
                let number = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
                number.to_string().into()
            }
            DeValue::Float(number) => number.as_str().parse::<f64>().ok()?.to_string().into(),
            DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                return None;
            }
        })
    }

    /// Replaces `~/` at the beginning of the name of a file, which a shell would do.
    fn at_home(&self, text: &str) -> OsString {
        match (self.home, text.strip_prefix("~/")) {
            (Some(home), Some(below)) => home.join(below).into(),
            _ => text.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Arguments;

    fn content(text: &str) -> Result<Content, Vec<Problem>> {
        let mut command = Arguments::command();
        command.build();
        let path: Arc<Path> = Path::new("config.toml").into();
        let home = Path::new("/home/me");
        Content::parse(&path, text, &Keys::of(&command), Some(home))
    }

    fn words(settings: &[Setting]) -> String {
        let words: Vec<_> = settings.iter().flat_map(Setting::words).collect();
        let words: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
        words.join(" ")
    }

    #[test]
    fn values_become_what_would_be_typed() {
        for (text, typed) in [
            ("jobs = 8", "--jobs=8"),
            ("jobs = \"8\"", "--jobs=8"),
            ("jobs = 0x10", "--jobs=16"),
            ("jobs = 1_000", "--jobs=1000"),
            ("timeout = 1.5", "--timeout=1.5"),
            ("timeout = 1e3", "--timeout=1000"),
            ("timeout = '2m'", "--timeout=2m"),
            ("robots = true", "--robots"),
            ("robots = false", ""),
            ("header = 'A: 1'", "--header=A: 1"),
            ("header = ['A: 1', 'B: 2']", "--header=A: 1 --header=B: 2"),
            ("header = []", ""),
            ("cacert = '~/ca.pem'", "--cacert=/home/me/ca.pem"),
            ("cacert = 'a~/ca.pem'", "--cacert=a~/ca.pem"),
            ("user-agent = '~/x'", "--user-agent=~/x"),
            ("user-agent = ''", "--user-agent="),
            ("'http1.1' = true", "--http1.1"),
            ("http1.1 = true", "--http1.1"),
            ("\u{feff}jobs = 8", "--jobs=8"),
        ] {
            let content = content(text).ok().unwrap();
            assert_eq!(words(&content.settings), typed, "{text}");
        }
    }

    #[test]
    fn sections_are_of_hosts() {
        let text = "jobs = 1\n[host.'b.example']\nper-host = 2\n\n[host.\"a.example:81\"]\ndelay = 1\nper-host = 3\n";
        let content = content(text).ok().unwrap();
        let sections = content.sections.iter().map(|section| {
            let settings = words(&section.settings);
            format!("{} {} {settings}", section.source, section.hosts)
        });
        let expected = [
            "config.toml:2 b.example --per-host=2",
            "config.toml:5 a.example:81 --delay=1 --per-host=3",
        ];
        assert_eq!(sections.collect::<Vec<_>>(), expected);
        assert_eq!(words(&content.settings), "--jobs=1");
    }

    #[test]
    fn what_cannot_be_used_says_where_and_why() {
        for (text, says) in [
            (
                "\n\nper_hosts = 1",
                "config.toml:3: there is no option \"per_hosts\"; did you mean \"per-host\"?",
            ),
            (
                "colour = 1",
                "config.toml:1: there is no option \"colour\"; haul config --no-config lists",
            ),
            (
                "output = 'x'",
                "config.toml:1: \"output\" is for one command line",
            ),
            (
                "robots = 'yes'",
                "config.toml:1: \"robots\" takes true or false",
            ),
            (
                "jobs = true",
                "config.toml:1: \"jobs\" takes a text or a number",
            ),
            (
                "jobs = [1]",
                "config.toml:1: \"jobs\" takes a text or a number",
            ),
            (
                "header = [[1]]",
                "config.toml:1: \"header\" takes an array of texts",
            ),
            (
                "jobs = 1979-05-27",
                "config.toml:1: \"jobs\" takes a text or a number",
            ),
            (
                "jobs = 99999999999999999999",
                "config.toml:1: \"jobs\" takes",
            ),
            (
                "[jobs]\nx = 1",
                "config.toml:1: \"jobs\" takes a text or a number",
            ),
            (
                "[download]\njobs = 1",
                "config.toml:1: there is no section \"download\"",
            ),
            ("host = 'x'", "config.toml:1: there is no option \"host\""),
            (
                "[host]\nper-host = 1",
                "config.toml:2: \"host.per-host\" is no section",
            ),
            (
                "[host.x]\n\njob = 1",
                "config.toml:3: there is no option \"job\"; did you mean \"jobs\"?",
            ),
            ("a = 1\njobs 8", "config.toml:2:6: "),
            ("user = 'me:pw", "config.toml:1:"),
            ("jobs = 1\njobs = 2", "config.toml:2:1: duplicate key"),
        ] {
            let problems = content(text).err().unwrap();
            let hint = problems[0].hint.as_deref().unwrap_or_default();
            let shown = format!("{}; {hint}", problems[0]);
            assert!(shown.contains(says), "{text}: {shown}");
            assert!(!shown.contains("pw"), "{shown}");
        }
    }

    #[test]
    fn all_lines_that_cannot_be_used_are_told() {
        let problems = content("x = 1\njobs = 2\n[host.a]\ny = 1\n").err().unwrap();
        let lines: Vec<_> = problems
            .iter()
            .map(|problem| &problem.message[..14])
            .collect();
        assert_eq!(lines, ["config.toml:1:", "config.toml:4:"]);
    }
}
