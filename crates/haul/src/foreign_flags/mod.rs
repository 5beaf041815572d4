//! What users of curl, wget and aria2c type by habit. Options that ask for what haul does anyway
//! are dropped before clap sees the command line; others are answered with what means the same
//! here. None of them is an option of haul's own, so none stands in the help, the completions or
//! the manual.

mod letters;
mod own;
mod similar;
mod table;

use std::ffi::OsString;

use clap::Command;

use self::own::Own;
pub(crate) use self::own::UNSAFE;
pub(crate) use self::similar::meant;
use self::table::{Answer, ForeignFlag, Takes};
use crate::exit::Problem;

/// A command line that clap can read.
#[derive(Debug, Default)]
pub(crate) struct Translated {
    /// The program, and what follows it.
    pub(crate) words: Vec<OsString>,
    /// The names of switches of haul's own that are turned off, as in `--robots=false`.
    pub(crate) off: Vec<String>,
}

/// Returns the command line as clap is to read it. `command` has been built, and so has the
/// subcommand that is typed first, if there is one.
///
/// # Errors
/// One problem for each option that haul does not have, in the order in which they were typed.
pub(crate) fn translate(
    command: &Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Translated, Vec<Problem>> {
    let mut typed = arguments.into_iter().collect::<Vec<_>>().into_iter();
    let program = typed.next();
    let subcommand = typed
        .as_slice()
        .first()
        .and_then(|first| command.find_subcommand(first));
    let mut scan = Scan {
        own: Own::of(subcommand.unwrap_or(command)),
        // The flags are those of downloaders: a subcommand has its own options only.
        accepts_foreign: subcommand.is_none(),
        help: subcommand.map_or_else(
            || "haul --help".to_owned(),
            |subcommand| format!("haul {} --help", subcommand.get_name()),
        ),
        kept: program.into_iter().collect(),
        off: Vec::new(),
        problems: Vec::new(),
        left: typed,
    };
    scan.all();
    if scan.problems.is_empty() {
        Ok(Translated {
            words: scan.kept,
            off: scan.off,
        })
    } else {
        Err(scan.problems)
    }
}

/// A walk over the command line, word by word.
struct Scan<'a> {
    own: Own<'a>,
    accepts_foreign: bool,
    /// The command that lists the options.
    help: String,
    kept: Vec<OsString>,
    off: Vec<String>,
    problems: Vec<Problem>,
    left: std::vec::IntoIter<OsString>,
}

