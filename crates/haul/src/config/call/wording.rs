//! Messages with the names of options as a program writes them.

use std::sync::LazyLock;

use super::{OF_A_COMMAND_LINE, command};
use crate::config::keys::Keys;

/// Options that messages name by their letter. Other letters are more often something else: a part
/// of a file's name, or an option of another command (`jq -r`).
const LETTERS: [char; 2] = ['u', 'x'];

/// What a program calls an argument of its own that is an option on the command line.
const ARGUMENTS: [(&str, &str); 1] = [("--dir", "dest")];

/// How options are written on the command line, and what a program calls them.
static NAMES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let command = command();
    let keys = Keys::without(&command, &OF_A_COMMAND_LINE);
    let longs = keys
        .iter()
        .map(|key| (format!("--{}", key.long), key.keyword()));
    let letters = command.get_arguments().filter_map(|argument| {
        let letter = argument.get_short().filter(|it| LETTERS.contains(it))?;
        let key = keys.iter().find(|key| argument.get_id() == &*key.id)?;
        Some((format!("-{letter}"), key.keyword()))
    });
    let arguments = ARGUMENTS.map(|(typed, name)| (typed.to_owned(), name.to_owned()));
    longs.chain(letters).chain(arguments).collect()
});

/// Returns a text with the names of options as a program writes them: `--per-host` and `-x` become
/// `per_host` and `proxy`. What is in double quotes, or is only a part of a word, such as of a URL
/// or a path, stays as it is.
pub(crate) fn with_keywords(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['-', '"']) {
        let (before, here) = rest.split_at(at);
        written.push_str(before);
        let (taken, instead) = match (written.chars().next_back(), here.as_bytes()[0]) {
            (Some(last), _) if !last.is_whitespace() && last != '(' => (1, None),
            (_, b'"') => (quoted(here), None),
            _ => match option(here) {
                Some((length, name)) => (length, Some(name)),
                None => (1, None),
            },
        };
        let (word, behind) = here.split_at(taken);
        written.push_str(instead.unwrap_or(word));
        rest = behind;
    }
    written + rest
}

/// Returns the length of what is in double quotes, with them; 1 if the second one is missing.
fn quoted(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    1
}

/// Returns the length of the option with which a text begins, and its name.
fn option(text: &str) -> Option<(usize, &'static str)> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    let length = text.find(|c| !is_of_name(c)).unwrap_or(text.len());
    let typed = text[..length].trim_end_matches('.');
    let behind = text[length..].chars().next();
    if behind.is_some_and(|next| !next.is_whitespace() && !",;:)=".contains(next)) {
        return None;
    }
    let (_, name) = NAMES.iter().find(|(option, _)| option == typed)?;
    Some((typed.len(), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_options_become_identifiers() {
        for (text, expected) in [
            ("--per-host", "per_host"),
            ("give --user-file or -u.", "give user_file or user."),
            ("(--http1.1), --no-wait.", "(http1_1), no_wait."),
            ("-x '' and --proxy=a", "proxy '' and proxy=a"),
            ("with --dir: no", "with dest: no"),
        ] {
            assert_eq!(with_keywords(text), expected);
        }
    }

    #[test]
    fn text_that_is_no_option_stays() {
        for text in [
            "",
            "-i - and --verbose",
            "a--jobs, '--jobs', a-b -- -z -",
            "http://a.example/--jobs --jobsx --jobs/a -x.gif -xy --jobs-a",
            "the server says \"give --jobs \\\" or -x\"",
            "in \u{201c}--jobs\u{201d}",
            "jq -r '.[].url' FILE, ulimit -f, cut -d, -f2",
            "\"--jobs",
        ] {
            assert_eq!(with_keywords(text), text);
        }
    }
    /// Names of options in the engine's messages, with what stands before them.
    fn named(code: &str) -> Vec<String> {
        let code = code.split("#[cfg(test)]").next().unwrap();
        let code: Vec<_> = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let code = code.join("\n");
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
        code.match_indices("--")
            .filter(|(at, _)| code[..*at].ends_with([' ', '(', '"']))
            .map(|(at, _)| code[at..].split(|c| !is_of_name(c)).next().unwrap())
            .map(|word| word.trim_end_matches('.').to_owned())
            .filter(|word| word.len() > 2 && !word.starts_with("---"))
            .collect()
    }

    #[test]
    fn every_option_in_a_message_of_the_engine_is_known() {
        let engine = concat!(env!("CARGO_MANIFEST_DIR"), "/../haulage/src");
        let mut folders = vec![std::path::PathBuf::from(engine)];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap();
                if path.is_dir() && name != "tests" {
                    folders.push(path);
                } else if path.extension() == Some("rs".as_ref()) && name != "tests.rs" {
                    found.extend(named(&std::fs::read_to_string(path).unwrap()));
                }
            }
        }
        found.sort();
        found.dedup();
        // Only the command reads patterns.
        found.retain(|option| option != "--globoff");
        assert!(found.len() > 20, "{found:?}");
        for option in found {
            let message = format!("it failed; give {option} another value ({option})");
            let expected = message.replace(&option, with_keywords(&option).as_str());
            assert_ne!(message, expected, "{option}");
            assert_eq!(with_keywords(&message), expected);
        }
    }
}
