//! The command line as others may see it: in a report, or recorded beside a list. Pure.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command, ValueHint};

use super::keys::{Key, Takes};
use super::secrets::is_secret;

/// Stands for what is hidden.
const HIDDEN: &str = "…";
/// The most characters of a command line that are shown.
const MAX_CHARACTERS: usize = 2000;

/// Returns the words of a command line, quoted for a shell where that is needed. Values of options
/// that may be secret are hidden, and so are users and passwords in URLs.
pub(crate) fn shown_command(command: &Command, words: &[OsString]) -> String {
    let mut shown = Words {
        command,
        line: "haul".to_owned(),
        waiting: None,
        only_operands: false,
    };
    for word in words.iter().skip(1) {
        shown.add(&word.to_string_lossy());
        if shown.line.chars().count() > MAX_CHARACTERS {
            shown.line = shown.line.chars().take(MAX_CHARACTERS).collect();
            shown.line.push_str(HIDDEN);
            break;
        }
    }
    shown.line
}

/// Words that are being read.
struct Words<'a> {
    command: &'a Command,
    line: String,
    /// The option whose value is the next word.
    waiting: Option<&'a Arg>,
    /// All options have been read.
    only_operands: bool,
}

impl<'a> Words<'a> {
    fn add(&mut self, word: &str) {
        if let Some(option) = self.waiting.take() {
            return self.push(&shown_value(option, word));
        }
        if self.only_operands || word == "-" || !word.starts_with('-') {
            return self.push(&without_login(word));
        }
        if word == "--" {
            self.only_operands = true;
            return self.push(word);
        }
        match word.strip_prefix("--") {
            Some(long) => self.add_long(long),
            None => self.add_short(&word[1..]),
        }
    }

    fn add_long(&mut self, word: &str) {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let option = self.find(|option| option.get_long() == Some(name));
        match (option, value) {
            (Some(option), Some(value)) => {
                self.push(&format!("--{name}={}", shown_value(option, value)));
            }
            // An option that is not known may have a secret.
            (None, Some(_)) => self.push(&format!("--{name}={HIDDEN}")),
            (option, None) => {
                self.waiting = option.filter(|option| takes_value(option));
                self.push(&format!("--{name}"));
            }
        }
    }

    /// Adds a word with short options; the value of the last one may be in it.
    fn add_short(&mut self, letters: &str) {
        let mut shown = "-".to_owned();
        for (at, letter) in letters.char_indices() {
            shown.push(letter);
            let option = self.find(|option| option.get_short() == Some(letter));
            let Some(option) = option.filter(|option| takes_value(option)) else {
                continue;
            };
            let rest = &letters[at + letter.len_utf8()..];
            if rest.is_empty() {
                self.waiting = Some(option);
            } else {
                shown.push_str(&shown_value(option, rest));
            }
            break;
        }
        self.push(&shown);
    }

    fn find(&self, is_meant: impl Fn(&Arg) -> bool) -> Option<&'a Arg> {
        self.command.get_arguments().find(|option| is_meant(option))
    }

    /// Adds a word to the line.
    fn push(&mut self, word: &str) {
        self.line.push(' ');
        let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:=@%+,~…".contains(letter);
        if !word.is_empty() && word.chars().all(is_plain) {
            self.line.push_str(word);
        } else {
            self.line.push('\'');
            self.line.push_str(&word.replace('\'', "'\\''"));
            self.line.push('\'');
        }
    }
}

fn takes_value(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::Set | ArgAction::Append)
}

/// Returns the value of an option, or what stands for it.
fn shown_value(option: &Arg, value: &str) -> String {
    let key = Key {
        id: option.get_id().to_string(),
        long: option.get_long().unwrap_or_default().to_owned(),
        takes: Takes::One,
        is_path: matches!(
            option.get_value_hint(),
            ValueHint::FilePath | ValueHint::DirPath
        ),
    };
    // A command may have anything in it.
    if key.long == "on-complete" {
        return HIDDEN.to_owned();
    }
    if !is_secret(&key, value) {
        return value.to_owned();
    }
    if key.long == "header" {
        // Its name tells nothing.
        let name = value.split([':', ';']).next().unwrap_or_default();
        return format!("{name}: {HIDDEN}");
    }
    if value.contains("://") {
        return without_login(value);
    }
    HIDDEN.to_owned()
}

/// Returns a URL in which everything between the scheme and the last `@` is hidden: a password may
/// have any letter in it. Another text is returned as it is.
pub(crate) fn without_login(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((_, rest)) => format!("{scheme}://{HIDDEN}@{rest}"),
            None => text.to_owned(),
        },
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Arguments;

    fn shown(words: &[&str]) -> String {
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        shown_command(&Arguments::command(), &words)
    }

    #[test]
    fn words_are_shown_as_a_shell_reads_them() {
        assert_eq!(
            shown(&[
                "/usr/bin/haul",
                "-d",
                "my files",
                "-j8",
                "--robots",
                "-i",
                "-",
                "it's"
            ]),
            r"haul -d 'my files' -j8 --robots -i - 'it'\''s'"
        );
        assert_eq!(shown(&["haul", "--", "-d", ""]), "haul -- -d ''");
        assert_eq!(
            shown(&["haul", "-H", "Accept: a", "http://a/{b,c}"]),
            "haul -H 'Accept: a' 'http://a/{b,c}'"
        );
    }

    #[test]
    fn secrets_of_a_command_line_are_hidden() {
        let secret = "hunter2";
        let of = |text: &str| text.replace("SECRET", secret);
        for words in [
            &["-u", "me:SECRET"][..],
            &["-ume:SECRET"],
            &["-qu", "me:SECRET"],
            &["--user=me:SECRET"],
            &["--user", "SECRET"],
            &["-H", "Authorization: Bearer SECRET"],
            &["-HX-Token: SECRET"],
            &["--header=Cookie: a=SECRET"],
            &["-b", "session=SECRET"],
            &["--proxy-user", "me:SECRET"],
            &["-x", "me:SECRET@proxy:1"],
            &["--proxy", "http://me:SECRET@proxy:1"],
            &["http://me:SECRET@host/a"],
            &["http://me:x/y#SECRET@host/a"],
            &["-i", "https://me:SECRET@host/list.txt"],
            &["--on-complete", "curl -u me:SECRET http://host"],
            &["--unknown=SECRET"],
        ] {
            let words: Vec<_> = words.iter().map(|word| of(word)).collect();
            let words: Vec<_> = ["haul"]
                .into_iter()
                .chain(words.iter().map(String::as_str))
                .collect();
            let shown = shown(&words);
            assert!(!shown.contains(secret), "{shown}");
            assert!(shown.contains('…'), "{shown}");
        }
        assert_eq!(
            shown(&["haul", "-H", "X-Token: a", "ftp://u:p@h/x"]),
            "haul -H 'X-Token: …' ftp://…@h/x"
        );
    }

    #[test]
    fn long_command_line_is_cut() {
        let urls = vec!["http://a.example/a-file-of-a-long-list"; 1000];
        let words: Vec<_> = ["haul"].into_iter().chain(urls).collect();
        let shown = shown(&words);
        assert_eq!(shown.chars().count(), MAX_CHARACTERS + 1);
        assert!(shown.ends_with('…'));
    }
}