impl Scan<'_> {
    fn all(&mut self) {
        while let Some(word) = self.left.next() {
            match word.to_str() {
                Some("--") => {
                    self.kept.push(word);
                    self.kept.extend(self.left.by_ref());
                }
                Some(text) if let Some(long) = text.strip_prefix("--") => self.long(long),
                Some(text) if is_option(text) => self.letters(&text[1..]),
                _ => self.kept.push(word),
            }
        }
    }

    /// Translates one long option, `--name` or `--name=value`; `long` is without the dashes.
    fn long(&mut self, long: &str) {
        let (name, inline) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let typed = format!("--{name}");
        if let Some(takes) = self.own.long(name) {
            self.own_long(&typed, takes, inline);
        } else if typed == "--continue-at" && inline.or(self.next_value()) == Some("-") {
            // curl's way to say that it resumes, which haul does anyway.
            if inline.is_none() {
                self.left.next();
            }
        } else if let Some(flag) = self.foreign_flag(match inline {
            // aria2c's has a value, wget's has none.
            Some(_) if name == "no-proxy" => "--no-proxy LIST",
            _ => &typed,
        }) {
            self.answer(&typed, flag, inline.map(|value| format!("={value}")));
        } else {
            self.unknown(&typed);
        }
    }

    fn own_long(&mut self, typed: &str, takes: Takes, inline: Option<&str>) {
        match (takes, inline) {
            // `--quiet=true` is aria2c's way to write a switch.
            (Takes::Nothing, None | Some("true")) => {
                self.off.retain(|off| off != &typed[2..]);
                self.kept.push(typed.into());
            }
            (Takes::Nothing, Some("false")) => {
                self.kept.retain(|word| word != typed);
                self.off.push(typed[2..].to_owned());
            }
            (_, Some(value)) => self.kept.push(format!("{typed}={value}").into()),
            (Takes::Value, None) => {
                self.kept.push(typed.into());
                self.keep_value(typed, "=");
            }
        }
    }

    /// Keeps the word after an option of ours that needs one.
    fn keep_value(&mut self, option: &str, joint: &str) {
        // A path need not be UTF-8.
        let is_value = |next: &OsString| !is_option(&next.to_string_lossy());
        match self.left.as_slice().first().map(is_value) {
            Some(true) => self.kept.extend(self.left.next()),
            Some(false) => self.problems.push(Problem::usage(match self.own.values(option) {
                Some(values) => format!("{option} needs a value, one of {values}"),
                None => format!(
                    "{option} needs a value; to give one that begins with a dash, write {option}{joint}VALUE"
                ),
            })),
            None => {}
        }
    }

    /// Returns the foreign flag of this name, where such flags are answered at all.
    fn foreign_flag(&self, name: &str) -> Option<&'static ForeignFlag> {
        self.accepts_foreign.then(|| table::find(name)).flatten()
    }

    /// Does what `flag` asks for. `attached` is a value in the same word, with the `=` before it.
    fn answer(&mut self, typed: &str, flag: &ForeignFlag, attached: Option<String>) {
        if let Some(value @ ("=false" | "=no" | "=off" | "=0")) = attached.as_deref()
            && flag.takes == Takes::Nothing
        {
            return self.switched_off(typed, value, flag);
        }
        let value = match (flag.takes, attached) {
            (_, Some(attached)) => Some((typed.to_owned() + &attached, attached)),
            (Takes::Nothing, None) => None,
            (Takes::Value, None) => self
                .take_value()
                .map(|next| (format!("{typed} {next}"), next)),
        };
        let value = value
            .as_ref()
            .map(|(whole, value)| (whole.as_str(), value.trim_start_matches('=')));
        match flag.answer {
            Answer::Accept => {}
            Answer::Same(text) => {
                let value = value.filter(|(_, value)| !may_be_secret(value));
                let whole = value.map_or(typed, |(whole, _)| whole);
                let equivalent = fill(text, value.map(|(_, value)| value));
                let message = format!("{whole} is \"{equivalent}\" here");
                self.problems.push(Problem::usage(message));
            }
            // The value is not repeated: it may be a password.
            Answer::Tell(text) => {
                self.problems
                    .push(Problem::usage(format!("{typed}: {text}")));
            }
        }
    }

    /// Turns off what `flag` asks for, as in `--continue=false`.
    fn switched_off(&mut self, typed: &str, value: &str, flag: &ForeignFlag) {
        let opposite = format!("--no-{}", typed.trim_start_matches('-'));
        if let Some(opposite) = self.foreign_flag(&opposite) {
            self.answer(&format!("{typed}{value}"), opposite, None);
        } else if flag.answer == Answer::Accept {
            self.problems.push(Problem::usage(format!(
                "{typed}{value}: haul cannot change this; leave it out"
            )));
        }
        // Any other is something that haul does not do unless it is told to.
    }

    fn unknown(&mut self, typed: &str) {
        if self.accepts_foreign
            && let Some(text) = table::family(typed)
        {
            self.problems
                .push(Problem::usage(format!("{typed}: {text}")));
            return;
        }
        let problem = Problem::usage(format!("there is no option {typed}"));
        let positive = typed.strip_prefix("--no-");
        self.problems
            .push(if let Some(similar) = self.own.similar(typed) {
                problem.hint(format!("did you mean {similar}?"))
            } else if let Some(positive) = positive
                && self.own.long(positive).is_some()
            {
                problem.hint(format!("write --{positive}=false to turn it off"))
            } else {
                problem.hint(format!("{} lists the options", self.help))
            });
    }

    /// Returns the next word, if it can be a value.
    fn next_value(&self) -> Option<&str> {
        let next = self.left.as_slice().first()?.to_str()?;
        (!is_option(next)).then_some(next)
    }

    fn take_value(&mut self) -> Option<String> {
        let value = self.next_value()?.to_owned();
        self.left.next();
        Some(value)
    }
}

/// Returns whether a word looks like an option; `-` alone is standard input or output.
fn is_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

/// Puts a value into the braces of a template, as a shell takes it; without a value its name stays.
fn fill(template: &str, value: Option<&str>) -> String {
    let Some((before, rest)) = template.split_once('{') else {
        return template.to_owned();
    };
    let Some((name, after)) = rest.split_once('}') else {
        return template.to_owned();
    };
    let is_quoted = before.contains('\'');
    // `-tall` is more likely a typing error than a number.
    let fits = |value: &str| !matches!(name, "N" | "SECONDS") || letters::is_number(value);
    let shown = match value {
        Some(value) if !fits(value) => name.to_owned(),
        Some(value) if is_plain(value) || is_quoted && !value.contains('\'') => value.to_owned(),
        Some(value) if !is_quoted => format!("'{}'", value.replace('\'', "'\\''")),
        _ => name.to_owned(),
    };
    format!("{before}{shown}{}", fill(after, value))
}

/// Returns whether a value is a URL with a login in it: these are not repeated, since messages end
/// up in logs.
fn may_be_secret(value: &str) -> bool {
    let after_scheme = value.split_once("://").map(|(_, rest)| rest);
    let authority = after_scheme.and_then(|rest| rest.split(['/', '?']).next());
    authority.is_some_and(|authority| authority.contains('@'))
}

/// Returns whether a shell takes the text as one word without quotes.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:,@%=".contains(&byte);
    !text.is_empty() && text.bytes().all(plain)
}

#[cfg(test)]
mod tests;
